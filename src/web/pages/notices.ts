/**
 * What a page says on top after a deed, or when the plan somebody looked at is no longer the plan there is.
 */
import type { IncidentDetail, Person } from '../../desk.ts';
import type { Decision } from '../../plan.ts';
import { html } from '../html.ts';
import type { Notice } from './incident.ts';
import { moment, STATE_WORDS } from './marks.ts';

const DONE = {
  approved: ['Approved.', 'Your vote is recorded.'],
  denied: ['Denied.', 'This plan will not run.'],
  silenced: ['Silenced.', 'No mail will be sent about it for that time.'],
  undone: ['On its way.', 'The change is being taken back.'],
  retried: ['Looked at anew.', 'What would help is offered again.'],
  ends: ['A new plan.', 'It says when the access ends; votes given before lapsed.'],
  'handed-over': ['Handed over.', 'Readmit offers nothing while somebody has it.'],
  'given-back': ['Given back.', 'Readmit looks at it again.'],
} as const;
export type Done = keyof typeof DONE;

export const noticeOf = (done: string | undefined): Notice | null =>
  done && Object.hasOwn(DONE, done)
    ? { tone: 'good', title: DONE[done as Done][0], text: DONE[done as Done][1] }
    : null;

/**
 * Why a vote on `digest` can't count now, for the person who sent it: they, or others, have decided already, or the
 * plan is another one by now. Null when it can.
 */
export function moved(incident: IncidentDetail, person: Person, digest: string, decision: Decision): Notice | null {
  const { plan, votes, state } = incident;
  const mine = votes.find(v => v.by === person.name && !v.lapsed);
  // An approval that was a mistake can still be turned into a no while the plan waits.
  const turns = state === 'proposed' && mine?.decision === 'approve' && decision === 'deny';
  if (mine && !turns && plan?.digest === digest)
    return {
      tone: 'act',
      title: 'You have decided already.',
      text: html`You ${words(mine.decision)} this ${moment(mine.at)}. Nothing was done twice.`,
    };
  if (state !== 'proposed' || !plan) {
    const who = votes.map(v => html`${v.by} ${words(v.decision)} it ${moment(v.at)}. `);
    return {
      tone: 'act',
      title: 'This is decided.',
      text: html`${who}It is now: ${STATE_WORDS[state][0]}. Your vote was not needed and not recorded.`,
    };
  }
  if (plan.digest !== digest)
    return {
      tone: 'act',
      title: 'The plan has changed since you saw it.',
      text: 'Your vote was not recorded. This page shows the new plan; look at it and decide again.',
    };
  return null;
}

const words = (decision: Decision): string => (decision === 'approve' ? 'approved' : 'denied');

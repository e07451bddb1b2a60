/**
 * The sentences that several letters share: who was refused, where from, when, and the plan as commands. Pure functions
 * of what the desk shows, so that a mail never says anything the page doesn't.
 */

import type { IncidentDetail } from '../../desk.ts';
import { type Advice, alsoSaid, type FactValue } from '../../diagnosis.ts';
import { factSaid, factValue, factWords } from '../../fact-words.ts';
import { shellWords } from '../../shell-word.ts';
import type { Block } from '../blocks.ts';
import type { Paper } from '../letter.ts';
import { when } from '../times.ts';

export const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** `a`, `a and b`, `a, b and 3 more`. */
export function among(names: readonly string[], most = 8): string {
  const shown = names.slice(0, most);
  if (names.length > most) return `${shown.join(', ')} and ${names.length - most} more`;
  return shown.length < 2 ? (shown[0] ?? 'nobody') : `${shown.slice(0, -1).join(', ')} and ${shown.at(-1)}`;
}

/** A text that may or may not end as a sentence does, as one. */
export const whole = (text: string): string => `${text.replace(/\.+$/, '')}.`;

/** `20 minutes`, `4 hours`, `3 days`. */
export function span(ms: number): string {
  const minutes = Math.max(1, Math.round(ms / 60_000));
  if (minutes < 120 && minutes !== 60) return plural(minutes, 'minute');
  const hours = Math.round(minutes / 60);
  return hours < 48 ? plural(hours, 'hour') : plural(Math.round(hours / 24), 'day');
}

const distinct = (values: (string | null)[]): string[] =>
  [...new Set(values.filter(v => v !== null && v !== ''))] as string[];

/** `The scheduler on head refused alice 4 times between … and …, from 192.0.2.7, at /submit.` */
export function whatHappened(detail: IncidentDetail, paper: Paper): string {
  const { pairs } = detail;
  const who = detail.kind === 'user' ? detail.key : among(distinct(pairs.map(p => p.user)), 6);
  const whom = who === 'nobody' ? plural(detail.users, 'person', 'people') : who;
  const first = pairs.map(p => p.first).sort()[0] ?? detail.opened;
  const last =
    pairs
      .map(p => p.last)
      .sort()
      .at(-1) ?? detail.updated;
  const from = distinct(pairs.map(p => p.ip));
  const at = distinct(pairs.map(p => p.endpoint));
  const times = detail.count === 1 ? 'once' : `${detail.count} times`;
  const span =
    when(first, paper.timezone) === when(last, paper.timezone)
      ? `at ${when(first, paper.timezone)}`
      : `between ${when(first, paper.timezone)} and ${when(last, paper.timezone)}`;
  return (
    `The scheduler on ${detail.host} refused ${whom} ${times}, ${span}` +
    `${from.length ? `, from ${among(from, 4)}` : ''}${at.length ? `, at ${among(at, 4)}` : ''}.`
  );
}

/** `asked again 3 times`; empty when once was enough. */
export const askedAgain = (row: { count: number }): string =>
  row.count > 1 ? `asked again ${plural(row.count - 1, 'time')}` : '';

/** A long list is cut: a letter is read on a telephone. */
const show = (value: FactValue): string =>
  Array.isArray(value) && value.length > 0 ? among(value, 12) : factValue(value);

/** Why, with the facts it rests on, what was ruled out, and what could not be asked. */
export function evidence(detail: IncidentDetail, paper: Paper): Block[] {
  const { diagnosis } = detail;
  if (!diagnosis) return [{ kind: 'sentence', text: 'The cause is not known yet.' }];
  const named = diagnosis.cause
    ? `${diagnosis.title} (${diagnosis.cause})`
    : 'No known cause fits the facts; a human must look.';
  const blocks: Block[] = [
    { kind: 'heading', text: 'Why' },
    { kind: 'sentence', text: named },
  ];
  if (diagnosis.evidence.length)
    blocks.push({
      kind: 'facts',
      rows: diagnosis.evidence.slice(0, 12).map(e => {
        const { words, value } = factSaid(e.fact, e.value);
        return {
          label: words,
          ...(value === null ? {} : { value: show(e.value) }),
          source: `${e.source}, ${when(e.at, paper.timezone)}`,
        };
      }),
    });
  const rest = [
    ...diagnosis.also.slice(0, 5).map(a => `Also: ${alsoSaid(a)}`),
    ...diagnosis.ruledOut.slice(0, 6).map(r => `Not ${r.cause}: ${r.because}`),
    ...diagnosis.unknown.slice(0, 6).map(u => `Could not be asked: ${factWords(u.fact)} (${u.because})`),
  ];
  return rest.length ? [...blocks, { kind: 'list', items: rest }] : blocks;
}

const stepLines = (step: { action: string } & ({ argv: string[] } | { diff: string })): string[] =>
  'argv' in step ? [shellWords(step.argv)] : step.diff.replace(/\n$/, '').split('\n');

/** The plan as it will be run, who gains and who loses, how it is undone, and whether anything shows a right to it. */
export function planBlocks(detail: IncidentDetail, paper: Paper): Block[] {
  const { plan } = detail;
  if (!plan) return [];
  const rows = [
    { label: 'Gains access', value: plan.gains.length ? among(plan.gains, 12) : 'nobody new' },
    ...(plan.loses.length ? [{ label: 'Loses access', value: among(plan.loses, 12) }] : []),
    {
      label: 'Entitlement',
      value: plan.entitlement ?? 'Nothing shows that this access is meant to be; the approver gives a reason.',
    },
    { label: 'Undo', value: plan.undo },
    {
      label: 'Plan',
      value: `serial ${plan.serial}, digest ${plan.digest.slice(0, 16)}, valid until ${when(plan.expires, paper.timezone)}`,
    },
  ];
  const blocks: Block[] = [
    { kind: 'heading', text: 'What would be done' },
    { kind: 'sentence', text: plan.summary },
    { kind: 'code', lines: plan.steps.flatMap(stepLines) },
    { kind: 'facts', rows },
  ];
  if (plan.notes.length) blocks.push({ kind: 'list', items: plan.notes.slice(0, 8) });
  if (plan.managedBy)
    blocks.push({
      kind: 'sentence',
      text: `${plan.managedBy} manages this target: Readmit exports the plan and does not run it.`,
    });
  return blocks;
}

/** Commands to copy and the check afterwards; Readmit never runs them. */
export const adviceBlocks = (advice: Advice, heading: string): Block[] => [
  { kind: 'heading', text: heading },
  { kind: 'sentence', text: advice.text },
  ...(advice.commands.length ? [{ kind: 'code' as const, lines: advice.commands.flatMap(c => c.split('\n')) }] : []),
  ...(advice.check ? [{ kind: 'sentence' as const, text: `To check it afterwards: ${advice.check}` }] : []),
];

/** Whether a plan waits, to be voted on or to be carried out elsewhere. */
export const isOffered = ({ state, plan }: IncidentDetail): boolean => state === 'proposed' && plan !== null;

/** Who has to say yes: how many, with which roles, and who may not. Of a plan that is for nobody here to approve, what it is for. */
export function whoMustApprove(detail: IncidentDetail, paper: Paper): string {
  if (detail.state === 'proposed' && detail.needs === 0) return detail.next;
  const yes = detail.votes.filter(v => v.decision === 'approve').map(v => v.by);
  const tier = detail.tier === 1 || detail.tier === 2 ? paper.tiers?.[detail.tier] : undefined;
  const roles = tier
    ? ` (${tier.roles.join(' or ')}${tier.eachRole.length ? `; among them ${tier.eachRole.join(' and ')}` : ''})`
    : '';
  const so = yes.length ? `${among(yes)} approved. ` : '';
  const needs =
    detail.needs > 0
      ? `It needs ${plural(detail.needs, yes.length ? 'more vote' : 'vote')}${roles}.`
      : 'It has all its votes.';
  const not = detail.plan?.subject ? ` ${detail.plan.subject.user} can't vote on it.` : '';
  const two = detail.tier === 2 ? ' Different people, each with a fresh sign-in.' : '';
  return `${so}${needs}${detail.needs > 0 ? two : ''}${not}`;
}

/** The last lines of the history, newest last. */
export const historyBlock = (detail: IncidentDetail, paper: Paper, lines = 8): Block => ({
  kind: 'list',
  items: detail.history.slice(-lines).map(h => `${when(h.at, paper.timezone)}, ${h.who}: ${h.what}`),
});

export const FOOTER =
  'Sent by Readmit. Opening the link changes nothing: a plan runs only after administrators who have signed in approve it.';

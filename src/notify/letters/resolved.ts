/** The incident is over, and this is what showed it: the last letter of its thread. */
import type { IncidentDetail } from '../../desk.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import { among, historyBlock, plural, whole } from './words.ts';

/** Who can work again, as a sentence for the subject. */
function sentence(detail: IncidentDetail): string {
  if (detail.kind === 'user') return `${detail.key} can work again`;
  if (detail.kind === 'service')
    return `${detail.users === 1 ? '1 person' : plural(detail.users, 'person', 'people')} can work again on ${detail.host}`;
  return `${detail.key} is quiet again`;
}

/** What Readmit did for it that stands; `not-known` where its run ended so that nobody can say. */
export type Did = { summary: string; by: readonly string[] } | 'nothing' | 'not-known';

function didSentence(did: Did): string {
  if (did === 'nothing') return 'Readmit changed nothing for it.';
  if (did === 'not-known') return 'A change of Readmit broke off: how much of it was made is not known.';
  return `What was done: ${whole(did.summary)}${did.by.length ? ` Approved by ${among(did.by)}.` : ''}`;
}

export function resolved(detail: IncidentDetail, paper: Paper, did: Did): Letter {
  return compose(paper, {
    subject: `resolved: ${sentence(detail)}`,
    otherwise: `resolved: incident ${detail.id}`,
    incident: detail.id,
    place: 'reply',
    footer: 'Sent by Readmit.',
    blocks: [
      { kind: 'headline', text: `${sentence(detail)}.` },
      { kind: 'sentence', text: `It was: ${detail.headline}` },
      { kind: 'sentence', text: didSentence(did) },
      { kind: 'heading', text: 'How it went' },
      historyBlock(detail, paper),
      { kind: 'link', label: 'Open the incident', url: incidentLink(paper, detail.id) },
    ],
  });
}

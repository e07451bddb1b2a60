/** The incident is over, and this is what showed it: the last letter of its thread. */
import { type IncidentDetail, saidNow } from '../../desk.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import { among, historyBlock, whatHappened, whole } from './words.ts';

/** What Readmit did for it that stands; `not-known` where its run ended so that nobody can say. */
export type Did = { summary: string; by: readonly string[] } | 'nothing' | 'not-known';

function didSentence(did: Did): string {
  if (did === 'nothing') return 'Readmit changed nothing for it.';
  if (did === 'not-known') return 'A change of Readmit broke off: how much of it was made is not known.';
  return `What was done: ${whole(did.summary)}${did.by.length ? ` Approved by ${among(did.by)}.` : ''}`;
}

export function resolved(detail: IncidentDetail, paper: Paper, did: Did): Letter {
  const { now, was } = saidNow({ ...detail, state: 'resolved' });
  return compose(paper, {
    subject: `resolved: ${now}`,
    otherwise: `resolved: incident ${detail.id}`,
    incident: detail.id,
    place: 'reply',
    footer: 'Sent by Readmit.',
    blocks: [
      { kind: 'headline', text: `${now}.` },
      { kind: 'sentence', text: was === null ? whatHappened(detail, paper) : `It was: ${was}` },
      { kind: 'sentence', text: didSentence(did) },
      { kind: 'heading', text: 'How it went' },
      historyBlock(detail, paper),
      { kind: 'link', label: 'Open the incident', url: incidentLink(paper, detail.id) },
    ],
  });
}

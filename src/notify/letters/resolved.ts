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

/** @param ran whether the plan was run for it; it may have been mended by others while the plan waited */
export function resolved(detail: IncidentDetail, paper: Paper, ran = detail.votes.length > 0): Letter {
  const by = detail.votes.filter(v => v.decision === 'approve').map(v => v.by);
  return compose(paper, {
    subject: `resolved: ${sentence(detail)}`,
    otherwise: `resolved: incident ${detail.id}`,
    incident: detail.id,
    place: 'reply',
    footer: 'Sent by Readmit.',
    blocks: [
      { kind: 'headline', text: `${sentence(detail)}.` },
      { kind: 'sentence', text: `It was: ${detail.headline}` },
      ...(detail.plan && ran && by.length
        ? [
            {
              kind: 'sentence' as const,
              text: `What was done: ${whole(detail.plan.summary)} Approved by ${among(by)}.`,
            },
          ]
        : [{ kind: 'sentence' as const, text: 'Readmit changed nothing for it.' }]),
      { kind: 'heading', text: 'How it went' },
      historyBlock(detail, paper),
      { kind: 'link', label: 'Open the incident', url: incidentLink(paper, detail.id) },
    ],
  });
}

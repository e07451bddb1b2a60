/** Nobody acted on an incident for the time the site gives: told to whoever comes next. */
import type { IncidentDetail } from '../../desk.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import { evidence, FOOTER, historyBlock, isOffered, planBlocks, span, whatHappened, whoMustApprove } from './words.ts';

/** @param waitedMs how long it has waited */
export function escalation(detail: IncidentDetail, waitedMs: number, paper: Paper): Letter {
  const text = `nobody acted for ${span(waitedMs)}: ${detail.headline}`;
  return compose(paper, {
    subject: text,
    otherwise: `nobody acted for ${span(waitedMs)}: incident ${detail.id}`,
    incident: detail.id,
    place: 'reply',
    footer: FOOTER,
    blocks: [
      { kind: 'headline', text: `Nobody acted for ${span(waitedMs)}: ${detail.headline}` },
      { kind: 'sentence', text: whatHappened(detail, paper) },
      {
        kind: 'sentence',
        text: isOffered(detail)
          ? whoMustApprove(detail, paper)
          : 'Nothing is proposed for it: a human must look at it.',
      },
      {
        kind: 'link',
        label: isOffered(detail) ? 'Open the plan' : 'Open the incident',
        url: incidentLink(paper, detail.id),
      },
      ...evidence(detail, paper),
      ...planBlocks(detail, paper),
      { kind: 'heading', text: 'How it went' },
      historyBlock(detail, paper),
    ],
  });
}

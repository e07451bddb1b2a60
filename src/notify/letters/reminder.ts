/** An incident still waits for somebody: said again, to those who were told of it, in its thread. */
import type { IncidentDetail } from '../../desk.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import { FOOTER, isOffered, planBlocks, span, whatHappened, whoMustApprove } from './words.ts';

/** @param waitedMs how long it has waited */
export function reminder(detail: IncidentDetail, waitedMs: number, paper: Paper): Letter {
  const text = `still waiting after ${span(waitedMs)}: ${detail.headline}`;
  return compose(paper, {
    subject: text,
    otherwise: `still waiting after ${span(waitedMs)}: incident ${detail.id}`,
    incident: detail.id,
    place: 'reply',
    footer: FOOTER,
    blocks: [
      { kind: 'headline', text: `Still waiting after ${span(waitedMs)}: ${detail.headline}` },
      {
        kind: 'sentence',
        text: isOffered(detail)
          ? whoMustApprove(detail, paper)
          : 'Nothing is proposed for it: a human must look at it.',
      },
      { kind: 'sentence', text: whatHappened(detail, paper) },
      {
        kind: 'link',
        label: isOffered(detail) ? 'Open the plan' : 'Open the incident',
        url: incidentLink(paper, detail.id),
      },
      ...planBlocks(detail, paper),
    ],
  });
}

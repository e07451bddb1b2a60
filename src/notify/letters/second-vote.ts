/** One administrator approved and the plan needs another: the letter that asks for the missing vote. */
import type { IncidentDetail } from '../../desk.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import { FOOTER, planBlocks, plural, whatHappened, whoMustApprove } from './words.ts';

export function needsSecondVote(detail: IncidentDetail, paper: Paper): Letter {
  const text = `${plural(detail.needs, 'more vote')} needed: ${detail.headline}`;
  return compose(paper, {
    subject: text,
    otherwise: `${plural(detail.needs, 'more vote')} needed for incident ${detail.id}`,
    incident: detail.id,
    place: 'reply',
    footer: FOOTER,
    blocks: [
      { kind: 'headline', text },
      { kind: 'sentence', text: whoMustApprove(detail, paper) },
      { kind: 'sentence', text: whatHappened(detail, paper) },
      ...planBlocks(detail, paper),
      { kind: 'link', label: 'Open the plan', url: incidentLink(paper, detail.id) },
    ],
  });
}

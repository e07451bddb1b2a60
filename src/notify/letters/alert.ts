/**
 * The alert: one letter per incident to the administrators. What happened in a sentence, the evidence, the plan, who
 * must approve it, and one link. It is the root of the incident's thread.
 */
import type { IncidentDetail } from '../../desk.ts';
import type { Block } from '../blocks.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import {
  adviceBlocks,
  askedAgain,
  evidence,
  FOOTER,
  planBlocks,
  whatHappened,
  whole,
  whoMustApprove,
} from './words.ts';

/** What is proposed and who decides, in a sentence or two: what a reader on a phone sees above the button. */
function proposal(detail: IncidentDetail, paper: Paper): string {
  if (detail.plan) return `Proposed: ${whole(detail.plan.summary)} ${whoMustApprove(detail, paper)}`;
  const advice = detail.diagnosis?.advice;
  if (advice?.to === 'user') return `Only ${detail.key} can do something about it; nothing has to be approved.`;
  if (advice) return 'Readmit does not change this by itself; the commands are below.';
  return 'Nothing is proposed: a human must look at it.';
}

function remedy(detail: IncidentDetail, paper: Paper): Block[] {
  if (detail.plan) return planBlocks(detail, paper);
  const advice = detail.diagnosis?.advice;
  return advice
    ? adviceBlocks(advice, advice.to === 'user' ? `What ${detail.key} can do` : 'What to do (Readmit does not run it)')
    : [];
}

export function alert(detail: IncidentDetail, paper: Paper): Letter {
  const raw = detail.samples.slice(0, 2);
  return compose(paper, {
    subject: detail.headline,
    otherwise: `${detail.kind} incident ${detail.id}`,
    incident: detail.id,
    place: 'first',
    footer: FOOTER,
    blocks: [
      { kind: 'headline', text: detail.headline },
      { kind: 'sentence', text: whatHappened(detail, paper) },
      ...(detail.count > 1
        ? [
            {
              kind: 'sentence' as const,
              text: `${detail.kind === 'user' ? detail.key : 'They'} ${askedAgain(detail)}.`,
            },
          ]
        : []),
      { kind: 'sentence', text: proposal(detail, paper) },
      { kind: 'link', label: detail.plan ? 'Open the plan' : 'Open the incident', url: incidentLink(paper, detail.id) },
      ...evidence(detail, paper),
      ...remedy(detail, paper),
      ...(raw.length
        ? [
            { kind: 'heading' as const, text: 'From the log (written by strangers, shown as it was)' },
            { kind: 'raw' as const, lines: raw.map(s => s.line) },
          ]
        : []),
      ...(detail.next ? [{ kind: 'sentence' as const, text: `What happens next: ${detail.next}` }] : []),
    ],
  });
}

/** A change failed, or was made and did not help: what is known, and the undo that is offered. */
import type { IncidentDetail } from '../../desk.ts';
import type { Outcome } from '../../plan.ts';
import { shellWords } from '../../shell-word.ts';
import type { Block } from '../blocks.ts';
import { compose, incidentLink, type Letter, type Paper } from '../letter.ts';
import { historyBlock, planBlocks } from './words.ts';

/** @param outcome what the executor reported, when there is a report */
export function failed(detail: IncidentDetail, paper: Paper, outcome: Outcome | null = null): Letter {
  const text =
    detail.state === 'not-effective'
      ? `the change did not help: ${detail.headline}`
      : `the change failed: ${detail.headline}`;
  const steps: Block[] = outcome
    ? [
        { kind: 'sentence', text: `The executor says: ${outcome.result}. ${outcome.detail}` },
        ...(outcome.steps.length
          ? [
              {
                kind: 'facts' as const,
                rows: outcome.steps.map(s => ({
                  label: s.action,
                  value: `${s.result}: before ${s.before || 'nothing'}, now ${s.after || 'nothing'}`,
                })),
              },
            ]
          : []),
      ]
    : [];
  const undo = (detail.plan?.undoSteps ?? []).map(s => ('argv' in s ? shellWords(s.argv) : s.diff));
  return compose(paper, {
    subject: text,
    otherwise: `the change failed: incident ${detail.id}`,
    incident: detail.id,
    place: 'reply',
    footer:
      'Sent by Readmit. Opening the link changes nothing; the undo is a button there, for administrators who have signed in.',
    blocks: [
      { kind: 'headline', text },
      ...steps,
      { kind: 'heading', text: 'How it went' },
      historyBlock(detail, paper),
      ...planBlocks(detail, paper),
      ...(undo.length
        ? [
            { kind: 'heading' as const, text: 'Undo' },
            {
              kind: 'sentence' as const,
              text: 'The page offers to take the change back, under the votes it ran with:',
            },
            { kind: 'code' as const, lines: undo.flatMap(u => u.split('\n')) },
          ]
        : []),
      { kind: 'link', label: 'Open the incident', url: incidentLink(paper, detail.id) },
    ],
  });
}

/** The quiet time is over: what came up in it and is still open, in one letter. */
import type { IncidentRow } from '../../desk.ts';
import type { Block } from '../blocks.ts';
import { compose, type Letter, type Paper } from '../letter.ts';
import { when } from '../times.ts';
import { askedAgain, plural } from './words.ts';

const SHOWN = 40;

/** @param until when the quiet time ended, epoch ms */
export function mutedDigest(rows: IncidentRow[], until: number, paper: Paper): Letter {
  const text = `${plural(rows.length, 'incident')} came up in the quiet time and ${rows.length === 1 ? 'is' : 'are'} still open`;
  const waiting = rows.filter(r => r.needs > 0).length;
  const blocks: Block[] = [
    { kind: 'headline', text: `${text}.` },
    {
      kind: 'sentence',
      text: `The quiet time ended at ${when(new Date(until).toISOString(), paper.timezone)}. ${waiting ? `${waiting} of them ${waiting === 1 ? 'waits' : 'wait'} for a vote.` : 'None of them waits for a vote.'}`,
    },
    {
      kind: 'list',
      items: rows
        .slice(0, SHOWN)
        .map(r => `#${r.id} (${[r.state, askedAgain(r)].filter(Boolean).join(', ')}): ${r.headline}`),
    },
    ...(rows.length > SHOWN
      ? [{ kind: 'sentence' as const, text: `And ${rows.length - SHOWN} more, on the page.` }]
      : []),
    { kind: 'link', label: 'Open the list', url: `${paper.origin}/` },
  ];
  return compose(paper, {
    subject: text,
    otherwise: text,
    incident: null,
    place: 'alone',
    footer: 'Sent by Readmit: the route they came by is muted at times (muteTimes). None of them was dropped.',
    blocks,
  });
}

/**
 * The digest: the alerts that were over the hourly limit, folded into one letter that says how many they were. It carries
 * the head of the audit chain, so that a rewritten audit file is noticed by whoever keeps their mail.
 */
import type { IncidentRow } from '../../desk.ts';
import type { Block } from '../blocks.ts';
import { compose, type Letter, type Paper } from '../letter.ts';
import { askedAgain, plural } from './words.ts';

const SHOWN = 40;

/**
 * @param folded how many letters were not sent one by one; may be more than the incidents they were about
 * @param rows the incidents they were about
 */
export function digest(
  rows: IncidentRow[],
  folded: number,
  audit: { seq: number; digest: string } | null,
  paper: Paper,
): Letter {
  const waiting = rows.filter(r => r.needs > 0).length;
  const text = `${plural(folded, 'alert')} ${folded === 1 ? 'was' : 'were'} folded into this digest`;
  const blocks: Block[] = [
    { kind: 'headline', text: `${text}.` },
    {
      kind: 'sentence',
      text: `They are about ${plural(rows.length, 'incident')}; ${waiting ? `${waiting} of them ${waiting === 1 ? 'waits' : 'wait'} for a vote` : 'none of them waits for a vote'}.`,
    },
    {
      kind: 'list',
      items: rows
        .slice(0, SHOWN)
        .map(r => `#${r.id} (${[r.state, askedAgain(r)].filter(Boolean).join(', ')}): ${r.headline}`),
    },
  ];
  if (rows.length > SHOWN) blocks.push({ kind: 'sentence', text: `And ${rows.length - SHOWN} more, on the page.` });
  blocks.push({ kind: 'link', label: 'Open the list', url: `${paper.origin}/` });
  if (audit) blocks.push({ kind: 'sentence', text: `Head of the audit chain: entry ${audit.seq}, ${audit.digest}` });
  return compose(paper, {
    subject: text,
    otherwise: text,
    incident: null,
    place: 'alone',
    footer: 'Sent by Readmit: more alerts than mail.perHour in one hour are folded, none is dropped.',
    blocks,
  });
}

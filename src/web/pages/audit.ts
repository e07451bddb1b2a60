/**
 * Audit: who did what, newest first, each entry with the digest that chains it to the one before, and how far the chain
 * was walked. The proof for others is `readmit audit verify`, which walks the executor's own chain too.
 */
import type { AuditRow, ChainState, Desk } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { type Frame, page } from './frame.ts';
import { incidentLink, moment, nothing, sentence } from './marks.ts';
import { table } from './table.ts';

const SHOWN = 100;

/** `before` pages back: entries with a smaller number; `query` is looked for in all of them. */
export function auditPage(frame: Frame, query: string, before: number | null): Html {
  const chain = frame.desk.chain();
  // One more than is shown tells whether there are older ones.
  const found = query ? frame.desk.searchAudit(query, before, SHOWN + 1) : newest(frame.desk, before, SHOWN + 1);
  const entries = found.slice(0, SHOWN);
  const last = entries.at(-1);
  const more = found.length > SHOWN && last;
  return page(
    frame,
    'Audit',
    html`<div class="lead" data-live="headline"><h1>${headline(chain)}</h1>
<p>${walked(chain)} ${chain.head && html`Head of the chain: <code class="breaks">${chain.head}</code>.`}</p>
<p>Prove it on the host, the executor’s own chain too: <code>readmit audit verify</code>. Export as <a href="/audit.csv" download>CSV</a> or <a href="/audit.json" download>JSON</a></p></div>
<form class="search" method="get" action="/audit" role="search"><label>Search <input type="search" name="q" value="${query}" maxlength="100"></label><button class="plain">Search</button></form>
${
  entries.length
    ? html`<section class="card" aria-label="Entries"${!query && before === null && html` data-live="entries"`}>${table(
        'Audit entries',
        [['No.', 'number'], ['When', 'nowrap'], 'Who', 'What', 'Incident', ['Digest', 'mono']],
        entries.map(e => [
          e.seq,
          moment(e.time, 'second'),
          e.actor,
          sentence(e.what),
          e.incident ? incidentLink(e.incident, e.incident) : '–',
          html`<span title="${e.digest}">${e.digest.slice(0, 12)}</span>`,
        ]),
      )}</section>`
    : nothing(before !== null ? 'That was all.' : query ? 'No entry holds that.' : 'No entry yet.')
}
${more && html`<p><a href="/audit?${new URLSearchParams({ ...(query ? { q: query } : {}), before: String(last.seq) }).toString()}" rel="next">Older entries</a></p>`}`,
  );
}

/** The newest entries below `before`, wherever that lies; the newest first. */
export function newest(desk: Pick<Desk, 'audit'>, before: number | null, limit: number): AuditRow[] {
  const last = desk.audit(-1, before === null ? limit : 1);
  if (before === null) return last;
  const end = Math.min(before, (last[0]?.seq ?? 0) + 1);
  const from = Math.max(1, end - limit);
  return end > from ? desk.audit(from, end - from).sort((a, b) => b.seq - a.seq) : [];
}

function headline({ entries, bad }: ChainState): Html | string {
  if (bad) return html`The chain is broken at entry ${bad.seq.toLocaleString('en')}: ${bad.why}.`;
  if (!entries) return 'Nothing has happened yet.';
  return entries === 1
    ? 'One entry, the first of the chain.'
    : `${counted(entries, 'entry', 'entries')}, each chained to the one before.`;
}

function walked({ entries, verified, at, bad }: ChainState): Html | string {
  if (bad) return 'What was written before it can be trusted; what follows can’t.';
  if (!entries || !at) return '';
  if (verified >= entries) return html`All of them were checked since ${moment(at)}.`;
  return `${verified.toLocaleString('en')} of them are checked so far.`;
}

/** Entries as a table for a spreadsheet: heads and rows. */
export const auditCells = (entries: AuditRow[]): { head: string[]; rows: (string | number | null)[][] } => ({
  head: ['number', 'time', 'who', 'what', 'incident', 'digest'],
  rows: entries.map(e => [e.seq, e.time, e.actor, e.what, e.incident, e.digest]),
});

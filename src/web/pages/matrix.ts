/**
 * Who was denied from where: a table of people and addresses whose dots grow with the count. A scanner is one column
 * with many rows, an onboarding gap one row; the eye tells them apart before it reads.
 */
import { counted, type Html, html } from '../html.ts';
import { nothing } from './marks.ts';

export type Cell = { user: string; ip: string; count: number };
const ROWS = 14;
const COLUMNS = 12;

/** The keys with the largest sums, largest first. */
function largest(cells: Cell[], key: 'user' | 'ip', n: number): string[] {
  const sums = new Map<string, number>();
  for (const cell of cells) sums.set(cell[key], (sums.get(cell[key]) ?? 0) + cell.count);
  return [...sums]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, n)
    .map(([k]) => k);
}

/** Five sizes, each four times the one before: 1, 2–4, 5–16, 17–64, more. */
const size = (n: number): number => Math.min(5, 1 + Math.ceil(Math.log2(Math.max(1, n)) / 2));

export function matrix(cells: Cell[]): Html {
  if (!cells.length) return nothing('Nobody was denied in this time.');
  const users = largest(cells, 'user', ROWS);
  const ips = largest(cells, 'ip', COLUMNS);
  const counts = new Map(cells.map(c => [`${c.user} ${c.ip}`, c.count]));
  const more = [new Set(cells.map(c => c.user)).size - users.length, new Set(cells.map(c => c.ip)).size - ips.length];
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Denials by person and address">
<table class="matrix"><thead><tr><td></td>${ips.map(ip => html`<th scope="col" title="${ip}"><a href="/addresses/${encodeURIComponent(ip)}">${ip}</a></th>`)}</tr></thead>
<tbody>${users.map(
    user =>
      html`<tr><th scope="row"><a href="/people/${encodeURIComponent(user)}">${user}</a></th>${ips.map(ip => {
        const n = counts.get(`${user} ${ip}`) ?? 0;
        return n
          ? html`<td title="${`${user} from ${ip}: ${counted(n, 'denial')}`}"><span class="dot size-${size(n)}"></span><span class="aloud">${n}</span></td>`
          : html`<td></td>`;
      })}</tr>`,
  )}</tbody></table></div>
${(more[0]! > 0 || more[1]! > 0) && html`<p class="faint">The largest are shown; <a href="/people">${counted(more[0]!, 'more person', 'more people')}</a> and <a href="/addresses">${counted(more[1]!, 'more address', 'more addresses')}</a>.</p>`}`;
}

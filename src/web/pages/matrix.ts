/**
 * Who was denied from where: a table of people and addresses whose dots grow with the count. A scanner is one column
 * with many rows, an onboarding gap one row; the eye tells them apart before it reads.
 */
import type { Desk } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { listed, nothing } from './marks.ts';

export type Cell = ReturnType<Desk['matrix']>[number];
const ROWS = 14;
const COLUMNS = 10;

/** The keys with the largest sums, largest first. */
function largest(cells: Cell[], key: 'user' | 'ip', n: number): string[] {
  const sums = new Map<string, number>();
  for (const cell of cells) sums.set(cell[key], (sums.get(cell[key]) ?? 0) + cell.count);
  return [...sums]
    .sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
    .slice(0, n)
    .map(([k]) => k);
}

/** Rows for names that are no person's, whatever room people leave. */
const NAMES = 4;

/**
 * People first, the largest of them; then some of the names nobody has: a scanner is a column of them, and takes no row
 * from anybody it has nothing to do with.
 */
function rowsOf(cells: Cell[]): { people: string[]; names: string[] } {
  const strangers = new Set(cells.filter(c => c.account !== undefined && c.account !== 'user').map(c => c.user));
  const all = largest(cells, 'user', cells.length);
  const people = all.filter(user => !strangers.has(user)).slice(0, ROWS);
  const names = all.filter(user => strangers.has(user)).slice(0, Math.max(NAMES, ROWS - people.length));
  return { people, names };
}

/** Where each row has its largest dot comes before where there are many, so that hardly a row stays empty. */
function columnsOf(cells: Cell[], { people, names }: ReturnType<typeof rowsOf>): string[] {
  const of = Map.groupBy(cells, cell => cell.user);
  const shown = [...people, ...names].flatMap(user => of.get(user) ?? []);
  const most = [...names.slice(0, 1), ...people, ...names].flatMap(user => largest(of.get(user) ?? [], 'ip', 1));
  const chosen = new Set(
    [...most, ...largest(shown, 'ip', COLUMNS)].filter((ip, i, all) => all.indexOf(ip) === i).slice(0, COLUMNS),
  );
  return largest(cells, 'ip', cells.length).filter(ip => chosen.has(ip));
}

/** Five sizes, each four times the one before: 1, 2–4, 5–16, 17–64, more. */
const size = (n: number): number => Math.min(5, 1 + Math.ceil(Math.log2(Math.max(1, n)) / 2));

/** `seen` says how many there are in all: the cells are those of the latest and the largest. */
export function matrix(cells: Cell[], seen: ReturnType<Desk['seen']>): Html {
  if (!cells.length) return nothing('Nobody was denied in this time.');
  const rows = rowsOf(cells);
  const ips = columnsOf(cells, rows);
  const counts = new Map(cells.map(c => [`${c.user} ${c.ip}`, c.count]));
  const seenHere = (user: string): boolean => ips.some(ip => counts.has(`${user} ${ip}`));
  const people = rows.people.filter(seenHere);
  const names = rows.names.filter(seenHere);
  const more = [
    [seen.people - people.length, '/people', 'person', 'people'],
    [seen.names - names.length, '/people?names=other', 'other name', 'other names'],
    [seen.addresses - ips.length, '/addresses', 'address', 'addresses'],
  ] as const;
  const left = more.flatMap(([n, path, one, many]) =>
    n > 0 ? [html`<a href="${path}">${counted(n, `more ${one}`, `more ${many}`)}</a>`] : [],
  );
  return html`<div class="scroll" tabindex="0" role="group" aria-label="Denials by person and address">
<table class="matrix"><thead><tr><td></td>${ips.map(ip => html`<th scope="col" title="${ip}"><a href="/addresses/${encodeURIComponent(ip)}">${ip}</a></th>`)}</tr></thead>
<tbody>${[...people, ...names].map(
    user =>
      html`<tr><th scope="row"><a href="/people/${encodeURIComponent(user)}">${user}</a></th>${ips.map(ip => {
        const n = counts.get(`${user} ${ip}`) ?? 0;
        return n
          ? html`<td title="${`${user} from ${ip}: ${counted(n, 'denial')}`}"><span class="dot size-${size(n)}"></span><span class="aloud">${n}</span></td>`
          : html`<td></td>`;
      })}</tr>`,
  )}</tbody></table></div>
${left.length > 0 && html`<p class="faint">There are ${listed(left)}.</p>`}`;
}

/**
 * People: all that was seen of one person, what was changed for them, and what access Readmit granted until when.
 * And the list of everybody who was denied in the last 30 days.
 */
import { NotFound } from '../../incident.ts';
import { counted, type Html, html } from '../html.ts';
import { grantTable } from './access.ts';
import { type Frame, page } from './frame.ts';
import { addressLink, nothing, personLink, whole } from './marks.ts';
import { blockedBy, byBlocked, incidentList } from './now.ts';
import { startOf } from './timeline.ts';

const LISTED = 200;

/** Sums by a key, largest first. */
export function totals<T>(rows: T[], key: (row: T) => string, n: (row: T) => number): [string, number][] {
  const sums = new Map<string, number>();
  for (const row of rows) sums.set(key(row), (sums.get(key(row)) ?? 0) + n(row));
  return [...sums].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}

export function peoplePage(frame: Frame): Html {
  const cells = frame.desk.matrix(startOf('30d', frame.now));
  const people = totals(
    cells,
    c => c.user,
    c => c.count,
  );
  const grants = frame.desk.grants();
  const places = new Map(
    totals(
      cells,
      c => c.user,
      () => 1,
    ),
  );
  const blocked = new Set(
    frame.desk.incidents({ all: false }).flatMap(r => (r.kind === 'user' && blockedBy(r) > 0 ? [r.key] : [])),
  );
  return page(
    frame,
    'People',
    html`<div class="lead"><h1>${people.length ? `${counted(people.length, 'person was', 'people were')} denied in the last 30 days.` : 'Nobody was denied in the last 30 days.'}</h1></div>
${
  people.length > 0 &&
  html`<section class="card" aria-label="People"><div class="scroll" tabindex="0" role="group" aria-label="People who were denied"><table>
<thead><tr><th scope="col">Person</th><th scope="col" class="number">Denials</th><th scope="col" class="number">Addresses</th><th scope="col">Now</th><th scope="col" class="number">Grants</th></tr></thead>
<tbody>${people.slice(0, LISTED).map(
    ([user, n]) => html`<tr data-row><th scope="row">${personLink(user)}</th><td class="number">${n}</td>
<td class="number">${places.get(user) ?? 0}</td>
<td>${blocked.has(user) ? html`<span class="state act">can’t work</span>` : ''}</td>
<td class="number">${grants.filter(g => g.user === user && !g.ended).length || '–'}</td></tr>`,
  )}</tbody></table></div>${people.length > LISTED && html`<p class="faint">The ${LISTED} with most denials are shown.</p>`}</section>`
}`,
  );
}

/** @throws NotFound for a name nothing is known of */
export function personPage(frame: Frame, name: string): Html {
  const all = frame.desk.incidents({ all: true });
  const cells = frame.desk.matrix(startOf('30d', frame.now)).filter(c => c.user === name);
  const grants = frame.desk.grants().filter(g => g.user === name);
  const own = all
    .filter(r => r.kind === 'user' && r.key === name)
    .sort((a, b) => Date.parse(b.opened) - Date.parse(a.opened));
  if (!cells.length && !grants.length && !own.length) throw new NotFound(`nothing is known of ${name}`);
  const current = own.find(r => blockedBy(r) > 0);
  const denials = cells.reduce((n, c) => n + c.count, 0);
  return page(
    frame,
    name,
    html`<nav class="crumbs" aria-label="Where you are"><a href="/people">People</a> <span aria-hidden="true">›</span> <span>${name}</span></nav>
<div class="lead"><h1>${whole(current ? current.headline : `${name} is not kept from working.`)}</h1>
<p>${counted(denials, 'denial')} from ${counted(cells.length, 'address', 'addresses')} in the last 30 days; ${counted(grants.filter(g => !g.ended).length, 'grant')} through Readmit in force.</p></div>
<section aria-labelledby="incidents"><h2 id="incidents">Incidents</h2>${own.length ? incidentList([...own].sort(byBlocked), frame.now) : nothing('No incident of their own.')}</section>
<section aria-labelledby="granted"><h2 id="granted">Access granted</h2>${grantTable(frame, grants)}</section>
<section class="card" aria-labelledby="from"><h2 id="from">Seen from</h2>${
      cells.length
        ? html`<table><thead><tr><th scope="col">Address</th><th scope="col" class="number">Denials</th></tr></thead><tbody>${totals(
            cells,
            c => c.ip,
            c => c.count,
          ).map(
            ([ip, n]) => html`<tr><th scope="row">${addressLink(ip)}</th><td class="number">${n}</td></tr>`,
          )}</tbody></table>`
        : nothing('No address in the last 30 days.')
    }</section>`,
  );
}

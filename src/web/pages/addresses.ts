/**
 * Addresses: who was denied from one address, and what is open about it. Many names from one address that is no login
 * node is the picture of probing; the page says how many, and leaves the judgement to the diagnosis.
 */
import { NotFound } from '../../incident.ts';
import { counted, type Html, html } from '../html.ts';
import { type Frame, page } from './frame.ts';
import { addressLink, personLink } from './marks.ts';
import { byBlocked, incidentList } from './now.ts';
import { totals } from './people.ts';
import { startOf } from './timeline.ts';

const LISTED = 200;

export function addressesPage(frame: Frame): Html {
  const cells = frame.desk.matrix(startOf('30d', frame.now));
  const addresses = totals(
    cells,
    c => c.ip,
    c => c.count,
  );
  const names = new Map(
    totals(
      cells,
      c => c.ip,
      () => 1,
    ),
  );
  const probing = new Set(frame.desk.incidents({ all: false }).flatMap(r => (r.kind === 'address' ? [r.key] : [])));
  const shared = new Set(frame.config.detect.sharedAddresses);
  return page(
    frame,
    'Addresses',
    html`<div class="lead"><h1>${addresses.length ? `Denials came from ${counted(addresses.length, 'address', 'addresses')} in the last 30 days.` : 'No denial came in the last 30 days.'}</h1></div>
${
  addresses.length > 0 &&
  html`<section class="card" aria-label="Addresses"><div class="scroll" tabindex="0" role="group" aria-label="Addresses denials came from"><table>
<thead><tr><th scope="col">Address</th><th scope="col" class="number">Denials</th><th scope="col" class="number">Names</th><th scope="col">Now</th></tr></thead>
<tbody>${addresses.slice(0, LISTED).map(
    ([
      ip,
      n,
    ]) => html`<tr data-row><th scope="row">${addressLink(ip)}</th><td class="number">${n}</td><td class="number">${names.get(ip) ?? 0}</td>
<td>${probing.has(ip) ? html`<span class="state act">probing</span>` : shared.has(ip) ? html`<span class="state over">shared</span>` : ''}</td></tr>`,
  )}</tbody></table></div>${addresses.length > LISTED && html`<p class="faint">The ${LISTED} with most denials are shown.</p>`}</section>`
}`,
  );
}

/** @throws NotFound for an address nothing is known of */
export function addressPage(frame: Frame, ip: string): Html {
  const cells = frame.desk.matrix(startOf('30d', frame.now)).filter(c => c.ip === ip);
  const incidents = frame.desk
    .incidents({ all: true })
    .filter(r => r.kind === 'address' && r.key === ip)
    .sort(byBlocked);
  if (!cells.length && !incidents.length) throw new NotFound(`nothing is known of ${ip}`);
  const denials = cells.reduce((n, c) => n + c.count, 0);
  const shared = frame.config.detect.sharedAddresses.includes(ip);
  return page(
    frame,
    ip,
    html`<nav class="crumbs" aria-label="Where you are"><a href="/addresses">Addresses</a> <span aria-hidden="true">›</span> <span>${ip}</span></nav>
<div class="lead"><h1>${counted(cells.length, 'name was', 'names were')} denied from ${ip}.</h1>
<p>${counted(denials, 'denial')} in the last 30 days.${shared && ' It is listed as a shared address (login node or gateway), so it is never treated as one attacker.'}</p></div>
${incidents.length > 0 && html`<section aria-labelledby="incidents"><h2 id="incidents">Incidents</h2>${incidentList(incidents, frame.now)}</section>`}
<section class="card" aria-labelledby="names"><h2 id="names">Who</h2><div class="scroll" tabindex="0" role="group" aria-label="Names denied from this address"><table><thead><tr><th scope="col">Name</th><th scope="col" class="number">Denials</th></tr></thead>
<tbody>${totals(
      cells,
      c => c.user,
      c => c.count,
    )
      .slice(0, LISTED)
      .map(
        ([user, n]) => html`<tr data-row><th scope="row">${personLink(user)}</th><td class="number">${n}</td></tr>`,
      )}</tbody></table></div></section>`,
  );
}

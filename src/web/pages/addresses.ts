/**
 * Addresses: from where denials came, the latest first. Many names from one address that is no login node is the
 * picture of probing; the page says how many, and leaves the judgement to the diagnosis.
 */
import type { AddressDetail } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { type Frame, page } from './frame.ts';
import { addressLink, near, nothing, personLink } from './marks.ts';
import { incidentList } from './now.ts';
import { table } from './table.ts';
import { startOf, timeline } from './timeline.ts';

const LISTED = 100;
/** The desk counts names up to here. */
const NAMES_COUNTED = 1000;

export function addressesPage(frame: Frame, after: string | null): Html {
  const seen = frame.desk.seen(startOf('30d', frame.now));
  const { rows, next } = frame.desk.addresses({ after, limit: LISTED });
  const probing = new Set(frame.desk.incidents({ all: false, kind: 'address' }).map(r => r.key));
  return page(
    frame,
    'Addresses',
    html`<div class="lead"><h1>${seen.addresses ? `Denials came from ${counted(seen.addresses, 'address', 'addresses')} in the last 30 days.` : 'No denial came from an address in the last 30 days.'}</h1></div>
${
  rows.length
    ? html`<section class="card" aria-label="Addresses" data-live="addresses">${table(
        'Addresses denials came from',
        ['Address', 'Now', 'Last denial', ['Denials', 'number'], ['Names', 'number']],
        rows.map(r => [
          addressLink(r.ip),
          probing.has(r.key)
            ? html`<span class="state act">probing</span>`
            : r.shared && html`<span class="state over">shared</span>`,
          near(r.last, frame.now),
          r.denials.toLocaleString('en'),
          r.names >= NAMES_COUNTED ? `${NAMES_COUNTED.toLocaleString('en')} or more` : r.names || '–',
        ]),
      )}</section>`
    : nothing(after ? 'That was all.' : 'When somebody is refused, it stands here from where.')
}
${next && html`<p><a href="/addresses?${new URLSearchParams({ after: next }).toString()}" rel="next">Denied earlier</a></p>`}`,
  );
}

/** @throws NotFound for an address nothing is known of */
export function addressPage(frame: Frame, ip: string): Html {
  const address = frame.desk.address(ip);
  const { people, incidents } = address;
  return page(
    frame,
    ip,
    html`<nav class="crumbs" aria-label="Where you are"><a href="/addresses">Addresses</a> <span aria-hidden="true">›</span> <span>${ip}</span></nav>
<div class="lead" data-live="headline"><h1>${people.length ? html`${counted(people.length, 'name was', 'names were')} denied from ${ip}.` : html`Nothing was denied from ${ip} in the last 30 days.`}</h1>
<p>${sum(address, frame)}${address.shared && ' It is listed as a shared address (login node or gateway), so it is never treated as one attacker.'}</p></div>
${address.timeline.length > 0 && html`<section class="card" aria-labelledby="over-time"><h2 id="over-time">Denials over time</h2><div data-live="timeline">${timeline(address.timeline, '30d', frame.now)}</div></section>`}
${incidents.length > 0 && html`<section aria-labelledby="incidents"><h2 id="incidents">Incidents</h2><div data-live="incidents">${incidentList(incidents, frame.now)}</div></section>`}
${
  people.length > 0 &&
  html`<section class="card" aria-labelledby="names"><h2 id="names">Who</h2>${table(
    'Names denied from this address',
    ['Name', 'Account', ['Denials', 'number'], 'Last'],
    people.map(p => [
      personLink(p.name),
      p.account === 'user' ? 'a person' : p.account === 'system' ? 'a system account' : 'no account',
      p.count.toLocaleString('en'),
      near(p.last, frame.now),
    ]),
  )}</section>`
}`,
  );
}

const sum = ({ denials, first, last }: AddressDetail, frame: Frame): Html =>
  html`${counted(denials, 'denial')} in all${first && html`, the first ${near(first, frame.now)}`}${last && html`, the last ${near(last, frame.now)}`}.`;

/**
 * People: everybody with an account who was denied, the latest first, and apart from them the names nobody has. A
 * person's own page holds all that was seen of them, what was changed for them, and what access they got until when.
 */
import type { PersonDetail, PersonRow } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { grantTable } from './access.ts';
import { type Frame, page } from './frame.ts';
import { addressLink, causeWords, moment, near, nothing, personLink, whole } from './marks.ts';
import { blockedBy, incidentList } from './now.ts';
import { table } from './table.ts';
import { startOf, timeline } from './timeline.ts';

const LISTED = 100;

export interface PeopleQuery {
  account: 'user' | 'other';
  q: string;
  after: string | null;
}

const link = (query: Partial<PeopleQuery>): string => {
  const text = new URLSearchParams({
    ...(query.account === 'other' ? { names: 'other' } : {}),
    ...(query.q ? { q: query.q } : {}),
    ...(query.after ? { after: query.after } : {}),
  }).toString();
  return text ? `/people?${text}` : '/people';
};

export function peoplePage(frame: Frame, query: PeopleQuery): Html {
  const seen = frame.desk.seen(startOf('30d', frame.now));
  const { rows, next } = frame.desk.people({ ...query, limit: LISTED });
  const other = query.account === 'other';
  return page(
    frame,
    'People',
    html`<div class="lead"><h1>${seen.people ? `${counted(seen.people, 'person was', 'people were')} denied in the last 30 days.` : 'Nobody with an account was denied in the last 30 days.'}</h1>
${seen.names > 0 && html`<p>So ${seen.names === 1 ? 'was' : 'were'} ${counted(seen.names, 'name')} without an account of a person.</p>`}</div>
<nav class="ranges" aria-label="Whom to list"><a href="${link({ ...query, account: 'user', after: null })}"${!other && html` aria-current="true"`}>With an account</a><a href="${link({ ...query, account: 'other', after: null })}"${other && html` aria-current="true"`}>Other names</a></nav>
<form class="search" method="get" action="/people" role="search">${other && html`<input type="hidden" name="names" value="other">`}<label>Name begins with <input type="search" name="q" value="${query.q}" maxlength="64" autocomplete="off" spellcheck="false"></label><button class="plain">Search</button></form>
${rows.length ? list(frame, rows) : nothing(query.q ? 'No name begins so.' : query.after ? 'That was all.' : other ? 'No other name was ever denied.' : 'Nobody was ever denied.')}
${next && html`<p><a href="${link({ ...query, after: next })}" rel="next">Denied earlier</a></p>`}`,
  );
}

const list = (frame: Frame, rows: PersonRow[]): Html =>
  html`<section class="card" aria-label="People" data-live="people">${table(
    'People who were denied',
    ['Name', 'Now', 'Last denied', ['In 30 days', 'number'], ['Addresses', 'number'], ['Grants', 'number']],
    rows.map(r => [
      personLink(r.name),
      r.blocked && html`<a class="state act" href="/incidents/${encodeURIComponent(r.blocked)}">can’t work</a>`,
      near(r.last, frame.now),
      r.denials ? r.denials.toLocaleString('en') : '–',
      r.addresses || '–',
      r.grants || '–',
    ]),
  )}</section>`;

/** @throws NotFound for a name nothing is known of */
export function personPage(frame: Frame, name: string): Html {
  const person = frame.desk.person(name);
  const current =
    person.incidents.find(r => r.key === name && blockedBy(r) > 0) ??
    person.incidents.find(r => r.kind === 'service' && blockedBy(r) > 0);
  return page(
    frame,
    name,
    html`<nav class="crumbs" aria-label="Where you are"><a href="/people">People</a> <span aria-hidden="true">›</span> <span>${name}</span></nav>
<div class="lead" data-live="headline"><h1>${current ? html`<a class="plainly" href="/incidents/${encodeURIComponent(current.id)}">${whole(current.headline)}</a>` : whole(nameNow(person))}</h1>
<p>${sum(person, frame)}</p></div>
<section class="card" aria-labelledby="over-time"><h2 id="over-time">Denials over time</h2><div data-live="timeline">${timeline(person.timeline, '30d', frame.now)}</div></section>
<section aria-labelledby="incidents"><h2 id="incidents">Incidents</h2><div data-live="incidents">${person.incidents.length ? incidentList(person.incidents, frame.now) : nothing('No incident.')}</div></section>
<section aria-labelledby="granted"><h2 id="granted">Access granted</h2>${grantTable(frame, person.grants)}</section>
<div class="pair"><section class="card" aria-labelledby="groups"><h2 id="groups">Groups that count here</h2>${groups(person)}</section>
<section class="card" aria-labelledby="from"><h2 id="from">Denied from</h2>${addresses(person, frame)}</section></div>
${person.told.length > 0 && html`<section class="card" aria-labelledby="told"><h2 id="told">What ${name} was told</h2><ul class="plain-list">${person.told.map(t => html`<li>${moment(t.at)} ${causeWords(t.cause)}</li>`)}</ul></section>`}`,
  );
}

const nameNow = ({ name, account }: PersonDetail): string =>
  account === null || account === 'user'
    ? `${name} is not kept from working.`
    : account === 'system'
      ? `${name} is a system account.`
      : `Nobody here has the name ${name}.`;

function sum(person: PersonDetail, frame: Frame): Html {
  const inForce = person.grants.filter(g => !g.ended).length;
  return html`${counted(person.denials, 'denial')} in the last 30 days${person.last && html`, the last ${near(person.last, frame.now)}`}; ${counted(inForce, 'grant')} through Readmit in force.`;
}

const BY = { readmit: 'Readmit', others: 'somebody else' } as const;

/** A group somebody was put into twice is one group with two times. */
function groups({ groups: all }: PersonDetail): Html {
  if (!all.length) return nothing('In none of the groups that count, as far back as they were watched.');
  const times = Map.groupBy(all, g => JSON.stringify([g.group, g.host]));
  return html`<ul class="plain-list">${[...times.values()].map(
    of =>
      html`<li><b class="mono">${of[0]!.group}</b> <span class="faint">on ${of[0]!.host}</span>${of.map(membership)}</li>`,
  )}</ul>`;
}

const membership = (g: PersonDetail['groups'][number]): Html =>
  html`<span class="source">${g.addedBy ? html`added ${moment(g.since)} by ${BY[g.addedBy]}` : html`seen there from the start, ${moment(g.since)}`}${g.until && html`; taken out ${moment(g.until)} by ${g.removedBy && BY[g.removedBy]}`}</span>`;

const addresses = ({ places }: PersonDetail, frame: Frame): Html =>
  places.length
    ? table(
        'Addresses they were denied from',
        ['Address', ['Denials', 'number'], 'Last'],
        places.map(p => [addressLink(p.ip), p.count.toLocaleString('en'), near(p.last, frame.now)]),
      )
    : nothing('From no address in the last 30 days.');

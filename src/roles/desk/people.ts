/** People and addresses: all that was seen of each, all that was changed, and what access Readmit gave. */
import { addressKey, canonicalAddress } from '../../addresses.ts';
import {
  type AddressDetail,
  type AddressRow,
  PAGE_MARK,
  type Page,
  type PersonDetail,
  type PersonRow,
} from '../../desk.ts';
import { NotFound } from '../../incident.ts';
import { iso } from '../../iso-time.ts';
import { grantRows, grantsInForce } from '../../store/approvals.ts';
import { toldOf } from '../../store/desk-rows.ts';
import { membershipRows } from '../../store/history.ts';
import { incidentLines } from '../../store/incident-lines.ts';
import { namesOf } from '../../store/observations.ts';
import {
  accountsOf,
  addressRow,
  addressRows,
  blockedOf,
  incidentsOfPerson,
  type Mark,
  personRow,
  personRows,
  placesOf,
  sumsOf,
} from '../../store/people.ts';
import { denialsByHour } from '../../store/seen.ts';
import { grantOf, type RowParts, rowsOf, timelineOf } from './rows.ts';

/** How far the pages about people and addresses look back. */
const MONTH = 30 * 24 * 3_600_000;

export interface PeopleParts extends RowParts {
  /** Is this an address many honest people share? */
  shared(ip: string): boolean;
}

export function people(
  p: PeopleParts,
  filter: { account: 'user' | 'other'; q?: string; after?: string | null; limit: number },
): Page<PersonRow> {
  const { account, q, limit } = filter;
  const found = personRows(p.store, {
    account,
    after: markOf(filter.after),
    limit: limit + 1,
    ...(q ? { q } : {}),
  });
  const rows = found.slice(0, limit);
  const names = rows.map(r => r.name);
  const sums = sumsOf(p.store, names, p.now() - MONTH);
  const blocked = blockedOf(p.store, names);
  const grants = grantsInForce(p.store, names);
  return {
    rows: rows.map(r => ({
      name: r.name,
      account: r.account,
      denials: sums.get(r.name)?.count ?? 0,
      addresses: sums.get(r.name)?.addresses ?? 0,
      first: iso(r.first),
      last: iso(r.last),
      blocked: blocked.get(r.name) ?? null,
      grants: grants.get(r.name) ?? 0,
    })),
    next: found.length > limit ? markText(rows.at(-1)!.last, rows.at(-1)!.name) : null,
  };
}

export function person(p: PeopleParts, name: string): PersonDetail {
  const from = p.now() - MONTH;
  const row = personRow(p.store, name);
  const incidents = rowsOf(p, incidentLines(p.store, { ids: incidentsOfPerson(p.store, name) }));
  const grants = grantRows(p.store, { user: name, limit: 200 }).map(grantOf);
  const groups = membershipRows(p.store, name);
  if (!row && !incidents.length && !grants.length && !groups.length) throw new NotFound(`nothing is known of ${name}`);
  const timeline = timelineOf(denialsByHour(p.store, from, { user: name }));
  return {
    name,
    account: row?.account ?? null,
    denials: timeline.reduce((n, p) => n + p.count, 0),
    first: row && iso(row.first),
    last: row && iso(row.last),
    timeline,
    places: placesOf(p.store, { user: name }, from).map(p => ({ ip: p.ip, count: p.count, last: iso(p.last) })),
    incidents,
    grants,
    groups: groups.map(g => ({
      group: g.group,
      host: g.host,
      since: iso(g.since),
      addedBy: g.initial ? null : g.addedBy ? ('readmit' as const) : ('others' as const),
      until: g.until === null ? null : iso(g.until),
      removedBy: g.until === null ? null : g.removedBy ? ('readmit' as const) : ('others' as const),
    })),
    told: toldOf(p.store, name).map(t => ({ at: iso(t.at), cause: t.cause })),
  };
}

export function addresses(p: PeopleParts, filter: { after?: string | null; limit: number }): Page<AddressRow> {
  const from = p.now() - MONTH;
  const found = addressRows(p.store, from, { after: markOf(filter.after), limit: filter.limit + 1 });
  const rows = found.slice(0, filter.limit);
  return {
    rows: rows.map(r => ({
      ip: r.ip,
      key: addressKey(r.ip),
      denials: r.count,
      names: r.names,
      first: iso(r.first),
      last: iso(r.last),
      shared: p.shared(r.ip),
    })),
    next: found.length > filter.limit ? markText(rows.at(-1)!.last, rows.at(-1)!.ip) : null,
  };
}

/** @param asked an address however it is written, or the /64 that an incident is about */
export function address(p: PeopleParts, asked: string): AddressDetail {
  const ip = asked.includes('/') ? asked : canonicalAddress(asked);
  if (ip === null) throw new NotFound(`${asked} is no address`);
  const from = p.now() - MONTH;
  const row = addressRow(p.store, ip);
  // An IPv6 address is one of many of its network, and the incident is the network's.
  const keys = ip.includes('/') ? [ip] : [ip, addressKey(ip)];
  const lines = [...new Set(keys)].flatMap(key => incidentLines(p.store, { kind: 'address', key, limit: 50 }));
  if (!row && !lines.length) throw new NotFound(`nothing is known of ${ip}`);
  const seen = row
    ? placesOf(p.store, { ip }, from).map(p => ({ name: p.user, count: p.count, last: p.last }))
    : lines.slice(0, 1).flatMap(l => namesOf(p.store, l.id));
  const accounts = accountsOf(
    p.store,
    seen.map(p => p.name),
  );
  return {
    ip,
    denials: row?.count ?? lines.reduce((n, l) => n + l.count, 0),
    first: row && iso(row.first),
    last: row && iso(row.last),
    shared: p.shared(ip),
    timeline: denialsByHour(p.store, from, { ip }).map(p => ({
      hour: iso(p.hour),
      cause: 'denials',
      count: Number(p.count),
    })),
    // A denial without a name is nobody's.
    people: seen
      .filter(p => p.name !== '')
      .map(p => ({ ...p, account: accounts.get(p.name) ?? 'unknown', last: iso(p.last) })),
    incidents: rowsOf(p, lines),
  };
}

/** `1700000000000.alice`: where a list goes on. */
const markText = (last: number, name: string): string => `${last}.${name}`;
function markOf(text: string | null | undefined): Mark | null {
  const found = PAGE_MARK.exec(text ?? '');
  return found ? { last: Number(found[1]), name: found[2]! } : null;
}

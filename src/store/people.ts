/**
 * The people and the addresses that denials were seen of, one row each, out of the sums that `seen.ts` keeps: lists of them,
 * one of them, and which incidents they are in. Reads only.
 */
import { OF_SOMEBODY } from './incident-lines.ts';
import type { Row, Store } from './open.ts';
import { type Cell, MOST } from './seen.ts';

export interface PersonRow {
  name: string;
  account: string;
  count: number;
  first: number;
  last: number;
}

/** Where the next page of a list goes on: below this time, or at it and below this name. */
export interface Mark {
  last: number;
  name: string;
}

/** People with an account, or names without one; who was denied last comes first. `q` takes names that begin so. */
export function personRows(
  store: Store,
  of: { account: 'user' | 'other'; q?: string; after?: Mark | null; limit: number },
): PersonRow[] {
  const { last, name } = of.after ?? { last: Number.MAX_SAFE_INTEGER, name: '' };
  const rows = (of.account === 'user' ? ['user'] : ['unknown', 'system']).flatMap(kind =>
    of.q
      ? store.all<Row>(
          'SELECT * FROM person WHERE name >= ? AND name < ? AND account = ? AND (last, name) < (?, ?) ORDER BY last DESC, name DESC LIMIT ?',
          of.q,
          `${of.q}\u{10ffff}`,
          kind,
          last,
          name,
          of.limit,
        )
      : store.all<Row>(
          'SELECT * FROM person WHERE account = ? AND (last, name) < (?, ?) ORDER BY last DESC, name DESC LIMIT ?',
          kind,
          last,
          name,
          of.limit,
        ),
  );
  return rows
    .map(personOf)
    .sort((a, b) => b.last - a.last || (a.name < b.name ? 1 : -1))
    .slice(0, of.limit);
}

const personOf = (r: Row): PersonRow => ({
  name: String(r.name),
  account: String(r.account),
  count: Number(r.count),
  first: Number(r.first),
  last: Number(r.last),
});

export const personRow = (store: Store, name: string): PersonRow | null => {
  const row = store.get('SELECT * FROM person WHERE name = ?', name);
  return row ? personOf(row) : null;
};

/** Denials and different addresses of these people since `from`. */
export const sumsOf = (
  store: Store,
  names: readonly string[],
  from: number,
): Map<string, { count: number; addresses: number }> =>
  new Map(
    store
      .all<{ user: string; count: number; addresses: number }>(
        `SELECT user, sum(count) AS count, count(DISTINCT ip) AS addresses FROM place
         WHERE user IN (SELECT value FROM json_each(?)) AND hour >= ? GROUP BY user`,
        JSON.stringify(names),
        from,
      )
      .map(r => [r.user, { count: Number(r.count), addresses: Number(r.addresses) }]),
  );

export interface AddressRow {
  ip: string;
  count: number;
  first: number;
  last: number;
  /** Different names since `from`, counted up to a thousand. */
  names: number;
}

const NAMES_COUNTED = 1000;

/** Addresses that denials came from, the latest first. */
export const addressRows = (store: Store, from: number, of: { after?: Mark | null; limit: number }): AddressRow[] =>
  store
    .all(
      `SELECT *, (SELECT count(*) FROM (SELECT DISTINCT user FROM place WHERE ip = a.ip AND hour >= ? AND user <> '' LIMIT ${NAMES_COUNTED})) AS names
       FROM address a WHERE last >= ? AND (last, ip) < (?, ?) ORDER BY last DESC, ip DESC LIMIT ?`,
      from,
      from,
      of.after?.last ?? Number.MAX_SAFE_INTEGER,
      of.after?.name ?? '',
      of.limit,
    )
    .map(addressOf);

const addressOf = (r: Row): AddressRow => ({
  ip: String(r.ip),
  count: Number(r.count),
  first: Number(r.first),
  last: Number(r.last),
  names: Number(r.names ?? 0),
});

export const addressRow = (store: Store, ip: string): AddressRow | null => {
  const row = store.get('SELECT * FROM address WHERE ip = ?', ip);
  return row ? addressOf(row) : null;
};

/** From where one person was denied since `from`, or who was from one address; the most denials first. */
export const placesOf = (
  store: Store,
  of: { user: string } | { ip: string },
  from: number,
): (Omit<Cell, 'account'> & { last: number })[] => {
  const [where, value] = 'user' in of ? ['user = ?', of.user] : ['ip = ?', of.ip];
  return store
    .all<Omit<Cell, 'account'> & { last: number }>(
      `SELECT user, ip, sum(count) AS count, max(last) AS last FROM
         (SELECT user, ip, hour, count, last FROM place WHERE ${where} AND hour >= ? ORDER BY hour DESC LIMIT ${MOST})
       GROUP BY user, ip ORDER BY count DESC, user, ip LIMIT 200`,
      value,
      from,
    )
    .map(c => ({ ...c, count: Number(c.count), last: Number(c.last) }));
};

/** Incidents a person's denials were counted into, whatever their kind; the newest first. */
export const incidentsOfPerson = (store: Store, name: string, limit = 50): string[] =>
  store
    .all<{ id: number }>(
      `SELECT id FROM incident WHERE kind = 'user' AND key = ? UNION SELECT DISTINCT incident AS id FROM hour WHERE user = ? AND incident > 0
       ORDER BY id DESC LIMIT ?`,
      name,
      name,
      limit,
    )
    .map(r => String(r.id));

/** Incidents about this name, address or service, and those that a person of this name is in; the newest first. */
export const incidentsAbout = (store: Store, name: string, limit: number): string[] => [
  ...new Set([
    ...store
      .all<{ id: number }>(
        "SELECT id FROM incident WHERE kind IN ('user', 'address', 'service') AND key = ? ORDER BY id DESC LIMIT ?",
        name,
        limit,
      )
      .map(r => String(r.id)),
    ...incidentsOfPerson(store, name, limit),
  ]),
];

/** Of these people, those who can't work now, each with an incident that says why. */
export const blockedOf = (store: Store, names: readonly string[]): Map<string, string> =>
  new Map(
    store
      .all<{ user: string; id: number }>(
        `SELECT key AS user, id FROM incident WHERE state NOT IN ('resolved', 'expired', 'undone') AND kind = 'user'
         AND ${OF_SOMEBODY} AND inhibited_by IS NULL AND key IN (SELECT value FROM json_each(?1))
         UNION SELECT p.user, i.id FROM incident i JOIN pair p ON p.incident = i.id
         WHERE i.state NOT IN ('resolved', 'expired', 'undone') AND i.kind = 'service' AND i.inhibited_by IS NULL
         AND p.user IN (SELECT value FROM json_each(?1)) AND p.account = 'user'`,
        JSON.stringify(names),
      )
      .map(r => [r.user, String(r.id)]),
  );

/** What an account was the last time each of these names was seen. */
export const accountsOf = (store: Store, names: readonly string[]): Map<string, string> =>
  new Map(
    store
      .all<{ name: string; account: string }>(
        'SELECT name, account FROM person WHERE name IN (SELECT value FROM json_each(?))',
        JSON.stringify(names),
      )
      .map(r => [r.name, r.account]),
  );

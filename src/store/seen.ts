/**
 * Who was refused, from where and how often, in sums: by the hour, by cause, and as a picture of people and addresses.
 * Folded from the event store a moment after it was written, many observations into one row, so that pages read sums and
 * the counting itself pays nothing for them.
 */
import type { Store } from './open.ts';

const HOUR = 3_600_000;

/** At most so many observations in one go: about a fiftieth of a second. */
const STEP = 2000;

/**
 * Takes up to `STEP` observations into the sums, in one transaction with the mark of how far it came.
 * @returns `behind` when there are more
 */
export function fold(store: Store): 'level' | 'behind' {
  const mark = Number(store.get<{ value: number }>("SELECT value FROM meta WHERE key = 'folded'")!.value);
  const newest = Number(store.get<{ id: number | null }>('SELECT max(id) AS id FROM observation')?.id ?? 0);
  if (newest <= mark) return 'level';
  const to = Math.min(newest, mark + STEP);
  store.txUnsynced(() => {
    store.run(
      `INSERT INTO person (name, account, count, first, last)
       SELECT user, max(account), sum(fresh), min(first), max(last) FROM observation
       WHERE id > ? AND id <= ? AND event = 'denied' AND user IS NOT NULL GROUP BY user
       ON CONFLICT DO UPDATE SET account = excluded.account, count = count + excluded.count,
         first = min(first, excluded.first), last = max(last, excluded.last)`,
      mark,
      to,
    );
    store.run(
      `INSERT INTO address (ip, count, first, last)
       SELECT ip, sum(count), min(first), max(last) FROM observation
       WHERE id > ? AND id <= ? AND event = 'denied' AND self_reported = 0 AND ip IS NOT NULL GROUP BY ip
       ON CONFLICT DO UPDATE SET count = count + excluded.count, first = min(first, excluded.first), last = max(last, excluded.last)`,
      mark,
      to,
    );
    store.run(
      `INSERT INTO place (user, hour, ip, count, last)
       SELECT user, last / ${HOUR} * ${HOUR}, ip, sum(count), max(last) FROM observation
       WHERE id > ? AND id <= ? AND event = 'denied' AND self_reported = 0 AND user IS NOT NULL AND ip IS NOT NULL
       GROUP BY 1, 2, 3 ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)`,
      mark,
      to,
    );
    store.run(
      `INSERT INTO incident_hour (hour, incident, event, count)
       SELECT last / ${HOUR} * ${HOUR}, ifnull(incident, 0), event, sum(fresh) FROM observation
       WHERE id > ? AND id <= ? AND fresh > 0 AND (event = 'denied' OR incident IS NOT NULL)
       GROUP BY 1, 2, 3 ON CONFLICT DO UPDATE SET count = count + excluded.count`,
      mark,
      to,
    );
    store.run(
      `INSERT INTO line_hour (hour, event, self_reported, count, last)
       SELECT last / ${HOUR} * ${HOUR}, event, self_reported, sum(count), max(last) FROM observation
       WHERE id > ? AND id <= ? GROUP BY 1, 2, 3
       ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last)`,
      mark,
      to,
    );
    store.run("UPDATE meta SET value = ? WHERE key = 'folded'", to);
  });
  return to < newest ? 'behind' : 'level';
}

/**
 * What was folded of this person for `from` belongs to `into`, whose cause explains it. Call it in the transaction that
 * hands over the observations, before it does: those that are not folded yet go where they are then.
 */
export function handOverSums(store: Store, from: string, into: string, user: string): void {
  const folded = store.all<{ hour: number; event: string; count: number }>(
    `SELECT last / ${HOUR} * ${HOUR} AS hour, event, sum(fresh) AS count FROM observation
     WHERE incident = ? AND user = ? AND fresh > 0 AND id <= (SELECT value FROM meta WHERE key = 'folded') GROUP BY 1, 2`,
    Number(from),
    user,
  );
  for (const { hour, event, count } of folded) {
    store.run(
      'UPDATE incident_hour SET count = max(0, count - ?) WHERE hour = ? AND incident = ? AND event = ?',
      count,
      hour,
      Number(from),
      event,
    );
    store.run(
      'INSERT INTO incident_hour (hour, incident, event, count) VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET count = count + excluded.count',
      hour,
      Number(into),
      event,
      count,
    );
  }
  store.run('DELETE FROM incident_hour WHERE incident = ? AND count = 0', Number(from));
}

/** The cause of an incident, or of the greater one that explains it. */
const CAUSE = 'ifnull(i.cause, (SELECT g.cause FROM incident g WHERE g.id = i.inhibited_by))';

/** Denials by hour and cause since `from`, epoch ms: of everything, of one person, or of one address. */
export function denialsByHour(
  store: Store,
  from: number,
  of: { user?: string; ip?: string; before?: number } = {},
): { hour: number; cause: string | null; count: number }[] {
  if (of.ip !== undefined)
    // Sorted here: SQLite 3.53 takes the order of the inner query for the outer one's, though it is the other way round.
    return store
      .all<{ hour: number; cause: string | null; count: number }>(
        `SELECT hour, NULL AS cause, sum(count) AS count FROM
           (SELECT hour, count FROM place WHERE ip = ? AND hour >= ? ORDER BY hour DESC LIMIT ${MOST}) GROUP BY hour`,
        of.ip,
        from,
      )
      .sort((a, b) => a.hour - b.hour);
  if (of.user !== undefined)
    return store.all(
      `SELECT h.hour, ${CAUSE} AS cause, sum(h.count) AS count FROM hour h LEFT JOIN incident i ON i.id = h.incident
       WHERE h.user = ? AND h.hour >= ? AND h.event = 'denied' GROUP BY h.hour, 2 ORDER BY h.hour`,
      of.user,
      from,
    );
  return store.all(
    `SELECT h.hour, ${CAUSE} AS cause, sum(h.count) AS count FROM incident_hour h LEFT JOIN incident i ON i.id = h.incident
     WHERE h.hour >= ? AND h.hour < ? AND h.event = 'denied' GROUP BY h.hour, 2 ORDER BY h.hour`,
    from,
    of.before ?? Number.MAX_SAFE_INTEGER,
  );
}

const WANTED = '(SELECT value FROM json_each(?2))';

/** What counted into incidents by the hour since `from`, and into those they explain: of these incidents, or of all. */
export const hoursByIncident = (
  store: Store,
  from: number,
  ids?: readonly string[],
): { incident: string; hour: number; count: number }[] =>
  store
    .all<{ incident: number; hour: number; count: number }>(
      `SELECT incident, hour, sum(count) AS count FROM (
         SELECT incident, hour, count FROM incident_hour WHERE hour >= ?1 AND ${ids ? `incident IN ${WANTED}` : 'incident > 0'}
         UNION ALL SELECT i.inhibited_by, h.hour, h.count FROM incident i JOIN incident_hour h ON h.incident = i.id
         WHERE i.inhibited_by ${ids ? `IN ${WANTED}` : 'IS NOT NULL'} AND h.hour >= ?1)
       GROUP BY incident, hour`,
      from,
      ...(ids ? [JSON.stringify(ids.map(Number))] : []),
    )
    .map(r => ({ incident: String(r.incident), hour: Number(r.hour), count: Number(r.count) }));

export interface Cell {
  user: string;
  ip: string;
  count: number;
  /** What the passwd database said of the name when it was seen last. */
  account: string;
}

/** How many of each kind are looked at when the largest are wanted: with fewer than these nothing is left out. */
const RECENT = 40;
const LARGE = 40;
/** Rows of one address that are looked at: enough for any picture, and a bound for a scanner with a million names. */
export const MOST = 20_000;

/**
 * Who was denied from where since `from`: the people and addresses with the latest and with the most denials, with all
 * their counts; complete where fewer were denied.
 */
export function places(store: Store, from: number): Cell[] {
  const names = new Set<string>();
  const take = (rows: { name: string }[]): void => {
    for (const { name } of rows) names.add(name);
  };
  for (const account of ['user', 'unknown', 'system'])
    take(
      store.all(
        `SELECT name FROM person WHERE account = ? AND last >= ? ORDER BY last DESC LIMIT ${RECENT}`,
        account,
        from,
      ),
    );
  take(
    store.all(
      `SELECT name FROM (SELECT name, last FROM person ORDER BY count DESC LIMIT ${LARGE}) WHERE last >= ?`,
      from,
    ),
  );
  const ips = store.all<{ ip: string }>(
    `SELECT ip FROM (SELECT ip FROM address WHERE last >= ? ORDER BY last DESC LIMIT ${RECENT / 2})
     UNION SELECT ip FROM (SELECT ip, last FROM address ORDER BY count DESC LIMIT ${LARGE / 2}) WHERE last >= ?`,
    from,
    from,
  );
  // What makes a scanner visible: one address, many names.
  for (const { ip } of ips)
    take(
      store.all('SELECT DISTINCT user AS name FROM place WHERE ip = ? AND hour >= ? LIMIT 8', ip, from - (from % HOUR)),
    );
  return store
    .all<Cell>(
      `SELECT user, ip, sum(place.count) AS count, account FROM place JOIN person ON person.name = place.user
       WHERE user IN (SELECT value FROM json_each(?)) AND hour >= ?
       GROUP BY user, ip ORDER BY count DESC, user, ip`,
      JSON.stringify([...names]),
      from - (from % HOUR),
    )
    .map(c => ({ ...c }));
}

/** How many people with an account, other names, and addresses were denied since `from`. */
export const seenSince = (store: Store, from: number): { people: number; names: number; addresses: number } => {
  const count = (sql: string, ...values: (string | number)[]): number =>
    Number(store.get<{ n: number }>(sql, ...values)!.n);
  return {
    people: count("SELECT count(*) AS n FROM person WHERE account = 'user' AND last >= ?", from),
    names: count("SELECT count(*) AS n FROM person WHERE account IN ('unknown', 'system') AND last >= ?", from),
    addresses: count('SELECT count(*) AS n FROM address WHERE last >= ?', from),
  };
};

export interface Heard {
  event: string;
  log: 'server' | 'client';
  lines: number;
  last: number;
}

/** What the parser took since `from`, by what the lines say and who wrote them. */
export const heardSince = (store: Store, from: number): Heard[] =>
  store
    .all<{ event: string; self_reported: number; count: number; last: number }>(
      'SELECT event, self_reported, sum(count) AS count, max(last) AS last FROM line_hour WHERE hour >= ? GROUP BY event, self_reported',
      from,
    )
    .map(r => ({
      event: r.event,
      log: r.self_reported ? 'client' : 'server',
      lines: Number(r.count),
      last: Number(r.last),
    }));

/** Incidents per cause that opened since `from`: how many, how many of them are open, and when the last one opened. */
export const causesSince = (
  store: Store,
  from: number,
): { cause: string; incidents: number; open: number; last: number }[] =>
  store
    .all<{ cause: string; incidents: number; open: number; last: number }>(
      `SELECT cause, count(*) AS incidents, sum(state NOT IN ('resolved', 'expired', 'undone')) AS open, max(opened) AS last
       FROM incident WHERE cause IS NOT NULL AND opened >= ? GROUP BY cause`,
      from,
    )
    .map(r => ({ cause: r.cause, incidents: Number(r.incidents), open: Number(r.open), last: Number(r.last) }));

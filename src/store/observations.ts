/**
 * Sources, positions and what was seen. `commitBatch` is where "every line counts exactly once" is decided: a batch is
 * taken only where the last committed one of that source ended, in the transaction that counts it.
 */
import type { Account, Tally } from '../incident.ts';
import type { Batch, StrangeLine } from '../messages.ts';
import type { Row, Store } from './open.ts';
import { handOverSums } from './seen.ts';

export type BatchVerdict =
  | { kind: 'committed'; committed: number }
  /** Seen before, or starts elsewhere: nothing was counted; the agent goes on from `committed`. */
  | { kind: 'misplaced'; committed: number };

const sourceRow = (store: Store, host: string, id: string): { committed: number } | undefined =>
  store.get<{ committed: number }>('SELECT committed FROM source WHERE host = ? AND id = ?', host, id);

/** How far this source has been counted. */
export const committedOf = (store: Store, host: string, id: string): number =>
  sourceRow(store, host, id)?.committed ?? 0;

/** Moves the position of the batch's source. Call it inside the transaction that counts the tallies. */
export function commitBatch(store: Store, now: number, batch: Batch): BatchVerdict {
  const { source } = batch;
  const known = sourceRow(store, batch.host, source.id);
  const committed = known?.committed ?? 0;
  if (batch.from !== committed || batch.to < batch.from) return { kind: 'misplaced', committed };
  const strange = batch.strange ? JSON.stringify(batch.strange) : null;
  if (known)
    store.run(
      'UPDATE source SET committed = ?, path = ?, lines = lines + ?, unparsed = unparsed + ?, cut = cut + ?, bad = bad + ?, strange_json = coalesce(?, strange_json), updated = ? WHERE host = ? AND id = ?',
      batch.to,
      source.path,
      batch.lines,
      batch.unparsed,
      batch.cut,
      batch.bad,
      strange,
      now,
      batch.host,
      source.id,
    );
  else
    store.run(
      'INSERT INTO source (id, host, path, kind, owner, committed, lines, unparsed, cut, bad, strange_json, updated) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)',
      source.id,
      batch.host,
      source.path,
      source.kind,
      source.owner,
      batch.to,
      batch.lines,
      batch.unparsed,
      batch.cut,
      batch.bad,
      strange,
      now,
    );
  return { kind: 'committed', committed: batch.to };
}

export const committedPositions = (store: Store, host: string): { id: string; committed: number }[] =>
  store
    .all<{ id: string; committed: number }>('SELECT id, committed FROM source WHERE host = ?', host)
    .map(r => ({ ...r }));

/** The greater incident `into` counts what `from` had counted so far. */
export function adopt(store: Store, now: number, from: string, into: string): void {
  store.run(
    `INSERT INTO pair (incident, user, ip, endpoint, self_reported, account, count, first, last)
     SELECT ?, user, ip, endpoint, self_reported, account, count, first, last FROM pair WHERE incident = ?
     ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last), first = min(first, excluded.first)`,
    Number(into),
    Number(from),
  );
  store.run(
    `UPDATE incident SET count = count + (SELECT count FROM incident WHERE id = ?),
     users = (SELECT count(DISTINCT user) FROM pair WHERE incident = incident.id AND user <> ''), updated = ? WHERE id = ?`,
    Number(from),
    now,
    Number(into),
  );
}

/** `into`, a new incident of this person alone, counts what `from` had counted of them. */
export function handOver(store: Store, now: number, from: string, into: string, user: string): void {
  handOverSums(store, from, into, user);
  store.run(
    `INSERT INTO pair (incident, user, ip, endpoint, self_reported, account, count, first, last)
     SELECT ?, user, ip, endpoint, self_reported, account, count, first, last FROM pair WHERE incident = ? AND user = ?`,
    Number(into),
    Number(from),
    user,
  );
  for (const table of ['observation', 'hour'])
    store.run(`UPDATE ${table} SET incident = ? WHERE incident = ? AND user = ?`, Number(into), Number(from), user);
  store.run(
    `UPDATE incident SET count = (SELECT max(1, coalesce(sum(count), 0)) FROM hour WHERE incident = ? AND user = ?), users = 1, updated = ? WHERE id = ?`,
    Number(into),
    user,
    now,
    Number(into),
  );
}

export const pairsOf = (store: Store, incident: string, limit = 200): Row[] =>
  store.all('SELECT * FROM pair WHERE incident = ? ORDER BY count DESC, user, ip LIMIT ?', Number(incident), limit);

/** The names an incident's denials were under, each once, the most denials first. */
export const namesOf = (store: Store, incident: string, limit = 200): { name: string; count: number; last: number }[] =>
  store
    .all<{ name: string; count: number; last: number }>(
      `SELECT user AS name, sum(count) AS count, max(last) AS last FROM pair WHERE incident = ?
       GROUP BY user ORDER BY sum(count) DESC, user LIMIT ?`,
      Number(incident),
      limit,
    )
    .map(r => ({ name: r.name, count: Number(r.count), last: Number(r.last) }));

export const samplesOf = (store: Store, incident: string): Row[] =>
  store.all('SELECT * FROM sample WHERE incident = ? ORDER BY id DESC', Number(incident));

/** Of a user's incident: what the name is, and where its denials came from (a client's own log names no address). */
export function whence(store: Store, incident: string): { account: Account; addresses: string[] } {
  const rows = store.all<{ ip: string; account: Account }>(
    'SELECT DISTINCT ip, account FROM pair WHERE incident = ?',
    Number(incident),
  );
  return {
    account: rows.find(r => r.account !== 'unknown')?.account ?? 'unknown',
    addresses: [...new Set(rows.map(r => r.ip))].filter(Boolean),
  };
}

/** People with an account who were hit, most denials first. */
export const knownUsersOf = (store: Store, incident: string, limit = 500): string[] =>
  store
    .all<{ user: string }>(
      "SELECT user FROM pair WHERE incident = ? AND user <> '' AND account = 'user' GROUP BY user ORDER BY sum(count) DESC, user LIMIT ?",
      Number(incident),
      limit,
    )
    .map(r => r.user);

/** Denials of these users (of everybody when empty) after `since`, and when the last of them was: what verification must not see. */
export function denialsSince(
  store: Store,
  users: string[],
  since: number,
): { newDenials: number; lastDenial: number | null } {
  const names = users.map(() => '?').join(',');
  const row = store.get<{ n: number | null; last: number | null }>(
    `SELECT sum(count) AS n, max(last) AS last FROM observation WHERE event = 'denied' AND last > ? ${users.length ? `AND user IN (${names})` : ''}`,
    since,
    ...users,
  );
  return { newDenials: Number(row?.n ?? 0), lastDenial: row?.last ?? null };
}

/** How often these people were refused since: what stands in the scheduler's log and in their own counts once. */
export const askedSince = (store: Store, users: string[], since: number): number =>
  Number(
    store.get<{ n: number | null }>(
      `SELECT sum(n) AS n FROM (SELECT max(sum(iif(self_reported = 0, count, 0)), sum(iif(self_reported = 1, count, 0))) AS n
       FROM observation WHERE event = 'denied' AND first > ? AND user IN (SELECT value FROM json_each(?)) GROUP BY user)`,
      since,
      JSON.stringify(users),
    )?.n ?? 0,
  );

/** What was seen since, newest windows first, for rebuilding the clusters at start. */
export const talliesSince = (store: Store, since: number): Tally[] =>
  store.all('SELECT * FROM observation WHERE last >= ? ORDER BY id', since).map(row => ({
    event: row.event as Tally['event'],
    user: row.user as string | null,
    ip: row.ip as string | null,
    endpoint: row.endpoint as string | null,
    account: row.account as Tally['account'],
    count: Number(row.count),
    first: Number(row.first),
    last: Number(row.last),
    approximate: row.approximate === 1,
    selfReported: row.self_reported === 1,
    sample: '',
    offset: Number(row.offset),
  }));

/** The last denial of a user the server told of, and the last trouble their own client told of. */
export const lastSeen = (
  store: Store,
  user: string,
): { server: number | null; client: number | null; event: string | null; endpoint: string | null } => {
  const server = store.get(
    "SELECT last FROM observation WHERE user = ? AND event = 'denied' AND self_reported = 0 ORDER BY last DESC LIMIT 1",
    user,
  );
  const client = store.get(
    "SELECT last, event, endpoint FROM observation WHERE user = ? AND self_reported = 1 AND event <> 'succeeded' ORDER BY last DESC, id DESC LIMIT 1",
    user,
  );
  return {
    server: server ? Number(server.last) : null,
    client: client ? Number(client.last) : null,
    event: client ? String(client.event) : null,
    endpoint: client ? (client.endpoint as string | null) : null,
  };
};

/** What an incident's log lines told of last. */
export const lastEvent = (store: Store, incident: string): string | null =>
  store.get<{ event: string }>(
    `SELECT event FROM observation o JOIN
       (SELECT nullif(user, '') AS user, last FROM pair WHERE incident = ? ORDER BY last DESC LIMIT 1) p
     ON o.user IS p.user AND o.last = p.last ORDER BY o.id DESC LIMIT 1`,
    Number(incident),
  )?.event ?? null;

/**
 * When this user's own client last told of a success. Its times have whole seconds: where it told of nothing after that,
 * the success counts as the end of its second, so that it is later than a refusal within it.
 */
export function lastOwnSuccess(store: Store, user: string): number | null {
  const at = store.get<{ at: number | null }>(
    "SELECT max(last) AS at FROM observation WHERE user = ? AND event = 'succeeded'",
    user,
  )?.at;
  if (at == null) return null;
  const told = store.get<{ event: string }>(
    'SELECT event FROM observation WHERE user = ? AND self_reported = 1 ORDER BY last DESC, id DESC LIMIT 1',
    user,
  );
  return told?.event === 'succeeded' ? Math.floor(Number(at) / 1000) * 1000 + 999 : Number(at);
}

/** When our test jobs last showed that this user can work. */
export const lastProof = (store: Store, user: string): number | null =>
  store.get<{ at: number | null }>(
    "SELECT max(updated) AS at FROM incident WHERE kind = 'user' AND key = ? AND state = 'resolved'",
    user,
  )?.at ?? null;

/** What was read of one file, all its generations together. */
export interface ReadLines {
  host: string;
  path: string;
  lines: number;
  /** Those not understood, the broken ones among them, and those too long to be kept whole. */
  unparsed: number;
  bad: number;
  cut: number;
  /** The latest that was not understood. */
  strange: StrangeLine | null;
}

export const linesByPath = (store: Store): ReadLines[] =>
  store
    .all(
      // `strange_json` is that of the row with the greatest time.
      `SELECT host, path, sum(lines) AS lines, sum(unparsed) AS unparsed, sum(bad) AS bad, sum(cut) AS cut, strange_json,
       max(iif(strange_json IS NULL, NULL, updated)) FROM source GROUP BY host, path`,
    )
    .map(r => ({
      host: String(r.host),
      path: String(r.path),
      lines: Number(r.lines),
      unparsed: Number(r.unparsed),
      bad: Number(r.bad),
      cut: Number(r.cut),
      strange: r.strange_json === null ? null : (JSON.parse(String(r.strange_json)) as StrangeLine),
    }));

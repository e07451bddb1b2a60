/**
 * The journal: every transition and every act of a person, chained by digest, so that a changed row is found.
 * Appended in the transaction of the change it tells of, never by itself. How far it went stands in `meta`, so that
 * newest entries that were taken out are missed.
 */
import { canonical, chainDigest } from '../digest.ts';
import type { Row, Store } from './open.ts';

export interface JournalEntry {
  seq: number;
  time: string;
  actor: string;
  what: string;
  incident: string | null;
  plan: string | null;
  before: unknown;
  after: unknown;
  previous: string;
  digest: string;
}

const GENESIS = '0'.repeat(64);

/** Numbers an entry can have; SQLite knows others. */
export const NUMBERS = `seq BETWEEN 1 AND ${Number.MAX_SAFE_INTEGER}`;
const COLUMNS =
  'seq, time, actor, what, CAST(incident AS TEXT) AS incident, plan, before_json, after_json, previous, digest';

/** The state an entry says an incident came to, or came from; null where it says none, or its bytes are damaged. */
export const stateIn = (column: 'before_json' | 'after_json'): string =>
  `CASE WHEN json_valid(${column}) THEN json_extract(${column}, '$.state') END`;

/** The number of the newest entry that was ever written; 0 in a store that no one wrote to since this is kept. */
const writtenSoFar = (store: Store): number =>
  Number(store.get<{ value: number }>("SELECT value FROM meta WHERE key = 'journal'")?.value ?? 0);

/** The number of the newest entry that is there, however somebody numbered one behind our back; 0 where there is none. */
export const newestEntry = (store: Store): number =>
  Number(store.get<{ seq: number | null }>(`SELECT max(seq) AS seq FROM journal WHERE ${NUMBERS}`)?.seq ?? 0);

export function record(
  store: Store,
  now: number,
  entry: {
    actor: string;
    what: string;
    incident?: string | null;
    plan?: string | null;
    before?: unknown;
    after?: unknown;
  },
): void {
  const last = store.get<{ seq: number; digest: string }>(
    `SELECT seq, digest FROM journal WHERE ${NUMBERS} ORDER BY seq DESC LIMIT 1`,
  );
  const full = {
    // Never a number that was given before: where newest entries were taken out a gap stays.
    seq: Math.max(last?.seq ?? 0, writtenSoFar(store)) + 1,
    time: new Date(now).toISOString(),
    actor: entry.actor,
    what: entry.what,
    incident: entry.incident ?? null,
    plan: entry.plan ?? null,
    before: entry.before ?? null,
    after: entry.after ?? null,
    previous: last?.digest ?? GENESIS,
  };
  store.run(
    'INSERT INTO journal (seq, time, actor, what, incident, plan, before_json, after_json, previous, digest) VALUES (?,?,?,?,?,?,?,?,?,?)',
    full.seq,
    full.time,
    full.actor,
    full.what,
    full.incident === null ? null : Number(full.incident),
    full.plan,
    canonical(full.before),
    canonical(full.after),
    full.previous,
    chainDigest(full),
  );
  store.run(
    "INSERT INTO meta (key, value) VALUES ('journal', ?) ON CONFLICT DO UPDATE SET value = excluded.value",
    full.seq,
  );
}

/** What a JSON column says; undefined when its bytes are not those that were written, be it by a space. */
function written(bytes: unknown): { value: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(String(bytes));
    return canonical(value) === bytes ? { value } : undefined;
  } catch {
    return undefined;
  }
}

/** The columns of an entry whose bytes are not those that were written. */
const damaged = (row: Row): string[] =>
  (['before_json', 'after_json'] as const).filter(column => written(row[column]) === undefined);

/** An entry that is damaged says so in its words, and nothing of what can't be read. */
function entryOf(row: Row): JournalEntry {
  const [before, after] = [written(row.before_json), written(row.after_json)];
  return {
    seq: Number(row.seq),
    time: String(row.time),
    actor: String(row.actor),
    what: before && after ? String(row.what) : `${row.what} [damaged: ${damaged(row).join(' and ')}]`,
    incident: row.incident as string | null,
    plan: row.plan as string | null,
    before: before?.value ?? null,
    after: after?.value ?? null,
    previous: String(row.previous),
    digest: String(row.digest),
  };
}

export const journalOf = (store: Store, incident: string): JournalEntry[] =>
  store
    .all(`SELECT ${COLUMNS} FROM journal WHERE incident = ? AND ${NUMBERS} ORDER BY seq`, Number(incident))
    .map(entryOf);

const rowsFrom = (store: Store, from: number, limit: number): Row[] =>
  store.all(`SELECT ${COLUMNS} FROM journal WHERE ${NUMBERS} AND seq >= ? ORDER BY seq LIMIT ?`, from, limit);

export const journal = (store: Store, from = 0, limit = 200): JournalEntry[] =>
  (from < 0
    ? store.all(`SELECT ${COLUMNS} FROM journal WHERE ${NUMBERS} ORDER BY seq DESC LIMIT ?`, limit)
    : rowsFrom(store, from, limit)
  ).map(entryOf);

/**
 * Entries below `before` that hold this text in who, what or incident, whose digest begins so, or that belong to one of
 * these incidents; the newest first.
 */
export function searchJournal(
  store: Store,
  text: string,
  before: number | null,
  limit: number,
  incidents: readonly string[] = [],
): JournalEntry[] {
  const plain = text.replace(/[\\%_]/g, '\\$&');
  return store
    .all(
      `SELECT ${COLUMNS} FROM journal WHERE ${NUMBERS} AND seq < ? AND (what LIKE ? ESCAPE '\\' OR actor LIKE ? ESCAPE '\\' OR digest LIKE ? ESCAPE '\\'
       OR incident = ? OR incident IN (SELECT value FROM json_each(?))) ORDER BY seq DESC LIMIT ?`,
      before ?? Number.MAX_SAFE_INTEGER,
      `%${plain}%`,
      `%${plain}%`,
      `${plain}%`,
      /^\d{1,15}$/.test(text) ? Number(text) : -1,
      JSON.stringify(incidents.map(Number)),
      limit,
    )
    .map(entryOf);
}

export type ChainVerdict = { ok: true; entries: number; head: string } | { ok: false; firstBad: number; why: string };

/** How far the chain was walked: entries 1 to `entries` fit together, and the last of them has this digest. */
export interface ChainMark {
  entries: number;
  head: string;
}
export const CHAIN_START: ChainMark = { entries: 0, head: GENESIS };

/** Walks up to `limit` entries on from a mark. Names the first entry that was changed, moved or left out. */
export function walkChain(store: Store, mark: ChainMark, limit: number): ChainVerdict {
  let { entries, head } = mark;
  // Asked before the entries are read: beside a `serve` that writes, there are never fewer of them than it said.
  const [known, stray] = [writtenSoFar(store), strayEntry(store)];
  const rows = rowsFrom(store, entries + 1, limit);
  for (const row of rows) {
    const why = wrongWith(row, entries + 1, head);
    if (why !== null) return { ok: false, firstBad: entries + 1, why };
    head = String(row.digest);
    entries++;
  }
  if (rows.length === limit) return { ok: true, entries, head };
  if (entries < known)
    return { ok: false, firstBad: entries + 1, why: `entry ${entries + 1} is missing: ${known} were written` };
  if (stray !== null) return { ok: false, firstBad: stray, why: 'no entry has such a number: it was put there' };
  return { ok: true, entries, head };
}

/** Why this row is not the entry with that number after this head; null when it is. */
function wrongWith(row: Row, expected: number, head: string): string | null {
  if (row.seq !== expected) return `entry ${expected} is missing`;
  if (row.previous !== head) return 'it does not follow the entry before it';
  const [column] = damaged(row);
  if (column) return `its content was changed: ${column} is not what was written`;
  return chainDigest(entryOf(row)) === row.digest ? null : 'its content was changed';
}

/** A row whose number no entry can have. */
const strayEntry = (store: Store): number | null =>
  store.get<{ seq: number }>(`SELECT CAST(seq AS REAL) AS seq FROM journal WHERE NOT ${NUMBERS} LIMIT 1`)?.seq ?? null;

/** Walks the whole chain from its start. */
export function verifyJournal(store: Store): ChainVerdict {
  let mark = CHAIN_START;
  for (;;) {
    const verdict = walkChain(store, mark, 1000);
    if (!verdict.ok || verdict.entries === mark.entries) return verdict;
    mark = verdict;
  }
}

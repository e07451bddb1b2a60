/**
 * The journal: every transition and every act of a person, chained by digest, so that a changed row is found.
 * Appended in the transaction of the change it tells of, never by itself.
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
  const last = store.get<{ seq: number; digest: string }>('SELECT seq, digest FROM journal ORDER BY seq DESC LIMIT 1');
  const full = {
    seq: (last?.seq ?? 0) + 1,
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
}

const entryOf = (row: Row): JournalEntry => ({
  seq: Number(row.seq),
  time: String(row.time),
  actor: String(row.actor),
  what: String(row.what),
  incident: row.incident === null ? null : String(row.incident),
  plan: row.plan as string | null,
  before: JSON.parse(String(row.before_json)),
  after: JSON.parse(String(row.after_json)),
  previous: String(row.previous),
  digest: String(row.digest),
});

export const journalOf = (store: Store, incident: string): JournalEntry[] =>
  store.all('SELECT * FROM journal WHERE incident = ? ORDER BY seq', Number(incident)).map(entryOf);

export const journal = (store: Store, from = 0, limit = 200): JournalEntry[] =>
  from < 0
    ? store.all('SELECT * FROM journal ORDER BY seq DESC LIMIT ?', limit).map(entryOf)
    : store.all('SELECT * FROM journal WHERE seq >= ? ORDER BY seq LIMIT ?', from, limit).map(entryOf);

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
      `SELECT * FROM journal WHERE seq < ? AND (what LIKE ? ESCAPE '\\' OR actor LIKE ? ESCAPE '\\' OR digest LIKE ? ESCAPE '\\'
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
  for (const entry of journal(store, entries + 1, limit)) {
    const expected = entries + 1;
    if (entry.seq !== expected) return { ok: false, firstBad: expected, why: `entry ${expected} is missing` };
    if (entry.previous !== head)
      return { ok: false, firstBad: entry.seq, why: 'it does not follow the entry before it' };
    if (chainDigest(entry) !== entry.digest) return { ok: false, firstBad: entry.seq, why: 'its content was changed' };
    head = entry.digest;
    entries = expected;
  }
  return { ok: true, entries, head };
}

/** Walks the whole chain from its start. */
export function verifyJournal(store: Store): ChainVerdict {
  let mark = CHAIN_START;
  for (;;) {
    const verdict = walkChain(store, mark, 1000);
    if (!verdict.ok || verdict.entries === mark.entries) return verdict;
    mark = verdict;
  }
}

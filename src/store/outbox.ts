/**
 * What must still be sent: jobs for agents, mails, calls to the second channel. A row is written in the transaction of
 * the change it tells of and rung until it is done; its key makes it once, however often it is asked for.
 */
import type { Row, Store } from './open.ts';

export type Channel = 'job' | 'mail' | 'webhook';

export interface OutboxRow {
  id: number;
  key: string;
  channel: Channel;
  incident: string | null;
  payload: unknown;
  created: number;
  attempts: number;
}

/** @returns false when a row of that key is there already */
export function enqueue(
  store: Store,
  now: number,
  row: { key: string; channel: Channel; incident?: string | null; payload: unknown; due?: number },
): boolean {
  return (
    store.run(
      'INSERT OR IGNORE INTO outbox (key, channel, incident, payload_json, created, due) VALUES (?,?,?,?,?,?)',
      row.key,
      row.channel,
      row.incident == null ? null : Number(row.incident),
      JSON.stringify(row.payload),
      now,
      row.due ?? now,
    ).changes > 0
  );
}

const rowOf = (row: Row): OutboxRow => ({
  id: Number(row.id),
  key: String(row.key),
  channel: row.channel as Channel,
  incident: row.incident === null ? null : String(row.incident),
  payload: JSON.parse(String(row.payload_json)),
  created: Number(row.created),
  attempts: Number(row.attempts),
});

export const dueRows = (store: Store, now: number, channel: Channel, limit = 100): OutboxRow[] =>
  store
    .all(
      'SELECT * FROM outbox WHERE done IS NULL AND due <= ? AND channel = ? ORDER BY due, id LIMIT ?',
      now,
      channel,
      limit,
    )
    .map(rowOf);

export const nextOutboxDue = (store: Store): number | null =>
  store.get<{ due: number | null }>('SELECT min(due) AS due FROM outbox WHERE done IS NULL')?.due ?? null;

export const markDone = (store: Store, now: number, id: number, result: string): void => {
  store.run('UPDATE outbox SET done = ?, result = ? WHERE id = ?', now, result.slice(0, 500), id);
};

/** Tried in vain: 1, 2, 4 … seconds, at most five minutes. */
export const markFailed = (store: Store, now: number, row: OutboxRow, error: string): void => {
  const wait = Math.min(300_000, 1000 * 2 ** Math.min(row.attempts, 9));
  store.run(
    'UPDATE outbox SET attempts = attempts + 1, due = ?, result = ? WHERE id = ?',
    now + wait,
    error.slice(0, 500),
    row.id,
  );
};

/** When mails of this kind of key went out since, for limits. */
export const sentSince = (store: Store, channel: Channel, since: number, keyPrefix: string): number[] =>
  store
    .all<{ done: number }>(
      "SELECT done FROM outbox WHERE channel = ? AND done > ? AND result = 'sent' AND substr(key, 1, ?) = ? ORDER BY done",
      channel,
      since,
      keyPrefix.length,
      keyPrefix,
    )
    .map(r => Number(r.done));

/** How many wait, tried already or not. */
export const waitingRows = (store: Store, channel: Channel): number =>
  Number(store.get<{ n: number }>('SELECT count(*) AS n FROM outbox WHERE done IS NULL AND channel = ?', channel)!.n);

export const pending = (store: Store, channel: Channel): { count: number; oldest: number | null; error: string } => {
  const row = store.get(
    'SELECT count(*) AS n, min(created) AS oldest, max(result) AS error FROM outbox WHERE done IS NULL AND channel = ? AND attempts > 0',
    channel,
  )!;
  return { count: Number(row.n), oldest: row.oldest as number | null, error: String(row.error ?? '') };
};

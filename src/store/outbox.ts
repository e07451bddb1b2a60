/**
 * What must still be sent: jobs for agents, mails, calls to the second channel. A row is written in the transaction of
 * the change it tells of and rung until it is done; its key makes it once, however often it is asked for.
 */
import type { Row, Store } from './open.ts';

/** `mail`: to the administrators and to people; `webhook`: the second channel; `to:NAME`: a receiver of notify.receivers. */
export type Channel = 'job' | 'mail' | 'webhook' | `to:${string}`;

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

/** What is due next, and whether it was tried or held back before. */
export function nextRow(store: Store): { due: number; channel: Channel; carried: 'before' | 'never' } | null {
  const row = store.get<{ due: number; channel: Channel; result: string }>(
    'SELECT due, channel, result FROM outbox WHERE done IS NULL ORDER BY due LIMIT 1',
  );
  return row ? { due: row.due, channel: row.channel, carried: row.result === '' ? 'never' : 'before' } : null;
}

export const markDone = (store: Store, now: number, id: number, result: string): void => {
  store.run('UPDATE outbox SET done = ?, result = ? WHERE id = ?', now, result.slice(0, 500), id);
};

/** Not done: to be carried again at `due`, with what its carrier remembers until then. */
export const markAgain = (store: Store, id: number, due: number, result: string, payload: unknown): void => {
  store.run(
    'UPDATE outbox SET attempts = 0, due = ?, result = ?, payload_json = ? WHERE id = ?',
    due,
    result.slice(0, 500),
    JSON.stringify(payload),
    id,
  );
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

/** What became of a row; null while it is not done. */
export const resultOf = (store: Store, id: number): string | null =>
  store.get<{ result: string }>('SELECT result FROM outbox WHERE id = ? AND done IS NOT NULL', id)?.result ?? null;

/** How many letters were tried in vain and wait. */
export const lettersWaiting = (store: Store): number =>
  Number(
    store.get<{ n: number }>(
      "SELECT count(*) AS n FROM outbox WHERE done IS NULL AND attempts > 0 AND channel NOT IN ('job', 'webhook')",
    )!.n,
  );

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

/** What waits for a receiver that there is no more is not carried by anybody. @returns those rows */
export const dropChannels = (store: Store, now: number, known: readonly string[]): OutboxRow[] =>
  store
    .all(
      `UPDATE outbox SET done = ?, result = 'no such receiver any more'
       WHERE done IS NULL AND channel LIKE 'to:%' AND channel NOT IN (SELECT value FROM json_each(?)) RETURNING *`,
      now,
      JSON.stringify(known),
    )
    .map(rowOf);

/** Rows about ended incidents that are carried again and again (an Alertmanager's) are due at once. */
export const hurryEnded = (store: Store, now: number): number =>
  store.run(
    `UPDATE outbox SET due = ?1 WHERE done IS NULL AND due > ?1 AND attempts = 0 AND channel LIKE 'to:%'
     AND json_extract(payload_json, '$.fired') IS NOT NULL
     AND incident IN (SELECT id FROM incident WHERE state IN ('resolved', 'expired', 'undone'))`,
    now,
  ).changes;

/** The name of a digest that has not gone out yet, if there is one. */
export const openDigest = (store: Store, channel: Channel, keyPrefix: string): string | null =>
  store.get<{ key: string }>(
    'SELECT key FROM outbox WHERE done IS NULL AND channel = ? AND substr(key, 1, ?) = ? ORDER BY id LIMIT 1',
    channel,
    keyPrefix.length,
    keyPrefix,
  )?.key ?? null;

/** The row will be told in the digest of this name. */
export const intoDigest = (store: Store, id: number, digest: string): void => {
  store.run("UPDATE outbox SET payload_json = json_set(payload_json, '$.digest', ?) WHERE id = ?", digest, id);
};

/** The rows that ended in this result and are told in this digest; those of an earlier version don't name it. */
export const rowsIn = (store: Store, digest: OutboxRow, result: string): OutboxRow[] =>
  store
    .all(
      `SELECT * FROM outbox WHERE channel = ? AND done IS NOT NULL AND result = ?
       AND iif(payload_json ->> '$.digest' IS NULL, done >= ?, payload_json ->> '$.digest' = ?) ORDER BY incident, id`,
      digest.channel,
      result,
      digest.created,
      digest.key,
    )
    .map(rowOf);

/** Not done after all: it is carried again, by itself. */
export const reopen = (store: Store, now: number, id: number): void => {
  store.run(
    `UPDATE outbox SET done = NULL, attempts = 0, due = ?, result = '',
     payload_json = json_remove(payload_json, '$.digest') WHERE id = ?`,
    now,
    id,
  );
};

/** When rows of this incident whose key begins so were made and done; `channel` narrows. */
export const rowsOf = (
  store: Store,
  incident: string,
  keyPrefix: string,
  channel?: Channel,
): { channel: Channel; created: number; done: number | null; result: string }[] =>
  store
    .all(
      'SELECT channel, created, done, result FROM outbox WHERE key GLOB ? AND incident = ? ORDER BY id',
      `${keyPrefix}*`,
      Number(incident),
    )
    .map(r => ({
      channel: r.channel as Channel,
      created: Number(r.created),
      done: r.done === null ? null : Number(r.done),
      result: String(r.result),
    }))
    .filter(r => channel === undefined || r.channel === channel);

/** Who was told of an incident, oldest first. `done` is null for what still waits; `result` then is why it failed last. */
export const toldOfIncident = (
  store: Store,
  incident: string,
): { channel: Channel; payload: unknown; created: number; attempts: number; done: number | null; result: string }[] =>
  store.all("SELECT * FROM outbox WHERE incident = ? AND channel <> 'job' ORDER BY id", Number(incident)).map(r => ({
    ...rowOf(r),
    done: r.done === null ? null : Number(r.done),
    result: String(r.result),
  }));

/** Why the last row of a channel was refused for good; null when it went out. @param but letters that are not looked at */
export function refusedLast(store: Store, channel: Channel, but: readonly string[] = []): string | null {
  const last = store.get<{ result: string }>(
    `SELECT result FROM outbox WHERE channel = ? AND done IS NOT NULL AND (result = 'sent' OR result LIKE 'refused%')
     AND coalesce(payload_json ->> '$.letter', '') NOT IN (SELECT value FROM json_each(?)) ORDER BY done DESC, id DESC LIMIT 1`,
    channel,
    JSON.stringify(but),
  );
  return last?.result.startsWith('refused') ? last.result : null;
}

/** How a channel stands: what waits, and why the last row did not go out; null when it did. */
export function standing(store: Store, channel: Channel): { waiting: number; failing: string | null } {
  const tried = store.get<{ result: string }>(
    'SELECT result FROM outbox WHERE done IS NULL AND channel = ? AND attempts > 0 ORDER BY id DESC LIMIT 1',
    channel,
  );
  const waiting = Number(
    store.get<{ n: number }>(
      "SELECT count(*) AS n FROM outbox WHERE done IS NULL AND channel = ? AND (attempts > 0 OR result = '')",
      channel,
    )!.n,
  );
  return { waiting, failing: tried?.result ?? refusedLast(store, channel) };
}

/**
 * Batches that come in parts, because counting them takes longer than anybody else should wait. A part is kept here until
 * all of its batch are here; from then on they are this store's to count, one by one, whatever ends in between.
 */
import type { Batch } from '../messages.ts';
import { unpack } from '../tally-pack.ts';
import { type BatchVerdict, commitBatch, committedOf } from './observations.ts';
import type { Store } from './open.ts';

/** `kept`: others are missing. `committed`: they are all here, and the source's position has moved. */
export type PartVerdict = BatchVerdict | { kind: 'kept' };

/** Keeps a part. Call it inside a transaction. */
export function keepPart(store: Store, now: number, batch: Batch): PartVerdict {
  const { host, from, to } = batch;
  const { id } = batch.source;
  const { n, of } = batch.part!;
  const committed = committedOf(store, host, id);
  if (from !== committed) return { kind: 'misplaced', committed };
  // An agent that was started again cuts what it reads otherwise: of its earlier try nothing was counted.
  store.run(
    'DELETE FROM received WHERE host = ? AND source = ? AND whole = 0 AND (start <> ? OR stop <> ? OR parts <> ?)',
    host,
    id,
    from,
    to,
    of,
  );
  store.run(
    'INSERT OR REPLACE INTO received (host, source, start, stop, part, parts, batch_json) VALUES (?,?,?,?,?,?,?)',
    host,
    id,
    from,
    to,
    n,
    of,
    JSON.stringify(batch),
  );
  const which = [host, id, from] as const;
  const here = store.get<{ n: number }>(
    'SELECT count(*) AS n FROM received WHERE host = ? AND source = ? AND start = ? AND whole = 0',
    ...which,
  )!.n;
  if (Number(here) < of) return { kind: 'kept' };
  store.run('UPDATE received SET whole = 1 WHERE host = ? AND source = ? AND start = ?', ...which);
  return commitBatch(store, now, batch);
}

export interface Part {
  id: number;
  batch: Batch;
  /** Whether it is the last one of its batch, after which the agent is answered. */
  last: boolean;
}

/** The next part to count, or null. */
export function nextPart(store: Store): Part | null {
  const row = store.get<{ id: number; batch_json: string; last: number }>(
    `SELECT id, batch_json, NOT EXISTS
       (SELECT 1 FROM received o WHERE o.host = r.host AND o.source = r.source AND o.start = r.start AND o.id <> r.id) AS last
     FROM received r WHERE whole = 1 ORDER BY id LIMIT 1`,
  );
  if (!row) return null;
  const { packed, ...batch } = JSON.parse(row.batch_json) as Batch;
  if (packed) batch.tallies = unpack(packed);
  return { id: Number(row.id), batch, last: row.last === 1 };
}

/** A part was counted: in the same transaction it goes. */
export const dropPart = (store: Store, { id }: Part): void => void store.run('DELETE FROM received WHERE id = ?', id);

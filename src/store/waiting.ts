/** Since when incidents wait for a person, from the journal; and what was said in it since somebody last read it. */
import type { State } from '../incident.ts';
import type { Store } from './open.ts';

/** States in which nothing goes on before somebody acts. */
export const WAITS: readonly State[] = ['proposed', 'escalated', 'failed', 'not-effective'];

/** When it came to wait, epoch ms, through every change from one such state to another; null while it does not wait. */
export function waitingSince(store: Store, id: string): number | null {
  const rows = store.all<{ time: string; state: State }>(
    `SELECT time, json_extract(after_json, '$.state') AS state FROM journal
     WHERE incident = ? AND json_extract(after_json, '$.state') IS NOT NULL ORDER BY seq DESC`,
    Number(id),
  );
  let since: number | null = null;
  for (const { time, state } of rows) {
    if (!WAITS.includes(state)) break;
    since = Date.parse(time);
  }
  return since;
}

/** Not held, not explained by another incident and left to nobody: silences are not looked at here. */
const UNMUTED = 'inhibited_by IS NULL AND held = 0 AND taken_by IS NULL';

/** Proposals with votes for the plan as it is, how many, and when the last one came, epoch ms. */
export const halfVoted = (store: Store): { id: string; serial: number; votes: number; last: number }[] =>
  store
    .all<{ id: number; serial: number; votes: number; last: number }>(
      `SELECT i.id, i.serial, count(*) AS votes, max(v.at) AS last FROM incident i
       JOIN vote v ON v.incident = i.id AND v.serial = i.serial AND v.decision = 'approve'
       WHERE i.state = 'proposed' AND ${UNMUTED} GROUP BY i.id`,
    )
    .map(r => ({ ...r, id: String(r.id) }));

/** So many incidents above `after` that were open at `before` already and wait for somebody, by id. */
export const waiting = (store: Store, before: number, after: string, limit: number): string[] =>
  store
    .all<{ id: number }>(
      `SELECT id FROM incident WHERE state IN (SELECT value FROM json_each(?)) AND opened <= ? AND id > ? AND ${UNMUTED}
       ORDER BY id LIMIT ?`,
      JSON.stringify(WAITS),
      before,
      Number(after),
      limit,
    )
    .map(r => String(r.id));

/**
 * Incidents that came to this state since the last call, each once over restarts: how far the journal was read is kept
 * beside it. What happened before the first call is not told. Call it in a transaction with what follows from it.
 */
export function newlyIn(store: Store, state: State): string[] {
  const mark = `read-${state}`;
  const head = Number(store.get<{ seq: number | null }>('SELECT max(seq) AS seq FROM journal')?.seq ?? 0);
  const known = store.get<{ value: number }>('SELECT value FROM meta WHERE key = ?', mark);
  if (known && Number(known.value) === head) return [];
  store.run('INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT DO UPDATE SET value = excluded.value', mark, head);
  if (!known) return [];
  return store
    .all<{ incident: number }>(
      `SELECT DISTINCT incident FROM journal
       WHERE seq > ? AND incident IS NOT NULL AND json_extract(after_json, '$.state') = ? ORDER BY seq`,
      Number(known.value),
      state,
    )
    .map(r => String(r.incident));
}

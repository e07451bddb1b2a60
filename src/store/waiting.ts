/** Since when incidents wait for a person, from the journal; and what was said in it since somebody last read it. */
import type { State } from '../incident.ts';
import { NUMBERS, newestEntry, stateIn } from './journal.ts';
import type { Store } from './open.ts';

/** States in which nothing goes on before somebody acts. */
export const WAITS: readonly State[] = ['proposed', 'escalated', 'failed', 'not-effective'];

/** How the journal says that somebody who had taken an incident over left it to Readmit again. */
export const GIVEN_BACK = 'gave it back to Readmit';

/**
 * Since when it waits for somebody who can know of it, epoch ms, through every change from one such state to another; null
 * while it does not wait. Nobody is waited for who had taken it over, or from whom a silence or a maintenance kept it.
 */
export function waitingSince(store: Store, id: string): number | null {
  const rows = store.all<{ time: string; state: State | null }>(
    `SELECT time, ${stateIn('after_json')} AS state FROM journal
     WHERE incident = ? AND (${stateIn('after_json')} IS NOT NULL OR substr(what, 1, ?) = ?) ORDER BY seq DESC`,
    Number(id),
    GIVEN_BACK.length,
    GIVEN_BACK,
  );
  let since: number | null = null;
  for (const { time, state } of rows) {
    if (state !== null && !WAITS.includes(state)) break;
    since = Date.parse(time);
    if (state === null) break;
  }
  if (since === null) return null;
  // One that its receiver did not take so far is held back by nobody: others must hear of it.
  const alerts = store.get<{ told: number; held: number; last: number | null }>(
    `SELECT sum(done IS NOT NULL) AS told, sum(done IS NULL AND attempts = 0 AND payload_json ->> '$.heldBack' = 1) AS held,
     max(iif(payload_json ->> '$.heldBack' = 1, done, NULL)) AS last FROM outbox WHERE incident = ? AND key GLOB ?`,
    Number(id),
    `alert-${id}*`,
  )!;
  return alerts.held && !alerts.told ? null : Math.max(since, Number(alerts.last ?? 0));
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
  const head = newestEntry(store);
  const known = store.get<{ value: number }>('SELECT value FROM meta WHERE key = ?', mark);
  if (known && Number(known.value) === head) return [];
  store.run('INSERT INTO meta (key, value) VALUES (?,?) ON CONFLICT DO UPDATE SET value = excluded.value', mark, head);
  if (!known) return [];
  return store
    .all<{ incident: string }>(
      `SELECT DISTINCT CAST(incident AS TEXT) AS incident FROM journal
       WHERE ${NUMBERS} AND seq > ? AND incident IS NOT NULL AND ${stateIn('after_json')} = ? ORDER BY seq`,
      Number(known.value),
      state,
    )
    .map(r => r.incident);
}

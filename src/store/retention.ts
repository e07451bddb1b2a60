/**
 * Lets go of what is old: single observations, once they are in the sums, and raw lines of incidents that are over. The
 * hours, of which every week is made, stay. A step is a few hundred rows, so that no batch waits for it.
 */
import type { Store } from './open.ts';

const STEP = 500;

/**
 * One step, in one transaction.
 * @param before epoch ms; what is older goes
 * @returns `more` when there may be more to let go of
 */
export function letGo(store: Store, before: number): 'more' | 'done' {
  return store.tx(() => {
    const observations = store.run(
      `DELETE FROM observation WHERE id IN (SELECT id FROM observation
         WHERE last < ? AND id <= (SELECT value FROM meta WHERE key = 'folded') ORDER BY last LIMIT ${STEP})`,
      before,
    ).changes;
    const lines = store.run(
      `DELETE FROM sample WHERE id IN (SELECT s.id FROM sample s JOIN incident i ON i.id = s.incident
         WHERE s.at < ? AND i.state IN ('resolved', 'expired', 'undone') ORDER BY s.at LIMIT ${STEP})`,
      before,
    ).changes;
    return observations === STEP || lines === STEP ? 'more' : 'done';
  });
}

/**
 * What follows commits, once per turn of the event loop, however many there were: where something may have become due,
 * it is done; and the pages are told what changed, a few times a second at most. A flood of commits that only count is
 * asked nothing.
 */
import type { Store } from '../store/open.ts';

const TELL_EVERY_MS = 100;
/** Incidents of which it is remembered what the pages were told last. */
const TOLD_KEPT = 5000;

/**
 * @param work does what is due
 * @param changed told the ids of incidents of which a page would show something else than before
 */
export function afterCommits(store: Store, work: () => void, changed: (ids: string[]) => void): void {
  let planned = false;
  let telling = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  let seen = 0;
  const told = new Map<number, string>();
  const tell = (): void => {
    telling = false;
    if (!store.db.isOpen) return;
    toldAt = performance.now();
    const rows = store.all<{ id: number; updated: number; shown: string }>(
      `SELECT id, updated, json_array(state, cause, count, users, serial, inhibited_by, held, taken_by, title, note) AS shown
       FROM incident WHERE updated >= ? ORDER BY updated DESC LIMIT 1000`,
      seen,
    );
    seen = Number(rows[0]?.updated ?? seen);
    // Most looks at an incident change nothing that a page shows; only what does is told.
    const fresh = rows.filter(r => told.get(r.id) !== r.shown);
    if (told.size > TOLD_KEPT) told.clear();
    for (const r of fresh) told.set(r.id, r.shown);
    if (fresh.length) changed(fresh.map(r => String(r.id)));
  };
  store.onCommit = () => {
    if (planned) return;
    planned = true;
    setImmediate(() => {
      planned = false;
      // What was committed last may be what ended us.
      if (!store.db.isOpen) return;
      if (store.takeDueSet()) work();
      if (telling) return;
      const wait = toldAt + TELL_EVERY_MS - performance.now();
      if (wait <= 0) return tell();
      telling = true;
      setTimeout(tell, wait).unref();
    });
  };
}

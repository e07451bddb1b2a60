/**
 * What `/metrics` tells, counted from the store. A scrape comes every few seconds, so that what only grows is added up
 * once and then read on from where it ended.
 */
import type { State } from '../../incident.ts';
import { agentRows } from '../../store/desk-rows.ts';
import { NUMBERS, newestEntry } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import type { Numbers } from '../../web/api/parts.ts';

const HOUR = 3_600_000;
/** Hours older than this are added up once an hour; a line that is read later than that is counted then. */
const SETTLED_MS = 48 * HOUR;
/** Several scrapes in a moment get the same answer. */
const KEEP_MS = 1000;

type Observed = Numbers['observations'];

export function numbersOf(store: Store, now: () => number): () => Numbers {
  const seen = observations(store, now);
  const access = timesToAccess(store);
  let last: { at: number; numbers: Numbers } | null = null;
  return () => {
    const at = now();
    if (last && at >= last.at && at - last.at < KEEP_MS) return last.numbers;
    last = { at, numbers: { ...stateOfThings(store), observations: seen(), access: access() } };
    return last.numbers;
  };
}

const stateOfThings = (store: Store): Omit<Numbers, 'observations' | 'access'> => ({
  incidents: store
    .all('SELECT kind, state, count(*) AS n FROM incident GROUP BY kind, state')
    .map(r => ({ kind: String(r.kind), state: r.state as State, count: Number(r.n) })),
  outbox: store
    .all('SELECT channel, count(*) AS n, min(created) AS oldest FROM outbox WHERE done IS NULL GROUP BY channel')
    .map(r => ({ channel: String(r.channel), count: Number(r.n), oldest: Number(r.oldest) })),
  votes: store
    .all('SELECT decision, count(*) AS n FROM vote GROUP BY decision')
    .map(r => ({ decision: String(r.decision), count: Number(r.n) })),
  runs: store
    .all(
      "SELECT what, json_extract(outcome_json, '$.result') AS outcome, count(*) AS n FROM run WHERE outcome_json IS NOT NULL GROUP BY what, outcome",
    )
    .map(r => ({ what: String(r.what), outcome: String(r.outcome), count: Number(r.n) })),
  executors: agentRows(store).map(a => ({
    host: a.host,
    status: String((a.health as { executor?: string }).executor ?? 'unknown'),
    seen: a.seen,
  })),
  grants: Number(store.get<{ n: number }>('SELECT count(*) AS n FROM access_grant WHERE ended IS NULL')!.n),
});

function observations(store: Store, now: () => number): () => Observed {
  const between = (from: number, to: number): Observed =>
    store
      .all(
        'SELECT event, account, sum(count) AS n FROM hour WHERE hour >= ? AND hour < ? GROUP BY event, account',
        from,
        to,
      )
      .map(r => ({ event: String(r.event), account: String(r.account), count: Number(r.n) }));
  let settled: { until: number; rows: Observed } = { until: Number.NaN, rows: [] };
  return () => {
    const until = Math.floor((now() - SETTLED_MS) / HOUR) * HOUR;
    if (settled.until !== until) settled = { until, rows: between(0, until) };
    const sums = new Map<string, Observed[number]>();
    for (const row of [...settled.rows, ...between(until, Number.MAX_SAFE_INTEGER)]) {
      const key = `${row.event} ${row.account}`;
      sums.set(key, { ...row, count: row.count + (sums.get(key)?.count ?? 0) });
    }
    return [...sums.values()];
  };
}

/** Every incident of people that ended with access, as seconds since it opened; the journal is read on from its last entry. */
function timesToAccess(store: Store): () => readonly number[] {
  const times: number[] = [];
  let read = 0;
  return () => {
    const rows = store.all<{ seq: number; opened: number; at: string }>(
      `SELECT j.seq, i.opened, j.time AS at FROM journal j JOIN incident i ON i.id = j.incident
       WHERE j.${NUMBERS} AND j.seq > ? AND j.after_json = '{"state":"resolved"}' AND i.kind <> 'address' ORDER BY j.seq`,
      read,
    );
    for (const row of rows) times.push(Math.max(0, Date.parse(row.at) - Number(row.opened)) / 1000);
    read = newestEntry(store);
    return times;
  };
}

/**
 * What one batch counts. Its observations are written one by one; what they add up to, by the hour, by the pair and by
 * the incident, is written once, at its end. It lives inside the transaction that moves the batch's position.
 */
import type { EventName, Tally } from '../incident.ts';
import type { SourceRef } from '../messages.ts';
import type { Store } from './open.ts';

const HOUR = 3_600_000;

/** One row of `hour` to be. */
interface HourSum {
  hour: number;
  event: EventName;
  user: string;
  ip: string;
  account: Tally['account'];
  selfReported: number;
  incident: number;
  count: number;
}

/** What an incident gains. */
interface IncidentSum {
  count: number;
  last: number;
  /** Names met in this batch, and how many of them the incident did not have. */
  users: Set<string>;
  newUsers: number;
}

export class Counting {
  readonly #store: Store;
  readonly #now: number;
  readonly #host: string;
  readonly #source: Pick<SourceRef, 'id' | 'path'>;
  readonly #hours = new Map<string, HourSum>();
  readonly #incidents = new Map<number, IncidentSum>();

  constructor(store: Store, now: number, host: string, source: Pick<SourceRef, 'id' | 'path'>) {
    this.#store = store;
    this.#now = now;
    this.#host = host;
    this.#source = source;
  }

  /**
   * Counts one tally.
   * @param fresh how many of it the other log has not told of: only these are counted by the hour and by the incident
   * @param incident the one that explains it, if any
   */
  take(t: Tally, fresh: number, incident: string | null): void {
    const id = incident === null ? null : Number(incident);
    this.#store.run(
      'INSERT INTO observation (host, source, event, user, ip, endpoint, account, count, fresh, first, last, approximate, self_reported, offset, incident) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)',
      this.#host,
      this.#source.id,
      t.event,
      t.user,
      t.ip,
      t.endpoint,
      t.account,
      t.count,
      fresh,
      Math.round(t.first),
      Math.round(t.last),
      t.approximate ? 1 : 0,
      t.selfReported ? 1 : 0,
      t.offset,
      id,
    );
    if (fresh > 0) this.#addHour(t, fresh, id ?? 0);
    if (id !== null) this.#addInto(t, fresh, id);
  }

  #addHour(t: Tally, fresh: number, incident: number): void {
    const hour = Math.floor(t.last / HOUR) * HOUR;
    const selfReported = t.selfReported ? 1 : 0;
    const key = `${hour} ${t.event} ${t.user ?? ''} ${t.ip ?? ''} ${selfReported} ${incident}`;
    const known = this.#hours.get(key);
    if (known) known.count += fresh;
    else {
      const { event, account } = t;
      const sum = { hour, event, user: t.user ?? '', ip: t.ip ?? '', account, selfReported, incident, count: fresh };
      this.#hours.set(key, sum);
    }
  }

  #addInto(t: Tally, fresh: number, id: number): void {
    const sum = this.#incidents.get(id) ?? { count: 0, last: 0, users: new Set(), newUsers: 0 };
    this.#incidents.set(id, sum);
    sum.count += fresh;
    sum.last = Math.max(sum.last, Math.round(t.last));
    if (t.user && !sum.users.has(t.user)) {
      sum.users.add(t.user);
      if (!this.#store.get('SELECT 1 FROM pair WHERE incident = ? AND user = ? LIMIT 1', id, t.user)) sum.newUsers++;
    }
    if (t.endpoints) for (const [endpoint, count] of t.endpoints) this.#addPair(t, endpoint, count, id);
    else this.#addPair(t, t.endpoint, t.count, id);
    keepSample(this.#store, id, this.#source.path, t);
  }

  #addPair(t: Tally, endpoint: string | null, count: number, id: number): void {
    this.#store.run(
      `INSERT INTO pair (incident, user, ip, endpoint, self_reported, account, count, first, last) VALUES (?,?,?,?,?,?,?,?,?)
       ON CONFLICT DO UPDATE SET count = count + excluded.count, last = max(last, excluded.last), first = min(first, excluded.first),
         account = iif(excluded.account = 'unknown', account, excluded.account)`,
      id,
      t.user ?? '',
      t.ip ?? '',
      endpoint ?? '',
      t.selfReported ? 1 : 0,
      t.account,
      count,
      Math.round(t.first),
      Math.round(t.last),
    );
  }

  /** Writes what was added up. Call it at the end of the batch, and before anybody reads the sums of an incident. */
  settle(): void {
    for (const h of this.#hours.values())
      this.#store.run(
        `INSERT INTO hour (hour, host, event, user, ip, account, self_reported, incident, count) VALUES (?,?,?,?,?,?,?,?,?)
         ON CONFLICT DO UPDATE SET count = count + excluded.count`,
        h.hour,
        this.#host,
        h.event,
        h.user,
        h.ip,
        h.account,
        h.selfReported,
        h.incident,
        h.count,
      );
    for (const [id, sum] of this.#incidents)
      this.#store.run(
        'UPDATE incident SET count = count + ?, users = users + ?, last = max(last, ?), updated = ? WHERE id = ?',
        sum.count,
        sum.newUsers,
        sum.last,
        this.#now,
        id,
      );
    this.#hours.clear();
    this.#incidents.clear();
  }
}

const SAMPLES_KEPT = 20;
/** Incidents that have all the samples they may have; asked for once, not for every tally. */
const full = new WeakMap<Store, Set<number>>();
const FULL_KEPT = 10_000;

/** Keeps the raw line while the incident has few. */
function keepSample(store: Store, id: number, path: string, t: Tally): void {
  const known = full.get(store) ?? new Set();
  full.set(store, known);
  if (known.has(id) || t.sample === '') return;
  const { n } = store.get<{ n: number }>('SELECT count(*) AS n FROM sample WHERE incident = ?', id)!;
  if (n < SAMPLES_KEPT) {
    const trust = t.selfReported ? 'user-written' : 'server';
    const values = [id, t.sample, path, t.offset, Math.round(t.last), trust];
    store.run('INSERT INTO sample (incident, line, source, offset, at, trust) VALUES (?,?,?,?,?,?)', ...values);
    return;
  }
  if (known.size > FULL_KEPT) known.clear();
  known.add(id);
}

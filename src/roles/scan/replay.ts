/**
 * What the detector would have opened: the counts of a scan are played to it in the order of their times, those without a
 * time in the order of the lines, as spread over the time in which their file was written.
 */
import { type ClusterRef, Clusters, type Limits } from '../../detect/cluster.ts';
import { type Account, EVENTS, type EventName, type Meaning, type Tally } from '../../incident.ts';
import type { Counter } from './count.ts';

export interface FoundIncident extends ClusterRef {
  count: number;
}

export interface ReplayOptions {
  limits: Limits;
  events: Partial<Record<EventName, Meaning>>;
  /** What a name is; null: everybody is a known local user. */
  account: ((name: string) => Account) | null;
  /** Between which times the lines without one were written. */
  from: number;
  until: number;
}

/** The incidents that would have opened, the greatest first. */
export function replay(counter: Counter, options: ReplayOptions): FoundIncident[] {
  const clusters = new Clusters(options.limits, { events: options.events });
  const found = new Map<string, FoundIncident>();
  for (const tally of inOrder(counter, options)) {
    for (const verdict of clusters.observe(tally, tally.last)) {
      if (verdict.kind === 'open' && !found.has(nameOf(verdict.incident)))
        found.set(nameOf(verdict.incident), { ...verdict.incident, count: verdict.count - tally.count });
      if (verdict.kind === 'counted') explainedBy(verdict.into, found, verdict.fresh);
    }
  }
  return [...found.values()].sort(
    (a, b) => b.count - a.count || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.kind < b.kind ? -1 : 1),
  );
}

const nameOf = (ref: ClusterRef): string => `${ref.kind} ${ref.key}`;

/** One incident explains a denial: the service's before the user's, the user's before an address's. */
function explainedBy(into: readonly ClusterRef[], found: ReadonlyMap<string, FoundIncident>, count: number): void {
  for (const kind of ['service', 'user', 'address'] as const)
    for (const ref of into) {
      const incident = ref.kind === kind ? found.get(nameOf(ref)) : undefined;
      if (!incident) continue;
      incident.count += count;
      return;
    }
}

/** One tally from its numbers; of a client that names nobody it is still known that somebody real was there. */
function tallyOf(
  counter: Counter,
  options: ReplayOptions,
  row: {
    event: EventName;
    user: number;
    ip: number;
    client: boolean;
    count: number;
    first: number;
    last: number;
    approximate: boolean;
  },
): Tally {
  const { users, addresses } = counter.parser.vocabulary;
  const user = users.texts[row.user] || null;
  return {
    event: row.event,
    user,
    ip: addresses.texts[row.ip] || null,
    endpoint: null,
    account: user === null || !options.account ? 'user' : options.account(user),
    count: row.count,
    first: row.first,
    last: row.last,
    approximate: row.approximate,
    selfReported: row.client,
    sample: '',
    offset: 0,
  };
}

function* inOrder(counter: Counter, options: ReplayOptions): Generator<Tally> {
  yield* timed(counter, options);
  yield* untimed(counter, options);
}

/**
 * What is left of the denials without those that have a time, by user, address and log, in the order they were first seen.
 * Where everybody is known, no address can be probing, and the users are all there is to tell apart.
 */
function* untimed(counter: Counter, options: ReplayOptions): Generator<Tally> {
  const { denials, moments, seen } = counter;
  const addresses = counter.parser.vocabulary.addresses.texts.length;
  const keyOf = (user: number, ip: number, what: number): number =>
    (user * addresses + (options.account ? ip : 0)) * 2 + (what & 1);
  const groups = new Map<number, { user: number; ip: number; client: boolean; count: number; seen: number }>();
  for (let row = 0; row < denials.size; row++) {
    const [user, ip, what, count] = [
      denials.get(row, 0),
      denials.get(row, 1),
      denials.get(row, 2),
      denials.get(row, 3),
    ];
    const group = groups.get(keyOf(user, ip, what));
    if (group) {
      group.count += count;
      group.seen = Math.min(group.seen, seen.get(row));
    } else
      groups.set(keyOf(user, ip, what), {
        user,
        ip: options.account ? ip : 0,
        client: (what & 1) === 1,
        count,
        seen: seen.get(row),
      });
  }
  for (let row = 0; row < moments.size; row++) {
    if (moments.get(row, 3) === 0 || EVENTS[moments.get(row, 2) >> 1] !== 'denied') continue;
    const group = groups.get(keyOf(moments.get(row, 0), moments.get(row, 1), moments.get(row, 2)));
    if (group) group.count -= moments.get(row, 4);
  }
  const times = { first: options.from, last: options.until, approximate: true };
  for (const group of [...groups.values()].sort((a, b) => a.seen - b.seen))
    if (group.count > 0) yield tallyOf(counter, options, { event: 'denied', ...group, ...times });
}

/** In the order of their times; what has none comes last, since its file was written on until then. */
const placeOf = (second: number): number => (second === 0 ? Number.MAX_SAFE_INTEGER : second >>> 0);

/** Of the same second: by name, for which thread met whom first is chance. @returns the place of a moment's user among all */
function ranksOf({ moments, parser }: Counter): (row: number) => number {
  if (moments.size < 2) return () => 0;
  const { texts } = parser.vocabulary.users;
  const ranks = new Uint32Array(texts.length);
  const inOrder = texts.map((_, user) => user).sort((a, b) => (texts[a]! < texts[b]! ? -1 : 1));
  for (const [rank, user] of inOrder.entries()) ranks[user] = rank;
  return row => ranks[moments.get(row, 0)]!;
}

function* timed(counter: Counter, options: ReplayOptions): Generator<Tally> {
  const { moments, step } = counter;
  const rank = ranksOf(counter);
  const rows = Uint32Array.from({ length: moments.size }, (_, row) => row).sort(
    (a, b) => placeOf(moments.get(a, 3)) - placeOf(moments.get(b, 3)) || rank(a) - rank(b) || a - b,
  );
  for (const row of rows) {
    const second = moments.get(row, 3) >>> 0;
    const what = moments.get(row, 2);
    const times =
      second === 0
        ? { first: options.from, last: options.until }
        : { first: second * 1000, last: (second + step - 1) * 1000 };
    yield tallyOf(counter, options, {
      event: EVENTS[what >> 1]!,
      user: moments.get(row, 0),
      ip: moments.get(row, 1),
      client: (what & 1) === 1,
      count: moments.get(row, 4),
      ...times,
      approximate: second === 0 || step > 1,
    });
  }
}

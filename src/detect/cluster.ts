/**
 * Counts denials by user, by address and for the service as a whole, in sliding windows, and says which incidents should
 * be open. Pure: the time comes in with each observation, nothing is stored, and memory is bounded whatever names a
 * stranger invents. Saying "open" twice is harmless: whoever keeps the incidents opens each once.
 */

import { Addresses, addressKey } from '../addresses.ts';
import type { Account, EventName, IncidentKind, Meaning, Tally } from '../incident.ts';
import { Recent } from './recent.ts';
import { Sketch } from './sketch.ts';
import { Count, NamesSeen } from './window.ts';

/** The thresholds: `detect` of the configuration; times in seconds. */
export interface Limits {
  window: number;
  unknownThreshold: number;
  serviceUsers: number;
  serviceWindow: number;
  addressNames: number;
  sharedAddresses: string[];
  maxClusters: number;
}

export interface ClusterRef {
  kind: IncidentKind;
  key: string;
}

export type OpenReason =
  /** A known user was denied: once is enough. */
  | 'known-user-denied'
  /** A known user met something else that keeps them from working; `event` says what. */
  | 'known-user-in-trouble'
  /** A name nobody has was denied `unknownThreshold` times. */
  | 'unknown-name-repeated'
  /** `serviceUsers` different known users within `serviceWindow`. */
  | 'many-users-denied'
  /** A client could not reach the service at all. */
  | 'service-unavailable'
  /** One address, many names, most of them nobody's. */
  | 'probing';

export type Verdict =
  /** This incident should be open; it may be already. `count`: denials in its window, `users`: how many different people or names. */
  | { kind: 'open'; incident: ClusterRef; because: OpenReason; event: EventName; count: number; users: number }
  /**
   * Belongs to these incidents, where they are open. `fresh` is how many of the tally are new; `twice` when none is, because
   * the other log has told of the same denials.
   */
  | { kind: 'counted'; into: ClusterRef[]; fresh: number; twice?: true }
  | { kind: 'below-threshold'; cluster: ClusterRef; count: number; threshold: number }
  | { kind: 'ignored'; because: 'system-account' | 'not-a-denial' | 'no-name' | 'other-bucket' };

/** The meanings of an OpenClaw's events, when no pack says otherwise. */
const USUAL: Record<EventName, Meaning> = {
  denied: 'denial',
  'auth-failed': 'trouble',
  'job-invalid': 'trouble',
  'queue-full': 'trouble',
  unavailable: 'outage',
  succeeded: 'nothing',
  error: 'nothing',
};

/** A denial in both logs arrives within this time (ms), and then is one. */
export const SAME_DENIAL = 10_000;

interface UserCluster {
  count: Count;
  last: number;
  /** Denials that only one log has told of so far: positive from the server's, negative from the user's own. */
  untold: number;
}
interface AddressCluster {
  count: Count;
  last: number;
  names: NamesSeen<Account>;
}

export class Clusters {
  private readonly limits: Limits;
  private readonly service: ClusterRef;
  private readonly meanings: Record<EventName, Meaning>;
  private readonly shared: Addresses;
  private readonly known: Recent<UserCluster>;
  private readonly unknown: Recent<UserCluster>;
  private readonly addresses: Recent<AddressCluster>;
  /** Known users denied within the service's window, and how often. */
  private readonly hit: NamesSeen<null>;
  private readonly hits: Count;
  private readonly sketch = new Sketch();
  private folded = 0;
  private clock = 0;
  private forgot = 0;

  /**
   * @param options.unit the key of service incidents, usually the scheduler's unit
   * @param options.events what each event means, from the packs' `detect.yaml`
   */
  constructor(limits: Limits, options: { unit?: string; events?: Partial<Record<EventName, Meaning>> } = {}) {
    this.limits = limits;
    this.service = { kind: 'service', key: options.unit ?? 'claw-scheduler' };
    this.meanings = { ...USUAL, ...options.events };
    this.shared = new Addresses(limits.sharedAddresses);
    // Invented names and their addresses can't push out a person: each kind has room of its own.
    const share = Math.max(1, Math.floor(limits.maxClusters / 3));
    const fold = (key: string): void => {
      this.folded++;
      this.sketch.add(key);
    };
    this.known = new Recent(Math.max(1, limits.maxClusters - 2 * share), fold);
    this.unknown = new Recent(share, fold);
    this.addresses = new Recent(share, fold);
    this.hits = new Count(limits.serviceWindow * 1000);
    this.hit = new NamesSeen(limits.serviceWindow * 1000, Math.max(limits.serviceUsers, limits.maxClusters));
  }

  /** Live clusters kept one by one. */
  get size(): number {
    return this.known.size + this.unknown.size + this.addresses.size;
  }

  /** Clusters folded away for want of room, and about how many different ones they were. */
  get other(): { count: number; distinct: number } {
    return { count: this.folded, distinct: this.sketch.count };
  }

  /** Takes one tally. @param now arrival (live) or the line's time (replay), epoch ms; it never runs backwards here */
  observe(tally: Tally, now: number): Verdict[] {
    this.clock = Math.max(this.clock, now);
    this.forget(this.clock);
    const meaning = this.meanings[tally.event];
    if (meaning === 'nothing') return [{ kind: 'ignored', because: 'not-a-denial' }];
    if (meaning === 'outage') return this.outage(tally);
    if (tally.user === null) return [{ kind: 'ignored', because: 'no-name' }];
    if (meaning === 'trouble') return this.trouble(tally, tally.user);
    return this.denial(tally, tally.user, this.clock);
  }

  /** Fills the windows again after a start. Nothing is opened by it: the incidents are in the store. */
  restore(tallies: readonly Tally[], now: number): void {
    for (const tally of [...tallies].sort((a, b) => a.last - b.last)) this.observe(tally, Math.min(tally.last, now));
  }

  /** Drops what was quiet for longer than its window. `observe` does it too. */
  forget(now: number): void {
    // What is a little too old does no harm: the counts have windows of their own.
    if (now < this.forgot + this.limits.window * 100) return;
    this.forgot = now;
    const before = now - this.limits.window * 1000;
    const old = (cluster: { last: number }): boolean => cluster.last < before;
    this.known.prune(old);
    this.unknown.prune(old);
    this.addresses.prune(old);
  }

  private outage(tally: Tally): Verdict[] {
    if (tally.account !== 'user')
      return [{ kind: 'ignored', because: tally.account === 'system' ? 'system-account' : 'no-name' }];
    return [
      this.open(this.service, 'service-unavailable', tally, tally.count, tally.user ? 1 : 0),
      { kind: 'counted', into: [this.service], fresh: tally.count },
    ];
  }

  private trouble(tally: Tally, user: string): Verdict[] {
    if (tally.account === 'system') return [{ kind: 'ignored', because: 'system-account' }];
    if (tally.account === 'unknown') return [{ kind: 'ignored', because: 'no-name' }];
    const incident: ClusterRef = { kind: 'user', key: user };
    return [
      this.open(incident, 'known-user-in-trouble', tally, tally.count, 1),
      { kind: 'counted', into: [incident], fresh: tally.count },
    ];
  }

  private denial(tally: Tally, user: string, now: number): Verdict[] {
    const by = this.addressVerdict(tally, user, now);
    if (tally.account === 'system') {
      const counted: Verdict[] = by.into.length ? [{ kind: 'counted', into: by.into, fresh: tally.count }] : [];
      return [...by.verdicts, { kind: 'ignored', because: 'system-account' }, ...counted];
    }
    const kept = tally.account === 'user' ? this.known : this.unknown;
    const cluster = kept.use(user, () => ({ count: new Count(this.limits.window * 1000), last: now, untold: 0 }));
    const fresh = tally.count - told(cluster, tally, now);
    cluster.last = now;
    const own: ClusterRef = { kind: 'user', key: user };
    const count = cluster.count.add(fresh, now);
    const verdicts = [...by.verdicts];
    const into = [...by.into, own];
    if (tally.account === 'user') {
      const storm = this.storm(tally, user, fresh, now);
      if (storm) {
        verdicts.push(storm);
        into.unshift(this.service);
      } else verdicts.push(this.open(own, 'known-user-denied', tally, count, 1));
    } else if (count >= this.limits.unknownThreshold)
      verdicts.push(this.open(own, 'unknown-name-repeated', tally, count, 1));
    else verdicts.push({ kind: 'below-threshold', cluster: own, count, threshold: this.limits.unknownThreshold });
    verdicts.push({ kind: 'counted', into, fresh, ...(fresh === 0 ? { twice: true as const } : {}) });
    return verdicts;
  }

  /**
   * The service incident, while many known users are denied at once. Denials whose times are only known to lie somewhere
   * in a longer stretch don't show that.
   */
  private storm(tally: Tally, user: string, fresh: number, now: number): Verdict | null {
    const atOnce = !tally.approximate || tally.last - tally.first <= this.limits.serviceWindow * 1000;
    if (!atOnce) return null;
    this.hit.add(user, null, now);
    const count = this.hits.add(fresh, now);
    const users = this.hit.size(now);
    return users < this.limits.serviceUsers ? null : this.open(this.service, 'many-users-denied', tally, count, users);
  }

  private addressVerdict(tally: Tally, user: string, now: number): { verdicts: Verdict[]; into: ClusterRef[] } {
    // A client log tells no address, and nobody's own log may speak of another's.
    if (tally.ip === null || tally.selfReported || this.shared.has(tally.ip)) return { verdicts: [], into: [] };
    const { window, addressNames } = this.limits;
    const ref: ClusterRef = { kind: 'address', key: addressKey(tally.ip) };
    const cluster = this.addresses.use(ref.key, () => ({
      count: new Count(window * 1000),
      last: now,
      names: new NamesSeen<Account>(window * 1000, Math.max(16, addressNames * 2)),
    }));
    cluster.last = now;
    cluster.names.add(user, tally.account, now);
    const count = cluster.count.add(tally.count, now);
    const names = cluster.names.size(now);
    const people = cluster.names.count(account => account === 'user');
    if (names < addressNames || people * 2 >= names) return { verdicts: [], into: [ref] };
    return { verdicts: [this.open(ref, 'probing', tally, count, names)], into: [ref] };
  }

  private open(incident: ClusterRef, because: OpenReason, tally: Tally, count: number, users: number): Verdict {
    return { kind: 'open', incident, because, event: tally.event, count, users };
  }
}

/**
 * How many of a tally the other log has told of already. The scheduler's log and the user's own tell of the same denial
 * within seconds and in either order: whichever comes second finds the first and takes it off.
 */
function told(cluster: UserCluster, tally: Tally, now: number): number {
  if (now - cluster.last > SAME_DENIAL) cluster.untold = 0;
  const sign = tally.selfReported ? -1 : 1;
  const same = Math.min(tally.count, Math.max(0, -sign * cluster.untold));
  cluster.untold += sign * tally.count;
  return same;
}

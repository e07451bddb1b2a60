/**
 * Takes in what the agents read: commits each batch with its position and its counts in one transaction, lets the
 * detector say what it means, and acknowledges. A batch that comes twice is recognised and counted once; one that is too
 * large for a transaction comes in parts, which are kept first and then counted one by one.
 */
import { setTimeout as pause, setImmediate as yieldNow } from 'node:timers/promises';
import type { Logger } from 'pino';
import { addressKey } from '../../addresses.ts';
import type { Config } from '../../config/config.ts';
import type { Clusters, OpenReason, Verdict } from '../../detect/cluster.ts';
import { type IncidentKind, isEnded, type State, type Tally } from '../../incident.ts';
import type { AgentMessage, Batch } from '../../messages.ts';
import { Counting } from '../../store/counting.ts';
import { maintenance } from '../../store/desk-rows.ts';
import {
  type IncidentRecord,
  type IncidentRef,
  liveIncidents,
  newestId,
  newestRef,
  openIncident,
  refOf,
  update,
  wake,
} from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import { commitBatch, committedOf, talliesSince } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { dropPart, keepPart, nextPart, type Part } from '../../store/received.ts';
import { explain, explainsNobody, isExplained } from './gathering.ts';

export interface IntakeParts {
  store: Store;
  config: Config;
  now: () => number;
  /** Milliseconds that only go forward: windows run on them, whatever the clock of the machine is set to. */
  steady?: () => number;
  log: Logger;
  /** Makes empty clusters; they are filled again from the store at start and after a failed transaction. */
  clusters(): Clusters;
  send(host: string, message: AgentMessage): Promise<void>;
  /** Resolves when no message waits that could be taken at once. */
  quiet(): Promise<void>;
}

const RETRY_MS = 1000;
/** So many keys without an incident are remembered, most of them addresses. */
const MOST_NONE = 10_000;
/** The next part comes within this time, or there is none. */
const REST_MS = 1000;
/** Parts are counted in one transaction for so long: what they change in the same pages is then written once. */
const TOGETHER_MS = 8;
/** Other messages go before the parts of a large batch, which is not put off for longer than this for one of its parts. */
const PATIENCE_MS = 30;

export class Intake {
  readonly #p: Required<IntakeParts>;
  /** What `now` said when `steady` said 0. */
  readonly #began: number;
  #clusters: Clusters;
  /** Incidents asked for while one batch is counted; nobody else writes meanwhile. */
  readonly #newest = new Map<string, IncidentRef | undefined>();
  /** Keys that had no incident when `#newestId` was the newest. */
  readonly #none = new Set<string>();
  #newestId = 0;
  /** What the batch adds up to so far. */
  #counting: Counting | null = null;
  #partAt = Number.NEGATIVE_INFINITY;
  #parts: 'at rest' | 'counting' | 'stopped' = 'at rest';

  constructor(parts: IntakeParts) {
    this.#p = { steady: () => performance.now(), ...parts };
    this.#began = this.#p.now() - this.#p.steady();
    this.#clusters = this.#restored();
  }

  /** Time for the windows: what the clock would say, had nobody set it since the start. */
  #arrival(): number {
    return this.#began + this.#p.steady();
  }

  #restored(): Clusters {
    const { store, config, now } = this.#p;
    const clusters = this.#p.clusters();
    const arrival = this.#arrival();
    const set = arrival - now();
    const tallies = talliesSince(store, now() - config.detect.window * 1000);
    clusters.restore(set === 0 ? tallies : tallies.map(tally => ({ ...tally, last: tally.last + set })), arrival);
    return clusters;
  }

  async take(batch: Batch): Promise<void> {
    const { store, now, log } = this.#p;
    if (batch.part) this.#partAt = performance.now();
    const verdict = this.#written(batch.part ? 'unsynced' : 'synced', () => {
      if (batch.part) return keepPart(store, now(), batch);
      const place = commitBatch(store, now(), batch);
      if (place.kind === 'committed') this.#countAll(batch);
      return place;
    });
    if (verdict.kind === 'kept') return;
    const { committed } = verdict;
    // A batch in parts is acknowledged when it has been counted: its agent sends no more of it than that.
    if (verdict.kind === 'committed' && batch.part) return this.countParts();
    if (verdict.kind === 'misplaced')
      log.debug({ source: batch.source.id, from: batch.from, committed }, 'batch seen before or out of place');
    await this.#acknowledge(batch, committed);
  }

  #acknowledge({ host, source }: Batch, committed: number): Promise<void> {
    return this.#p.send(host, { name: 'ack', data: { v: 1, source: source.id, committed } });
  }

  /** One transaction that counts. */
  #written<T>(disk: 'synced' | 'unsynced', count: () => T): T {
    const { store } = this.#p;
    const body = (): T => {
      this.#lookAgain();
      return count();
    };
    try {
      return disk === 'synced' ? store.tx(body) : store.txUnsynced(body);
    } catch (error) {
      // The clusters may have counted what the store has not.
      this.#clusters = this.#restored();
      throw error;
    }
  }

  /** What was known of incidents may not be so any more. */
  #lookAgain(): void {
    this.#newest.clear();
    const newest = newestId(this.#p.store);
    if (newest === this.#newestId && this.#none.size < MOST_NONE) return;
    this.#newestId = newest;
    this.#none.clear();
  }

  #countAll({ host, source, tallies }: Batch): void {
    const { store, now } = this.#p;
    this.#counting = new Counting(store, now(), host, source);
    for (const tally of tallies) this.#count(host, tally);
    this.#counting.settle();
  }

  // ------------------------------------------------------------ batches in parts

  /** Counts the parts that are kept, each in a transaction of its own; between two of them others have their turn. */
  countParts(): void {
    if (this.#parts !== 'at rest') return;
    this.#parts = 'counting';
    void this.#countKept().catch(error => {
      // A full disk, most likely: what is kept is not lost.
      this.#p.log.warn({ reason: (error as Error).message }, 'parts of a batch are not counted yet');
      setTimeout(() => this.#again(), RETRY_MS).unref();
    });
  }

  /** No large batch is coming in or being counted. */
  get atRest(): boolean {
    return this.#parts === 'at rest' && performance.now() - this.#partAt > REST_MS;
  }

  #again(): void {
    if (this.#parts === 'stopped') return;
    this.#parts = 'at rest';
    this.countParts();
  }

  async #countKept(): Promise<void> {
    const { store, log } = this.#p;
    await yieldNow();
    for (let part = this.#nextPart(); part; part = this.#nextPart()) {
      const { batch, last } = part;
      this.#written(last ? 'synced' : 'unsynced', () => this.#countFrom(part!));
      if (last)
        await this.#acknowledge(batch, committedOf(store, batch.host, batch.source.id)).catch(error =>
          // The agent asks again.
          log.debug({ reason: (error as Error).message }, 'not acknowledged'),
        );
      await this.#giveWay();
    }
    if (this.#parts === 'counting') this.#parts = 'at rest';
  }

  /** This part and those after it, while there is time, but not the last of a batch: its transaction waits for the disk. */
  #countFrom(first: Part): void {
    const { store } = this.#p;
    const end = performance.now() + TOGETHER_MS;
    for (let part: Part | null = first; part; part = performance.now() < end ? this.#nextPart() : null) {
      if (part !== first && part.last) return;
      this.#countAll(part.batch);
      dropPart(store, part);
    }
  }

  /** Lines that come in as they are written are counted between two transactions. */
  #giveWay(): Promise<void> {
    return Promise.race([this.#p.quiet(), pause(PATIENCE_MS, undefined, { ref: false })]);
  }

  #nextPart(): Part | null {
    return this.#parts === 'counting' ? nextPart(this.#p.store) : null;
  }

  /** What is kept is counted after the next start. */
  stop(): void {
    this.#parts = 'stopped';
  }

  /** The newest incident of this key, ended or not. */
  #last(kind: IncidentKind, key: string, host: string): IncidentRef | undefined {
    const name = `${kind} ${host} ${key}`;
    if (this.#none.has(name)) return undefined;
    if (!this.#newest.has(name)) {
      const newest = newestRef(this.#p.store, kind, key, host);
      if (!newest) this.#none.add(name);
      this.#newest.set(name, newest);
    }
    return this.#newest.get(name);
  }

  #live(kind: IncidentKind, key: string, host: string): IncidentRef | undefined {
    const last = this.#last(kind, key, host);
    return last && !isEnded(last.state) ? last : undefined;
  }

  /** The greater one counts what the smaller one did; what was known of both is asked anew. */
  #explain(greater: IncidentRecord | IncidentRef, smaller: IncidentRecord | IncidentRef, latest?: Tally): void {
    const { store, now } = this.#p;
    if (!isExplained(store, greater, smaller, latest)) return;
    this.#counting?.settle();
    explain(store, now(), greater, smaller);
    this.#lookAgain();
  }

  #count(host: string, tally: Tally): void {
    const verdicts = this.#clusters.observe(tally, this.#arrival());
    const incident = this.#incidentFor(host, tally, verdicts);
    // What both logs told of is one denial.
    const fresh = verdicts.find(v => v.kind === 'counted')?.fresh ?? tally.count;
    this.#counting!.take(tally, fresh, incident?.id ?? null);
    if (tally.event === 'succeeded') this.#workedAgain(host, tally);
    if (incident) this.#askedAgain(incident);
  }

  /** The incident that explains this observation: a greater one before a smaller one; opened when the detector says so. */
  #incidentFor(host: string, tally: Tally, verdicts: Verdict[]): IncidentRef | null {
    for (const v of verdicts) if (v.kind === 'open') this.#open(host, tally, v);
    // Counted there, so that what made it their own stands there too.
    const freed = this.#ownAgain(host, tally);
    if (freed && verdicts.some(v => v.kind === 'counted' && isOf(v.into, tally.user))) return freed;
    this.#ownInstead(host, tally, verdicts);
    const keys = verdicts.flatMap(v => (v.kind === 'open' ? [v.incident] : v.kind === 'counted' ? v.into : []));
    const live = [...new Set(keys.map(k => this.#live(k.kind, k.key, host)))].filter(i => i !== undefined);
    const order = ['service', 'address', 'user'];
    live.sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind));
    const [explains, ...others] = live;
    if (!explains) return null;
    // Whose own cause was found is counted there, while nobody knows what the greater one is.
    const own = others.find(i => i.kind === 'user' && i.inhibitedBy === null && i.cause !== null);
    if (own && explainsNobody(explains)) return own;
    // An address explains the names it invented, never a person: what they met from there is theirs.
    const person = explains.kind === 'address' && tally.account === 'user' ? others.find(i => i.kind === 'user') : null;
    if (person) return person;
    for (const other of others) this.#explain(explains, other, tally);
    return explains;
  }

  /**
   * Whom an address explained as a name it invented: with an account it explains them no longer, nor when they come from
   * elsewhere, where nobody else tries names.
   */
  #ownAgain(host: string, tally: Tally): IncidentRef | null {
    const { store, now } = this.#p;
    const own = tally.user === null ? undefined : this.#live('user', tally.user, host);
    const greater = own?.inhibitedBy ? refOf(store, own.inhibitedBy) : undefined;
    if (!own || greater?.kind !== 'address') return null;
    const isElsewhere = tally.ip !== null && !this.#live('address', addressKey(tally.ip), host);
    if (tally.account !== 'user' && (tally.account !== 'unknown' || !isElsewhere)) return null;
    const what = `incident ${own.inhibitedBy} does not explain this one: ${tally.account === 'user' ? 'the name has an account' : 'it came from elsewhere too'}`;
    update(store, now(), own.id, { inhibitedBy: null, due: now() });
    record(store, now(), { actor: 'readmit', what, incident: own.id });
    this.#lookAgain();
    return { ...own, inhibitedBy: null };
  }

  /** A storm that was looked at and was none, or that nobody can explain, keeps nobody from an incident of their own. */
  #ownInstead(host: string, tally: Tally, verdicts: Verdict[]): void {
    const storm = verdicts.find(v => v.kind === 'open' && v.because === 'many-users-denied');
    if (storm?.kind !== 'open' || tally.user === null) return;
    const { kind, key } = storm.incident;
    const live = this.#live(kind, key, host);
    if (live && !explainsNobody(live)) return;
    this.#open(host, tally, { ...storm, incident: { kind: 'user', key: tally.user }, because: 'known-user-denied' });
  }

  #open(host: string, tally: Tally, verdict: Extract<Verdict, { kind: 'open' }>): void {
    const { store, now, config } = this.#p;
    const { kind, key } = verdict.incident;
    const last = this.#last(kind, key, host);
    if (last && !isEnded(last.state)) return;
    // What happened before the last one ended is not news, and neither is the same scanner coming back at once.
    // The times in a person's own log have whole seconds.
    const latest = tally.selfReported ? tally.last + 999 : tally.last;
    if (last && latest < last.updatedMs) return;
    if (verdict.because === 'service-unavailable') {
      // Whose own client is the matter has an incident for that; it is looked at anew, should the service be down too.
      const own = tally.user === null ? undefined : this.#live('user', tally.user, host);
      if (own && last?.state === 'expired') return wake(store, now(), own.id);
    } else if (last && last.state !== 'resolved' && now() - last.updatedMs < this.#quietMs(kind)) return;
    const held = maintenance(store) !== null;
    const opened = openIncident(store, now(), {
      kind,
      key,
      host,
      event: tally.event,
      because: BECAUSE[verdict.because],
      held,
    });
    this.#lookAgain();
    // Those whose own incidents opened before it was clear that everybody is concerned, or that the name is one of many.
    const lately = kind === 'service' ? config.detect.serviceWindow : config.detect.window;
    if (kind !== 'user')
      for (const own of liveIncidents(store))
        if (own.host === host && now() - own.openedMs <= lately * 1000) this.#explain(opened, own);
  }

  /** Somebody who is waited for works again: their incident is looked at now, not when its time comes. */
  #workedAgain(host: string, { user }: Tally): void {
    const { store, now } = this.#p;
    const own = user === null ? undefined : this.#live('user', user, host);
    if (own?.inhibitedBy === null && WAITED_FOR.includes(own.state)) wake(store, now(), own.id);
  }

  /** Whoever was let in and is refused again is heard at once, and a storm soon after one that was none. */
  #quietMs(kind: IncidentKind): number {
    const { quiet, serviceWindow } = this.#p.config.detect;
    switch (kind) {
      case 'user':
        return 0;
      case 'service':
        return Math.min(quiet, serviceWindow) * 1000;
      case 'address':
        return quiet * 1000;
      default:
        return kind satisfies never;
    }
  }

  /** A denied or advised person who tries again is counted, not offered again; a live look is taken at the rest. */
  #askedAgain(incident: IncidentRef): void {
    if (incident.state === 'not-effective' || incident.state === 'failed')
      wake(this.#p.store, this.#p.now() + 1000, incident.id);
  }
}

/** Counted for this person, and for no service. */
const isOf = (into: readonly { kind: IncidentKind; key: string }[], user: string | null): boolean =>
  into.some(k => k.kind === 'user' && k.key === user) && !into.some(k => k.kind === 'service');

const BECAUSE: Record<OpenReason, string> = {
  'known-user-denied': 'a person with an account was refused',
  'known-user-in-trouble': "a person's own client met an error",
  'unknown-name-repeated': 'a name nobody has was refused again and again',
  'many-users-denied': 'many people were refused at once',
  'service-unavailable': 'a client could not reach the service',
  probing: 'one address tried many names',
};

/** States in which nothing of ours is under way: our own test jobs succeed too, and must not call for the next ones. */
const WAITED_FOR: readonly State[] = ['proposed', 'advised', 'escalated', 'denied', 'failed', 'not-effective'];

/**
 * Decides when each log is looked at. Events only wake: chokidar holds them back and loses some, and on network file
 * systems none comes. The scheduler's log, which grows all day, has a watch of its own that tells of every write: chokidar
 * would look at it at each, for more than reading it costs. Any other log that grew is read again every few milliseconds
 * until it was quiet for a second, and a sweep finds what no event announced. The scheduler's log has a lane of its own, so
 * that nothing in anybody's home keeps it waiting, and so have logs on network file systems: a dead server stops nobody
 * else. The timers of the tailer are all here.
 */
import { type Stats, type FSWatcher as Watch, watch as watchDirectory } from 'node:fs';
import { basename, dirname } from 'node:path';
import { setTimeout as pause, setImmediate as yieldNow } from 'node:timers/promises';
import { type FSWatcher, watch } from 'chokidar';
import { networkDisk } from './disk.ts';
import type { Tail, Turn } from './tail.ts';

export interface WakerOptions {
  poll: (tail: Tail) => Promise<Turn>;
  /** Called after every look that may have brought something to send. */
  after: () => void;
  sweepMs: number;
  idleSweepMs: number;
  steady: () => number;
  /** What should not happen, and is not fatal. */
  trouble: (error: Error) => void;
}

const HOT_MS = 1000;
const SHORTEST_MS = 3;
/** Reading hot logs again and again may take a fifth of a core when nothing else limits it. */
const REST_RATIO = 4;
/** The loop is given back after so long. */
const SLICE_MS = 5;
/** So many network logs are looked at at once: a hanging one holds a thread of the pool, and there are four. */
const NETWORK_LANES = 2;
const HOUR_MS = 3_600_000;
const RECENT_MS = 60_000;

interface Followed {
  tail: Tail;
  lane: LaneName;
  disk: 'local' | 'network';
  events: 'watched' | 'none';
  hotUntil: number;
  busy: 'yes' | 'no';
  /** What a first look finds was there before: it does not mean that somebody writes now. */
  first: 'yes' | 'no';
  /** The next look was asked for by a watch that tells of every write: there is no need to look again unasked. */
  told: 'yes' | 'no';
  /** Steady time. */
  lookedAt: number;
}

type LaneName = 'server' | 'home' | 'network';

/** Logs to look at now, logs that grew within the last second, and who sleeps until there is one of them. */
class Lane {
  woken = new Set<Followed>();
  hot = new Set<Followed>();
  sleepers: (() => void)[] = [];

  ring(): void {
    for (const wake of this.sleepers.splice(0)) wake();
  }
}

export class Waker {
  #o: WakerOptions;
  #followed = new Map<string, Followed>();
  #lanes: Record<LaneName, Lane> = { server: new Lane(), home: new Lane(), network: new Lane() };
  #watcher: FSWatcher | null = null;
  /** Of the scheduler's log: of its directory, which sees it come back after a rotation. */
  #server: Watch | null = null;
  #inotify: 'room' | 'full' = 'room';
  #toWatch: string[] = [];
  #sweep: NodeJS.Timeout | null = null;
  /** Looked at in every sweep. */
  #lively = new Set<Followed>();
  /** All logs, in the order in which the sweeps come to them, and how far they came; null when one was added or went. */
  #round: Followed[] | null = null;
  #swept = 0;
  #stopped: 'yes' | 'no' = 'no';
  #running: Promise<void>[] = [];

  constructor(options: WakerOptions) {
    this.#o = options;
  }

  start(): void {
    this.#watcher = watch([], {
      followSymlinks: false,
      depth: 0,
      ignoreInitial: true,
      atomic: false,
      ignored: path => !this.#followed.has(path),
    });
    this.#watcher.on('all', (_event, path) => this.wakePath(path));
    this.#watcher.on('error', error => this.#failed(error as NodeJS.ErrnoException));
    const lanes: LaneName[] = ['server', 'home', ...new Array<'network'>(NETWORK_LANES).fill('network')];
    this.#running = lanes.map(lane => this.#run(lane));
    this.#sweep = setInterval(() => void this.#sweepAll().catch(this.#o.trouble), this.#o.sweepMs);
  }

  async stop(): Promise<void> {
    this.#stopped = 'yes';
    if (this.#sweep) clearInterval(this.#sweep);
    for (const lane of Object.values(this.#lanes)) lane.ring();
    this.#server?.close();
    await this.#watcher?.close();
    // A lane that hangs in a dead file system is not waited for.
    await Promise.race([Promise.all(this.#running), pause(1000, undefined, { ref: false })]);
  }

  /** Follows a log from now on; its first look comes at once. */
  add(tail: Tail): void {
    const { path, kind } = tail.place;
    const disk = tail.place.disk === networkDisk ? 'network' : 'local';
    const followed: Followed = {
      tail,
      lane: kind === 'server' ? kind : disk === 'network' ? disk : 'home',
      disk,
      events: 'none',
      hotUntil: 0,
      busy: 'no',
      first: 'yes',
      told: 'no',
      lookedAt: 0,
    };
    this.#followed.set(path, followed);
    this.#round = null;
    this.#once(followed);
  }

  remove(path: string): void {
    const followed = this.#followed.get(path);
    if (!followed) return;
    this.#followed.delete(path);
    this.#lively.delete(followed);
    this.#round = null;
    const { woken, hot } = this.#lanes[followed.lane];
    woken.delete(followed);
    hot.delete(followed);
    if (followed.events === 'watched') void this.#watcher?.unwatch(path);
  }

  wake(tail: Tail): void {
    this.wakePath(tail.place.path);
  }

  wakePath(path: string): void {
    const followed = this.#followed.get(path);
    if (followed) this.#heat(followed);
  }

  /** An event, or somebody who knows: looked at now, and again for a second. */
  #heat(followed: Followed): void {
    followed.hotUntil = this.#o.steady() + HOT_MS;
    this.#lanes[followed.lane].hot.add(followed);
    this.#once(followed);
  }

  /** Looked at once, with a rest in between: a writer may write a hundred thousand times a second. */
  #soon(followed: Followed): void {
    if (followed.told === 'yes') return;
    followed.told = 'yes';
    const rest = followed.lookedAt + SHORTEST_MS - this.#o.steady();
    if (rest > 0) setTimeout(() => this.#once(followed), rest);
    else this.#once(followed);
  }

  /** Looked at once; it becomes hot if there is something. */
  #once(followed: Followed): void {
    if (!this.#isFollowed(followed)) return;
    const lane = this.#lanes[followed.lane];
    lane.woken.add(followed);
    lane.ring();
  }

  // ------------------------------------------------------------ reading

  /** One lane: what was woken at once, what is hot in turns with a rest in between; sleeps when there is neither. */
  async #run(lane: LaneName): Promise<void> {
    const { woken, hot } = this.#lanes[lane];
    let due = 0;
    while (this.#stopped === 'no') {
      const wait = woken.size > 0 ? 0 : hot.size > 0 ? due - this.#o.steady() : Number.POSITIVE_INFINITY;
      if (wait > 0) {
        await this.#sleep(lane, wait);
        continue;
      }
      const set = woken.size > 0 ? woken : hot;
      const started = this.#o.steady();
      const again = await this.#pass(set, hot);
      this.#o.after();
      const now = this.#o.steady();
      if (set === hot)
        due = again === 'more' ? now : now + Math.max(SHORTEST_MS, Math.min(100, REST_RATIO * (now - started)));
      else if (again === 'more') due = now;
      if (again === 'more') await yieldNow();
    }
  }

  /** Until somebody rings, or so many milliseconds. */
  async #sleep(lane: LaneName, ms: number): Promise<void> {
    await new Promise<void>(wake => {
      const { sleepers } = this.#lanes[lane];
      const timer = Number.isFinite(ms) ? setTimeout(wake, Math.max(1, ms)) : null;
      sleepers.push(() => {
        if (timer) clearTimeout(timer);
        wake();
      });
    });
  }

  /** Every log of the set once. A log that grows without end gets no more than its turn. */
  async #pass(set: Set<Followed>, hot: Set<Followed>): Promise<'more' | 'done'> {
    let again: 'more' | 'done' = 'done';
    let sliceEnd = this.#o.steady() + SLICE_MS;
    for (const followed of [...set]) {
      if (set !== hot) set.delete(followed);
      if (followed.busy === 'yes' || this.#stopped === 'yes' || !this.#isFollowed(followed)) continue;
      followed.busy = 'yes';
      let turn: Turn = 'idle';
      const { told } = followed;
      followed.told = 'no';
      try {
        turn = await this.#o.poll(followed.tail);
      } catch (error) {
        this.#o.trouble(error as Error);
      } finally {
        followed.busy = 'no';
      }
      const now = this.#o.steady();
      followed.lookedAt = now;
      // Its owner went while it was looked at.
      if (!this.#isFollowed(followed)) continue;
      if (turn === 'more') again = 'more';
      if (turn === 'more' || (turn === 'grew' && followed.first === 'no' && told === 'no')) {
        followed.hotUntil = now + HOT_MS;
        hot.add(followed);
      }
      // What is paused is woken by the acknowledgement it waits for.
      else if (turn === 'paused' || now >= followed.hotUntil) hot.delete(followed);
      followed.first = 'no';
      this.#listen(followed);
      if (this.#often(followed)) this.#lively.add(followed);
      if (now >= sliceEnd) {
        this.#o.after();
        await yieldNow();
        sliceEnd = this.#o.steady() + SLICE_MS;
      }
    }
    return again;
  }

  /** Its owner may have gone since, or another one may have come. */
  #isFollowed(followed: Followed): boolean {
    return this.#followed.get(followed.tail.place.path) === followed;
  }

  // ------------------------------------------------------------ events

  /** Asks for events of a log that is there, and gives them up when it is gone: the sweep finds it when it comes back. */
  #listen(followed: Followed): void {
    const { tail } = followed;
    const wanted = tail.live !== null && followed.disk === 'local' && this.#inotify === 'room';
    if (wanted === (followed.events === 'watched')) return;
    const { path } = tail.place;
    followed.events = wanted ? 'watched' : 'none';
    if (tail.place.kind === 'server') {
      if (wanted) this.#watchServer(followed);
      return;
    }
    if (!wanted) {
      this.#watcher?.unwatch(path);
      return;
    }
    this.#toWatch.push(path);
    if (this.#toWatch.length === 1) void this.#watchSome();
  }

  /** Anew whenever the log is there again: its directory may be another one. */
  #watchServer(followed: Followed): void {
    this.#server?.close();
    try {
      const { path } = followed.tail.place;
      const name = basename(path);
      this.#server = watchDirectory(dirname(path), (_event, changed) => {
        if (changed !== null && changed !== name) return;
        this.#soon(followed);
      });
      this.#server.on('error', error => this.#failed(error));
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException);
    }
  }

  async #watchSome(): Promise<void> {
    const { woken } = this.#lanes.home;
    while (this.#toWatch.length > 0) {
      // Reading comes first: what changes before it is watched is found by the sweep.
      await (woken.size > 0 ? pause(20) : yieldNow());
      if (this.#stopped === 'yes') return;
      if (woken.size === 0) this.#watcher?.add(this.#toWatch.splice(0, 200));
    }
  }

  /** Past the limit of watches a file is silent for ever: those that have none are swept often. */
  #failed(error: NodeJS.ErrnoException): void {
    if (error.code === 'ENOSPC' || error.code === 'EMFILE') {
      this.#inotify = 'full';
      const path = error.path ?? (error as { filename?: string }).filename;
      const one = path ? this.#followed.get(path) : undefined;
      for (const followed of one ? [one] : this.#followed.values()) {
        followed.events = 'none';
        this.#lively.add(followed);
      }
    }
    this.#o.trouble(error);
  }

  // ------------------------------------------------------------ the sweep

  /** Compares the attributes of every log that is due with what they were. */
  async #sweepAll(): Promise<void> {
    let sliceEnd = this.#o.steady() + SLICE_MS;
    for (const followed of this.#due()) {
      if (followed.busy === 'yes') continue;
      if (followed.disk === 'network' || this.#glance(followed) === 'look') this.#once(followed);
      if (this.#o.steady() < sliceEnd) continue;
      await yieldNow();
      if (this.#stopped === 'yes') return;
      sliceEnd = this.#o.steady() + SLICE_MS;
    }
  }

  /** What is lively, and of the rest as many as bring all their turn within the longer time. */
  #due(): Followed[] {
    for (const followed of this.#lively) if (!this.#often(followed)) this.#lively.delete(followed);
    this.#round ??= [...this.#followed.values()];
    const spread = Math.max(1, Math.round(this.#o.idleSweepMs / this.#o.sweepMs));
    if (this.#swept >= this.#round.length) this.#swept = 0;
    const from = this.#swept;
    this.#swept += Math.ceil(this.#round.length / spread);
    return [...this.#lively, ...this.#round.slice(from, this.#swept).filter(followed => !this.#lively.has(followed))];
  }

  /** Looked at in every sweep: the scheduler's log, what grew lately, and, within the hour, what no event comes from. */
  #often({ tail, events }: Followed): boolean {
    const quiet = this.#o.steady() - tail.activeAt;
    return tail.place.kind === 'server' || quiet < (events === 'watched' ? RECENT_MS : HOUR_MS);
  }

  #glance(followed: Followed): 'same' | 'look' {
    try {
      return followed.tail.glance(followed.tail.place.hint() as Stats | null);
    } catch {
      return 'look';
    }
  }
}

/**
 * One log, followed. `poll` looks once and reads at most one chunk of each of its lives, the older ones first; whoever
 * wakes it decides how often. There is no timer in here.
 */
import type { Stats } from 'node:fs';
import { Lives, type Shared } from './lives.ts';
import { Packed } from './packed.ts';
import { birthOf, isRefusal, type Place, type Refusal } from './place.ts';
import type { PathRecord } from './position.ts';
import type { Source } from './source.ts';

/** `idle`: nothing new. `grew`: something was read. `more`: there is more at once. `paused`: serve has to catch up. */
export type Turn = 'idle' | 'grew' | 'more' | 'paused';

/** A rotated file unchanged for so long has had its last line, newline or not. */
const LAST_LINE_MS = 5000;
/** A writer may keep its old file for a while: so long late lines are looked for. */
const LINGER_MS = 600_000;
const RETRY_MS = 30_000;
/** A missing log may come and be rotated away between two looks: its directory is looked at for that. */
const MISSING_MS = 900;
/** Lines that waited so long for serve are not read as they are written. */
const LATE_MS = 2000;

export class Tail {
  readonly place: Place;
  /** Why the log is not read at present. */
  refusal: Refusal | null = null;
  /** Steady time at which something new was last read, for whoever schedules. */
  activeAt = Number.NEGATIVE_INFINITY;
  /** A poll is under way: its files must not be closed. */
  polling: 'yes' | 'no' = 'no';
  #shared: Shared;
  #lives: Lives;
  #astray: 'yes' | 'no' = 'no';
  #closed: 'yes' | 'no' = 'no';
  #refused: { ino: number; ctime: number; at: number } | null = null;

  constructor(
    place: Place,
    shared: Shared,
    named: (source: Source, tail: Tail) => void,
    record: PathRecord | null = null,
  ) {
    this.place = place;
    this.#shared = shared;
    this.#lives = new Lives(place, shared, this, source => named(source, this), record);
  }

  get live(): Source | null {
    return this.#lives.live;
  }
  /** Being read, oldest first. */
  get sources(): readonly Source[] {
    return this.#lives.sources;
  }
  /** What the checkpoint keeps of it; null when there is nothing to keep. */
  get record(): PathRecord | null {
    return this.#lives.record();
  }
  /** Every life that is known. */
  get all(): readonly Source[] {
    return [...this.#lives.past, ...this.#lives.sources];
  }
  /** Bytes that serve has not acknowledged. */
  get lag(): number {
    let sum = 0;
    for (const source of this.sources) {
      const from = source.leftover === 'yes' && source.settledUp ? source.read : (source.outbox?.committed ?? 0);
      sum += Math.max(0, source.size - from);
    }
    return sum;
  }
  /** Lines are known to wait: what `health` calls catching up. */
  get behind(): 'yes' | 'no' {
    return this.sources.some(s => s.pausedAt !== null || (s.more === 'yes' && s.size > s.read)) ? 'yes' : 'no';
  }

  /** Is the live path, by a look at its attributes, as it was left? The cheap answer for a sweep. */
  glance(hint: Stats | null): 'same' | 'look' {
    const { live, sources } = this;
    if (sources.length > (live ? 1 : 0) || this.#shared.steady() >= this.#lives.againAt) return 'look';
    if (live) return hint !== null && this.#unchanged(live, hint) ? 'same' : 'look';
    return hint === null && !this.#missingDue && this.refusal?.state === 'missing' ? 'same' : 'look';
  }

  #unchanged(live: Source, hint: Stats): boolean {
    const { size, mtime } = live.looked;
    const same = hint.size === size && hint.mtimeMs === mtime && live.isAt(hint);
    return same && live.more === 'no' && live.pausedAt === null;
  }

  /** Nothing is there, and it is time to see whether something came and went. */
  get #missingDue(): boolean {
    const { first, seen, settledAt } = this.#lives;
    if (first === 'yes') return true;
    return seen > 0 && this.#shared.steady() - settledAt > (this.place.kind === 'server' ? MISSING_MS : RETRY_MS);
  }

  /** Looks once, reads at most a chunk of each life. Never throws for what a file does. */
  async poll(): Promise<Turn> {
    this.polling = 'yes';
    try {
      return await this.#look(await this.place.hint());
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!code) throw error;
      this.refusal = { state: 'unreadable', why: code };
      return 'idle';
    } finally {
      this.polling = 'no';
      if (this.#closed === 'yes') this.close();
    }
  }

  async #look(hint: Stats | null): Promise<Turn> {
    if (this.live && this.refusal?.state === 'unreadable') this.refusal = null;
    if (this.#mustSettle(hint)) await this.#settle(hint);
    const reading = this.live;
    let turn: Turn = 'idle';
    for (const source of [...this.sources]) {
      if (source === reading && hint && this.#unchanged(source, hint)) continue;
      const step = await this.#step(source, hint);
      // Taken before the read: whatever came in between shows at the next look.
      if (source === reading && hint && source.fd !== null) source.saw(hint);
      if (step !== 'idle') turn = step;
      // The next life of the file has to wait for the end of this one.
      if (step === 'more' || step === 'paused') break;
    }
    // What a survey saw is good for the look that it was made in.
    for (const source of this.sources) {
      source.surveyed = 'no';
      source.firstLine = null;
    }
    this.#lives.retire();
    return turn;
  }

  /** Is it open which file is which? */
  #mustSettle(hint: Stats | null): boolean {
    const { live } = this;
    if (this.#resting) return false;
    if (this.#astray === 'yes' || this.#shared.steady() >= this.#lives.againAt) return true;
    if (!live) return hint === null ? this.#missingDue : !this.#refusedBefore(hint);
    if (!hint || !live.isAt(hint) || hint.size < live.read) return true;
    // What had no line yet and is other now may have been filled, copied and emptied: then the copy lies beside it.
    return live.id === null && live.more === 'no' && !this.#unchanged(live, hint);
  }

  /** To look at everything again would take long, and show the same. */
  get #resting(): boolean {
    return this.#shared.steady() < this.#lives.restUntil;
  }

  async #settle(hint: Stats | null): Promise<void> {
    if (this.#resting) return;
    this.#astray = 'no';
    this.refusal = await this.#lives.settle(hint);
    if (this.#resting) this.#astray = 'yes';
    this.#refused = this.refusal && hint ? { ino: hint.ino, ctime: hint.ctimeMs, at: this.#shared.steady() } : null;
  }

  /** What was refused is tried again when it changed, and now and then. */
  #refusedBefore(hint: Stats): boolean {
    if (!this.#refused) return false;
    const { ino, ctime, at } = this.#refused;
    return hint.ino === ino && hint.ctimeMs === ctime && this.#shared.steady() - at < RETRY_MS;
  }

  // ------------------------------------------------------------ one life, one turn

  async #step(source: Source, hint: Stats | null): Promise<Turn> {
    const shared = this.#shared;
    if (source.outbox && shared.mayRead(source) === 'no') {
      source.pausedAt ??= shared.steady();
      return 'paused';
    }
    const { size, mtime } = source;
    if ((await this.#reach(source, hint)) === 'no') return 'idle';
    if (source.pausedAt !== null) this.#resume(source);
    if (source.id === null && !(await this.#lives.identify(source, 'growing'))) return await this.#rest(source);
    const before = source.read;
    const reading = await this.#withBuffer(buffer =>
      source.step(this.place.disk, buffer, shared.maxLine, shared.now()),
    );
    if (reading === 'changed') {
      // What was seen of the file last belongs to its next life.
      Object.assign(source, { size, mtime });
      return await this.#rewritten(source);
    }
    if (source.read === before) return await this.#rest(source);
    source.changedAt = shared.steady();
    if (source.read > source.caughtUp) this.activeAt = source.changedAt;
    this.#lives.changed();
    return reading === 'more' ? 'more' : 'grew';
  }

  async #withBuffer<T>(use: (buffer: Buffer) => Promise<T>): Promise<T> {
    const buffer = this.#shared.borrow();
    try {
      return await use(buffer);
    } finally {
      this.#shared.giveBack(buffer);
    }
  }

  /** Makes sure the source's file is open, and notes its size. `no`: there is none to open, or it is at rest. */
  async #reach(source: Source, hint: Stats | null): Promise<'yes' | 'no'> {
    if (source.fd === null && (source.name === null || this.#atRest(source) === 'yes')) return 'no';
    if (source.fd === null && !(await this.#open(source))) {
      // It was renamed or taken away since: look at what there is.
      source.name = null;
      await this.#settle(hint);
    }
    if (source.fd === null) return 'no';
    this.#shared.descriptors.use(source, source.pin);
    const { surveyed } = source;
    source.surveyed = 'no';
    if (source.packed || surveyed === 'yes') return 'yes';
    const stat = await this.place.disk.fstat(source.fd);
    if (stat.nlink === 0n && source.fdKey === source.keys.at(-1)) source.name = null;
    if (source.birth === 0 && source.keys.length === 1) source.birth = birthOf(stat);
    const size = Number(stat.size);
    const mtime = Number(stat.mtimeMs);
    if (size !== source.size || mtime !== source.mtime) source.changedAt = this.#shared.steady();
    source.size = size;
    source.mtime = mtime;
    return 'yes';
  }

  async #open(source: Source): Promise<boolean> {
    const { disk } = this.place;
    const opened = await this.place.open(source.name!);
    if (isRefusal(opened)) return false;
    if (opened.key !== source.keys.at(-1)) {
      disk.close(opened.fd);
      return false;
    }
    source.fd = opened.fd;
    source.fdKey = opened.key;
    const packed = source.standing === 'rotated' && source.name!.endsWith('.gz');
    source.packed = packed ? new Packed(disk, opened.fd) : null;
    return true;
  }

  /** A rotated file that was closed: now and then it is looked at for what a late writer added, in the end no more. */
  #atRest(source: Source): 'yes' | 'no' {
    if (source.standing === 'live' || source.more === 'yes') return 'no';
    const quiet = this.#shared.steady() - source.changedAt;
    if (quiet > LINGER_MS && source.settledUp) source.end = 'ended';
    return quiet < LAST_LINE_MS || source.end !== 'open' ? 'yes' : 'no';
  }

  /** Serve has caught up: what lay there meanwhile has no known time of arrival. */
  #resume(source: Source): void {
    const waited = this.#shared.steady() - source.pausedAt!;
    source.pausedAt = null;
    if (waited < LATE_MS) return;
    source.caughtUp = source.size;
    source.since = this.#shared.now() - waited;
  }

  /** At its end. A rotated file that has been quiet gives its last line, and in the end is done with. */
  async #rest(source: Source): Promise<Turn> {
    const shared = this.#shared;
    const quiet = shared.steady() - source.changedAt;
    if (source.standing === 'live' || (quiet < LAST_LINE_MS && !source.packed)) return 'idle';
    if (source.id === null && !(await this.#lives.identify(source, 'ended'))) {
      source.end = 'ended';
      return 'idle';
    }
    const before = source.read;
    // The log that goes on elsewhere holds the half line of its leftover too.
    if (source.leftover === 'no') await this.#withBuffer(buffer => source.last(this.place.disk, buffer, shared.now()));
    if (source.packed?.problem) this.refusal = { state: 'unreadable', why: `${source.name}: ${source.packed.problem}` };
    if (source.read !== before) {
      this.#lives.changed();
      return 'grew';
    }
    if (!source.settledUp) return 'idle';
    if (source.packed || source.name === null || quiet > LINGER_MS) source.end = 'ended';
    else shared.descriptors.release(source);
    return 'idle';
  }

  /** The bytes before the position are not those that were read: another file wears its inode. */
  async #rewritten(source: Source): Promise<Turn> {
    if (source.standing !== 'live') {
      this.#lives.vanish(source);
      return 'idle';
    }
    const hint = await this.place.hint();
    await this.#settle(hint);
    const { live } = this;
    if (this.#resting) return 'idle';
    return live && live !== source ? await this.#step(live, hint) : 'more';
  }

  // ------------------------------------------------------------ what others say

  /** Serve stands elsewhere with this source: read it again from there, if there is anything to read from. */
  again(source: Source, committed: number): void {
    if (source.end !== 'open') {
      // It is looked for again among the rotations, at the next look.
      this.#lives.reopen(source);
      this.#astray = 'yes';
    }
    const there = source.fd !== null || source.name !== null || this.#astray === 'yes';
    // What stands before the place where a leftover began was counted under another name.
    const within = source.leftover === 'no' && there;
    const lost = within ? -1 : (source.outbox?.bridge(committed) ?? -1);
    if (lost < 0 && source.leftover === 'yes' && source.settledUp) source.outbox?.restart(committed);
    else if (lost < 0) source.again(committed);
    else this.#shared.lost(this.place.path, lost, 'serve went back behind what can still be read');
    this.#lives.changed();
  }

  /** An acknowledgement moved a position. */
  moved(): void {
    this.#lives.changed();
  }

  /** Lets go of all files, now or when the poll that is under way has ended. */
  close(): void {
    this.#closed = this.polling;
    if (this.polling === 'no') for (const source of this.all) this.#shared.descriptors.release(source);
  }
}

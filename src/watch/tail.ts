/**
 * One log, followed: the live file, and every older life of it that was not read to its end. `poll` looks once and
 * reads at most one chunk of each; whoever wakes it decides how often. There is no timer in here.
 */
import type { Stats } from 'node:fs';
import type { SourceRef } from '../messages.ts';
import type { OutboxOptions } from './batch.ts';
import type { Descriptors } from './descriptors.ts';
import { agrees, fingerprint, HEAD, markOf, repeats, sourceId, TAIL } from './identity.ts';
import { match, type Matching, reborn } from './match.ts';
import { Packed } from './packed.ts';
import { birthOf, isRefusal, type Place, type Refusal } from './place.ts';
import type { Checkpoint, Known, PathRecord } from './position.ts';
import { Source } from './source.ts';
import { bytesOf, closeSurveyed, compareFile, type Surveyed, surveyed, surveyRotations } from './survey.ts';

/** `idle`: nothing new. `grew`: something was read. `more`: there is more at once. `paused`: serve has to catch up. */
export type Turn = 'idle' | 'grew' | 'more' | 'paused';

/** What all tails share. */
export interface Shared extends OutboxOptions {
  maxLine: number;
  checkpoint: Checkpoint;
  descriptors: Descriptors<Source>;
  /** Chunk buffers are lent, one for each turn under way. */
  borrow: () => Buffer;
  giveBack: (buffer: Buffer) => void;
  /** Names a new life and makes it findable for acknowledgements. */
  named: (source: Source, tail: Tail) => void;
  generation: (key: string, fp: string) => number;
  mayRead: (source: Source) => 'yes' | 'no';
  /** Sources that serve spoke of and no checkpoint did; those of these files are handed over. */
  strangers: { any: () => boolean; of: (files: readonly Surveyed[], path: string, recorded: 'yes' | 'no') => Known[] };
  /** Lines lost for good are said, with how many bytes. */
  lost: (path: string, bytes: number, why: string) => void;
}

/** A rotated file unchanged for so long has had its last line, newline or not. */
const LAST_LINE_MS = 5000;
/** A writer may keep its old file for a while: so long late lines are looked for. */
const LINGER_MS = 600_000;
const RETRY_MS = 30_000;
const OLD_MS = 10_000;
const MOST_PAST = 16;
const MOST_RETIRED = 256;
/** A file that was cut short is only believed to be the same one on so many unchanged bytes. */
const ENOUGH = 4096;

export class Tail {
  readonly place: Place;
  /** Being read, oldest first; the live one, if there is one, is the last. */
  sources: Source[] = [];
  /** Read to their end, kept to be recognised. */
  past: Source[] = [];
  refusal: Refusal | null = null;
  /** Steady time at which something was last read, for whoever schedules. */
  activeAt: number;
  #shared: Shared;
  /** Rotations that are no younger were there before our first look; 0 before there was one. */
  #seen = 0;
  #first: 'yes' | 'no' = 'yes';
  /** Names of lives that are no longer kept in `past`. */
  #retired: string[] = [];
  #astray: 'yes' | 'no' = 'no';
  #recorded: 'yes' | 'no' = 'no';
  #settledAt = Number.NEGATIVE_INFINITY;
  #refused: { ino: number; ctime: number; at: number } | null = null;

  constructor(place: Place, shared: Shared, record: PathRecord | null = null) {
    this.place = place;
    this.#shared = shared;
    this.activeAt = Number.NEGATIVE_INFINITY;
    if (record) this.#restore(record);
  }

  get #ref(): Omit<SourceRef, 'id'> {
    return { path: this.place.path, kind: this.place.kind, owner: this.place.owner };
  }
  get live(): Source | null {
    const last = this.sources.at(-1);
    return last?.standing === 'live' ? last : null;
  }
  get lag(): number {
    let sum = 0;
    for (const source of this.sources) sum += Math.max(0, source.size - (source.outbox?.committed ?? 0));
    return sum;
  }
  /** Lines are known to wait: what `health` calls catching up. */
  get behind(): 'yes' | 'no' {
    return this.sources.some(s => s.pausedAt !== null || (s.more === 'yes' && s.size > s.read)) ? 'yes' : 'no';
  }

  #restore(record: PathRecord): void {
    this.#seen = record.seen;
    this.#recorded = 'yes';
    this.#retired = record.retired;
    for (const known of record.sources) this.#adopt(known);
    for (const { key, birth } of record.drafts) {
      const draft = new Source(key, null);
      draft.standing = 'rotated';
      draft.birth = birth;
      this.sources.push(draft);
    }
  }

  #adopt(known: Known): Source {
    const source = Source.from(known, this.#ref, this.#shared);
    (known.end === 'open' ? this.sources : this.past).push(source);
    this.#shared.named(source, this);
    return source;
  }

  /** What the checkpoint keeps of this path; null when there is nothing to keep. */
  record = (): PathRecord | null => {
    const now = this.#shared.now();
    const sources = [...this.past, ...this.sources].map(s => s.known(now)).filter(k => k !== null);
    const drafts = this.sources.filter(s => s.id === null && s.birth > 0).map(s => ({ key: s.keys[0]!, birth: s.birth }));
    if (sources.length === 0 && this.#seen === 0) return null;
    return { path: this.place.path, seen: this.#seen, drafts, sources, retired: this.#retired };
  };

  #changed(): void {
    this.#shared.checkpoint.changed(this.place.path, this.record);
  }

  /** Is the live path, by a look at its attributes, as it was left? The cheap answer for a sweep. */
  glance(hint: Stats | null): 'same' | 'look' {
    const { live } = this;
    if (this.sources.length > (live ? 1 : 0)) return 'look';
    const settled = this.#first === 'no' && (this.#seen === 0 || this.#sinceSettled <= this.#retryMs);
    if (!live) return hint === null && settled && this.refusal?.state === 'missing' ? 'same' : 'look';
    return hint !== null && this.#unchanged(live, hint) ? 'same' : 'look';
  }

  #unchanged(live: Source, hint: Stats): boolean {
    const { size, mtime } = live.looked;
    const same = hint.size === size && hint.mtimeMs === mtime && this.#sameInode(live, hint);
    return same && live.more === 'no' && live.pausedAt === null;
  }
  get #sinceSettled(): number {
    return this.#shared.steady() - this.#settledAt;
  }
  /** A missing log may come and be rotated away between two looks: its directory is looked at for that. */
  get #retryMs(): number {
    return this.place.kind === 'server' ? 900 : RETRY_MS;
  }
  #sameInode(source: Source, hint: Stats): boolean {
    const key = source.keys.at(-1)!;
    const dash = key.indexOf('-');
    return Number(key.slice(dash + 1)) === hint.ino && Number(key.slice(0, dash)) === hint.dev;
  }

  /** Looks once, reads at most a chunk of each source, oldest first. Never throws for what a file does. */
  async poll(): Promise<Turn> {
    let hint: Stats | null;
    try {
      hint = await this.place.hint();
    } catch (error) {
      this.refusal = { state: 'unreadable', why: (error as NodeJS.ErrnoException).code ?? String(error) };
      return 'idle';
    }
    try {
      return await this.#look(hint);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (!code) throw error;
      this.refusal = { state: 'unreadable', why: code };
      return 'idle';
    }
  }

  async #look(hint: Stats | null): Promise<Turn> {
    const { live } = this;
    const usual = live ? hint && this.#sameInode(live, hint) && hint.size >= live.read : hint === null && this.#first === 'no';
    const due = this.#astray === 'yes' || (!live && this.#seen > 0 && this.#sinceSettled > this.#retryMs);
    // A file that had no line yet and has content now may have been filled, copied and emptied in between: the copy lies beside it.
    const filled = live?.id === null && hint !== null && live.more === 'no' && !this.#unchanged(live, hint);
    if (due || filled || (!usual && !this.#refusedBefore(hint))) await this.#settle(hint);
    let turn: Turn = 'idle';
    const reading = this.live;
    if (reading && hint && this.#unchanged(reading, hint) && this.sources.length === 1) return turn;
    for (const source of [...this.sources]) {
      if (source === reading && hint && this.#unchanged(source, hint)) continue;
      const step = await this.#step(source, hint);
      // Taken before the read: whatever came in between shows at the next look.
      if (source === reading && hint && source.fd !== null) source.looked = { size: hint.size, mtime: hint.mtimeMs };
      if (step === 'idle') continue;
      turn = step;
      // The next life of the file has to wait for the end of this one.
      if (step === 'more' || step === 'paused') break;
    }
    this.#retire();
    if (turn !== 'idle' && turn !== 'paused') this.activeAt = this.#shared.steady();
    return turn;
  }

  /** What was refused is tried again when it changed, and now and then. */
  #refusedBefore(hint: Stats | null): boolean {
    if (!this.#refused || !hint || this.live) return false;
    const { ino, ctime, at } = this.#refused;
    return hint.ino === ino && hint.ctimeMs === ctime && this.#shared.steady() - at < RETRY_MS;
  }

  async #step(source: Source, hint: Stats | null): Promise<Turn> {
    const { disk } = this.place;
    const shared = this.#shared;
    if (source.outbox && shared.mayRead(source) === 'no') {
      source.pausedAt ??= shared.steady();
      return 'paused';
    }
    const ready = await this.#reach(source, hint);
    if (ready === 'no') return 'idle';
    if (source.pausedAt !== null) this.#resume(source);
    const before = source.read;
    if (source.id === null && !(await this.#identify(source, 'growing'))) return this.#rest(source);
    const buffer = shared.borrow();
    let reading: Awaited<ReturnType<Source['step']>>;
    try {
      reading = await source.step(disk, buffer, shared.maxLine, shared.now());
    } finally {
      shared.giveBack(buffer);
    }
    if (reading === 'changed') return await this.#rewritten(source);
    if (source.read !== before) {
      source.changedAt = shared.steady();
      this.#changed();
      return reading === 'more' ? 'more' : 'grew';
    }
    return this.#rest(source);
  }

  /** Makes sure the source's file is open, and notes its size. `no`: it did not change, or there is none to open. */
  async #reach(source: Source, hint: Stats | null): Promise<'yes' | 'no'> {
    const { disk } = this.place;
    if (source.fd === null) {
      if (source.name === null) return 'no';
      if (source.standing === 'rotated' && source.more === 'no' && this.#atRest(source) === 'yes') return 'no';
      const opened = await this.place.open(source.name);
      if (isRefusal(opened) || opened.key !== source.keys.at(-1)) {
        if (!isRefusal(opened)) disk.close(opened.fd);
        else if (opened.state === 'unreadable') this.refusal = opened;
        source.name = null;
        // It was renamed or taken away since: look at what there is.
        await this.#settle(hint);
        if (source.fd === null) return 'no';
      } else {
        source.fd = opened.fd;
        source.packed = source.name.endsWith('.gz') && source.standing === 'rotated' ? new Packed(disk, opened.fd) : null;
      }
    }
    this.#shared.descriptors.use(source, this.#pinned(source));
    if (source.packed) return 'yes';
    const stat = await disk.fstat(source.fd!);
    const size = Number(stat.size);
    const mtime = Number(stat.mtimeMs);
    if (stat.nlink === 0n) source.name = null;
    if (source.birth === 0 && source.keys.length === 1) source.birth = birthOf(stat);
    if (size !== source.size || mtime !== source.mtime) {
      source.changedAt = this.#shared.steady();
      source.size = size;
      source.mtime = mtime;
    }
    return 'yes';
  }

  /** A rotated file that was closed: now and then it is looked at for what a late writer added, and in the end no more. */
  #atRest(source: Source): 'yes' | 'no' {
    const quiet = this.#shared.steady() - source.changedAt;
    if (quiet > LINGER_MS && source.settledUp) source.end = 'ended';
    return quiet < LAST_LINE_MS || source.end !== 'open' ? 'yes' : 'no';
  }

  /** A descriptor that must stay: its file may have no name any more, and serve has not got everything. */
  #pinned(source: Source): 'pinned' | 'free' {
    return source.standing === 'rotated' && (!source.settledUp || source.name === null) ? 'pinned' : 'free';
  }

  #resume(source: Source): void {
    const waited = this.#shared.steady() - source.pausedAt!;
    source.pausedAt = null;
    if (waited < 2000) return;
    source.caughtUp = source.size;
    source.since = this.#shared.now() - waited;
  }

  /** The first line is complete: the source gets its name. */
  async #identify(source: Source, how: 'growing' | 'ended'): Promise<boolean> {
    const head = Buffer.allocUnsafe(HEAD);
    const length = await source.bytes(this.place.disk, head, HEAD, 0);
    const fp = fingerprint(head.subarray(0, length), how);
    source.more = fp ? 'yes' : 'no';
    if (!fp) return false;
    const key = source.keys[0]!;
    const id = sourceId(key, fp, this.#shared.generation(key, fp));
    source.become(id, 0, this.#ref, this.#shared);
    source.recorded = 'no';
    this.#shared.named(source, this);
    this.#changed();
    return true;
  }

  /** At its end. A rotated file that has been quiet gives its last line, and in the end is done with. */
  async #rest(source: Source): Promise<Turn> {
    const quiet = this.#shared.steady() - source.changedAt;
    if (source.standing === 'live' || (quiet < LAST_LINE_MS && !source.packed)) return 'idle';
    const before = source.read;
    if (source.id === null && !(await this.#identify(source, 'ended'))) {
      source.end = 'ended';
      return 'idle';
    }
    const buffer = this.#shared.borrow();
    try {
      await source.last(this.place.disk, buffer, this.#shared.now());
    } finally {
      this.#shared.giveBack(buffer);
    }
    if (source.packed?.problem) this.refusal = { state: 'unreadable', why: `${source.name}: ${source.packed.problem}` };
    if (source.read !== before) {
      this.#changed();
      return 'grew';
    }
    if (source.settledUp && (source.packed || source.name === null || quiet > LINGER_MS)) source.end = 'ended';
    else if (source.settledUp && source.name !== null) this.#shared.descriptors.release(source);
    return 'idle';
  }

  /** The bytes before the position are not those that were read: another file wears its inode. */
  async #rewritten(source: Source): Promise<Turn> {
    if (source.standing === 'live') {
      const hint = await this.place.hint();
      await this.#settle(hint);
      const { live } = this;
      return live && live !== source ? await this.#step(live, hint) : 'more';
    }
    this.#vanish(source);
    return 'idle';
  }

  /** There is nothing left to read of it; what is held is still delivered. */
  #vanish(source: Source): void {
    this.#shared.descriptors.release(source);
    source.name = null;
    source.standing = 'rotated';
    source.more = 'no';
  }

  /** What is done with goes to the past; what has no file any more, and nothing to deliver, too. */
  #retire(): void {
    for (const source of this.sources) {
      if (source.end === 'open' && source.standing === 'rotated' && source.fd === null && source.name === null && source.settledUp)
        source.end = 'cut';
    }
    const done = this.sources.filter(s => s.end !== 'open');
    if (done.length === 0) return;
    for (const source of done) this.#shared.descriptors.release(source);
    this.sources = this.sources.filter(s => s.end === 'open');
    this.past = [...this.past, ...done.filter(s => s.id !== null)];
    const over = this.past.splice(0, Math.max(0, this.past.length - MOST_PAST));
    this.#retired = [...this.#retired, ...over.map(s => s.id!)].slice(-MOST_RETIRED);
    this.#changed();
  }

  /** Serve stands elsewhere with this source: read it again from there, if there is anything to read from. */
  again(source: Source, committed: number): void {
    if (source.end !== 'open') {
      // It is looked for again among the rotations, at the next look.
      source.end = 'open';
      this.past = this.past.filter(s => s !== source);
      this.sources.unshift(source);
      source.again(committed);
      this.#astray = 'yes';
    } else if (source.fd !== null || source.name !== null) source.again(committed);
    else {
      const bytes = source.outbox?.bridge(committed) ?? -1;
      if (bytes >= 0) this.#shared.lost(this.place.path, bytes, 'serve went back behind what can still be read');
      else source.again(committed);
    }
    this.#changed();
  }

  close(): void {
    for (const source of [...this.sources, ...this.past]) this.#shared.descriptors.release(source);
  }

  // ------------------------------------------------------------ which file is which

  /** Looks at all files of this log and says of each what it is. */
  async #settle(hint: Stats | null): Promise<void> {
    const { place } = this;
    const { disk } = place;
    const opened = await place.open(place.base, hint);
    this.refusal = isRefusal(opened) ? opened : null;
    this.#refused = isRefusal(opened) && hint ? { ino: hint.ino, ctime: hint.ctimeMs, at: this.#shared.steady() } : null;
    // It may well be there and be the same: nothing is concluded from not being let in.
    if (isRefusal(opened) && opened.state === 'unreadable') return;
    const first = this.#first;
    this.#settledAt = this.#shared.steady();
    this.#first = 'no';
    this.#astray = 'no';
    // What serve knows and no record of ours does counts for the files there are when we come: later ones wear used inodes.
    const asking = first === 'yes' && this.#shared.strangers.any();
    const files: Surveyed[] = [];
    try {
      if (!isRefusal(opened)) files.push(await surveyed(disk, opened, place.base, null));
      const known = this.past.length + this.sources.length > 0 || this.#seen > 0 || asking;
      const server = place.kind === 'server' && this.#seen === 0;
      if (server || (known && !(await this.#onlyLive(files[0] ?? null)))) files.push(...(await surveyRotations(place)));
      const strangers = asking ? this.#shared.strangers.of(files, place.path, this.#recorded) : [];
      const adopted = strangers.map(stranger => this.#adopt(stranger));
      const before = files.filter(f => f.sibling).map(f => f.mtime);
      await this.#letGoOfEmptied();
      await this.#nameDrafts(files);
      const pool = [...this.past, ...this.sources];
      const found = await match(files, pool, this.#seen, (file, source) => compareFile(disk, file, source));
      if (process.env.DBG) console.log('MATCH', files.map(f=>f.name+':'+f.key.slice(-4)+':'+f.size+':'+f.mtime).join(' '), 'seen', this.#seen, found.matches.map(m=>m.file.name+'='+m.source.id?.slice(-8)+m.source.keys.map(k=>k.slice(-4))+m.how).join(' '), 'unread', found.unread.map(f=>f.name));
      // A name of which no file is left serves to number the next life of its inode, and for nothing else.
      this.sources = this.sources.filter(s => !adopted.includes(s) || found.matches.some(m => m.source === s));
      await this.#apply(found, first);
      // From now on this path is known: a rotation that is younger than those there are was never read.
      if (server || asking) this.#seen = Math.max(1, ...before);
    } finally {
      for (const file of files) if (!this.#kept(file)) closeSurveyed(disk, file);
    }
    this.#changed();
  }

  /** A file that is held open may have been emptied before it was taken away: then its copy is what is left. */
  async #letGoOfEmptied(): Promise<void> {
    for (const source of this.sources) {
      if (source.fd === null || source.packed) continue;
      const { size } = await this.place.disk.fstat(source.fd);
      if (size < BigInt(source.marks.at(-1)?.at ?? 0)) this.#shared.descriptors.release(source);
    }
  }

  /** A file that is held open and lies elsewhere now may have a copy here: it must be known by its content first. */
  async #nameDrafts(files: readonly Surveyed[]): Promise<void> {
    for (const source of this.sources) {
      if (source.id !== null || source.fd === null) continue;
      await this.#identify(source, files.some(f => source.keys.includes(f.key)) ? 'growing' : 'ended');
    }
  }

  #kept(file: Surveyed): boolean {
    return this.sources.some(s => s.fd === file.fd);
  }

  /** The common start: one source is open, and the live file is it. Then the rotations need no look. */
  async #onlyLive(file: Surveyed | null): Promise<boolean> {
    const [source, other] = this.sources;
    if (!file || !source || other || source.fp === null || source.fp !== file.fp || !source.keys.includes(file.key)) return false;
    if (reborn(file, source)) return false;
    const how = await compareFile(this.place.disk, file, source);
    return how === 'same' || how === 'again';
  }

  async #apply(found: Matching<Surveyed, Source>, first: 'yes' | 'no'): Promise<void> {
    const { live } = this;
    for (const source of found.displaced) this.#vanish(source);
    // Whatever is not the live file now is rotated away: moved, or deleted and held open.
    if (live && !found.matches.some(m => m.source === live && m.file.sibling === null)) {
      live.standing = 'rotated';
      live.changedAt = this.#shared.steady();
    }
    for (const source of this.sources) if (source.standing === 'rotated') source.name = null;
    for (const { file, source, how } of found.matches) {
      await this.#learn(source, file);
      this.#place(source, file, how === 'shorter' ? 'shorter' : 'whole', first);
    }
    const order = new Map(found.order.map((file, at) => [file.key, at]));
    for (const file of found.unread) if (file.size > 0 || file.packed) this.#begin(file, 'old');
    if (found.fresh) await this.#anew(found.fresh, found.shortened, first);
    const rank = (s: Source): number => (s.standing === 'live' ? Number.MAX_SAFE_INTEGER : (order.get(s.keys.at(-1)!) ?? -1));
    this.sources = this.sources.map((s, at) => ({ s, at })).sort((a, b) => rank(a.s) - rank(b.s) || a.at - b.at).map(({ s }) => s);
  }

  /** A source that only serve remembered has no marks: from its file it gets one. */
  async #learn(source: Source, file: Surveyed): Promise<void> {
    if (source.marks.length > 0 || source.read === 0) return;
    const length = Math.min(TAIL, source.read);
    const bytes = await bytesOf(this.place.disk, file, { at: source.read, length, hash: '', time: 0 });
    if (bytes.length === length) source.marks = [markOf(bytes, 0, length, source.read, this.#shared.now())];
  }

  /** The file is this source's. It is kept open as long as there is something to read or to deliver. */
  #place(source: Source, file: Surveyed, how: 'whole' | 'shorter', first: 'yes' | 'no'): void {
    const longer = how === 'whole' && file.size > source.read;
    if (source.end !== 'open') {
      const late = longer && source.end === 'cut';
      if (!source.keys.includes(file.key)) source.keys.push(file.key);
      if (!late && file.sibling) return;
      source.end = 'open';
      this.past = this.past.filter(s => s !== source);
      this.sources.unshift(source);
    }
    const old = source.keys.filter(key => key !== file.key);
    source.keys = [...old, file.key];
    source.name = file.name;
    source.standing = file.sibling ? 'rotated' : 'live';
    if (source.birth === 0 && old.length === 0) source.birth = file.birth;
    if (how === 'shorter' && file.size <= source.read) {
      // A copy that was made while we read on: nothing in it is new.
      source.name = null;
      this.#shared.descriptors.release(source);
      return;
    }
    if (source.fd === null) {
      source.fd = file.fd;
      source.packed = file.packed;
      source.more = 'yes';
      if (first === 'yes') source.caughtUp = file.size;
      source.size = file.size;
      source.mtime = file.mtime;
      const age = Math.max(0, this.#shared.now() - file.mtime);
      source.changedAt = Math.max(source.changedAt, this.#shared.steady() - age);
      this.#shared.descriptors.use(source, this.#pinned(source));
    }
  }

  /** The live file begins a new life, unless it was only cut short. */
  async #anew(file: Surveyed, shortened: Source | null, first: 'yes' | 'no'): Promise<void> {
    const mark = shortened?.marks.findLast(m => m.at <= file.size && m.at >= ENOUGH);
    const bytes = mark ? await bytesOf(this.place.disk, file, mark) : null;
    const proven = mark && bytes && agrees(mark, bytes) && !repeats(bytes);
    if (shortened && proven && shortened.end === 'open' && mark.at >= shortened.read) {
      // What is missing had not been acknowledged yet: a crash of the machine took it.
      shortened.marks = shortened.marks.filter(m => m.at <= mark.at);
      this.#place(shortened, file, 'whole', first);
      return;
    }
    const source = this.#begin(file, first === 'yes' ? 'old' : 'new');
    if (!proven || !(await this.#identify(source, 'growing'))) return;
    // What stands before the mark has been counted: the new life goes on behind it.
    source.outbox?.advance(mark.at, { cut: 0, bad: 0 }, { live: 'live' });
    source.read = mark.at;
    source.marks = [mark];
  }

  #begin(file: Surveyed, age: 'old' | 'new'): Source {
    const source = new Source(file.key, file.name);
    source.standing = file.sibling ? 'rotated' : 'live';
    source.fd = file.fd;
    source.packed = file.packed;
    source.size = file.size;
    source.mtime = file.mtime;
    source.birth = file.birth;
    source.inside = 'start';
    source.changedAt = this.#shared.steady();
    const now = this.#shared.now();
    const waited = age === 'old' || source.standing === 'rotated' || now - file.mtime > OLD_MS;
    source.caughtUp = waited ? file.size : 0;
    source.since = file.birth;
    this.sources.push(source);
    if (this.#seen === 0) this.#seen = file.mtime;
    this.#shared.descriptors.use(source, this.#pinned(source));
    return source;
  }
}

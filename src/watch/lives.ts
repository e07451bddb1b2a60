/**
 * The lives of one log: the live file, its rotations that are still read, and those that were. `settle` looks at all the
 * files there are and says of each which life it is; what begins a new one gets a name that was never given before.
 */
import type { Stats } from 'node:fs';
import type { SourceRef } from '../messages.ts';
import type { OutboxOptions } from './batch.ts';
import { partings } from './copied.ts';
import type { Descriptors } from './descriptors.ts';
import { agrees, fingerprint, HEAD, type Mark, markOf, repeats, sourceId, TAIL } from './identity.ts';
import { type Comparison, type Matching, match, reborn } from './match.ts';
import { type Allowance, TooMuch } from './packed.ts';
import { isRefusal, type Place, type Refusal } from './place.ts';
import type { Checkpoint, Known, PathRecord } from './position.ts';
import { type Reader, Source } from './source.ts';
import {
  agreement,
  bytesOf,
  closeSurveyed,
  compareFile,
  MOST_COMPARED,
  type Surveyed,
  surveyed,
  surveyRotations,
} from './survey.ts';
import { Unfinished } from './unfinished.ts';

/** What all logs share. */
export interface Shared extends OutboxOptions {
  maxLine: number;
  checkpoint: Checkpoint;
  descriptors: Descriptors<Source>;
  /** Chunk buffers are lent, one for each turn under way. */
  borrow: () => Buffer;
  giveBack: (buffer: Buffer) => void;
  generation: (key: string, fp: string) => number;
  mayRead: (source: Source) => 'yes' | 'no';
  /** Sources that serve spoke of and no checkpoint did; those of these files are handed over. */
  strangers: { any: () => boolean; of: (files: readonly Surveyed[], path: string, recorded: 'yes' | 'no') => Known[] };
  /** Lines lost for good are said, with how many bytes. */
  lost: (path: string, bytes: number, why: string) => void;
}

/** A file that was written to longer ago than this was not made just now. */
const OLD_MS = 10_000;
const MOST_PAST = 16;
const MOST_RETIRED = 256;
/** While files are renamed one look after the other is taken: a rotation takes milliseconds. */
const MOST_LOOKS = 10;
/** A file that was cut short is only believed to be the same one on so many unchanged bytes. */
const ENOUGH = 4096;
/** So much of the packed rotations in a home is unpacked in one look, to know them again; past it, there is a rest. */
const MOST_UNPACKED = 128 << 20;
const REST_MS = 30_000;

export class Lives {
  /** Being read, oldest first; the live one, if there is one, is the last. */
  sources: Source[] = [];
  /** Read to their end, kept to be recognised. */
  past: Source[] = [];
  /** Nobody has looked yet. */
  first: 'yes' | 'no' = 'yes';
  /** Rotations that are no younger were there before our first look; 0 before there was one. */
  seen = 0;
  settledAt = Number.NEGATIVE_INFINITY;
  /** Until then (steady) another look would be no use. */
  restUntil = Number.NEGATIVE_INFINITY;
  /**
   * Wall time of the look that found no log where none was known: a rotation that was written to later is none of before
   * our start, and came when nobody looked. 0: there was no such look.
   */
  #missingAt = 0;
  readonly #unfinished: Unfinished;
  #place: Place;
  #shared: Shared;
  #reader: Reader;
  #named: (source: Source) => void;
  /** Names of lives that are no longer kept in `past`. */
  #retired: string[] = [];
  #recorded: 'yes' | 'no' = 'no';

  /** @param named is told of every source that has a name, so that an acknowledgement finds it */
  constructor(
    place: Place,
    shared: Shared,
    reader: Reader,
    named: (source: Source) => void,
    record: PathRecord | null,
  ) {
    this.#place = place;
    this.#reader = reader;
    this.#shared = shared;
    this.#named = named;
    this.#unfinished = new Unfinished(shared);
    if (record) this.#restore(record);
  }

  /** Steady time at which all files are looked at again, whatever the live one shows. */
  get againAt(): number {
    return this.#unfinished.againAt;
  }
  get live(): Source | null {
    const last = this.sources.at(-1);
    return last?.standing === 'live' ? last : null;
  }
  get #ref(): Omit<SourceRef, 'id'> {
    return { path: this.#place.path, kind: this.#place.kind, owner: this.#place.owner };
  }

  #restore(record: PathRecord): void {
    this.seen = record.seen;
    this.#recorded = 'yes';
    this.#retired = record.retired;
    for (const known of record.sources) this.#adopt(known);
    for (const { key, birth } of record.drafts) {
      const draft = new Source(key, null, this.#reader);
      draft.standing = 'rotated';
      draft.birth = birth;
      this.sources.push(draft);
    }
  }

  #adopt(known: Known): Source {
    const source = Source.from(known, this.#ref, this.#shared, this.#reader);
    (known.end === 'open' ? this.sources : this.past).push(source);
    this.#named(source);
    return source;
  }

  /** What the checkpoint keeps of this path; null when there is nothing to keep. */
  record = (): PathRecord | null => {
    const now = this.#shared.now();
    const sources = [...this.past, ...this.sources].map(s => s.known(now)).filter(k => k !== null);
    const drafts = this.sources
      .filter(s => s.id === null && s.birth > 0)
      .map(s => ({ key: s.keys[0]!, birth: s.birth }));
    if (sources.length === 0 && this.seen === 0) return null;
    return { path: this.#place.path, seen: this.seen, drafts: drafts.slice(-16), sources, retired: this.#retired };
  };

  /** The checkpoint has to be written. */
  changed(): void {
    this.#shared.checkpoint.changed(this.#place.path, this.record);
  }

  /** Looks at all files of this log and says of each what it is. @returns why the live path is not read, or null */
  async settle(hint: Stats | null): Promise<Refusal | null> {
    const { first } = this;
    try {
      return await this.#surveyAll(hint, this.#place.kind === 'server' ? null : { bytes: MOST_UNPACKED });
    } catch (error) {
      if (!(error instanceof TooMuch)) throw error;
      // Nothing is concluded from what was seen so far.
      this.first = first;
      this.restUntil = this.#shared.steady() + REST_MS;
      const why = `its packed rotations hold more than the ${MOST_UNPACKED >> 20} MB that are looked at`;
      return { state: 'refused', why };
    }
  }

  async #surveyAll(hint: Stats | null, allowance: Allowance | null): Promise<Refusal | null> {
    for (let looks = 1; ; looks++) {
      const opened = await this.#place.open(this.#place.base, looks === 1 ? hint : null);
      // It may well be there and be the same: nothing is concluded from not being let in.
      if (isRefusal(opened) && opened.state === 'unreadable') return opened;
      const files: Surveyed[] = [];
      try {
        if (isRefusal(opened)) this.#missed(opened);
        else files.push(await surveyed(this.#place.disk, opened, this.#place.base, null));
        const rotations = await this.#wantsRotations(files[0]);
        if (rotations && (await surveyRotations(this.#place, files, allowance)) === 'moved' && looks < MOST_LOOKS)
          continue;
        const known = new Set([...this.past, ...this.sources].map(s => s.fp));
        await this.#settle(await this.#unfinished.without(files, known, allowance && { bytes: MOST_UNPACKED }));
      } finally {
        for (const file of files) if (file.taken === 'no') closeSurveyed(this.#place.disk, file);
      }
      this.changed();
      return isRefusal(opened) ? opened : null;
    }
  }

  #missed({ state }: Refusal): void {
    const known = this.past.length + this.sources.length > 0 || this.seen > 0;
    if (state === 'missing' && !known && this.#missingAt === 0) this.#missingAt = this.#shared.now();
  }

  /** What serve knows and no record of ours does counts for the files there are when we come: later ones wear used inodes. */
  get #asking(): boolean {
    return this.first === 'yes' && this.#shared.strangers.any();
  }
  get #unknown(): boolean {
    return this.#place.kind === 'server' && this.seen === 0;
  }

  async #wantsRotations(file: Surveyed | undefined): Promise<boolean> {
    const known = this.past.length + this.sources.length > 0 || this.seen > 0 || this.#asking;
    const appeared = file !== undefined && this.#missingAt > 0;
    return this.#unknown || this.#unfinished.any || appeared || (known && !(await this.#onlyLive(file)));
  }

  async #settle(files: Surveyed[]): Promise<void> {
    const { path } = this.#place;
    const { strangers } = this.#shared;
    const [first, asking, unknown] = [this.first, this.#asking, this.#unknown];
    this.first = 'no';
    this.settledAt = this.#shared.steady();
    const adopted = asking ? strangers.of(files, path, this.#recorded).map(stranger => this.#adopt(stranger)) : [];
    const before = files.filter(f => f.sibling).map(f => f.mtime);
    await this.#letGoOfEmptied();
    await this.#nameDrafts(files);
    const pool = [...this.past, ...this.sources].filter(s => s.leftover === 'no');
    const seen = this.seen || (files.length > 0 ? this.#missingAt : 0);
    const found = await match(files, pool, seen, (file, source) => this.#compare(file, source));
    // A name of which no file is left serves to number the next life of its inode, and for nothing else.
    this.sources = this.sources.filter(s => !adopted.includes(s) || found.matches.some(m => m.source === s));
    await this.#apply(found, first);
    if (files.length > 0) this.#missingAt = 0;
    // From now on this path is known: a rotation that is younger than those there are was never read.
    if (unknown || asking) this.seen = Math.max(1, ...before);
  }

  /** The common start: one source is open, and the live file is it. Then the rotations need no look. */
  async #onlyLive(file: Surveyed | undefined): Promise<boolean> {
    const [source, other] = this.sources;
    if (!file || !source || other || source.fp === null || source.fp !== file.fp) return false;
    if (!source.keys.includes(file.key) || reborn(file, source)) return false;
    const how = await compareFile(this.#place.disk, file, source);
    return how === 'same' || how === 'again';
  }

  /** Lines that repeat prove little by their last few; byte for byte a file of many is the one that is held open. */
  async #compare(file: Surveyed, source: Source): Promise<Comparison> {
    const { disk } = this.#place;
    const how = await compareFile(disk, file, source);
    const held = source.fd !== null && source.packed === null && source.fdKey !== file.key;
    if (how !== 'again' || file.sibling || !held || source.read < ENOUGH) return how;
    const from = Math.max(0, source.read - MOST_COMPARED);
    const agreed = await agreement(disk, [source.fd!, file.fd], from, source.read);
    return agreed?.at === source.read ? 'same' : how;
  }

  /** A file that is held open may have been emptied before it was taken away: then its copy is what is left. */
  async #letGoOfEmptied(): Promise<void> {
    for (const source of this.sources) {
      if (source.fd === null || source.packed) continue;
      const { size } = await this.#place.disk.fstat(source.fd);
      if (size < BigInt(source.marks.at(-1)?.at ?? 0)) this.#shared.descriptors.release(source);
    }
  }

  /** A file that is held open and lies elsewhere now may have a copy here: it must be known by its content first. */
  async #nameDrafts(files: readonly Surveyed[]): Promise<void> {
    for (const source of this.sources) {
      if (source.id !== null || source.fd === null) continue;
      await this.identify(source, files.some(f => source.keys.includes(f.key)) ? 'growing' : 'ended');
    }
  }

  async #apply(found: Matching<Surveyed, Source>, first: 'yes' | 'no'): Promise<void> {
    const { live } = this;
    for (const source of found.displaced) this.vanish(source);
    const copied = await this.#partings(found);
    // Whatever is not the live file now is rotated away: moved, or deleted and held open.
    if (live && !found.matches.some(m => m.source === live && m.file.sibling === null)) {
      live.standing = 'rotated';
      live.changedAt = this.#shared.steady();
    }
    for (const source of this.sources) if (source.standing === 'rotated') source.name = null;
    const isRead = (key: string): boolean =>
      [...found.unread, ...found.matches.map(m => m.file), found.fresh].some(file => file?.key === key);
    for (const { file, source, how } of found.matches) {
      await this.#learn(source, file);
      const elsewhere = source.fd !== null && source.fdKey !== file.key;
      if (elsewhere && how !== 'shorter' && !file.packed) await this.#moveOver(source, file, isRead(source.fdKey!));
      this.#assign(source, file, how === 'shorter' ? 'shorter' : 'whole', first);
    }
    for (const file of found.unread)
      if (file.size > 0 || file.packed) await this.#behind(this.#begin(file, 'old'), copied.get(file));
    if (found.fresh) await this.#anew(found.fresh, found.shortened, copied.get(found.fresh), first);
    this.#sort(found.order.map(file => file.key));
    for (const source of this.sources) if (source.fd !== null) this.#shared.descriptors.use(source, source.pin);
  }

  /** Oldest first, the live one last; what has no name any more is older than all that have. */
  #sort(order: readonly string[]): void {
    const rank = (s: Source): number =>
      s.standing === 'live' ? Number.MAX_SAFE_INTEGER : order.indexOf(s.keys.at(-1)!);
    const ranked = this.sources.map((source, at) => ({ source, at, rank: rank(source) }));
    this.sources = ranked.sort((a, b) => a.rank - b.rank || a.at - b.at).map(({ source }) => source);
  }

  /** A source that only serve remembered has no marks: from its file it gets one. */
  async #learn(source: Source, file: Surveyed): Promise<void> {
    if (source.marks.length > 0 || source.read === 0) return;
    const length = Math.min(TAIL, source.read);
    const bytes = await bytesOf(this.#place.disk, file, { at: source.read, length, hash: '', time: 0 });
    if (bytes.length === length) source.marks = [markOf(bytes, 0, length, source.read, this.#shared.now())];
  }

  /**
   * The log goes on in another file that holds what was read of it (an editor's, `sed -i`'s), and so does its source. A
   * daemon may have the old one open still: what the new one does not hold is read there, as long as something comes.
   * @param isRead the old one has a name, by which it is read
   */
  async #moveOver(source: Source, file: Surveyed, isRead: boolean): Promise<void> {
    const { descriptors } = this.#shared;
    const left = source.packed || isRead ? null : await this.#leftover(source, file);
    if (left) [left.fd, source.fd] = [source.fd, null];
    descriptors.release(source);
    if (!left) return;
    descriptors.use(left, left.pin);
    if (await this.identify(left, 'growing')) {
      this.#retired = [...this.#retired, left.id!].slice(-MOST_RETIRED);
      this.sources.push(left);
    } else descriptors.release(left);
  }

  /** Null: nobody can tell in reasonable time what one file has and the other has not. */
  async #leftover(source: Source, file: Surveyed): Promise<Source | null> {
    const { disk } = this.#place;
    const stat = await disk.fstat(source.fd!);
    const size = Number(stat.size);
    const common = await agreement(disk, [source.fd!, file.fd], source.read, Math.min(size, file.size));
    if (!common) return null;
    const left = new Source(source.fdKey!, null, this.#reader);
    left.leftover = 'yes';
    left.standing = 'rotated';
    left.fdKey = source.fdKey;
    left.read = common.line;
    left.inside = common.line === source.read ? source.inside : 'start';
    left.size = size;
    left.mtime = Number(stat.mtimeMs);
    left.changedAt = this.#shared.steady();
    return left;
  }

  /** The file is this source's. It is kept open as long as there is something to read or to deliver. */
  #assign(source: Source, file: Surveyed, how: 'whole' | 'shorter', first: 'yes' | 'no'): void {
    if (source.end !== 'open') {
      const late = how === 'whole' && file.size > source.read && source.end === 'cut';
      if (!source.keys.includes(file.key)) source.keys.push(file.key);
      if (!late && file.sibling) return;
      this.reopen(source);
    }
    const others = source.keys.filter(key => key !== file.key);
    if (source.birth === 0 && others.length === 0) source.birth = file.birth;
    source.keys = [...others, file.key];
    source.standing = file.sibling ? 'rotated' : 'live';
    if (how === 'shorter' && file.size <= source.read) {
      // A copy that was made while we read on: nothing in it is new.
      this.#shared.descriptors.release(source);
      source.name = null;
      return;
    }
    source.name = file.name;
    if (source.fd !== null) return;
    this.#take(source, file);
    source.more = 'yes';
    if (first === 'yes') source.caughtUp = file.size;
    const age = Math.max(0, this.#shared.now() - file.mtime);
    source.changedAt = Math.max(source.changedAt, this.#shared.steady() - age);
  }

  /** The source reads from this open file from now on. */
  #take(source: Source, file: Surveyed): void {
    file.taken = 'yes';
    source.fd = file.fd;
    source.fdKey = file.key;
    source.packed = file.packed;
    if (source.packed) source.packed.allowance = null;
    source.size = file.size;
    source.mtime = file.mtime;
    source.surveyed = 'yes';
    this.#shared.descriptors.use(source, source.pin);
  }

  /** Asked while all files are open still: where new ones go on behind lines that are read under another name. */
  #partings({ matches, unread, fresh }: Matching<Surveyed, Source>): Promise<Map<Surveyed, Mark>> {
    const held = this.sources.filter(s => !matches.some(m => m.source === s));
    const files = fresh ? [...unread, fresh] : unread;
    return partings(this.#place.disk, files, matches, held, this.#shared.now());
  }

  /**
   * The live file begins a new life, unless it was only cut short.
   * @param copied what stands before it is read under another name
   */
  async #anew(file: Surveyed, shortened: Source | null, copied: Mark | undefined, first: 'yes' | 'no'): Promise<void> {
    const mark = shortened?.marks.findLast(m => m.at <= file.size && m.at >= ENOUGH);
    const bytes = mark ? await bytesOf(this.#place.disk, file, mark) : null;
    const proven = mark && bytes && agrees(mark, bytes) && !repeats(bytes);
    if (shortened && proven && shortened.end === 'open' && mark.at >= shortened.read) {
      // What is missing had not been acknowledged yet: a crash of the machine took it.
      shortened.marks = shortened.marks.filter(m => m.at <= mark.at);
      this.#assign(shortened, file, 'whole', first);
      return;
    }
    const source = this.#begin(file, first === 'yes' ? 'old' : 'new');
    await this.#behind(source, proven ? mark : copied);
  }

  async #behind(source: Source, mark: Mark | undefined): Promise<void> {
    if (mark && (await this.identify(source, source.standing === 'live' ? 'growing' : 'ended')))
      source.beginBehind(mark);
  }

  /** @param age `old`: its lines were written while nobody looked */
  #begin(file: Surveyed, age: 'old' | 'new'): Source {
    const source = new Source(file.key, file.name, this.#reader);
    source.standing = file.sibling ? 'rotated' : 'live';
    source.birth = file.birth;
    source.since = file.birth;
    source.inside = 'start';
    if (!file.sibling) source.firstLine = file.fp;
    source.changedAt = this.#shared.steady();
    const waited = age === 'old' || source.standing === 'rotated' || this.#shared.now() - file.mtime > OLD_MS;
    source.caughtUp = waited ? file.size : 0;
    this.sources.push(source);
    if (this.seen === 0) this.seen = file.mtime;
    this.#take(source, file);
    return source;
  }

  // ------------------------------------------------------------ the course of a life

  /** Gives the source its name, once its first line is complete. */
  async identify(source: Source, how: 'growing' | 'ended'): Promise<boolean> {
    const fp = source.firstLine ?? (await this.#firstLineOf(source, how));
    source.firstLine = null;
    source.more = fp ? 'yes' : 'no';
    if (!fp) return false;
    const key = source.keys[0]!;
    source.become(sourceId(key, fp, this.#shared.generation(key, fp)), 0, this.#ref, this.#shared);
    source.recorded = 'no';
    this.#named(source);
    this.changed();
    return true;
  }

  async #firstLineOf(source: Source, how: 'growing' | 'ended'): Promise<string | null> {
    const head = Buffer.allocUnsafe(HEAD);
    const length = await source.bytes(this.#place.disk, head, HEAD, 0);
    return fingerprint(head.subarray(0, length), how);
  }

  /** There is nothing left to read of it; what is held is still delivered. */
  vanish(source: Source): void {
    this.#shared.descriptors.release(source);
    source.name = null;
    source.standing = 'rotated';
    source.more = 'no';
  }

  /** A life that had ended is read on. */
  reopen(source: Source): void {
    source.end = 'open';
    this.past = this.past.filter(s => s !== source);
    this.sources.unshift(source);
  }

  /** What is done with goes to the past; what has no file any more, and nothing to deliver, too. */
  retire(): void {
    for (const source of this.sources) {
      const gone = source.standing === 'rotated' && source.fd === null && source.name === null;
      if (source.end === 'open' && gone && source.settledUp) source.end = 'cut';
    }
    const done = this.sources.filter(s => s.end !== 'open');
    if (done.length === 0) return;
    for (const source of done) this.#shared.descriptors.release(source);
    this.sources = this.sources.filter(s => s.end === 'open');
    this.past = [...this.past, ...done.filter(s => s.id !== null && s.leftover === 'no')];
    const over = this.past.splice(0, Math.max(0, this.past.length - MOST_PAST));
    this.#retired = [...this.#retired, ...over.map(s => s.id!)].slice(-MOST_RETIRED);
    this.changed();
  }
}

/**
 * One life of one file: from its first byte until it was truncated, or removed, or rotated away and read to its end.
 * It knows by which bytes it is recognised, how far it was read, and holds what was read until serve has it.
 */
import type { Stats } from 'node:fs';
import type { SourceRef } from '../messages.ts';
import { Outbox, type OutboxOptions, type When } from './batch.ts';
import type { Pin } from './descriptors.ts';
import { closeFile, type Disk } from './disk.ts';
import { agrees, type Mark, markOf, numbersOf, parseId, TAIL, withMark } from './identity.ts';
import { cutLines } from './lines.ts';
import type { Packed } from './packed.ts';
import type { Known } from './position.ts';

/** What a reading turn found. `changed`: the bytes before the position are not the ones that were read. */
export type Reading = 'end' | 'more' | 'changed';

export interface Reader {
  readonly polling: 'yes' | 'no';
}

export class Source {
  /** Null while there is no complete first line. */
  id: string | null = null;
  fp: string | null = null;
  /** `device-inode`s it was seen under, its own first. */
  keys: string[];
  #inode = { key: '', dev: 0, ino: 0 };
  /** The base name it has now; null when it has none, or nobody knows. */
  name: string | null;
  standing: 'live' | 'rotated' = 'live';
  end: Known['end'] = 'open';
  fd: number | null = null;
  /** `device-inode` of the open file: that of an older name, perhaps. */
  fdKey: string | null = null;
  packed: Packed | null = null;
  /** The next byte to read; what lies before it is in the outbox or acknowledged. */
  read = 0;
  inside: 'start' | 'line' | 'unknown' = 'unknown';
  /** Its first line, as a look found it that began this life; not kept. */
  firstLine: string | null = null;
  /** Its file was looked at in this very turn. */
  surveyed: 'yes' | 'no' = 'no';
  marks: Mark[] = [];
  size = -1;
  mtime = 0;
  /** Size and time that a look at the live path showed before it was last read: the same look means nothing new. */
  looked = { size: -1, mtime: -1 };
  birth = 0;
  /** Steady time of the last change, and whether more is known to be there. */
  changedAt = Number.NEGATIVE_INFINITY;
  more: 'yes' | 'no' = 'yes';
  /** Bytes before this one were there when we came: their lines have no known time of arrival. */
  caughtUp = 0;
  since = 0;
  /** What stands before this byte was counted in another life. */
  begins = 0;
  pausedAt: number | null = null;
  /** The record of this life is on disk: it may be spoken of to serve. */
  recorded: 'yes' | 'no' = 'no';
  outbox: Outbox | null = null;
  /** The log goes on in another file that holds all of this one: only what a writer still adds here is read. */
  leftover: 'yes' | 'no' = 'no';
  /** Who reads it: while it does, the file is not closed. */
  readonly reader: Reader;

  constructor(key: string, name: string | null, reader: Reader) {
    this.keys = [key];
    this.name = name;
    this.reader = reader;
  }

  /** The same source again, from what the checkpoint knows. */
  static from(known: Known, ref: Omit<SourceRef, 'id'>, options: OutboxOptions, reader: Reader): Source {
    const source = new Source(known.keys[0] ?? parseId(known.id)?.key ?? '', null, reader);
    source.keys = [...known.keys];
    source.marks = [...known.marks];
    source.end = known.end;
    source.mtime = known.mtime;
    source.birth = known.birth;
    source.since = known.at;
    source.standing = 'rotated';
    source.recorded = 'yes';
    source.become(known.id, known.committed, ref, options);
    source.begins = known.begins ?? 0;
    source.#readOnFrom(known.committed);
    return source;
  }

  become(id: string, committed: number, ref: Omit<SourceRef, 'id'>, options: OutboxOptions): void {
    this.id = id;
    this.fp = parseId(id)?.fp ?? null;
    this.outbox = new Outbox({ id, ...ref }, committed, options);
  }

  known(now: number): Known | null {
    if (!this.id || !this.outbox || this.leftover === 'yes') return null;
    const { id, marks, end, mtime, birth, begins } = this;
    const { committed } = this.outbox;
    const known = { id, committed, marks, end, keys: this.keys.slice(-8), mtime, birth, at: now };
    return begins > committed ? { ...known, begins } : known;
  }

  /** How much its open file is worth: `only` has no name any more, `needed` may lose it before serve has everything. */
  get pin(): Pin {
    if (this.standing === 'live') return 'free';
    if (this.name === null) return 'only';
    return this.settledUp ? 'free' : 'needed';
  }

  /** Is this a look at the inode it was last seen under? */
  isAt(look: Stats): boolean {
    const key = this.keys.at(-1)!;
    if (this.#inode.key !== key) this.#inode = { key, ...numbersOf(key) };
    return this.#inode.ino === look.ino && this.#inode.dev === look.dev;
  }

  /** It was read after this look at the live path. Only a look at the inode that is read says anything about it. */
  saw(look: Stats): void {
    const same = this.fdKey === this.keys.at(-1) && this.isAt(look);
    this.looked = same ? { size: look.size, mtime: look.mtimeMs } : { size: -1, mtime: -1 };
  }

  /** Bytes that were there when we came and are being read: they join what was read of them so far. */
  get ahead(): number {
    return this.pausedAt === null && this.more === 'yes' ? Math.max(0, this.caughtUp - this.read) : 0;
  }

  /** Nothing is held for serve. */
  get settledUp(): boolean {
    return this.outbox?.idle ?? true;
  }

  /** Fills `into` from `position`. */
  async bytes(disk: Disk, into: Buffer, length: number, position: number): Promise<number> {
    if (this.packed) return await this.packed.read(into, length, position);
    return this.fd === null ? 0 : await disk.read(this.fd, into, length, position);
  }

  /** Reads one chunk into `buffer`, checks that it continues what was read, and hands its complete lines over. */
  async step(disk: Disk, buffer: Buffer, maxLine: number, now: number): Promise<Reading> {
    const room = buffer.length - 1;
    const newest = this.marks.at(-1);
    // The read begins early enough to see again the bytes that are remembered, a half line that is held among them.
    let seen = newest ? newest.at - newest.length : this.read - TAIL;
    const far = newest !== undefined && this.read - seen > room / 2;
    // Serve has far more of it than an agent that was killed had written down: they are looked at by themselves.
    if (far) {
      if (!(await this.#holds(disk, buffer, newest))) return 'changed';
      seen = this.read - TAIL;
    }
    const before = this.read - Math.max(0, Math.min(seen, this.read - 1));
    const got = await this.bytes(disk, buffer, room, this.read - before);
    if (got < before || !(far || this.#continues(buffer, got, this.read - before, got === room))) return 'changed';
    this.more = got === room ? 'yes' : 'no';
    if (got === before) return 'end';
    if (this.inside === 'unknown') this.inside = isLineStart(buffer, before) ? 'start' : 'line';
    const base = this.read - before;
    const from = before + (base + before === 0 ? byteOrderMark(buffer, got) : 0);
    const cut = cutLines(buffer.subarray(0, got), from, got, this.inside, maxLine);
    if (cut.rest === 'more') this.more = 'yes';
    const when = this.#when(now);
    for (const [start, stop] of cut.pieces) this.outbox!.take(buffer, start, stop, base, when);
    const claim = cut.claim > from || cut.cut > 0 ? base + cut.claim : 0;
    this.outbox!.advance(claim, cut, when);
    this.inside = cut.inside;
    if (cut.cursor > before) this.#moved(buffer, cut.cursor, base, now);
    if (this.more === 'no' && got > cut.cursor) this.#remember(markOf(buffer, 0, got, base + got, now));
    return this.more === 'yes' ? 'more' : 'end';
  }

  /** The file will not grow: what stands after its last newline is a line. */
  async last(disk: Disk, buffer: Buffer, now: number): Promise<void> {
    const got = await this.bytes(disk, buffer, buffer.length - 1, this.read);
    if (got === 0 || this.inside === 'line' || !this.outbox) return;
    buffer[got] = 10;
    const when = this.#when(now);
    this.outbox.take(buffer, 0, got + 1, this.read, when);
    this.outbox.endAt(this.read + got);
    // Whatever a late writer still adds is the rest of this line, which has been counted.
    this.inside = 'line';
    this.#moved(buffer, got, this.read, now);
  }

  async #holds(disk: Disk, buffer: Buffer, mark: Mark): Promise<boolean> {
    const got = await this.bytes(disk, buffer, mark.length, mark.at - mark.length);
    return got === mark.length && agrees(mark, buffer.subarray(0, got));
  }

  /** Are the remembered bytes still what they were? `full`: the file goes on behind what was read. */
  #continues(buffer: Buffer, got: number, base: number, full: boolean): boolean {
    const newest = this.marks.at(-1);
    if (!newest) return true;
    const end = newest.at - base;
    if (end > got) return full;
    return end < newest.length || agrees(newest, buffer.subarray(end - newest.length, end));
  }

  #moved(buffer: Buffer, to: number, base: number, now: number): void {
    this.read = base + to;
    this.#remember(markOf(buffer, 0, to, this.read, now));
  }

  #remember(mark: Mark): void {
    const last = this.marks.at(-1);
    if (last?.at !== mark.at || last.hash !== mark.hash) this.marks = withMark(this.marks, mark);
  }

  /** A file's time is whatever its owner wrote there; nothing was written later than now. */
  #when(now: number): When {
    if (this.read >= this.caughtUp) return { live: 'live' };
    const to = Math.max(0, Math.min(this.mtime, now));
    return { live: 'catching-up', from: Math.max(0, Math.min(this.since || this.birth || to, to)), to };
  }

  /** This life's own lines begin behind the mark. */
  beginBehind(mark: Mark): void {
    this.begins = mark.at;
    this.marks = [mark];
    this.#readOnFrom(this.read);
  }

  #readOnFrom(at: number): void {
    if (at < this.begins) this.outbox?.advance(this.begins, { cut: 0, bad: 0 }, { live: 'live' });
    this.read = Math.max(at, this.begins);
  }

  /** Serve stands at `committed`: read again from there. */
  again(committed: number): void {
    this.outbox?.restart(committed);
    this.#readOnFrom(committed);
    this.inside = 'unknown';
    this.more = 'yes';
  }

  close(): void {
    this.packed?.close();
    this.packed = null;
    if (this.fd !== null) closeFile(this.fd);
    this.fd = null;
  }
}

/** After a newline a line begins; after NUL bytes too, since a committed place inside a cut line never follows one. */
const isLineStart = (buffer: Buffer, at: number): boolean => at === 0 || buffer[at - 1] === 10 || buffer[at - 1] === 0;

const byteOrderMark = (buffer: Buffer, length: number): number =>
  length >= 3 && buffer[0] === 0xef && buffer[1] === 0xbb && buffer[2] === 0xbf ? 3 : 0;

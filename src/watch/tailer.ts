/**
 * All logs of this host together: who reads, what is due to be sent, what an acknowledgement means. No timers: whoever
 * owns it calls `poll`, `record` and `outgoing`, and every one of them is a plain step that a test can take too.
 */
import type { OutboxOptions } from './batch.ts';
import { Descriptors } from './descriptors.ts';
import type { Draft } from './draft.ts';
import { parseId } from './identity.ts';
import type { Shared } from './lives.ts';
import type { Place } from './place.ts';
import type { Checkpoint, Known, PathRecord } from './position.ts';
import type { Source } from './source.ts';
import type { Surveyed } from './survey.ts';
import { Tail, type Turn } from './tail.ts';

export interface TailerOptions extends Omit<OutboxOptions, 'spool'> {
  checkpoint: Checkpoint;
  maxLine: number;
  /** Most batches held for serve; then reading pauses. */
  spool: number;
  /** Most files open at once. */
  descriptors: number;
  chunk?: number;
  lost?: (path: string, bytes: number, why: string) => void;
}

/** What serve said of one source, when it was asked. */
export interface Committed {
  id: string;
  committed: number;
  path?: string | undefined;
}

/** Beyond these bounds reading pauses: of one source, and of all rows in memory. */
const BATCHES_OF_ONE = 16;
const ROWS = 600_000;
/** Room that is kept for logs that hold little, beyond what one more chunk can bring: one that has much stops no other. */
const RESERVED = 150_000;
const LITTLE = 500;
/**
 * So long it is remembered how far a log was read that is not watched any more: a directory that names nobody, or a file
 * system that is not mounted, takes nobody's place away.
 */
const GONE_MS = 86_400_000;

/** Where a log stood that is not watched. */
interface Left {
  record: PathRecord;
  /** Whose it was; of another one's log nothing is told. Undefined: nobody knows. */
  owner: string | null | undefined;
  /** Steady time. */
  until: number;
}

export class Tailer {
  readonly tails = new Map<string, Tail>();
  readonly spool = { batches: 0, rows: 0 };
  readonly shared: Shared;
  #sources = new Map<string, { source: Source; tail: Tail }>();
  /** Sources that hold something for serve. */
  #busy = new Set<Source>();
  /** Of these, the ones that were read or acknowledged since they were last asked for a batch. */
  #moved = new Set<Source>();
  #unrecorded = new Set<Source>();
  #generations = new Map<string, number>();
  #left = new Map<string, Left>();
  #strangers: Committed[] = [];
  #retired = new Set<string>();
  #buffers: Buffer[] = [];

  constructor(options: TailerOptions) {
    const { chunk = 1 << 20, spool, descriptors, lost = () => {}, ...rest } = options;
    const length = Math.max(chunk, 2 * options.maxLine) + 1;
    this.shared = {
      ...rest,
      spool: this.spool,
      lost,
      descriptors: new Descriptors<Source>(
        descriptors,
        source => source.close(),
        source => source.reader.polling === 'yes',
      ),
      borrow: () => this.#buffers.pop() ?? Buffer.allocUnsafeSlow(length),
      giveBack: buffer => this.#buffers.push(buffer),
      generation: (key, fp) => this.#generations.get(`${key}-${fp}`) ?? 0,
      mayRead: source => this.#mayRead(source, spool),
      strangers: {
        any: () => this.#strangers.length > 0,
        of: (files, path, recorded) => this.#claim(files, path, recorded),
      },
    };
  }

  /** Positions of a valid checkpoint, before the first `watch`. */
  restore(records: readonly PathRecord[]): void {
    const until = this.shared.steady() + GONE_MS;
    for (const record of records) {
      this.#left.set(record.path, { record, owner: undefined, until });
      for (const id of record.retired) {
        this.#retired.add(id);
        this.#remember(id);
      }
      for (const { id } of record.sources) this.#remember(id);
    }
  }

  watch(place: Place): Tail {
    const known = this.tails.get(place.path);
    if (known) return known;
    const left = this.#left.get(place.path);
    const isSame = left && (left.owner === undefined || left.owner === place.owner);
    const tail = new Tail(place, this.shared, this.#named, isSame ? left.record : null);
    this.#left.delete(place.path);
    this.tails.set(place.path, tail);
    return tail;
  }

  /** The log's owner is gone, it seems: nothing more is read. Should they be back soon, it is read on where it was left. */
  unwatch(path: string): void {
    const tail = this.tails.get(path);
    if (!tail) return;
    this.#letGo(tail);
    this.tails.delete(path);
    const { record } = tail;
    if (record) this.#left.set(path, { record, owner: tail.place.owner, until: this.shared.steady() + GONE_MS });
    this.#remembers(path);
  }

  /** What was left is gone for good: nobody will be back for it. */
  forget(path: string): void {
    this.#left.delete(path);
    this.#remembers(path);
  }

  /** The checkpoint keeps what is known of this path when it is written. */
  #remembers(path: string): void {
    this.shared.checkpoint.changed(path, () => this.tails.get(path)?.record ?? this.#left.get(path)?.record ?? null);
  }

  #letGo(tail: Tail): void {
    for (const source of tail.all) {
      // Whoever watches it again has it under the same name.
      if (source.id && this.#sources.get(source.id)?.tail === tail) this.#sources.delete(source.id);
      for (const set of [this.#busy, this.#moved, this.#unrecorded]) set.delete(source);
      source.outbox?.restart(source.outbox.committed);
    }
    tail.close();
  }

  /** One look at one log. */
  async poll(tail: Tail): Promise<Turn> {
    const turn = await tail.poll();
    if (this.tails.get(tail.place.path) !== tail) return this.#tooLate(tail);
    for (const source of tail.sources) if (!source.settledUp) this.#holds(source);
    return turn;
  }

  /** It was unwatched while it was looked at: what was read of it is nobody's, and what was known before stays known. */
  #tooLate(tail: Tail): Turn {
    this.#letGo(tail);
    this.#remembers(tail.place.path);
    return 'idle';
  }

  #holds(source: Source): void {
    this.#busy.add(source);
    this.#moved.add(source);
    if (source.recorded === 'no') this.#unrecorded.add(source);
  }

  /** Are there sources that `record` has not put on disk? */
  get unrecorded(): boolean {
    return this.#unrecorded.size > 0;
  }

  /**
   * Before a source is first spoken of to serve, its name must be on disk: after a crash the same bytes must get the
   * same name, and other bytes another one. One write serves all that wait.
   */
  async record(): Promise<void> {
    if (!this.unrecorded) return;
    const fresh = [...this.#unrecorded];
    this.#unrecorded.clear();
    await this.shared.checkpoint.save();
    for (const source of fresh) {
      source.recorded = 'yes';
      if (this.#busy.has(source)) this.#moved.add(source);
    }
  }

  /**
   * The batches to send now. Asking counts as sending: see `unsent`.
   * @param which `moved`: of sources that were read or acknowledged since the last call. `all`: those too that waited,
   * for company or for an answer; to be asked a few times a second.
   * @param underWay sources whose last batch is still being handed over: they are asked at the next call
   */
  outgoing(which: 'moved' | 'all' = 'all', underWay: ReadonlySet<string> = new Set()): Draft[] {
    const out: Draft[] = [];
    const later: Source[] = [];
    for (const source of which === 'all' ? this.#busy : this.#moved) {
      if (source.settledUp) this.#busy.delete(source);
      else if (underWay.has(source.id!)) later.push(source);
      else if (source.recorded === 'yes') {
        const hurry = source.pausedAt !== null || source.standing === 'rotated' || source.outbox!.batches > 1;
        const draft = source.outbox!.next(hurry ? 'hurry' : 'easy', source.ahead);
        if (draft) out.push(draft);
      }
    }
    this.#moved = new Set(later);
    return out;
  }

  /** A batch could not be handed over: it is due again after so many milliseconds. */
  unsent(id: string, after: number): void {
    this.#sources.get(id)?.source.outbox?.unsent(after);
  }

  /** Serve has committed so much of this source. Answers the log concerned when there may be more to do for it. */
  ack(id: string, committed: number): Tail | null {
    const entry = this.#sources.get(id);
    if (!entry?.source.outbox) return null;
    const { source, tail } = entry;
    const verdict = source.outbox!.ack(committed);
    if (verdict === 'known') return null;
    if (verdict === 'elsewhere') {
      tail.again(source, committed);
    }
    if (!source.settledUp) this.#holds(source);
    tail.moved();
    return tail;
  }

  /** Serve refused a batch of this source. Answers its log when less of it goes now. */
  refused(id: string, from: number, to: number, what: 'whole' | 'stripped'): Tail | null {
    const entry = this.#sources.get(id);
    if (entry?.source.outbox?.refused(from, to, what) !== 'less') return null;
    this.#holds(entry.source);
    return entry.tail;
  }

  /**
   * Serve's own list of what it has committed. It corrects the checkpoint where both know a source; what only serve
   * knows is kept until its file is met; what only we know is settled by the first acknowledgement. It comes when serve or
   * the way to it was away: what had no answer by then is sent again at once.
   */
  positions(list: readonly Committed[]): void {
    this.#strangers = [];
    const records = new Map<string, Known>();
    for (const { record } of this.#left.values()) for (const source of record.sources) records.set(source.id, source);
    for (const entry of list) {
      const known = this.#sources.get(entry.id);
      const record = records.get(entry.id);
      if (known) {
        const { source, tail } = known;
        const held = source.outbox!;
        const behind = entry.committed < held.committed;
        if (entry.committed !== held.committed && (held.idle || behind) && (source.end === 'open' || behind))
          tail.again(source, entry.committed);
      } else if (record) {
        if (entry.committed < record.committed) record.end = 'open';
        record.committed = entry.committed;
      } else {
        this.#remember(entry.id);
        if (!this.#retired.has(entry.id)) this.#strangers.push(entry);
      }
    }
    for (const { source } of this.#sources.values()) source.outbox?.unsent(0);
  }

  /** Closes the files of logs at rest, which are opened again when they grow, and forgets those that went long ago. */
  trim(quietMs = 30_000): void {
    const { descriptors, steady } = this.shared;
    for (const [path, { until }] of this.#left) {
      if (steady() < until) continue;
      this.#left.delete(path);
      this.#remembers(path);
    }
    descriptors.trim(source => steady() - source.changedAt < quietMs);
  }

  get spooled(): number {
    return this.spool.batches;
  }

  #mayRead(source: Source, most: number): 'yes' | 'no' {
    const { batches, rows } = this.spool;
    const own = source.outbox?.batches ?? 0;
    const room = ROWS + ((source.outbox?.rows ?? 0) < LITTLE ? RESERVED : 0);
    return batches < most && rows < room && own < BATCHES_OF_ONE ? 'yes' : 'no';
  }

  #named = (source: Source, tail: Tail): void => {
    this.#sources.set(source.id!, { source, tail });
    this.#remember(source.id!);
  };

  #remember(id: string): void {
    const part = parseId(id);
    if (!part) return;
    const at = `${part.key}-${part.fp}`;
    this.#generations.set(at, Math.max(this.#generations.get(at) ?? 0, part.generation + 1));
  }

  /**
   * What serve knows of these files: by inode and first line; without a record of ours also by the first line alone,
   * for rotations, which may have a new inode. With one, it can only be what a full disk kept from being recorded.
   */
  #claim(files: readonly Surveyed[], path: string, recorded: 'yes' | 'no'): Known[] {
    const mine = this.#strangers.filter(({ id, path: at }) => {
      const part = parseId(id);
      if (!part) return false;
      if (files.some(f => f.fp === part.fp && f.key === part.key && f.packed === null)) return true;
      return recorded === 'no' && (at === path || files.some(f => f.fp === part.fp && f.sibling !== null));
    });
    this.#strangers = this.#strangers.filter(stranger => !mine.includes(stranger));
    const byLife = (a: Committed, b: Committed): number =>
      (parseId(a.id)?.generation ?? 0) - (parseId(b.id)?.generation ?? 0);
    return mine.sort(byLife).map(({ id, committed }) => {
      const key = parseId(id)!.key;
      return { id, committed, marks: [], end: 'open', keys: [key], mtime: 0, birth: 0, at: 0 };
    });
  }
}

/**
 * Turns parsed lines into batches for serve: merged by key, contiguous, one under way per source. The first observation
 * of somebody goes at once, those that follow are merged until the batch under way is acknowledged; what names nobody
 * (a job that went well, a hundred times a second) can wait a moment. Serve takes a batch only where
 * its last committed one ended, so a batch that comes twice or late does no harm, and serve's word is the truth.
 */
import type { ChunkCount, ParseChunk, ParsedLine } from '../incident.ts';
import type { SourceRef, StrangeLine } from '../messages.ts';
import { LONGEST } from '../tally-pack.ts';
import { Draft } from './draft.ts';

/**
 * What one batch may hold. It grows while the one before it is under way: at rest it is a line, and where much is to be
 * caught up on, the same people from the same places are counted together for a gigabyte or two. A row takes some 70 bytes
 * here.
 */
const MOST_ROWS = 400_000;
const MOST_BYTES = 2 ** 31;
/** A line under so many bytes can't weigh as much as a row: a piece can't bring more than fits. */
const BYTES_OF_A_ROW = 8;
const PIECE = 32 << 10;
/** With so little room left a batch is full: pieces would become tiny. */
const FULL = MOST_ROWS - 1000;
const LAZY_MS = 1000;
/**
 * A large log is caught up on in few batches, since the same people come up in each: the first one holds this share of
 * what is to come, and the last one waits for what is little beside it.
 */
const LARGE_BYTES = 64 << 20;
const FIRST_SHARE = 1 / 4;
const LAST_SHARE = 1 / 3;
/** Nothing waits longer for company, however slow its disk. */
const COMPANY_MS = 2000;
const RESEND_MS = 5000;
/** A batch in parts takes serve longer. */
const RESEND_PARTS_MS = 60_000;
const SAMPLE = 500;
const SAMPLE_BYTES = 64;
/** Own times of lines are believed from the year 2000 up to a minute ahead of our clock. */
const EARLIEST = 946_684_800_000;
const AHEAD_MS = 60_000;

export interface OutboxOptions {
  host: string;
  parse: ParseChunk;
  redact: (line: string) => string;
  /** Wall milliseconds for what is reported, and steady ones for what is waited for. */
  now: () => number;
  steady: () => number;
  /** What all outboxes hold together, kept up by them; a row is what a batch has of one key. */
  spool: { batches: number; rows: number };
}

/** When the lines of a chunk were written, as far as anybody knows. */
export type When = { live: 'live' } | { live: 'catching-up'; from: number; to: number };

/** What an acknowledgement means: `elsewhere` asks to read again from the committed byte. */
export type AckVerdict = 'moved' | 'known' | 'elsewhere';

export class Outbox {
  readonly source: SourceRef;
  /** Acknowledged by serve up to here. */
  committed: number;
  #options: OutboxOptions;
  #ready: Draft[] = [];
  #open: Draft | null = null;
  #openedAt = 0;
  /** Since when the open batch could have gone, and waited for what is to come. */
  #waitingSince: number | null = null;
  /** Whom the open batch tells of. */
  #names: 'nobody' | 'somebody' = 'nobody';
  #low = { committed: -1, times: 0 };

  constructor(source: SourceRef, committed: number, options: OutboxOptions) {
    this.source = source;
    this.committed = committed;
    this.#options = options;
  }

  /** Batches held. */
  get batches(): number {
    return this.#ready.length + (this.#open ? 1 : 0);
  }
  /** Rows held. */
  get rows(): number {
    return this.#ready.reduce((sum, { weight }) => sum + weight, this.#open?.weight ?? 0);
  }
  /** Everything up to here is acknowledged or held here. */
  get end(): number {
    return (this.#open ?? this.#ready.at(-1))?.batch.to ?? this.committed;
  }
  get idle(): boolean {
    return this.#ready.length === 0 && this.#open === null;
  }

  /** Parses the complete lines in `bytes[from, to)`; byte 0 of `bytes` is byte `base` of the source. */
  take(bytes: Buffer, from: number, to: number, base: number, when: When): void {
    for (let at = from; at < to; ) {
      if ((this.#open?.weight ?? 0) > FULL) this.#close();
      const room = MOST_ROWS - (this.#open?.weight ?? 0);
      const most = Math.min(PIECE, room * BYTES_OF_A_ROW);
      let end = to;
      if (to - at > most) {
        const newline = bytes.lastIndexOf(10, at + most - 1);
        end = newline >= at ? newline + 1 : bytes.indexOf(10, at + most) + 1;
      }
      this.#piece(bytes, at, end, base, when);
      at = end;
    }
  }

  #piece(bytes: Buffer, from: number, to: number, base: number, when: When): void {
    const { parse, now } = this.#options;
    const draft = this.#for(when);
    const { batch } = draft;
    const sample = (line: ParsedLine): string => this.#sample(bytes, line);
    const read = now();
    const count = parse(bytes, from, to, this.source, line => this.#count(draft, line, when, read, base, sample));
    batch.lines += count.lines;
    batch.unparsed += count.unparsed;
    batch.bad += count.bad;
    if (count.strange && (!batch.strange || (count.strange.bad && !batch.strange.bad)))
      batch.strange = this.#strange(bytes, count.strange, base);
    batch.to = base + to;
    if (batch.to - batch.from >= MOST_BYTES) this.#close();
  }

  #strange(bytes: Buffer, { start, end, bad }: NonNullable<ChunkCount['strange']>, base: number): StrangeLine {
    const { redact } = this.#options;
    const text = bad
      ? bytes.toString('hex', start, Math.min(end, start + SAMPLE_BYTES))
      : redact(bytes.toString('utf8', start, Math.min(end, start + SAMPLE)));
    return { text: text.slice(0, LONGEST.strange).toWellFormed(), bad, offset: base + start };
  }

  /** What was cut away or stepped over counts too, and the place moves on. */
  advance(to: number, counts: { cut: number; bad: number }, when: When): void {
    if (to <= this.end && counts.cut === 0 && counts.bad === 0) return;
    const { batch } = this.#for(when);
    batch.lines += counts.cut;
    batch.cut += counts.cut;
    batch.bad += counts.bad;
    if (to > batch.to) batch.to = to;
    if (batch.to - batch.from >= MOST_BYTES) this.#close();
  }

  /** What was taken last ended here: a last line had no newline, the one it was parsed with is not in the file. */
  endAt(to: number): void {
    const last = this.#open ?? this.#ready.at(-1);
    if (last) last.batch.to = to;
  }

  /** The open batch of this kind; what is read live is not mixed with what was found. */
  #for(when: When): Draft {
    const approximate = when.live !== 'live';
    if (this.#open && this.#open.batch.approximate !== approximate) this.#close();
    if (!this.#open) {
      const from = this.end;
      this.#openedAt = this.#options.steady();
      const { host, now } = this.#options;
      const counts = { lines: 0, unparsed: 0, cut: 0, bad: 0 };
      const batch = {
        v: 1 as const,
        host,
        source: this.source,
        from,
        to: from,
        ...counts,
        readAt: now(),
        approximate,
      };
      this.#options.spool.batches++;
      this.#open = new Draft(batch);
    }
    return this.#open;
  }

  #close(): void {
    if (this.#open) this.#ready.push(this.#open);
    this.#open = null;
    this.#names = 'nobody';
    this.#waitingSince = null;
  }

  #count(
    draft: Draft,
    line: ParsedLine,
    when: When,
    now: number,
    base: number,
    sample: (line: ParsedLine) => string,
  ): void {
    const { merge } = draft;
    const { time } = line;
    const own = time !== null && time >= EARLIEST && time <= now + AHEAD_MS;
    const first = own ? time : when.live === 'live' ? now : when.from;
    const last = own ? time : when.live === 'live' ? now : when.to;
    if (line.user !== null) this.#names = 'somebody';
    if (!merge.add(line, first, last, !own && draft.batch.approximate, base + line.start, sample)) return;
    const { weight } = merge;
    this.#options.spool.rows += weight - draft.weight;
    draft.weight = weight;
  }

  #sample(bytes: Buffer, { start, end }: ParsedLine): string {
    const text = bytes.toString('utf8', start, Math.min(end, start + 4 * SAMPLE));
    return this.#options.redact(text).slice(0, SAMPLE).toWellFormed();
  }

  /**
   * The batch to send now, or null. Asking marks it as sent; the same one is answered again when it stays unanswered.
   * @param hurry reading waits, or the source has ended: a batch that names nobody does not wait either
   * @param ahead bytes that are known to follow and are read now
   */
  next(hurry: 'hurry' | 'easy', ahead = 0): Draft | null {
    const steady = this.#options.steady();
    const first = this.#ready[0];
    if (first) {
      if (steady - first.sentAt < resendMs(first)) return null;
      first.sentAt = steady;
      first.tries++;
      return first;
    }
    if (!this.#open) return null;
    const due = this.#names === 'somebody' || hurry === 'hurry' || steady - this.#openedAt >= LAZY_MS;
    if (!due || this.#waits(this.#open, ahead, steady)) return null;
    const draft = this.#open;
    this.#close();
    draft.sentAt = steady;
    draft.tries = 1;
    return draft;
  }

  /** Is it worth waiting for what is to come? */
  #waits({ batch }: Draft, ahead: number, steady: number): boolean {
    const bytes = batch.to - batch.from;
    const large = batch.approximate && bytes + ahead >= LARGE_BYTES;
    const begins = bytes < ahead * FIRST_SHARE;
    const ends = ahead > 0 && ahead < bytes * LAST_SHARE;
    if (!large || !(begins || ends)) return false;
    this.#waitingSince ??= steady;
    return steady - this.#waitingSince < COMPANY_MS;
  }

  /** It could not be sent: the next `next` that comes `after` milliseconds later answers it again. */
  unsent(after: number): void {
    const first = this.#ready[0];
    if (!first) return;
    first.tries = 0;
    first.sentAt = this.#options.steady() - resendMs(first) + after;
  }

  /** Serve did not take this batch, or what was left of it: it goes again with less, or in the end as an empty one. */
  refused(from: number, to: number, what: 'whole' | 'stripped'): 'less' | 'known' {
    const draft = this.#ready.find(({ batch }) => batch.from === from && batch.to === to);
    const tried = what === 'whole' ? 'all' : 'what fits';
    if (draft?.goes !== tried) return 'known';
    draft.goes = tried === 'all' ? 'what fits' : 'nothing';
    draft.sentAt = Number.NEGATIVE_INFINITY;
    return 'less';
  }

  ack(committed: number): AckVerdict {
    if (committed === this.committed) return 'known';
    const last = this.#ready.findIndex(draft => draft.batch.to === committed);
    if (last >= 0) {
      this.#gone(this.#ready.splice(0, last + 1));
      this.committed = committed;
      this.#low.times = 0;
      return 'moved';
    }
    if (committed > this.committed) return 'elsewhere';
    // Behind us: nearly always an answer that was long under way. Said twice, it is serve's own state that went back.
    this.#low = { committed, times: this.#low.committed === committed ? this.#low.times + 1 : 1 };
    return this.#low.times > 1 ? 'elsewhere' : 'known';
  }

  #gone(drafts: readonly Draft[]): void {
    const { spool } = this.#options;
    spool.batches -= drafts.length;
    for (const { weight } of drafts) spool.rows -= weight;
  }

  /** Everything held is let go; the source is read again from `committed`. */
  restart(committed: number): void {
    this.#close();
    this.#gone(this.#ready.splice(0));
    this.committed = committed;
    this.#low.times = 0;
  }

  /**
   * The bytes from `committed` to what is held can't be read any more. An empty batch spans them, so that what is held
   * can follow. If `committed` was an old answer, serve refuses the span and says where it is: no harm is done.
   * @returns how many bytes are spanned, or -1 when nothing is held that would need it
   */
  bridge(committed: number): number {
    const held = this.#ready[0] ?? this.#open;
    if (!held || committed >= held.batch.from) return -1;
    const span = held.batch.from - committed;
    const empty = { lines: 0, unparsed: 0, cut: 0, bad: 0 };
    const batch = { ...held.batch, ...empty, from: committed, to: held.batch.from };
    for (const draft of this.#ready) draft.sentAt = Number.NEGATIVE_INFINITY;
    this.#options.spool.batches++;
    this.#ready.unshift(new Draft(batch));
    this.committed = committed;
    this.#low.times = 0;
    return span;
  }
}

/** With serve away for long, the queue must not fill with the same batch again and again. */
const resendMs = ({ inParts, tries }: Draft): number =>
  inParts ? RESEND_PARTS_MS : Math.min(RESEND_PARTS_MS, RESEND_MS * 2 ** Math.max(0, tries - 1));

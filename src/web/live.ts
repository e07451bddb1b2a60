/**
 * Server-sent events: after a change the page is told which incidents moved, and reads itself again.
 * An event carries no content of its own, so a slow reader loses nothing when several become one, and a stream costs
 * the same for ten changes as for ten thousand. Streams are few per session and few in all.
 */
import type { Desk } from '../desk.ts';

export interface LiveLimits {
  perSession: number;
  total: number;
  /** Between two signs of life, which are also when a session is looked at again (ms). */
  heartbeat: number;
  /** Changes within this time are told as one (ms). */
  gather: number;
  /** Between two tellings there is this much time for each open page to read itself again (ms), up to `most`. */
  perPage: number;
  most: number;
}
const LIMITS: LiveLimits = { perSession: 6, total: 200, heartbeat: 15_000, gather: 20, perPage: 10, most: 2000 };

interface Stream {
  session: string;
  out: ReadableStreamDefaultController<Uint8Array>;
  /** Changes the reader has not been told of. */
  pending: Set<string>;
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

export class Live {
  readonly #desk: Desk;
  readonly #alive: (session: string) => boolean;
  readonly #limits: LiveLimits;
  readonly #streams = new Set<Stream>();
  #unsubscribe: (() => void) | null = null;
  #heart: NodeJS.Timeout | null = null;
  #gather: NodeJS.Timeout | null = null;
  #told = 0;

  /** `alive` says whether a session is still signed in and may still see incidents. */
  constructor(desk: Desk, alive: (session: string) => boolean, limits: Partial<LiveLimits> = {}) {
    this.#desk = desk;
    this.#alive = alive;
    this.#limits = { ...LIMITS, ...limits };
  }

  get open(): number {
    return this.#streams.size;
  }

  /** A stream for this session, or null when there are too many. */
  stream(session: string): ReadableStream<Uint8Array> | null {
    const own = [...this.#streams].filter(s => s.session === session).length;
    if (own >= this.#limits.perSession || this.#streams.size >= this.#limits.total) return null;
    let mine: Stream | null = null;
    return new ReadableStream<Uint8Array>(
      {
        start: out => {
          mine = { session, out, pending: new Set() };
          this.#join(mine);
          // The page knows by the number whether anything changed between its making and this.
          out.enqueue(bytes(`retry: 3000\nevent: hello\ndata: ${this.#desk.told()}\n\n`));
        },
        pull: () => {
          if (mine) this.#tell(mine);
        },
        cancel: () => {
          if (mine) this.#leave(mine);
        },
      },
      { highWaterMark: 4 },
    );
  }

  #join(stream: Stream): void {
    this.#streams.add(stream);
    if (this.#unsubscribe) return;
    this.#unsubscribe = this.#desk.onChange(ids => this.#changed(ids));
    this.#heart = setInterval(() => this.#beat(), this.#limits.heartbeat);
    this.#heart.unref();
  }

  #leave(stream: Stream): void {
    this.#streams.delete(stream);
    if (this.#streams.size) return;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.#heart) clearInterval(this.#heart);
    if (this.#gather) clearTimeout(this.#gather);
    this.#heart = this.#gather = null;
  }

  #changed(ids: string[]): void {
    for (const stream of this.#streams) for (const id of ids) if (stream.pending.size < 100) stream.pending.add(id);
    const { gather, perPage, most } = this.#limits;
    const rest = this.#told + Math.min(most, perPage * this.#streams.size) - performance.now();
    this.#gather ??= setTimeout(
      () => {
        this.#gather = null;
        this.#told = performance.now();
        for (const stream of [...this.#streams]) if (this.#stillWelcome(stream)) this.#tell(stream);
      },
      Math.max(gather, rest),
    ).unref();
  }

  /** Tells a reader who keeps up; for one who does not, the next `pull` does it. */
  #tell(stream: Stream): void {
    if (!stream.pending.size || (stream.out.desiredSize ?? 0) <= 0) return;
    const ids = [...stream.pending];
    stream.pending.clear();
    stream.out.enqueue(bytes(`event: change\ndata: ${JSON.stringify({ ids })}\n\n`));
  }

  #beat(): void {
    for (const stream of [...this.#streams])
      if (this.#stillWelcome(stream) && (stream.out.desiredSize ?? 0) > 0) stream.out.enqueue(bytes(':\n\n'));
  }

  #stillWelcome(stream: Stream): boolean {
    if (this.#alive(stream.session)) return true;
    this.#leave(stream);
    stream.out.close();
    return false;
  }
}

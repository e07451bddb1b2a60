/**
 * Rings until somebody answers: takes what is due from the outbox, channel by channel, so that a dead mail server never
 * holds up a job. A row is done only when its carrier said so; a carrier that fails is asked again later.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Retry } from '../incident.ts';
import type { Store } from '../store/open.ts';
import { type Channel, dueRows, markAgain, markDone, markFailed, nextRow, type OutboxRow } from '../store/outbox.ts';

/** Not done yet: it is carried again at `again` (epoch ms), with what its carrier remembers until then. */
export interface Again {
  again: number;
  result: string;
  payload: unknown;
}

/** Carries one row. Resolves with what became of it (`sent`, `folded`, `ended`, …); rejects to be asked again. */
export type Carrier = (row: OutboxRow) => Promise<string | Again>;

export type Carriers = { [channel in Channel]?: Carrier };

/** Somebody who has to be called for a row is called so long before. */
const AHEAD_MS = 2000;
/** Who stops waits so long for what is being carried: what was handed over is noted then, and does not go out twice. */
const STOP_MS = 1000;
/** A carrier that says nothing for so long must not hold up what waits behind it: its row is tried again. */
const CARRY_MS = 120_000;
/** A store that can't be written is left alone for so long. */
const STORE_PAUSE_MS = 5000;

export class Doorbell {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #carriers: Carriers;
  readonly #expect: (channel: Channel, inMs: number) => void;
  readonly #channels: Channel[];
  readonly #busy = new Set<Channel>();
  readonly #again = new Set<Channel>();
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  /** The store is not written to any more. */
  #closed = false;
  readonly #carrying = new Set<Promise<void>>();
  /** What went out and could not be noted (a full disk): it is noted later and does not go out again. */
  readonly #unnoted = new Map<number, string>();
  #notBefore = 0;
  /** The last failure of each channel, for health; null when the last row went out. */
  readonly failing: Partial<Record<Channel, string | null>> = {};

  /** @param expect called when a row that was never carried will be due in a moment */
  constructor(
    store: Store,
    now: () => number,
    log: Logger,
    carriers: Carriers,
    expect: (channel: Channel, inMs: number) => void = () => {},
  ) {
    this.#store = store;
    this.#now = now;
    this.#log = log;
    this.#carriers = carriers;
    this.#expect = expect;
    this.#channels = Object.keys(carriers) as Channel[];
  }

  /** Looks for due rows now; cheap to call after every commit. */
  ring(): void {
    if (this.#stopped) return;
    for (const channel of this.#channels) void this.#pump(channel);
  }

  async #pump(channel: Channel): Promise<void> {
    if (this.#busy.has(channel)) {
      this.#again.add(channel);
      return;
    }
    this.#busy.add(channel);
    try {
      do {
        this.#again.delete(channel);
        for (const row of dueRows(this.#store, this.#now(), channel)) {
          const carrying = this.#carry(channel, row);
          this.#carrying.add(carrying);
          await carrying.finally(() => this.#carrying.delete(carrying));
        }
      } while (this.#again.has(channel) && !this.#stopped);
    } catch (error) {
      this.#log.error({ err: error, channel }, 'outbox could not be read or written');
      this.#notBefore = this.#now() + STORE_PAUSE_MS;
    } finally {
      this.#busy.delete(channel);
      this.#arm();
    }
  }

  /** @throws when the store can't be written */
  async #carry(channel: Channel, row: OutboxRow): Promise<void> {
    if (this.#stopped) return;
    let result = this.#unnoted.get(row.id);
    if (result === undefined) {
      let carried: string | Again;
      try {
        carried = await this.#answer(channel, row);
      } catch (error) {
        const reason = (error as Error).message;
        if (!this.failing[channel])
          this.#log.warn({ channel, reason, key: row.key }, 'channel fails, will be tried again');
        this.failing[channel] = reason;
        if (!this.#closed) markFailed(this.#store, this.#now(), row, reason);
        return;
      }
      if (this.failing[channel]) this.#log.info({ channel }, 'channel works again');
      this.failing[channel] = null;
      if (typeof carried !== 'string') {
        if (!this.#closed) markAgain(this.#store, row.id, carried.again, carried.result, carried.payload);
        return;
      }
      result = carried;
      this.#unnoted.set(row.id, result);
    }
    if (this.#closed) return;
    markDone(this.#store, this.#now(), row.id, result);
    this.#unnoted.delete(row.id);
  }

  /** What its carrier says; an answer that comes too late is kept for when the row is due again. */
  async #answer(channel: Channel, row: OutboxRow): Promise<string | Again> {
    const answer = this.#carriers[channel]!(row);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      answer.then(
        said => typeof said === 'string' && this.#unnoted.set(row.id, said),
        () => {},
      );
      reject(new Retry(`no answer within ${CARRY_MS / 1000} s`));
    }, CARRY_MS).unref();
    return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }

  #arm(): void {
    if (this.#timer) clearTimeout(this.#timer);
    const next = this.#stopped ? null : nextRow(this.#store);
    if (next === null) return;
    const wait = Math.max(next.due, this.#notBefore) - this.#now();
    const fresh = next.carried === 'never' && wait > 0;
    if (fresh && wait <= AHEAD_MS) this.#expect(next.channel, wait);
    // Looked at once more in time to call for it.
    const until = fresh && wait > AHEAD_MS ? wait - AHEAD_MS : wait;
    this.#timer = setTimeout(() => this.ring(), Math.max(10, Math.min(60_000, until)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await Promise.race([Promise.allSettled(this.#carrying), pause(STOP_MS, undefined, { ref: false })]);
    this.#closed = true;
  }
}

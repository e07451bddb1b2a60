/**
 * How often one caller may ask: a bucket per token, session or address that refills with time. Memory is bounded: the
 * bucket that was used longest ago is forgotten first, and a forgotten bucket is a full one.
 */
export interface Rate {
  /** Requests at once, and how many a second come back. */
  burst: number;
  perSecond: number;
}

export const RATES = {
  /** Whoever is known. */
  caller: { burst: 120, perSecond: 10 },
  /** Votes, silences, undos of one caller. */
  deed: { burst: 20, perSecond: 0.5 },
  /** An address that nobody known asks from. */
  stranger: { burst: 30, perSecond: 1 },
} as const satisfies Record<string, Rate>;
export type Rates = Record<keyof typeof RATES, Rate>;

const MOST = 4096;

export class Limit {
  readonly #rate: Rate;
  readonly #now: () => number;
  readonly #most: number;
  readonly #buckets = new Map<string, { left: number; at: number }>();

  constructor(rate: Rate, now: () => number, most = MOST) {
    this.#rate = rate;
    this.#now = now;
    this.#most = most;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one request from the caller's bucket. Returns the seconds to wait, 0 when it may go on. */
  take(key: string): number {
    const { burst, perSecond } = this.#rate;
    const now = this.#now();
    const known = this.#buckets.get(key);
    this.#buckets.delete(key);
    // A clock that was set back gives nothing and takes nothing.
    const back = known ? (Math.max(0, now - known.at) / 1000) * perSecond : 0;
    const left = known ? Math.min(burst, known.left + back) : burst;
    const may = left >= 1;
    this.#buckets.set(key, { left: may ? left - 1 : left, at: now });
    if (this.#buckets.size > this.#most) this.#buckets.delete(this.#buckets.keys().next().value!);
    return may ? 0 : Math.max(1, Math.ceil((1 - left) / perSecond));
  }
}

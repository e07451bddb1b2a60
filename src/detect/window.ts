/**
 * Sliding windows in little memory: a count over a stretch of time in slices, and the different names of a stretch.
 * The time is whatever the caller's clock says; it never runs backwards here.
 */

const SLICES = 10;

/** How many in the last `length` milliseconds, exact to a tenth of the window (never forgetting too early). */
export class Count {
  private readonly counts: number[] = new Array(SLICES + 1).fill(0);
  private slice = 0;
  private sum = 0;
  private readonly length: number;

  constructor(length: number) {
    this.length = length;
  }

  add(count: number, now: number): number {
    this.turn(now);
    this.counts[this.slice % (SLICES + 1)]! += count;
    this.sum += count;
    return this.sum;
  }

  private turn(now: number): void {
    const slice = Math.floor(now / (this.length / SLICES));
    for (let gone = Math.max(this.slice + 1, slice - SLICES); gone <= slice; gone++) {
      this.sum -= this.counts[gone % (SLICES + 1)]!;
      this.counts[gone % (SLICES + 1)] = 0;
    }
    this.slice = Math.max(this.slice, slice);
  }
}

/** The different names of the last `length` milliseconds, each with a value; the oldest go when there are more than `most`. */
export class NamesSeen<T> {
  private readonly seen = new Map<string, { at: number; value: T }>();
  private readonly length: number;
  private readonly most: number;
  /** No name here was last seen before this. */
  private oldest = Number.POSITIVE_INFINITY;

  constructor(length: number, most: number) {
    this.length = length;
    this.most = most;
  }

  add(name: string, value: T, now: number): void {
    this.seen.delete(name);
    this.seen.set(name, { at: now, value });
    this.oldest = Math.min(this.oldest, now);
    this.prune(now);
  }

  /** How many there are now. */
  size(now: number): number {
    this.prune(now);
    return this.seen.size;
  }

  count(test: (value: T) => boolean): number {
    let n = 0;
    for (const { value } of this.seen.values()) if (test(value)) n++;
    return n;
  }

  private prune(now: number): void {
    if (this.oldest >= now - this.length && this.seen.size <= this.most) return;
    for (const [name, { at }] of this.seen) {
      this.oldest = at;
      if (at >= now - this.length && this.seen.size <= this.most) return;
      this.seen.delete(name);
    }
    this.oldest = Number.POSITIVE_INFINITY;
  }
}

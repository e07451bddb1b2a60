/**
 * A bounded map in the order of last use: what is needed again stays, what was not for longest goes first.
 */

export class Recent<T> {
  private readonly map = new Map<string, T>();
  private readonly most: number;
  private readonly gone: (key: string, value: T) => void;

  /** @param gone is told of what had to go for want of room */
  constructor(most: number, gone: (key: string, value: T) => void) {
    this.most = most;
    this.gone = gone;
  }

  /** The value of a key, made when there is none; it is the youngest now. */
  use(key: string, make: () => T): T {
    let value = this.map.get(key);
    if (value === undefined) value = make();
    else this.map.delete(key);
    this.map.set(key, value);
    if (this.map.size > this.most) {
      const [oldest] = this.map;
      this.map.delete(oldest![0]);
      this.gone(oldest![0], oldest![1]);
    }
    return value;
  }

  /** Drops from the old end while `old` says so. */
  prune(old: (value: T) => boolean): void {
    for (const [key, value] of this.map) {
      if (!old(value)) return;
      this.map.delete(key);
    }
  }

  get size(): number {
    return this.map.size;
  }
}

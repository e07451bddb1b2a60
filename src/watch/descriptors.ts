/**
 * Open files, bounded: the ones that were longest not read are closed first, and opened again when they grow.
 * A thousand homes work with a limit of 256 open files.
 */

export class Descriptors<T> {
  #limit: number;
  #close: (holder: T) => void;
  #open = new Map<T, 'pinned' | 'free'>();

  constructor(limit: number, close: (holder: T) => void) {
    this.#limit = Math.max(4, limit);
    this.#close = close;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The holder's file was just used. Pinned ones outlive free ones, but not the limit. */
  use(holder: T, pin: 'pinned' | 'free'): void {
    this.#open.delete(holder);
    this.#open.set(holder, pin);
    if (this.#open.size <= this.#limit) return;
    for (const [other, kind] of this.#open) {
      if (this.#open.size <= this.#limit) return;
      if (kind === 'free' && other !== holder) this.release(other);
    }
    for (const [other] of this.#open) {
      if (this.#open.size <= this.#limit) return;
      if (other !== holder) this.release(other);
    }
  }

  release(holder: T): void {
    this.#open.delete(holder);
    this.#close(holder);
  }

  /** Closes what nobody used since the last call but one: at rest, no file is held open. */
  trim(keep: (holder: T) => boolean): void {
    for (const [holder, kind] of this.#open) if (kind === 'free' && !keep(holder)) this.release(holder);
  }
}

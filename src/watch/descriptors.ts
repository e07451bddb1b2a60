/**
 * Open files, bounded: the ones that were longest not read are closed first, and opened again when they grow.
 * A thousand homes work with a limit of 256 open files.
 */

/** What closing a file costs: nothing, a search for it under another name, or what is unread in it. */
export type Pin = 'free' | 'needed' | 'only';

export class Descriptors<T> {
  #limit: number;
  #close: (holder: T) => void;
  #inUse: (holder: T) => boolean;
  #open = new Map<T, Pin>();

  /** @param inUse somebody reads from it at this moment: it is not closed */
  constructor(limit: number, close: (holder: T) => void, inUse: (holder: T) => boolean = () => false) {
    this.#limit = Math.max(4, limit);
    this.#close = close;
    this.#inUse = inUse;
  }

  get size(): number {
    return this.#open.size;
  }

  /** The holder's file was just used. The cheap ones are closed first. */
  use(holder: T, pin: Pin): void {
    this.#open.delete(holder);
    this.#open.set(holder, pin);
    for (const kind of ['free', 'needed', 'only'] as const)
      for (const [other, its] of this.#open) {
        if (this.#open.size <= this.#limit) return;
        if (its === kind && other !== holder && !this.#inUse(other)) this.release(other);
      }
  }

  release(holder: T): void {
    this.#open.delete(holder);
    this.#close(holder);
  }

  /** Closes what may be closed and is not to be kept: at rest, no file is held open. */
  trim(keep: (holder: T) => boolean): void {
    for (const [holder, kind] of this.#open)
      if (kind === 'free' && !keep(holder) && !this.#inUse(holder)) this.release(holder);
  }
}

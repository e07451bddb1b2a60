/**
 * What was begun in a browser and comes back once: challenges for passkeys, sign-ins at a provider. Kept in memory for
 * some minutes, bounded: the oldest is forgotten first.
 */
import { randomBytes } from 'node:crypto';

const LIFETIME = 5 * 60_000;
const MOST = 1000;

export class Pending<T> {
  readonly #now: () => number;
  readonly #lifetime: number;
  readonly #open = new Map<string, { value: T; expires: number }>();

  constructor(now: () => number, lifetime = LIFETIME) {
    this.#now = now;
    this.#lifetime = lifetime;
  }

  /** Keeps it under a new random name (32 bytes, base64url). */
  put(value: T): string {
    const name = randomBytes(32).toString('base64url');
    this.#open.set(name, { value, expires: this.#now() + this.#lifetime });
    if (this.#open.size > MOST) this.#open.delete(this.#open.keys().next().value!);
    return name;
  }

  /** Hands it out, once; null when there is no such thing or its time is over. */
  take(name: string): T | null {
    const found = this.#open.get(name);
    this.#open.delete(name);
    return found && found.expires > this.#now() ? found.value : null;
  }
}

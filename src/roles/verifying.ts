/**
 * The agent's list of incidents to verify, a few at a time. A look waits for test jobs, which may take a minute: were
 * each to hold one of the places for messages meanwhile, an approved order would wait behind them.
 */
import type { AgentMessage } from '../messages.ts';

export type Verification = Extract<AgentMessage, { name: 'verify' }>['data'];

/** Verified at once. */
const AT_ONCE = 8;
/** More than these are not remembered: serve asks again. */
const MOST_WAITING = 500;

export class Verifying {
  readonly #verify: (asked: Verification) => Promise<void>;
  readonly #failed: (error: Error) => void;
  /** By incident: whoever is asked about again while they wait is looked at once. */
  readonly #waiting = new Map<string, Verification>();
  #underWay = 0;

  /** @param failed is told of a look that failed: serve asks again when its patience is at an end */
  constructor(verify: (asked: Verification) => Promise<void>, failed: (error: Error) => void) {
    this.#verify = verify;
    this.#failed = failed;
  }

  /** Returns at once. */
  ask(asked: Verification): void {
    if (this.#waiting.has(asked.incident) || this.#waiting.size < MOST_WAITING)
      this.#waiting.set(asked.incident, asked);
    if (this.#underWay < AT_ONCE) void this.#work();
  }

  async #work(): Promise<void> {
    this.#underWay++;
    for (let next = this.#next(); next; next = this.#next()) await this.#verify(next).catch(this.#failed);
    this.#underWay--;
  }

  #next(): Verification | null {
    const [asked] = this.#waiting.values();
    if (asked) this.#waiting.delete(asked.incident);
    return asked ?? null;
  }
}

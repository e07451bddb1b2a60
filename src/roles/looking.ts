/**
 * Looks at the host for serve, in rounds: whoever asks during one waits for the next, and in a round what concerns the
 * whole host is asked once for all of them. A storm of incidents so costs a few hundred commands, not a few thousand,
 * and the lines that are read meanwhile don't wait for them.
 */
import { collect } from '../diagnose/collect.ts';
import { type Ground, sharedGround } from '../diagnose/ground.ts';
import { snapshot } from '../diagnose/snapshot.ts';
import type { Fact } from '../diagnosis.ts';
import type { AgentMessage, Snapshot } from '../messages.ts';

export type Question = Extract<AgentMessage, { name: 'probe' }>['data'];

export interface LookingParts {
  ground: Ground;
  now: () => number;
  answer(question: Question, facts: Fact[], seen: Snapshot): Promise<void>;
  /** A round that failed: serve asks again when its patience is at an end. */
  failed(error: Error): void;
}

/** Questions answered in one round. */
const ROUND = 8;
/** More than these are not remembered: serve asks again. */
const MOST_WAITING = 500;

export class Looking {
  readonly #p: LookingParts;
  #waiting: Question[] = [];
  #state: 'at rest' | 'looking' = 'at rest';

  constructor(parts: LookingParts) {
    this.#p = parts;
  }

  /** Returns at once: who asks is not to be held up by those who asked before. */
  ask(question: Question): void {
    if (this.#waiting.length < MOST_WAITING) this.#waiting.push(question);
    if (this.#state === 'at rest') void this.#rounds();
  }

  async #rounds(): Promise<void> {
    this.#state = 'looking';
    while (this.#waiting.length > 0) {
      const asked = this.#waiting.splice(0, ROUND).filter(question => this.#p.now() <= question.until);
      if (asked.length > 0) await this.#round(asked).catch(this.#p.failed);
    }
    this.#state = 'at rest';
  }

  async #round(asked: readonly Question[]): Promise<void> {
    const ground = sharedGround(this.#p.ground);
    const seen = snapshot(ground);
    await Promise.all(
      asked.map(async question => {
        const [facts, state] = await Promise.all([collect(question.user, ground, []), seen]);
        await this.#p.answer(question, facts, state);
      }),
    );
  }
}

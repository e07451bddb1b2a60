/**
 * Does the world still look as the plan assumed? Asked with fresh facts at the moment of execution. What can't be asked
 * any more has drifted too: nothing is done on a guess. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Fact } from '../diagnosis.ts';
import type { Plan } from '../plan.ts';
import { Facts } from './facts.ts';

export interface Drift {
  /** What moved, in words. */
  what: string;
  /** It gave no answer this time, which is not another answer: worth asking again. */
  unasked: boolean;
}

/**
 * What the plan itself leaves behind is no drift: an order comes again when its answer was lost or is late, and what
 * became of it is the executor's to say.
 * @returns the first thing that is not as the plan assumed, or null when everything it rests on is
 */
export function drift(plan: Pick<Plan, 'assumes' | 'steps'>, facts: readonly Fact[]): Drift | null {
  const now = new Facts(facts);
  const left = plan.steps.flatMap(s => (s.action === 'config.authorize-group' ? [s.after] : []));
  for (const [name, assumed] of Object.entries(plan.assumes)) {
    const value = now.value(name);
    if (value === undefined) return { what: `${name} can't be asked: ${now.source(name)}`, unasked: true };
    if (name === 'config.hash' && left.some(hash => hash === value)) continue;
    if (!isDeepStrictEqual(value, assumed))
      return { what: `${name} was ${JSON.stringify(assumed)} and is ${JSON.stringify(value)}`, unasked: false };
  }
  return null;
}

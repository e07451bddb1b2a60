/**
 * Does the world still look as the plan assumed? Asked with fresh facts at the moment of execution. What can't be asked
 * any more has drifted too: nothing is done on a guess. Pure.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Fact, Plan } from '../incident.ts';
import { Facts } from './facts.ts';

/** @returns what moved, in words, or null when everything the plan rests on is as it was */
export function drift(plan: Pick<Plan, 'assumes'>, facts: readonly Fact[]): string | null {
  const now = new Facts(facts);
  for (const [name, assumed] of Object.entries(plan.assumes)) {
    const value = now.value(name);
    if (value === undefined) return `${name} can't be asked: ${now.source(name)}`;
    if (!isDeepStrictEqual(value, assumed))
      return `${name} was ${JSON.stringify(assumed)} and is ${JSON.stringify(value)}`;
  }
  return null;
}

/** Whether something the plan rests on could not be asked this time: that is no answer yet, and worth asking again. */
export const unasked = (plan: Pick<Plan, 'assumes'>, facts: readonly Fact[]): boolean => {
  const now = new Facts(facts);
  return Object.keys(plan.assumes).some(name => now.value(name) === undefined);
};

/**
 * Conditions over facts, as keys and values: no expression language. Pure. `not` is satisfied by not knowing; every
 * other condition needs an answer, so that nothing is concluded from silence.
 */
import { z } from 'zod';
import type { FactValue } from '../diagnosis.ts';
import type { FactSet } from './fact-set.ts';

const plain = z.union([z.string(), z.number(), z.boolean()]);
export const ConditionSchema = z.union([
  plain,
  z.strictObject({ not: plain }),
  z.strictObject({ in: z.array(plain).min(1) }),
  z.strictObject({ atLeast: z.number() }),
  z.strictObject({ atMost: z.number() }),
  z.strictObject({ contains: z.string() }),
]);
export type Condition = z.infer<typeof ConditionSchema>;
export type Conditions = Record<string, Condition>;

/** `unknown`: the fact could not be asked. */
export type Verdict = 'holds' | 'fails' | 'unknown';

export function test(condition: Condition, value: FactValue | undefined): Verdict {
  if (typeof condition === 'object' && 'not' in condition) return value === condition.not ? 'fails' : 'holds';
  if (value === undefined) return 'unknown';
  return satisfied(condition, value) ? 'holds' : 'fails';
}

function satisfied(condition: Exclude<Condition, { not: unknown }>, value: FactValue): boolean {
  if (typeof condition !== 'object') return value === condition;
  if ('in' in condition) return condition.in.some(one => one === value);
  if ('atLeast' in condition) return typeof value === 'number' && value >= condition.atLeast;
  if ('atMost' in condition) return typeof value === 'number' && value <= condition.atMost;
  return Array.isArray(value) && value.includes(condition.contains);
}

export interface Tested {
  verdict: Verdict;
  /** The first fact that failed, or the first that could not be asked. */
  by: string | null;
  /** How many of the facts it asks for were known. */
  known: number;
  asked: number;
}

/** All conditions together: one that fails decides, whatever else is unknown. */
export function testAll(conditions: Conditions, facts: FactSet): Tested {
  const names = Object.keys(conditions);
  const known = names.filter(name => facts.value(name) !== undefined).length;
  const verdicts = names.map(name => [name, test(conditions[name]!, facts.value(name))] as const);
  const failed = verdicts.find(([, v]) => v === 'fails') ?? verdicts.find(([, v]) => v === 'unknown');
  return { verdict: failed?.[1] ?? 'holds', by: failed?.[0] ?? null, known, asked: names.length };
}

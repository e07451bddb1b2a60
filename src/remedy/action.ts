/**
 * What every action is: a function from checked parameters to plain data. Nothing happens here; the steps are shown,
 * digested, approved, and run by the executor as they stand.
 */
import type { Config } from '../config/config.ts';
import type { Plan } from '../plan.ts';
import type { Facts } from './facts.ts';

export interface ActionContext {
  /** Whom the plan is for; null for a service. */
  user: string | null;
  facts: Facts;
  config: Config;
  /** End of a grant, ISO; null: for good. */
  until: string | null;
}

/** Its part of the plan. `assumes` holds only what the plan rests on: no counts, no times. */
export interface Made extends Pick<Plan, 'tier' | 'deed' | 'steps' | 'undo' | 'assumes' | 'entitlement' | 'notes'> {
  /** Whom it puts into a group; what a restart changes besides is told by the whole plan. */
  gains: string[];
  /** The target lives somewhere that we can't change: the plan is exported. */
  elsewhere: boolean;
}

export interface Action {
  name: string;
  /** @returns the refusal's rule when it may not, or can't, be done */
  make(params: Readonly<Record<string, string>>, context: ActionContext): Made | { refused: string };
}

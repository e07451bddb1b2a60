/**
 * A diagnosis becomes a plan: the steps as they will run, how they are taken back, who gains by it, and the digest an
 * approval is for. Pure. A plan that the policy forbids, or that would not let the person in, is refused with the rule.
 */
import type { Config } from '../config/config.ts';
import { type ActionRequest, alsoSaid, type Diagnosis, type Fact, type FactValue } from '../diagnosis.ts';
import { planDigest } from '../digest.ts';
import type { Snapshot } from '../messages.ts';
import type { Plan, Step, Tier } from '../plan.ts';
import { anyMember, type Entry, judgeEntry, stateOf, withSteps } from './access-model.ts';
import type { ActionContext, Made } from './action.ts';
import { ACTIONS } from './actions.ts';
import { Facts } from './facts.ts';
import { changeOf } from './gains.ts';

export interface PlanInput {
  /** The incident's id. */
  incident: string;
  serial: number;
  host: string;
  diagnosis: Diagnosis;
  facts: readonly Fact[];
  snapshot: Snapshot | null;
  config: Config;
  now: number;
  /** End of the grant, ISO; null or left out: for good. */
  until?: string | null;
}

export type PlanResult = Plan | { refused: string };

/** The order steps run in: people first, then the file, then one restart for all of it. */
const ORDER: Step['action'][] = [
  'group.add',
  'directory.group-add',
  'config.authorize-group',
  'service.start',
  'service.restart',
  'group.remove',
  'directory.group-remove',
  'config.restore',
];

/** Steps by which somebody gets a right that they did not have. */
const GIVES: readonly Step['action'][] = ['group.add', 'directory.group-add', 'config.authorize-group'];

/** @returns the plan, or the rule that says no */
export function makePlan(input: PlanInput): PlanResult {
  const { diagnosis, config } = input;
  if (diagnosis.remedy.kind !== 'plan') return { refused: `${diagnosis.cause ?? 'no cause'} is not mended by a plan` };
  const facts = new Facts(input.facts);
  const kind = facts.value('denial.kind');
  const user =
    kind === 'service' || kind === 'address' || facts.number('account.uid') === undefined ? null : diagnosis.user;
  const context: ActionContext = { user, facts, config, until: input.until ?? null };
  const { actions, more } = diagnosis.remedy;
  const alone = planOf(input, actions, context);
  // What else is in the way is mended in the same plan, but only where nothing less lets them in.
  return more?.length && 'notEnough' in alone ? settled(planOf(input, [...actions, ...more], context)) : settled(alone);
}

type Tried = Plan | { refused: string } | { refused: string; notEnough: true };

const settled = (tried: Tried): PlanResult => ('refused' in tried ? { refused: tried.refused } : tried);

function planOf(input: PlanInput, actions: readonly ActionRequest[], context: ActionContext): Tried {
  const { diagnosis, config } = input;
  const { user } = context;
  const parts = makeParts(actions, context);
  if ('refused' in parts) return parts;
  const steps = inOrder(parts.flatMap(p => p.steps));
  if (steps.length === 0) return { refused: `${diagnosis.cause} asks for no change` };
  const entry = entryAfter(input, steps, user, parts);
  if (entry.verdict === 'out')
    return {
      refused: `the plan would not let ${user ?? `members of ${config.scheduler.standardGroup}`} in: ${entry.because}`,
      notEnough: true,
    };
  return assemble(input, user, parts, steps, entry);
}

/**
 * The same plan with another end: a new serial with a digest of its own, so that every vote is for the end it shows.
 * @param until ISO; null: for good
 * @returns the rule that says no when the plan is not the giving of groups and nothing else
 */
export function withEnd(
  plan: Plan,
  until: string | null,
  { now, config }: { now: number; config: Pick<Config, 'policy'> },
): PlanResult {
  const gives = (step: Step): boolean => step.action === 'group.add' || step.action === 'directory.group-add';
  if (!plan.steps.every(gives))
    return { refused: 'only a plan that gives a group, and does nothing else, can have an end' };
  if (until !== null && !(Date.parse(until) > now)) return { refused: `${until} is no time to come` };
  const steps = plan.steps.map(step => ('until' in step ? { ...step, until } : step));
  const core = {
    host: plan.host,
    subject: plan.subject,
    tier: plan.tier,
    steps,
    undo: plan.undo,
    assumes: plan.assumes,
  };
  return {
    ...plan,
    steps,
    serial: plan.serial + 1,
    digest: planDigest(core),
    created: new Date(now).toISOString(),
    expires: new Date(now + config.policy.planLifetime * 1000).toISOString(),
  };
}

function makeParts(requests: readonly ActionRequest[], context: ActionContext): Made[] | { refused: string } {
  const parts: Made[] = [];
  for (const { action, params } of requests) {
    const known = Object.hasOwn(ACTIONS, action) ? ACTIONS[action] : undefined;
    if (!known) return { refused: `${action} is no action Readmit knows` };
    const made = known.make(params, context);
    if ('refused' in made) return made;
    parts.push(made);
  }
  return parts;
}

const inOrder = (steps: Step[]): Step[] => {
  const once = steps.filter(
    (step, n) => steps.findIndex(other => JSON.stringify(other) === JSON.stringify(step)) === n,
  );
  return once.sort((a, b) => ORDER.indexOf(a.action) - ORDER.indexOf(b.action));
};

/** Counterfactual: who asks is let in once the steps are done; what only they can do themselves may remain. */
function entryAfter({ facts, config }: PlanInput, steps: Step[], user: string | null, parts: Made[]): Entry {
  const state = stateOf(facts);
  const { standardGroup } = config.scheduler;
  // While the service is down for everybody, mending it is judged by whether it serves those who have the group.
  const serviceOnly = steps.every(s => s.action === 'service.start' || s.action === 'service.restart');
  if (user === null || serviceOnly) return judgeEntry(withSteps(anyMember(state, standardGroup), steps, null));
  const elsewhere = parts.some(p => p.elsewhere);
  const after = withSteps(state, steps, user);
  return judgeEntry(elsewhere ? { ...after, directory: null } : after);
}

function assemble(input: PlanInput, user: string | null, parts: Made[], steps: Step[], entry: Entry): Plan {
  const { config, host, diagnosis } = input;
  const uid = new Facts(input.facts).number('account.uid');
  const tier = Math.max(...parts.map(p => p.tier)) as Tier;
  const core = {
    host,
    subject: user !== null && uid !== undefined ? { user, uid } : null,
    tier,
    steps,
    undo: undoOf(parts, steps),
    assumes: Object.assign({}, ...parts.map(p => p.assumes)) as Record<string, FactValue>,
  };
  const deed = parts.map((p, n) => (n === 0 ? p.deed : p.deed[0]!.toLowerCase() + p.deed.slice(1))).join(' and ');
  const needs = parts.filter(p => p.steps.some(s => GIVES.includes(s.action)));
  const change = changeOf(input.facts, input.snapshot, steps);
  return {
    serial: input.serial,
    incident: input.incident,
    ...core,
    summary: `${deed} on ${host}`,
    deed,
    gains: [...new Set([...parts.flatMap(p => p.gains), ...change.gains])].sort(),
    loses: change.loses,
    entitlement: entitlementOf(needs, change.gains, config.scheduler.config),
    notes: [
      ...new Set([
        ...parts.flatMap(p => p.notes),
        ...change.notes,
        ...afterwards(entry, user),
        ...alsoHolding(diagnosis),
      ]),
    ],
    digest: planDigest(core),
    created: new Date(input.now).toISOString(),
    expires: new Date(input.now + config.policy.planLifetime * 1000).toISOString(),
    managedBy: config.policy.manager ?? (parts.some(p => p.elsewhere) ? 'other' : null),
  };
}

/** Every part that gives access must be shown for; one that can't be leaves the whole plan without an entitlement. */
function entitlementOf(parts: Made[], loaded: string[], file: string): string | null {
  if (parts.length === 0)
    return loaded.length > 0
      ? `${file} lets them in already; the scheduler has not loaded it`
      : 'nobody gains a right by it that they did not have';
  return parts.every(p => p.entitlement !== null) ? parts.map(p => p.entitlement).join('; ') : null;
}

/** The order in which it is taken back: the file, the restart that loads it, then the people. */
const UNDO_ORDER: Step['action'][] = ['config.restore', 'service.restart', 'group.remove', 'directory.group-remove'];

function undoOf(parts: Made[], steps: Step[]): Step[] {
  const undo = parts.flatMap(p => p.undo);
  const restart = undo.some(s => s.action === 'config.restore')
    ? steps.filter(s => s.action === 'service.restart')
    : [];
  return [...undo, ...restart].sort((a, b) => UNDO_ORDER.indexOf(a.action) - UNDO_ORDER.indexOf(b.action));
}

const afterwards = (entry: Entry, user: string | null): string[] =>
  entry.verdict === 'after-login' && user ? [`Afterwards ${user} has to log in again: ${entry.because}.`] : [];

const alsoHolding = (diagnosis: Diagnosis): string[] => diagnosis.also.map(other => `Also holds: ${alsoSaid(other)}.`);

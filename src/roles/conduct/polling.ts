/** How the vote on a plan stands: whether anybody can vote on it at all, which stored votes count, and how many are missing. */
import type { Approvers } from '../../approve/approvers.ts';
import { judge, type Policy, type VotedPlan, votesNeeded } from '../../approve/policy.ts';
import { type Config, originOf } from '../../config/config.ts';
import type { Plan, Vote } from '../../plan.ts';
import { votesOf } from '../../store/approvals.ts';
import { type IncidentRecord, incident, managerOf } from '../../store/incidents.ts';
import type { Store } from '../../store/open.ts';

/** What says which votes count: the policy, who may vote by now, and the time. */
export interface Polling {
  store: Store;
  config: Config;
  approvers: () => Approvers;
  now: () => number;
}

/** What of an incident is asked about. */
export type Polled = Pick<IncidentRecord, 'id' | 'state' | 'serial' | 'tier' | 'inhibitedBy'>;

export const votedPlan = (plan: Plan): VotedPlan => ({
  host: plan.host,
  incident: plan.incident,
  serial: plan.serial,
  digest: plan.digest,
  tier: plan.tier,
  subject: plan.subject,
  gains: plan.gains,
  expires: plan.expires,
});

export const policyOf = (config: Config): Policy => ({ ...config.policy, origin: originOf(config) });

/** Why a plan is for nobody here to approve; null where it is. What can't be run is shown and exported, and no vote is taken. */
export function notRunHere(config: Pick<Config, 'executor'>, managedBy: string | null): string | null {
  if (managedBy) return `${managedBy} owns the target: export the plan and file it there`;
  if (!config.executor.enabled) return 'this site only observes (executor.enabled: false): export the plan';
  return null;
}

/** Votes a plan still needs; none where nobody can vote on it. Who may vote is only asked where somebody has voted. */
export function votesMissing(p: Polling, i: Polled): number {
  if (i.state !== 'proposed' || i.tier === null || i.tier === 0) return 0;
  if (i.inhibitedBy !== null || notRunHere(p.config, managerOf(p.store, i.id)) !== null) return 0;
  const tier = p.config.policy.tiers[i.tier];
  const all = tier.eachRole.length ? votesNeeded(tier, p.approvers()) : tier.votes;
  if (!votesOf(p.store, i.id, i.serial).some(v => v.decision === 'approve')) return all;
  const { plan } = incident(p.store, i.id);
  if (!plan) return all;
  const verdict = judge(votedPlan(plan), countingVotes(p, plan), p.approvers(), policyOf(p.config), p.now());
  return verdict.kind === 'needs' ? verdict.votes : verdict.kind === 'enough' ? 1 : all;
}

/** Whoever is no approver any more must not keep the others from deciding: their stored vote counts for nothing. */
export const countingVotes = ({ store, config, approvers, now }: Polling, plan: Plan): Vote[] =>
  votesOf(store, plan.incident, plan.serial).filter(
    v => judge(votedPlan(plan), [v], approvers(), policyOf(config), now()).kind !== 'refused',
  );

const NONE: ReadonlySet<string> = new Set();

/** Ids of stored votes that count no more: of who left, or has another role or key by now. Such a person may vote again. */
export function lapsedVotes(p: Polling, i: Polled): ReadonlySet<string> {
  const plan = i.state === 'proposed' ? incident(p.store, i.id).plan : null;
  if (!plan) return NONE;
  const counting = new Set(countingVotes(p, plan).map(v => v.id));
  return new Set(votesOf(p.store, i.id, i.serial).flatMap(v => (counting.has(v.id) ? [] : [v.id])));
}

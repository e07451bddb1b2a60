/**
 * Who must say yes before anything happens: pure functions over the plan, the votes, the approvers and the time.
 * `serve` asks them when a vote comes in, the executor asks them again by itself before it acts; same rules, one place.
 */
import type { Config } from '../config/config.ts';
import type { Tier, Vote } from '../plan.ts';
import type { Approver, Approvers } from './approvers.ts';
import { type VotePolicy, type VoteRule, verifyVote } from './vote.ts';

/** What of a plan the policy looks at. `expires: null`: unknown here (the executor), the votes' own expiry bounds it. */
export interface VotedPlan {
  host: string;
  incident: string;
  serial: number;
  digest: string;
  tier: Tier;
  subject: { user: string; uid: number } | null;
  /** Who would newly gain access by it; absent where that is not known (the executor: it is no part of the order). */
  gains?: readonly string[];
  expires: string | null;
}

type PolicyRule =
  | VoteRule
  | 'plan-expired'
  | 'other-host'
  | 'other-incident'
  | 'other-serial'
  | 'other-digest'
  | 'duplicate-vote'
  | 'voted-twice'
  | 'own-plan'
  | 'own-gain'
  | 'no-role'
  | 'denied'
  | 'no-tier';

export type Verdict =
  | { kind: 'enough'; by: Approver[] }
  | { kind: 'needs'; votes: number; roles: string[] }
  | { kind: 'refused'; rule: PolicyRule; message: string };

type Refusal = Extract<Verdict, { kind: 'refused' }>;
export type Policy = VotePolicy & Pick<Config['policy'], 'tiers'>;

const refused = (rule: PolicyRule, message: string): Refusal => ({ kind: 'refused', rule, message });

/**
 * Are these votes enough for this plan? One vote that is not in order refuses all of them: whoever brought it is not to
 * be trusted with the rest. A deny is final for this serial.
 */
export function judge(
  plan: VotedPlan,
  votes: readonly Vote[],
  approvers: Approvers,
  policy: Policy,
  now: number,
): Verdict {
  if (plan.tier !== 1 && plan.tier !== 2) return refused('no-tier', `tier ${plan.tier} is nothing to vote on`);
  if (expired(plan, now)) return refused('plan-expired', `the plan expired at ${plan.expires}`);
  const by: Approver[] = [];
  const seen: Vote[] = [];
  for (const vote of votes) {
    const verdict = inOrder(plan, vote, seen, approvers, policy, now);
    if (verdict.kind === 'refused') return verdict;
    if (vote.decision === 'deny')
      return refused('denied', `${vote.by} denied this plan; that is final for serial ${plan.serial}`);
    seen.push(vote);
    by.push(verdict.approver);
  }
  return count(by, policy.tiers[plan.tier], approvers.approvers);
}

/**
 * May this vote be stored beside those that are there? The verdict is what the votes come to with it: `enough` or
 * `needs`; a deny that is in order comes back as `needs` with zero votes.
 */
export function mayVote(
  plan: VotedPlan,
  vote: Vote,
  earlier: readonly Vote[],
  approvers: Approvers,
  policy: Policy,
  now: number,
): Verdict {
  if (vote.decision === 'approve') return judge(plan, [...earlier, vote], approvers, policy, now);
  const before = judge(plan, earlier, approvers, policy, now);
  if (before.kind === 'refused') return before;
  const verdict = inOrder(plan, vote, earlier, approvers, policy, now);
  return verdict.kind === 'refused' ? verdict : { kind: 'needs', votes: 0, roles: [] };
}

/** A sign-in older than `freshSeconds` is not good enough for tier 2. Times are epoch milliseconds. */
export function needsFresh(
  tier: Tier,
  since: number,
  now: number,
  freshSeconds: number,
): 'fresh-enough' | 'sign-in-again' {
  if (tier < 2) return 'fresh-enough';
  const age = now - since;
  return age >= 0 && age <= freshSeconds * 1000 ? 'fresh-enough' : 'sign-in-again';
}

/** One vote against the plan and the votes before it. */
function inOrder(
  plan: VotedPlan,
  vote: Vote,
  earlier: readonly Vote[],
  approvers: Approvers,
  policy: Policy,
  now: number,
): { kind: 'valid'; approver: Approver } | Refusal {
  if (expired(plan, now)) return refused('plan-expired', `the plan expired at ${plan.expires}`);
  if (vote.host !== plan.host) return refused('other-host', `the vote is for host ${vote.host}, this is ${plan.host}`);
  if (vote.incident !== plan.incident)
    return refused('other-incident', `the vote is for incident ${vote.incident}, this is ${plan.incident}`);
  if (vote.serial !== plan.serial)
    return refused('other-serial', `the vote is for serial ${vote.serial} of the plan, this is serial ${plan.serial}`);
  if (vote.digest !== plan.digest) return refused('other-digest', 'the vote is for another plan than this one');
  const verdict = verifyVote(vote, approvers, policy, now);
  if (verdict.kind === 'refused') return verdict;
  const { approver } = verdict;
  if (plan.expires !== null && Date.parse(vote.expires) > Date.parse(plan.expires))
    return refused('lives-too-long', `the vote of ${vote.by} outlives the plan`);
  if (plan.subject && (approver.uid === plan.subject.uid || approver.name === plan.subject.user))
    return refused('own-plan', `${approver.name} is the person concerned and can't vote on it`);
  if (vote.decision === 'approve' && plan.gains?.includes(approver.name))
    return refused(
      'own-gain',
      `${approver.name} would newly gain access by this plan, so somebody else has to approve it`,
    );
  const { roles, eachRole } = policy.tiers[plan.tier as 1 | 2];
  if (!approver.roles.some(role => roles.includes(role) || eachRole.includes(role)))
    return refused(
      'no-role',
      `${approver.name} has none of the roles that may vote on tier ${plan.tier}: ${roles.join(', ')}`,
    );
  if (earlier.some(v => v.id === vote.id)) return refused('duplicate-vote', `vote ${vote.id} is there already`);
  // Whoever approved and sees that it was a mistake may still say no: it stops the plan, and is final.
  if (earlier.some(v => (v.uid === vote.uid || v.by === vote.by) && v.decision === vote.decision))
    return refused('voted-twice', `${vote.by} has voted already`);
  return { kind: 'valid', approver };
}

function expired(plan: VotedPlan, now: number): boolean {
  // A time that can't be read has passed.
  return plan.expires !== null && !(Date.parse(plan.expires) > now);
}

/** How many votes a plan of this tier needs before anybody has voted. */
export function votesNeeded(tier: Policy['tiers'][1], { approvers }: Approvers): number {
  const verdict = count([], tier, approvers);
  return verdict.kind === 'needs' ? verdict.votes : 0;
}

/** Enough people, and every role that must be among them: missing roles cost as many votes as people are needed to have them. */
function count(by: Approver[], tier: Policy['tiers'][1], approvers: readonly Approver[]): Verdict {
  const roles = tier.eachRole.filter(role => !by.some(a => a.roles.includes(role)));
  const votes = Math.max(tier.votes - by.length, fewest(roles, approvers));
  return votes === 0 ? { kind: 'enough', by } : { kind: 'needs', votes, roles };
}

/** How few people have all of these roles between them; a role that nobody has is one more. */
function fewest(roles: readonly string[], approvers: readonly Approver[]): number {
  if (roles.length === 0) return 0;
  const without = approvers.map(a => roles.filter(role => !a.roles.includes(role)));
  const left = without.reduce((best, rest) => (rest.length < best.length ? rest : best), roles.slice(1));
  return 1 + fewest(left, approvers);
}

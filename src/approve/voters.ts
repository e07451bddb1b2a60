/** Who could give the votes a plan still needs. Pure, like the policy it follows. */
import type { Vote } from '../plan.ts';
import type { Approver, Approvers } from './approvers.ts';
import type { Policy, VotedPlan } from './policy.ts';

/** Approvers whose vote would bring the plan further: nobody who gains by it, nobody who voted, with a role that counts. */
export function mayStillVote(
  plan: Pick<VotedPlan, 'tier' | 'subject' | 'gains'>,
  votes: readonly Pick<Vote, 'uid' | 'by' | 'decision'>[],
  { approvers }: Approvers,
  { tiers }: Pick<Policy, 'tiers'>,
): Approver[] {
  if (plan.tier !== 1 && plan.tier !== 2) return [];
  const tier = tiers[plan.tier];
  const voted = (a: Approver): boolean => votes.some(v => v.uid === a.uid || v.by === a.name);
  const by = approvers.filter(a => voted(a));
  const missing = tier.eachRole.filter(role => !by.some(a => a.roles.includes(role)));
  const open = tier.votes - votes.length;
  // As many roles are missing as votes: whoever has none of them can't help.
  const wanted = missing.length > 0 && open <= missing.length ? missing : [...tier.roles, ...tier.eachRole];
  return approvers.filter(
    a =>
      !voted(a) &&
      a.uid !== plan.subject?.uid &&
      a.name !== plan.subject?.user &&
      !plan.gains?.includes(a.name) &&
      a.roles.some(role => wanted.includes(role)),
  );
}

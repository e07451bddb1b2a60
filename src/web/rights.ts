/**
 * What a signed-in person may see and decide on the page. The desk and the executor apply the same rules again; here
 * they decide which button is shown, and that somebody without a role learns nothing.
 */
import type { Config } from '../config/config.ts';
import type { IncidentDetail, IncidentRow, Person } from '../desk.ts';

type Roles = Readonly<Record<'roles', readonly string[]>>;

const READERS = ['administrator', 'operator', 'viewer', 'auditor'];

const tierOf = (config: Pick<Config, 'policy'>, tier: number | null) =>
  tier === 1 || tier === 2 ? config.policy.tiers[tier] : null;

/** May this person see incidents and plans at all? */
export function maySee(person: Roles, config: Pick<Config, 'policy'>): boolean {
  const { tiers } = config.policy;
  const known = new Set([...READERS, ...[tiers[1], tiers[2]].flatMap(t => [...t.roles, ...t.eachRole])]);
  return person.roles.some(role => known.has(role));
}

/**
 * May this person vote on plans of this tier? Nobody without a uid does: a vote is compared with the person concerned by
 * uid, and counts only from people of the approvers file, which names one.
 */
export function mayVote(person: Person, tier: number | null, config: Config): boolean {
  return person.uid >= 0 && hasRoleFor(person, tier, config);
}

/** The roles that vote on plans of this tier: any of those that may, and those that must be among them. */
export function votingRoles(tier: number | null, config: Pick<Config, 'policy'>): string[] {
  const { roles = [], eachRole = [] } = tierOf(config, tier) ?? {};
  return [...new Set([...roles, ...eachRole])];
}

const hasRoleFor = (person: Roles, tier: number | null, config: Pick<Config, 'policy'>): boolean =>
  votingRoles(tier, config).some(role => person.roles.includes(role));

/** May this person act on incidents at all (silence, hand over)? Whoever has a role that votes on something may. */
export const mayAct = (person: Roles, config: Pick<Config, 'policy'>): boolean =>
  hasRoleFor(person, 1, config) || hasRoleFor(person, 2, config);

/** May this person take back what was done, or give a plan an end? Whoever may vote on something may. */
export const mayDecide = (person: Person, config: Config): boolean => mayAct(person, config) && person.uid >= 0;

/** Has this person a vote on the plan that counts? */
const hasVoted = ({ name }: Pick<Person, 'name'>, { votes }: Pick<IncidentRow, 'votes'>): boolean =>
  votes.some(v => v.by === name && !v.lapsed);

/** Does this plan wait for this person's vote? */
export function waitsFor(person: Person, row: IncidentRow, config: Config): boolean {
  return (
    row.state === 'proposed' &&
    row.needs > 0 &&
    !row.marks.includes('inhibited') &&
    mayVote(person, row.tier, config) &&
    !(row.kind === 'user' && row.key === person.name) &&
    !row.gains?.includes(person.name) &&
    !hasVoted(person, row)
  );
}

/** A tier 2 plan asks for a sign-in that is younger than `web.fresh`. */
export const needsFresh = (person: Person, tier: number | null, config: Config, now: number): boolean =>
  tier === 2 && now - person.since > config.web.fresh * 1000;

/** Why the page shows no button to this person; `may` when it does. */
export type Standing =
  | 'may'
  | 'not-proposed'
  | 'no-role'
  | 'own'
  | 'gains'
  | 'voted'
  | 'key-only'
  | 'passkey'
  | 'managed'
  | 'observing'
  | 'inhibited'
  | 'stale-sign-in';

/** Where this person stands towards the plan of this incident. */
export function standing(person: Person, incident: IncidentDetail, config: Config, now: number): Standing {
  const { plan } = incident;
  if (!plan || incident.state !== 'proposed') return 'not-proposed';
  if (incident.marks.includes('inhibited')) return 'inhibited';
  if (plan.managedBy) return 'managed';
  if (!config.executor.enabled) return 'observing';
  if (!mayVote(person, incident.tier, config)) return 'no-role';
  if (plan.subject?.uid === person.uid) return 'own';
  if (hasVoted(person, incident)) return 'voted';
  if (plan.gains.includes(person.name)) return 'gains';
  if (config.policy.proof === 'key') return 'key-only';
  // A passkey's signature is a fresh proof of who signs, whenever they signed in.
  if (config.policy.proof === 'passkey') return 'passkey';
  return needsFresh(person, incident.tier, config, now) ? 'stale-sign-in' : 'may';
}

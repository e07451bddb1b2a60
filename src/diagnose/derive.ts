/**
 * Facts made of facts: is this person in an authorised group, is the token too old by the scheduler's own clock, does
 * every session lack the group. Pure. A conclusion from something unknown is unknown, never no.
 */
import { Addresses } from '../addresses.ts';
import type { Config } from '../config/config.ts';
import type { Fact, FactValue } from '../diagnosis.ts';
import { stillCounts } from './evidence.ts';
import { FactSet } from './fact-set.ts';
import type { System } from './system.ts';

export const DERIVED = [
  'access.belongs',
  'access.belongs-to',
  'access.elevated',
  'access.lacks-group',
  'access.member',
  'access.member-of',
  'access.missing-group',
  'access.removal-unclear',
  'access.removed',
  'config.loaded-standard',
  'container.root',
  'entitlement.problem',
  'groups.lag',
  'queue.full',
  'scheduler.clock',
  'session.stale',
  'token.expired',
  'token.expired-here',
  'token.groups-stale',
  'token.wrong-user',
] as const;
type Derived = (typeof DERIVED)[number];

/** Clocks of two machines that keep time are nearer than this (seconds). */
const CLOCK_TOLERANCE = 120;

export type Settings = Pick<Config, 'scheduler' | 'paths' | 'policy'> & {
  system: Pick<System, 'containerNetworks'>;
  user: string | null;
  now: number;
};

interface Conclusion {
  value: FactValue | undefined;
  from: string[];
}

/**
 * All facts: the ones taken, without evidence that is older than the user's last success, and the ones that follow.
 * @param facts taken or given; the last of a name counts
 */
export function derive(facts: readonly Fact[], settings: Settings): Fact[] {
  const raw = new FactSet(facts.filter(f => !(DERIVED as readonly string[]).includes(f.fact)));
  const taken = [...raw.facts.values()].map(f => stillCounts(f, raw, settings.now));
  const set = new FactSet(taken);
  const at = new Date(settings.now).toISOString();
  const derived = DERIVED.map((fact): Fact => {
    const { value, from } = RULES[fact](set, settings);
    const sources = [...new Set(from.map(name => set.source(name)))].join('; ');
    if (value !== undefined) return { fact, value, known: true, source: sources, at };
    const missing = from.find(name => set.value(name) === undefined);
    return { fact, value: null, known: false, source: missing ? `${missing}: ${set.source(missing)}` : sources, at };
  });
  return [...set.facts.values(), ...derived];
}

const both = (a: readonly string[] | undefined, b: readonly string[] | undefined): string[] | undefined =>
  a && b ? a.filter(x => b.includes(x)) : undefined;

const RULES: Record<Derived, (facts: FactSet, settings: Settings) => Conclusion> = {
  'access.elevated': (facts, { scheduler }) => {
    const groups = facts.list('groups.nss') ?? facts.list('groups.file');
    return { value: groups?.some(g => scheduler.elevatedGroups.includes(g)), from: ['groups.nss'] };
  },
  'access.belongs': (facts, settings) => {
    const groups = belongsTo(facts, settings);
    return { value: groups && groups.length > 0, from: ['groups.nss', 'access.authorized-groups'] };
  },
  'access.belongs-to': (facts, settings) => ({
    value: belongsTo(facts, settings),
    from: ['groups.nss', 'access.authorized-groups'],
  }),
  'access.member-of': facts => ({ value: memberOf(facts), from: ['groups.nss', 'access.authorized-groups'] }),
  'access.member': facts => {
    const groups = memberOf(facts);
    return { value: groups && groups.length > 0, from: ['groups.nss', 'access.authorized-groups'] };
  },
  'access.lacks-group': (facts, settings) => {
    const missing = missingGroup(facts, settings);
    return {
      value: missing === undefined ? undefined : missing !== null,
      from: ['groups.nss', 'access.authorized-groups'],
    };
  },
  'access.missing-group': (facts, settings) => ({
    value: missingGroup(facts, settings),
    from: ['groups.nss', 'access.authorized-groups'],
  }),
  // Of somebody who lost a group the site's list would say whether that was meant; what it can't be asked, nobody guesses.
  'access.removal-unclear': (facts, settings) => ({
    value: noList(facts) === null ? false : lostGroup(facts, settings),
    from: ['history.group-removed', 'entitlement.listed'],
  }),
  'access.removed': (facts, settings) => {
    const from = ['history.group-removed', 'entitlement.listed'];
    const gone = lostGroup(facts, settings);
    if (gone && noList(facts) !== null) return { value: undefined, from };
    // The site's own list has the last word: somebody who is still on it was not taken out on purpose.
    const listed = facts.list('entitlement.groups')?.some(group => giving(facts, settings).includes(group));
    return { value: gone && (listed ?? facts.value('entitlement.listed')) !== true, from };
  },
  'config.loaded-standard': (facts, { scheduler }) => ({
    value: facts.list('config.loaded-groups')?.includes(scheduler.standardGroup),
    from: ['config.loaded-groups'],
  }),
  'container.root': (facts, { system }) => {
    const addresses = facts.list('denial.addresses');
    const containers = new Addresses(system.containerNetworks);
    const inside = addresses?.some(ip => containers.has(ip));
    const said = facts.value('client.container');
    const root = facts.value('denial.as-root');
    const known = [inside, said, root].filter(v => v !== undefined);
    return {
      value: known.length > 0 ? known.some(v => v === true) : undefined,
      from: ['denial.addresses', 'client.container'],
    };
  },
  'entitlement.problem': facts => ({ value: noList(facts), from: ['entitlement.listed'] }),
  'groups.lag': (facts, { scheduler }) => {
    const [nss, file, member] = [facts.list('groups.nss'), facts.list('groups.file'), facts.value('directory.member')];
    const { standardGroup: group } = scheduler;
    const from = ['groups.nss', 'groups.file', 'directory.member'];
    if (!nss || !file) return { value: undefined, from };
    const authorized = facts.list('access.authorized-groups') ?? [];
    const hidden = (g: string): boolean => (g === group || authorized.includes(g)) && !nss.includes(g);
    if (file.some(hidden)) return { value: 'nss', from };
    // A group that the local file has too is the file's: there the directory's members need not show.
    const local = facts.list('access.local-groups') ?? [];
    if (facts.list('groups.directory')?.some(g => hidden(g) && !local.includes(g)))
      return { value: 'nss', from: ['groups.nss', 'groups.directory'] };
    // Who comes in by another group does not wait for this one.
    const another = nss.some(g => g !== group && authorized.includes(g));
    if (facts.value('access.mode') === 'ldap' && nss.includes(group) && member === false && !another)
      return { value: 'directory', from };
    return { value: 'none', from };
  },
  'queue.full': facts => {
    const free = facts.value('queue.free');
    return { value: typeof free === 'number' ? free <= 0 : undefined, from: ['queue.free'] };
  },
  'scheduler.clock': facts => {
    const skew = facts.value('scheduler.date-skew');
    const from = ['scheduler.date-skew'];
    if (typeof skew !== 'number') return { value: undefined, from };
    return { value: Math.abs(skew) < CLOCK_TOLERANCE ? 'right' : skew > 0 ? 'ahead' : 'behind', from };
  },
  'session.stale': staleSession,
  'token.expired': (facts, { now }) =>
    expired(facts, facts.time('scheduler.date') ?? now, ['token.expires', 'scheduler.date']),
  'token.expired-here': (facts, { now }) => expired(facts, now, ['token.expires']),
  'token.groups-stale': (facts, settings) => {
    const today = belongsTo(facts, settings);
    const token = facts.list('token.groups');
    const from = ['token.groups', 'groups.nss', 'access.authorized-groups'];
    if (!today || !token) return { value: undefined, from };
    return { value: today.length > 0 && today.every(g => !token.includes(g)), from };
  },
  'token.wrong-user': (facts, { user }) => {
    const named = facts.value('token.user');
    return { value: typeof named === 'string' && user !== null ? named !== user : undefined, from: ['token.user'] };
  },
};

/** Of the authorised groups, those that the person has. */
const memberOf = (facts: FactSet): string[] | undefined =>
  sure(both(facts.list('groups.nss'), facts.list('access.authorized-groups')), facts);

/** The same, with the standard group even while the configuration leaves it out: that one will be put back. */
const belongsTo = (facts: FactSet, { scheduler }: Settings): string[] | undefined => {
  const authorized = facts.list('access.authorized-groups');
  return sure(both(facts.list('groups.nss'), authorized && [...authorized, scheduler.standardGroup]), facts);
};

/** "In none of them" is no answer while the directory that may have them is away. */
const sure = (groups: string[] | undefined, facts: FactSet): string[] | undefined =>
  groups?.length === 0 && facts.value('directory.canary') === 'away' && facts.value('access.mode') === 'ldap'
    ? undefined
    : groups;

const ordinaryOf = (authorized: readonly string[], scheduler: Config['scheduler']): string[] =>
  authorized.filter(group => !scheduler.elevatedGroups.includes(group));

/** The groups that let somebody in, or will when the configuration is mended. */
const giving = (facts: FactSet, { scheduler }: Settings): string[] => [
  scheduler.standardGroup,
  ...ordinaryOf(facts.list('access.authorized-groups') ?? [], scheduler),
];

/** Who had a group at the last look, or was seen to lose it, and has it no more was taken out. */
function lostGroup(facts: FactSet, settings: Settings): boolean | undefined {
  const groups = facts.list('groups.nss');
  const before = facts.list('history.group-removed');
  if (!groups || !before || sure([], facts) === undefined) return undefined;
  return [...before, ...(facts.list('history.member-of') ?? [])].some(
    group => giving(facts, settings).includes(group) && !groups.includes(group),
  );
}

/** Why the list that the site named could not be asked; null: it answered, or the site names none. */
function noList(facts: FactSet): string | null {
  const answered = facts.list('entitlement.groups') !== undefined || facts.value('entitlement.listed') !== undefined;
  return answered || facts.value('entitlement.source') === null ? null : facts.source('entitlement.listed');
}

/**
 * The group that would give access and that the user does not have: of the ordinary ones that are authorised, one that
 * the site's list names them in; else the standard one, one that may be given at all, any. Where none is, the standard
 * one (then the configuration has to be mended too). null: nothing is missing.
 */
function missingGroup(facts: FactSet, { scheduler, policy }: Settings): string | null | undefined {
  const authorized = facts.list('access.authorized-groups');
  const groups = facts.list('groups.nss');
  if (!authorized || !groups || !memberOf(facts)) return undefined;
  if (groups.some(g => authorized.includes(g))) return null;
  const { standardGroup } = scheduler;
  const ordinary = ordinaryOf(authorized, scheduler);
  // The standard group first wherever there is a choice.
  const choice = ordinary.includes(standardGroup) ? [standardGroup, ...ordinary] : ordinary;
  const entitled = facts.list('entitlement.groups') ?? [];
  const wanted =
    choice.find(group => entitled.includes(group)) ??
    (choice[0] === standardGroup ? standardGroup : undefined) ??
    choice.find(group => policy.groups.includes(group)) ??
    choice[0] ??
    standardGroup;
  return groups.includes(wanted) ? null : wanted;
}

function expired(facts: FactSet, clock: number, from: string[]): Conclusion {
  const expires = facts.time('token.expires');
  return { value: expires === undefined ? undefined : expires <= clock, from };
}

/**
 * Every session of the user lacks every authorised group that a new login would have. One old process beside newer
 * ones proves nothing, and neither does nobody being there.
 */
function staleSession(facts: FactSet, settings: Settings): Conclusion {
  const from = ['session.gids', 'groups.nss', 'access.group-ids'];
  const today = belongsTo(facts, settings);
  const ids = facts.list('access.group-ids');
  const sessions = facts.list('session.gids');
  if (!today || !ids || !sessions) return { value: undefined, from };
  const wanted = ids
    .filter(id => today.includes(id.slice(0, id.lastIndexOf(':'))))
    .map(id => id.slice(id.lastIndexOf(':') + 1));
  if (wanted.length === 0) return { value: false, from };
  return {
    value: sessions.length > 0 && sessions.every(gids => !gids.split(' ').some(gid => wanted.includes(gid))),
    from,
  };
}

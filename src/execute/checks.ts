/**
 * What the executor checks of an order before it looks at the world: each check is a small function that returns a named
 * refusal or null. None trusts what came in: everything is compared with the root-owned configuration, or computed again.
 */
import { basename } from 'node:path';
import { findCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import { groupBaseOf, userBaseOf } from '../config/ldap.ts';
import { planDigest } from '../digest.ts';
import { isBelow } from '../dn.ts';
import { modifyRecord } from '../ldif.ts';
import type { Order } from '../messages.ts';
import { ADMINISTERING, isGroupName, ROOT_LIKE, userNames } from '../names.ts';
import type { Tier } from '../plan.ts';
import { isPersonUid } from '../uid.ts';
import type { Group, GroupsOf, Person, ShadowFacts } from './accounts.ts';

export type OrderStep = Order['steps'][number];
export type GroupStep = Extract<OrderStep, { action: 'group.add' | 'group.remove' }>;
export type DirectoryStep = Extract<OrderStep, { action: 'directory.group-add' | 'directory.group-remove' }>;
export type ConfigStep = Extract<OrderStep, { action: 'config.authorize-group' | 'config.restore' }>;
export type ServiceStep = Extract<OrderStep, { action: 'service.restart' | 'service.start' }>;

type OrderRule =
  | 'other-host'
  | 'managed'
  | 'disabled'
  | 'digest-mismatch'
  | 'tier-too-low'
  | 'verb-not-allowed'
  | 'undo-not-inverse'
  | 'argv-differs'
  | 'ldif-differs'
  | 'no-directory'
  | 'dn-not-allowed'
  | 'value-differs'
  | 'bad-name'
  | 'bad-time'
  | 'group-not-allowed'
  | 'elevated-group'
  | 'unit-not-allowed'
  | 'file-not-allowed'
  | 'subject-differs'
  | 'no-such-user'
  | 'no-such-group'
  | 'uid-moved'
  | 'gid-moved'
  | 'uid-too-small'
  | 'uid-too-large'
  | 'user-denied'
  | 'user-elevated'
  | 'groups-unknown'
  | 'account-expired';

/** `stale`: the world is not what the plan assumed. `refused`: it would not be done in any world. */
export interface Refusal {
  result: 'refused' | 'stale';
  rule: OrderRule;
  message: string;
}

const refused = (rule: OrderRule, message: string): Refusal => ({ result: 'refused', rule, message });
const stale = (rule: OrderRule, message: string): Refusal => ({ result: 'stale', rule, message });

/** The argv each verb makes by itself. What the order says is only compared with it, never run. */
export function argvOf(step: GroupStep | ServiceStep): string[] {
  switch (step.action) {
    case 'group.add':
      return ['usermod', '-aG', step.group, step.user];
    case 'group.remove':
      // Where `usermod` has no `-r`, the plan names what does the same.
      return basename(step.argv[0] ?? '') === 'gpasswd'
        ? ['gpasswd', '-d', step.user, step.group]
        : ['usermod', '-rG', step.group, step.user];
    case 'service.restart':
      return ['systemctl', 'restart', step.unit];
    case 'service.start':
      return ['systemctl', 'start', step.unit];
    default:
      return step satisfies never;
  }
}

/** Every check that needs nothing but the order and the configuration, in this order; the first refusal counts. */
export function checkOrder(order: Order, config: Config): Refusal | null {
  return (
    checkPlace(order, config) ??
    checkDigest(order) ??
    checkTier(order) ??
    checkUndo(order) ??
    first([...order.steps, ...order.undo], step => checkStep(step, order, config))
  );
}

function first<T>(items: readonly T[], check: (item: T) => Refusal | null): Refusal | null {
  for (const item of items) {
    const refusal = check(item);
    if (refusal) return refusal;
  }
  return null;
}

function checkPlace(order: Order, config: Config): Refusal | null {
  if (!config.executor.enabled) return refused('disabled', 'this host only observes (executor.enabled: false)');
  if (order.host !== config.host)
    return refused('other-host', `the order is for ${order.host}, this is ${config.host}`);
  const { manager } = config.policy;
  if (manager === null) return null;
  // Taking back too: what it owns now is not changed by us, and it may well have made the change its own.
  const instead = order.what === 'undo' ? 'it is taken back there' : 'the plan is exported, never run';
  return refused('managed', `${manager} owns the targets here: ${instead}`);
}

function checkDigest(order: Order): Refusal | null {
  return planDigest(order) === order.digest
    ? null
    : refused('digest-mismatch', 'the digest is not that of the plan in the order');
}

const TIER_1: readonly OrderStep['action'][] = [
  'group.add',
  'group.remove',
  'directory.group-add',
  'directory.group-remove',
];

/** The tier is what the verbs ask for, at least: a restart can't be ordered as a small thing. */
function checkTier(order: Order): Refusal | null {
  const least: Tier = order.steps.every(s => TIER_1.includes(s.action)) ? 1 : 2;
  return order.tier >= least
    ? null
    : refused('tier-too-low', `these steps are tier ${least}, the order says ${order.tier}`);
}

/** A file is only ever put back as an undo, and an undo only takes back what the plan did. */
function checkUndo(order: Order): Refusal | null {
  if (order.steps.some(s => s.action === 'config.restore'))
    return refused('verb-not-allowed', 'config.restore is an undo, not a plan');
  for (const undo of order.undo) {
    // A restart may follow where the plan is about the service's own configuration; never after a mere group change.
    const restart = undo.action === 'service.restart' && order.steps.some(s => s.action === 'config.authorize-group');
    if (!restart && !order.steps.some(step => isInverse(undo, step)))
      return refused('undo-not-inverse', `${undo.action} takes back nothing that this plan does`);
  }
  return null;
}

export function isInverse(undo: OrderStep, step: OrderStep): boolean {
  if (undo.action === 'group.remove' && step.action === 'group.add')
    return undo.user === step.user && undo.uid === step.uid && undo.group === step.group && undo.gid === step.gid;
  if (undo.action === 'directory.group-remove' && step.action === 'directory.group-add')
    return (['user', 'uid', 'group', 'gid', 'dn', 'attribute', 'value'] as const).every(k => undo[k] === step[k]);
  if (undo.action === 'config.restore' && step.action === 'config.authorize-group') {
    const hashes = [step.before, step.after];
    const same =
      undo.file === step.file && undo.group === step.group && undo.at === step.at && undo.insert === step.insert;
    return same && undo.before !== undo.after && hashes.includes(undo.before) && hashes.includes(undo.after);
  }
  return (
    undo.action === 'service.restart' &&
    (step.action === 'service.restart' || step.action === 'service.start') &&
    undo.unit === step.unit
  );
}

/**
 * Which groups, files and units may be named is asked of what gives. Taking back only narrows, and only what the ledger has
 * under this digest, which passed these lists then: a list that has become shorter must not keep access alive.
 */
function checkStep(step: OrderStep, order: Order, config: Config): Refusal | null {
  switch (step.action) {
    case 'group.add':
    case 'group.remove':
      return checkGroupStep(step, order, config) ?? checkArgv(step, config);
    case 'directory.group-add':
    case 'directory.group-remove':
      return checkGroupStep(step, order, config) ?? checkDirectoryStep(step, config);
    case 'config.authorize-group':
    case 'config.restore':
      return checkConfigStep(step, order, config);
    case 'service.restart':
    case 'service.start':
      return checkUnit(step, order, config) ?? checkArgv(step, config);
    default:
      return refused(
        'verb-not-allowed',
        `${JSON.stringify((step satisfies never as OrderStep).action)} is not in the list of verbs`,
      );
  }
}

function checkGroupName(group: string, { what }: Order, config: Config): Refusal | null {
  if (!isGroupName(group)) return refused('bad-name', `${JSON.stringify(group)} is no group name`);
  if (what === 'undo') return null;
  if (ROOT_LIKE.includes(group) || config.scheduler.elevatedGroups.includes(group))
    return refused('elevated-group', `${group} gives more than ordinary access; nobody is ever put into it`);
  if (!config.policy.groups.includes(group)) return refused('group-not-allowed', `${group} is not in policy.groups`);
  return null;
}

function checkGroupStep(step: GroupStep | DirectoryStep, order: Order, config: Config): Refusal | null {
  if (!userNames(config.userNames).fits(step.user))
    return refused('bad-name', `${JSON.stringify(step.user)} is no user name`);
  const group = checkGroupName(step.group, order, config);
  if (group) return group;
  // Without a subject nobody could be kept from voting on their own access.
  if (order.subject?.user !== step.user || order.subject.uid !== step.uid)
    return refused('subject-differs', `the plan is not about ${step.user}`);
  if ('until' in step && step.until !== null && !Number.isFinite(Date.parse(step.until)))
    return refused('bad-time', `${JSON.stringify(step.until)} is no end date`);
  return null;
}

/** The place and the value are ours to say; what the order names is only compared, and looked up again before the act. */
function checkDirectoryStep(step: DirectoryStep, config: Config): Refusal | null {
  const { ldap } = config.directory;
  if (ldap === null || ldap.bindDn === null)
    return refused('no-directory', 'no account that may change the directory is configured (directory.ldap.bindDn)');
  if (!isBelow(step.dn, groupBaseOf(ldap)))
    return refused('dn-not-allowed', `${JSON.stringify(step.dn)} is not below ${groupBaseOf(ldap)}`);
  if (step.attribute !== ldap.memberAttribute)
    return refused('value-differs', `members are in ${ldap.memberAttribute} here, the order says ${step.attribute}`);
  const own = ldap.memberAttribute === 'memberUid' ? step.value === step.user : isBelow(step.value, userBaseOf(ldap));
  if (!own) return refused('value-differs', `${JSON.stringify(step.value)} is not ${step.user}`);
  return step.diff === modifyRecord(step.action === 'directory.group-add' ? 'add' : 'delete', step)
    ? null
    : refused('ldif-differs', 'the LDIF that was shown is not the change that would be made');
}

function checkConfigStep(step: ConfigStep, order: Order, config: Config): Refusal | null {
  if (order.what !== 'undo' && !config.policy.files.includes(step.file))
    return refused('file-not-allowed', `${JSON.stringify(step.file)} is not in policy.files`);
  return checkGroupName(step.group, order, config);
}

function checkUnit(step: ServiceStep, order: Order, config: Config): Refusal | null {
  const plain = /^[A-Za-z0-9][A-Za-z0-9@_.:-]*$/.test(step.unit);
  if (plain && (order.what === 'undo' || config.policy.units.includes(step.unit))) return null;
  return refused('unit-not-allowed', `${JSON.stringify(step.unit)} is not in policy.units`);
}

/** The order may name the program bare or where this host has it; every other word must be ours. */
function checkArgv(step: GroupStep | ServiceStep, config: Config): Refusal | null {
  const own = argvOf(step);
  const differs = refused(
    'argv-differs',
    `${step.action} runs ${own.join(' ')}, the order says ${JSON.stringify(step.argv.join(' '))}`,
  );
  if (step.argv.length !== own.length || step.argv.some((word, n) => n > 0 && word !== own[n])) return differs;
  if (step.argv[0] === own[0]) return null;
  try {
    return step.argv[0] === findCommand(own[0]!, config.paths.commands) ? null : differs;
  } catch {
    return differs;
  }
}

/**
 * The person of a group step as the host knows them now. `taking-back` is our own undo: it only narrows, so it also works
 * on someone who came onto a deny list since.
 */
export function checkPerson(
  step: GroupStep | DirectoryStep,
  person: Person | null,
  groups: GroupsOf,
  config: Config,
  purpose: 'giving' | 'taking-back',
): Refusal | null {
  if (!person) return stale('no-such-user', `${step.user} does not exist on this host any more`);
  if (person.uid !== step.uid)
    return stale('uid-moved', `${step.user} has uid ${person.uid} now, the plan was for ${step.uid}`);
  const least = purpose === 'taking-back' ? 1 : config.watch.minUid;
  if (person.uid < least || person.uid === 0)
    return refused('uid-too-small', `${step.user} has uid ${person.uid}; nobody below ${least} is ever changed`);
  if (purpose === 'taking-back') return null;
  if (!isPersonUid(person.uid))
    return refused('uid-too-large', `${step.user} has uid ${person.uid}, which is no uid of a person`);
  if (config.policy.denyUsers.includes(step.user)) return refused('user-denied', `${step.user} is in policy.denyUsers`);
  const elevated = elevatedGroups(config).find(group => groups.names.has(group));
  if (elevated)
    return refused('user-elevated', `${step.user} is in ${elevated}; such people are not changed by Readmit`);
  return groups.known
    ? null
    : stale(
        'groups-unknown',
        `the groups of ${step.user} can't be asked now (id -Gnz), so nothing shows that none is elevated`,
      );
}

/** The plan was made for somebody who can work then; whoever was let go in between gets nothing to come back to. */
export const checkAccount = (step: GroupStep | DirectoryStep, account: ShadowFacts['account']): Refusal | null =>
  account === 'expired' ? stale('account-expired', `the account of ${step.user} has expired`) : null;

/** Whoever is in one of these has more than ordinary access. */
export const elevatedGroups = ({ scheduler }: Pick<Config, 'scheduler'>): string[] => [
  ...scheduler.elevatedGroups,
  ...ADMINISTERING,
];

export function checkGroup(step: GroupStep | DirectoryStep, group: Group | null): Refusal | null {
  if (!group) return refused('no-such-group', `the group ${step.group} does not exist on this host`);
  if (group.gid === 0) return refused('elevated-group', `${step.group} has gid 0`);
  return group.gid === step.gid
    ? null
    : stale('gid-moved', `${step.group} has gid ${group.gid} now, the plan was for ${step.gid}`);
}

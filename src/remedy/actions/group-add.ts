/** `group.add`: puts one person into one group that the policy allows. Taken back by taking exactly that out again. */
import type { FactValue } from '../../diagnosis.ts';
import type { Step } from '../../plan.ts';
import type { Action, ActionContext } from '../action.ts';
import type { Facts } from '../facts.ts';
import { mayChangeUser, mayGiveGroup } from '../policy.ts';
import { entriesOf, inDirectory, type Target } from './directory-group.ts';

export const groupAdd: Action = {
  name: 'group.add',
  make({ group = '' }, context) {
    const { user, facts, config, until } = context;
    if (user === null) return { refused: 'group.add is for one person, and this incident has none' };
    const rule = mayChangeUser(user, facts, config) ?? mayGiveGroup(group, config);
    if (rule) return rule;
    const uid = facts.number('account.uid')!;
    const ids = facts.list('access.group-ids');
    if (!ids) return { refused: `the gid of ${group} is not known: ${facts.source('access.group-ids')}` };
    const gid = Number(ids.find(id => id.startsWith(`${group}:`))?.slice(group.length + 1) ?? Number.NaN);
    if (!Number.isInteger(gid)) return { refused: `the group ${group} does not exist on ${config.host}` };
    const target = { user, uid, group, gid };
    // The local file is asked first, so a group that is in it is changed there, whatever the directory says.
    const local = facts.list('access.local-groups')?.includes(group) ?? true;
    const way =
      local || config.directory.ldap === null ? throughUsermod(target, until, facts) : inDirectory(target, context);
    if ('refused' in way) return way;
    const { entitlement, notes, shownBy } = entitlementOf(user, group, context);
    return {
      tier: 1,
      deed: `Add ${user} to ${group}`,
      steps: [way.add],
      undo: [way.remove],
      gains: [user],
      assumes: { 'account.uid': uid, ...shownBy },
      entitlement,
      notes: [...notes, ...revertedNote(group, context), ...whereNotes(group, local, context)],
      elsewhere: !local && (config.directory.ldap?.bindDn ?? null) === null,
    };
  },
};

const throughUsermod = (target: Target, until: string | null, facts: Facts): { add: Step; remove: Step } => ({
  add: { action: 'group.add', ...target, until, argv: ['usermod', '-aG', target.group, target.user] },
  remove: { action: 'group.remove', ...target, argv: takingOut(target, facts) },
});

/** `usermod -r` came with shadow 4.10; what every host has is `gpasswd -d`. */
const takingOut = ({ group, user }: Target, facts: Facts): string[] =>
  facts.value('usermod.removes') === false ? ['gpasswd', '-d', user, group] : ['usermod', '-rG', group, user];

/** What we gave once and others took back is not simply given again: whoever did it may do it again. */
const revertedNote = (group: string, { facts }: ActionContext): string[] =>
  facts.list('history.reverted')?.includes(group)
    ? [
        `${group} was given through Readmit before and taken back by others (${facts.source('history.reverted')}): find out by whom, or it will be again.`,
      ]
    : [];

/** What an approver should know of where the group lives. */
function whereNotes(group: string, local: boolean, { facts, config }: ActionContext): string[] {
  const { ldap } = config.directory;
  const there = entriesOf(facts, group).map(entry => entry.dn);
  if (local)
    return there.length > 0
      ? [
          `${group} is in the local group file and in the directory too (${there.join('; ')}): the local file wins, so it is changed there.`,
        ]
      : [];
  if (ldap === null)
    return [
      `${group} lives in the directory: usermod would change nothing here, so the plan is for whoever keeps the directory`,
    ];
  const lag = `${group} lives in the directory (${ldap.url}): until lookups on ${config.host} show the change, some minutes may pass.`;
  return ldap.bindDn === null
    ? [
        `${group} lives in the directory, and no account that may change it is configured: the plan is for whoever keeps it`,
      ]
    : [lag];
}

/**
 * What shows that this person should be in the group, with the fact that has to hold still when it is done; where nothing
 * does, the approver is told to say why.
 */
function entitlementOf(
  user: string,
  group: string,
  { facts, config }: ActionContext,
): { entitlement: string | null; notes: string[]; shownBy: Record<string, FactValue> } {
  const listed = facts.list('entitlement.groups');
  const file = config.entitlement.file ?? '';
  if (listed?.includes(group)) {
    const shownBy: Record<string, FactValue> =
      group === config.scheduler.standardGroup ? { 'entitlement.listed': true } : { 'entitlement.groups': listed };
    return { entitlement: `${file} lists ${user} in ${group}`, notes: [], shownBy };
  }
  const why = listed ? `${file} does not list ${user} in ${group}` : facts.source('entitlement.groups');
  return {
    entitlement: null,
    notes: [`Nothing shows that ${user} should have access (${why}): give a reason.`],
    shownBy: {},
  };
}

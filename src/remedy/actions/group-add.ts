/** `group.add`: puts one person into one group that the policy allows. Taken back by taking exactly that out again. */
import type { Step } from '../../incident.ts';
import type { Action, ActionContext } from '../action.ts';
import { mayChangeUser, mayGiveGroup } from '../policy.ts';

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
    const add: Step = { action: 'group.add', ...target, until, argv: ['usermod', '-aG', group, user] };
    const remove: Step = { action: 'group.remove', ...target, argv: ['usermod', '-rG', group, user] };
    const local = facts.list('access.local-groups')?.includes(group) ?? true;
    return {
      tier: 1,
      deed: `Add ${user} to ${group}`,
      steps: [add],
      undo: [remove],
      gains: [user],
      loses: [],
      assumes: { 'account.uid': uid },
      ...entitlementOf(user, group, context),
      elsewhere: !local,
    };
  },
};

/** What shows that this person should be in the group; where nothing does, the approver is told to say why. */
function entitlementOf(
  user: string,
  group: string,
  { facts, config }: ActionContext,
): { entitlement: string | null; notes: string[] } {
  const listed = facts.list('entitlement.groups');
  const file = config.entitlement.file ?? '';
  const local = facts.list('access.local-groups')?.includes(group) ?? true;
  const where = local
    ? []
    : [
        `${group} lives in the directory: usermod would change nothing here, so the plan is for whoever keeps the directory`,
      ];
  if (listed?.includes(group)) return { entitlement: `${file} lists ${user} in ${group}`, notes: where };
  const why = listed ? `${file} does not list ${user} in ${group}` : facts.source('entitlement.groups');
  return {
    entitlement: null,
    notes: [`Nothing shows that ${user} should have access (${why}): give a reason.`, ...where],
  };
}

/**
 * What the site allows to be changed at all, asked before anything is proposed. The executor asks the same again by its
 * own list; this one only spares people plans that could never run. Pure.
 */
import type { Config } from '../config/config.ts';
import { ADMINISTERING, isGroupName, userNames } from '../names.ts';
import { isPersonUid } from '../uid.ts';
import type { Facts } from './facts.ts';

/** A rule that says no, in words that name the key of the configuration behind it. */
export type Rule = { refused: string };

/** May this person be given something at all? */
export function mayChangeUser(user: string, facts: Facts, config: Config): Rule | null {
  if (!userNames(config.userNames).fits(user)) return { refused: `${JSON.stringify(user)} is no user name` };
  if (facts.value('account.exists') !== true)
    return { refused: `there is no account ${user}, or it could not be asked` };
  const uid = facts.number('account.uid');
  if (uid === undefined) return { refused: `the uid of ${user} is not known` };
  if (uid < config.watch.minUid)
    return { refused: `watch.minUid: ${user} has uid ${uid}; nobody below ${config.watch.minUid} is ever changed` };
  if (!isPersonUid(uid)) return { refused: `${user} has uid ${uid}, which is no uid of a person` };
  if (config.policy.denyUsers.includes(user)) return { refused: `policy.denyUsers: ${user} is never changed` };
  const groups = ['groups.nss', 'groups.file', 'groups.directory'].flatMap(name => facts.list(name) ?? []);
  const elevated = [...config.scheduler.elevatedGroups, ...ADMINISTERING].find(g => groups.includes(g));
  if (elevated) return { refused: `scheduler.elevatedGroups: ${user} is in ${elevated}; such people are not changed` };
  return null;
}

export function mayGiveGroup(group: string, config: Config): Rule | null {
  if (!isGroupName(group)) return { refused: `${JSON.stringify(group)} is no group name` };
  if (config.scheduler.elevatedGroups.includes(group))
    return { refused: `scheduler.elevatedGroups: nobody is ever added to ${group}` };
  return config.policy.groups.includes(group)
    ? null
    : { refused: `policy.groups: ${group} is not among the groups that may be given` };
}

export const mayPatch = (file: string, config: Config): Rule | null =>
  config.policy.files.includes(file)
    ? null
    : { refused: `policy.files: ${file} is not among the files that may be patched` };

export const mayManage = (unit: string, config: Config): Rule | null =>
  config.policy.units.includes(unit)
    ? null
    : { refused: `policy.units: ${unit} is not among the units that may be started` };

/**
 * `group.add` where the group lives in the directory: one value of the group's own entry, shown as LDIF. The person, the
 * numbers and the entry must be the same ones on both sides; where they are not, nothing is proposed. Pure.
 */
import { groupBaseOf, type LdapConfig, userBaseOf } from '../../config/ldap.ts';
import { isBelow } from '../../dn.ts';
import { modifyRecord } from '../../ldif.ts';
import type { Step } from '../../plan.ts';
import type { ActionContext } from '../action.ts';
import type { Facts } from '../facts.ts';

export interface Target {
  user: string;
  uid: number;
  group: string;
  gid: number;
}

/** The entries that the directory has for a group: `name gid dn`, as the probe says them; `-` for no gid. */
export const entriesOf = (facts: Facts, group: string): { gid: number | null; dn: string }[] =>
  (facts.list('directory.entries') ?? []).flatMap(text => {
    const [name, gid, ...dn] = text.split(' ');
    return name === group ? [{ gid: gid === '-' ? null : Number(gid), dn: dn.join(' ') }] : [];
  });

/** The change and its way back, or why there is none. Asked only where `directory.ldap` is configured. */
export function inDirectory(
  target: Target,
  { facts, config, until }: ActionContext,
): { add: Step; remove: Step } | { refused: string } {
  const ldap = config.directory.ldap!;
  const { user, group, gid } = target;
  if (!facts.list('directory.entries'))
    return { refused: `${group} lives in the directory, which can't be asked: ${facts.source('directory.entries')}` };
  const [entry, ...more] = entriesOf(facts, group);
  if (!entry) return { refused: `the directory has no group ${group} below ${groupBaseOf(ldap)}` };
  if (more.length > 0)
    return { refused: `the directory has ${more.length + 1} groups ${group}: nobody can say which is meant` };
  if (!isBelow(entry.dn, groupBaseOf(ldap)))
    return { refused: `${entry.dn} is not below ${groupBaseOf(ldap)} (directory.ldap.groupBase)` };
  if (entry.gid !== null && entry.gid !== gid)
    return { refused: `${group} has gid ${entry.gid} in the directory and ${gid} on ${config.host}` };
  if (facts.list('groups.directory')?.includes(group))
    return { refused: `the directory has ${user} in ${group} already; ${config.host} does not show it yet` };
  const value = memberValue(target, facts, ldap);
  if (typeof value !== 'string') return value;
  const what = { ...target, dn: entry.dn, attribute: ldap.memberAttribute, value };
  return {
    add: { action: 'directory.group-add', ...what, until, diff: modifyRecord('add', what) },
    remove: { action: 'directory.group-remove', ...what, diff: modifyRecord('delete', what) },
  };
}

/** What the group's entry gets: a name, or the name of the person's own entry. */
function memberValue({ user, uid }: Target, facts: Facts, ldap: LdapConfig): string | { refused: string } {
  const person = facts.list('directory.person');
  if (!person) return { refused: `the entry of ${user} can't be asked: ${facts.source('directory.person')}` };
  const [number, dn] = person;
  if (number !== undefined && number !== '-' && Number(number) !== uid)
    return { refused: `${user} has uid ${number} in the directory and ${uid} here: they may be two people` };
  if (ldap.memberAttribute === 'memberUid') return user;
  if (!dn) return { refused: `the directory has no entry of ${user} below ${userBaseOf(ldap)}` };
  return isBelow(dn, userBaseOf(ldap)) ? dn : { refused: `${dn} is not below ${userBaseOf(ldap)}` };
}

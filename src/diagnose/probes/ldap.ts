/**
 * The groups somebody has in the directory itself, asked over LDAP: what NSS says of it is a cache that lags. Also the
 * entries that a change would be made to. Where no `directory.ldap` is configured, there is nothing to say.
 */
import { groupBaseOf } from '../../config/ldap.ts';
import { isGroupName } from '../../names.ts';
import { factMaker, type Ground, messageOf, type Probe } from '../ground.ts';
import { isUserName } from '../lookup.ts';
import { readSchedulerConfig } from '../scheduler-config.ts';

export const ldap: Probe = {
  name: 'ldap',
  facts: ['groups.directory', 'directory.entries', 'directory.person'],
  needsUser: false,
  async run({ user }, ground) {
    const { directory, config } = ground;
    if (directory === null || config.directory.ldap === null) return [];
    const { known, unknown } = factMaker(ground);
    const { url, memberAttribute } = config.directory.ldap;
    const base = groupBaseOf(config.directory.ldap);
    const who = user !== null && isUserName(ground, user) ? user : null;
    try {
      const { groups, person } = await directory({ user: who, groups: await groupsThatMatter(ground) });
      const from = (what: string): string => `ldapsearch -H ${url} -b ${base} ${what}`;
      const entries = known(
        'directory.entries',
        groups.map(({ name, gid, dn }) => `${name} ${gid ?? '-'} ${dn}`).sort(),
        from('cn gidNumber'),
      );
      if (person === null)
        return [entries, ...['groups.directory', 'directory.person'].map(f => unknown(f, 'nobody was asked about'))];
      const { entry, memberOf } = person;
      return [
        entries,
        known(
          'groups.directory',
          [...new Set(memberOf)].sort(),
          from(`'(${memberAttribute}=${memberValue(person, who!, memberAttribute)})'`),
        ),
        known('directory.person', entry ? [String(entry.uid ?? '-'), entry.dn] : [], from(`${who} uidNumber`)),
      ];
    } catch (error) {
      return this.facts.map(fact => unknown(fact, messageOf(error)));
    }
  },
};

const memberValue = ({ entry }: { entry: { dn: string } | null }, user: string, attribute: string): string =>
  attribute === 'memberUid' ? user : (entry?.dn ?? 'no entry');

/** The groups by which the scheduler decides, and those that may be given. */
async function groupsThatMatter(ground: Ground): Promise<string[]> {
  const { scheduler, policy } = ground.config;
  const file = await ground.read(scheduler.config).catch(() => null);
  const read = file && readSchedulerConfig(file.text, ground.system);
  const authorized = read?.valid ? read.authorized : [];
  return [...new Set([scheduler.standardGroup, ...policy.groups, ...authorized])].filter(isGroupName);
}

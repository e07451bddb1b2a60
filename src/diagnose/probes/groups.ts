/**
 * The groups somebody has, by NSS and by the local files; both, because they differ while one of them lags.
 */
import { factMaker, type Probe } from '../ground.ts';
import { fileGroups, nssGroups, type Seen } from '../lookup.ts';

export const groups: Probe = {
  name: 'groups',
  facts: ['groups.nss', 'groups.file'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const [nss, file] = await Promise.all([nssGroups(ground, user!), fileGroups(ground, user!)]);
    const as = (fact: string, seen: Seen<string[]>) =>
      seen.state === 'found' ? known(fact, [...seen.value].sort(), seen.source) : unknown(fact, seen.source);
    return [as('groups.nss', nss), as('groups.file', file)];
  },
};

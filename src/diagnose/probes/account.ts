/**
 * Is there such an account, by the local file and by NSS: the name of a log line is only text until this says so.
 */
import { factMaker, type Probe } from '../ground.ts';
import { inFile, inNss, isUserName } from '../lookup.ts';
import { directoryState } from './directory.ts';

export const account: Probe = {
  name: 'account',
  facts: ['account.exists', 'account.uid', 'account.system'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const name = user ?? '';
    const cannot = (because: string) => [unknown('account.uid', because), unknown('account.system', because)];
    if (!isUserName(ground, name))
      return [known('account.exists', false, 'not a user name'), ...cannot('there is no such account')];
    const local = await inFile(ground, name);
    const found = local.state === 'found' ? local : await inNss(ground, name);
    if (found.state === 'found')
      return [
        known('account.exists', true, found.source),
        known('account.uid', found.value.uid, found.source),
        known('account.system', found.value.uid < ground.config.watch.minUid, found.source),
      ];
    if (found.state === 'unknown') return [unknown('account.exists', found.source), ...cannot(found.source)];
    // A directory that can't find people it must have has not said that this one does not exist.
    const directory = await directoryState(ground);
    if (directory.state === 'away' || directory.state === 'unknown') {
      const because = directory.state === 'away' ? 'the directory is away' : 'the directory may be away';
      return [unknown('account.exists', `${because}: ${directory.because}`), ...cannot(because)];
    }
    return [
      known('account.exists', false, `${found.source}, ${ground.config.paths.passwd}`),
      ...cannot('there is no such account'),
    ];
  },
};

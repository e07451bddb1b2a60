/**
 * Can this host's `usermod` take somebody out of one group (`-r`)? Those before shadow 4.10 can't, and a way back that
 * would not work must not be promised: `gpasswd -d` does it everywhere.
 */
import type { Config } from '../../config/config.ts';
import { factMaker, failure, type Ground, messageOf, type Probe } from '../ground.ts';

const HELP = ['usermod', '--help'];

/** What was answered once holds while the agent runs: the program is not started for each look. */
const answered = new WeakMap<Config, boolean>();

export const usermod: Probe = {
  name: 'usermod',
  facts: ['usermod.removes'],
  needsUser: true,
  async run(_subject, ground) {
    const { known, unknown } = factMaker(ground);
    const source = HELP.join(' ');
    const before = answered.get(ground.config);
    if (before !== undefined) return [known('usermod.removes', before, source)];
    const now = await removes(ground);
    if (typeof now === 'string') return [unknown('usermod.removes', now)];
    answered.set(ground.config, now);
    return [known('usermod.removes', now, source)];
  },
};

async function removes(ground: Ground): Promise<boolean | string> {
  try {
    const result = await ground.run(HELP);
    return result.code === 0 ? /^\s*-r, --remove\b/m.test(result.stdout) : failure(result, HELP);
  } catch (error) {
    return messageOf(error);
  }
}

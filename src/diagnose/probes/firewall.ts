/** Is the scheduler's port open in the host's firewall? */
import { factMaker, failure, messageOf, type Probe } from '../ground.ts';

/** The port of a URL, its scheme's own when it names none. */
const portOf = (url: string): string => {
  const parsed = new URL(url);
  return parsed.port || (parsed.protocol === 'https:' ? '443' : '80');
};

export const firewall: Probe = {
  name: 'firewall',
  facts: ['firewall.open', 'firewall.port'],
  needsUser: false,
  async run(_subject, ground) {
    const { known, unknown } = factMaker(ground);
    const port = portOf(ground.config.scheduler.url);
    const argv = ['firewall-cmd', `--query-port=${port}/tcp`];
    const named = known('firewall.port', port, ground.config.scheduler.url);
    try {
      const result = await ground.run(argv);
      const word = result.stdout.trim();
      if (word === 'yes' || word === 'no') return [known('firewall.open', word === 'yes', argv.join(' ')), named];
      return [unknown('firewall.open', failure(result, argv)), named];
    } catch (error) {
      return [unknown('firewall.open', messageOf(error)), named];
    }
  },
};

/** SELinux: its mode, and how many denials it wrote of the scheduler in the last ten minutes. */
import type { Fact } from '../../incident.ts';
import { factMaker, failure, type Ground, messageOf, type Probe } from '../ground.ts';

export const selinux: Probe = {
  name: 'selinux',
  facts: ['selinux.mode', 'selinux.denials', 'selinux.last', 'selinux.path'],
  needsUser: false,
  run: async (_subject, ground) => (await Promise.all([mode(ground), denials(ground)])).flat(),
};

async function mode(ground: Ground): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  try {
    const result = await ground.run(['getenforce']);
    const word = result.stdout.trim().toLowerCase();
    return ['enforcing', 'permissive', 'disabled'].includes(word)
      ? known('selinux.mode', word, 'getenforce')
      : unknown('selinux.mode', failure(result, ['getenforce']));
  } catch (error) {
    return unknown('selinux.mode', messageOf(error));
  }
}

async function denials(ground: Ground): Promise<Fact[]> {
  const { known, unknown } = factMaker(ground);
  const argv = ['ausearch', '-m', 'avc', '-ts', 'recent'];
  const source = `${argv.join(' ')} | grep ${ground.system.process}`;
  try {
    const result = await ground.run(argv);
    // Exit 1 with "<no matches>" is its way to say none; any other failure says nothing.
    if (result.code === 1 && `${result.stdout}${result.stderr}`.includes('<no matches>'))
      return [known('selinux.denials', 0, source)];
    if (result.code !== 0) return [unknown('selinux.denials', failure(result, argv))];
    const lines = result.stdout
      .split('\n')
      .filter(line => /\bdenied\b/.test(line) && line.includes(ground.system.process));
    const last = lines.at(-1);
    const time = Number(last?.match(/audit\((\d+)\.\d+:\d+\)/)?.[1] ?? Number.NaN) * 1000;
    // Only an absolute path of plain characters: it goes into a command that somebody may copy.
    const path = last?.match(/\b(?:path|name)="(\/[A-Za-z0-9._/-]+)"/)?.[1];
    return [
      known('selinux.denials', lines.length, source),
      Number.isFinite(time)
        ? known('selinux.last', new Date(time).toISOString(), source)
        : unknown('selinux.last', 'no record has a time'),
      path ? known('selinux.path', path, source) : unknown('selinux.path', 'no record names a path'),
    ];
  } catch (error) {
    return [unknown('selinux.denials', messageOf(error))];
  }
}

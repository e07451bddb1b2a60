/**
 * Does the user directory behind NSS answer? Its canary: people who must be known, because a group or the site's
 * entitlement file names them and no local file does. When none of them can be found, "not found" means nothing.
 */
import { parse } from 'yaml';
import type { Fact } from '../../diagnosis.ts';
import { parseGroup } from '../accounts.ts';
import { factMaker, failure, type Ground, messageOf, type Probe } from '../ground.ts';
import { isUserName, localGroups, localUsers } from '../lookup.ts';

export type DirectoryState = { state: 'there' | 'away'; because: string } | { state: 'unknown'; because: string };

const CANARIES = 3;

/** People the site counts on, who are in no local passwd file. */
async function canaries(ground: Ground): Promise<string[]> {
  const { config } = ground;
  const [users, groups] = await Promise.all([localUsers(ground), localGroups(ground)]);
  const local = new Set(users.state === 'found' ? users.value.map(u => u.name) : []);
  const relied = new Set([config.scheduler.standardGroup, ...config.scheduler.elevatedGroups]);
  const named = groups.state === 'found' ? groups.value.filter(g => relied.has(g.name)).flatMap(g => g.members) : [];
  const listed = config.entitlement.file
    ? peopleIn((await ground.read(config.entitlement.file).catch(() => null))?.text ?? '')
    : [];
  return [...new Set([...named, ...listed])]
    .filter(name => isUserName(ground, name) && !local.has(name))
    .slice(0, CANARIES);
}

function peopleIn(text: string): string[] {
  try {
    return Object.values(parse(text, { maxAliasCount: 0 }) as Record<string, unknown>).flatMap(v =>
      Array.isArray(v) ? v.map(String) : [],
    );
  } catch {
    return [];
  }
}

/**
 * `there`: a person of the directory was found. `away`: a lookup failed outright, or nobody it must have was found.
 * `unknown`: this host seems to have no directory, so nothing depends on one.
 */
export async function directoryState(ground: Ground): Promise<DirectoryState> {
  const { canary, unit } = ground.config.directory;
  const state = await ground.run(['systemctl', 'is-active', unit]).catch(() => null);
  if (state?.stdout.trim() === 'failed') return { state: 'away', because: `systemctl is-active ${unit}: failed` };
  const names = canary ? [canary] : await canaries(ground);
  const misses: string[] = [];
  for (const name of names.length > 0 ? names : [ground.config.scheduler.standardGroup]) {
    const argv = ['getent', names.length > 0 ? 'passwd' : 'group', name];
    try {
      const result = await ground.run(argv);
      if (result.timedOut || (result.code !== 0 && result.code !== 2))
        return { state: 'away', because: failure(result, argv) };
      if (result.code === 0 && names.length > 0) return { state: 'there', because: argv.join(' ') };
      if (result.code === 2 && names.length > 0) misses.push(argv.join(' '));
    } catch (error) {
      return { state: 'unknown', because: messageOf(error) };
    }
  }
  if (misses.length > 0)
    return { state: 'away', because: `${misses.join('; ')}: not found, though a group or the entitlement names them` };
  return { state: 'unknown', because: 'everyone who is named here has a local account: no directory to be asked' };
}

/** The standard group as the directory alone has it: `getent -s sss group claw-users`. */
async function inDirectory(ground: Ground): Promise<{ members: string[] | null; source: string } | { error: string }> {
  const argv = ['getent', '-s', ground.config.directory.service, 'group', ground.config.scheduler.standardGroup];
  try {
    const result = await ground.run(argv);
    if (result.code === 2 && !result.timedOut) return { members: null, source: argv.join(' ') };
    const entry = result.code === 0 ? parseGroup(result.stdout)[0] : undefined;
    return entry ? { members: entry.members, source: argv.join(' ') } : { error: failure(result, argv) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

export const directory: Probe = {
  name: 'directory',
  facts: ['directory.canary', 'directory.standard-group', 'directory.member', 'directory.group'],
  needsUser: false,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const [state, group] = await Promise.all([directoryState(ground), inDirectory(ground)]);
    const canary =
      state.state === 'unknown'
        ? unknown('directory.canary', state.because)
        : known('directory.canary', state.state, state.because);
    const cannot = (because: string): Fact[] => this.facts.slice(1).map(fact => unknown(fact, because));
    if ('error' in group) return [canary, ...cannot(group.error)];
    if (group.members === null && state.state === 'away')
      return [canary, ...cannot(`the directory is away: ${state.because}`)];
    return [
      canary,
      known('directory.standard-group', group.members !== null, group.source),
      known('directory.group', ground.config.scheduler.standardGroup, group.source),
      user === null || group.members === null
        ? unknown('directory.member', user === null ? 'nobody was asked about' : `${group.source}: no such group`)
        : known('directory.member', group.members.includes(user), group.source),
    ];
  },
};

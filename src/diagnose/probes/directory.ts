/**
 * Does the user directory behind NSS answer? What its own service answers shows it, and so do people whom no local file
 * has. Only the canary of the configuration, its client's unit or a lookup that fails shows that it is away: names on a
 * list get old.
 */
import type { Fact } from '../../diagnosis.ts';
import { type GroupEntry, parseGroup, parsePasswd } from '../accounts.ts';
import { factMaker, failure, type Ground, messageOf, type Probe } from '../ground.ts';
import { accountOf, isUserName, localGroups, localUsers } from '../lookup.ts';
import { readEntitlements } from './entitlement.ts';

/**
 * `there`: it answered. `away`: it does not answer. `none`: nothing here depends on one, so "not found" is a no.
 * `unknown`: nobody whom it should know was found, which may be the fault of the list.
 */
export interface DirectoryState {
  state: 'there' | 'away' | 'none' | 'unknown';
  because: string;
}

/** Of people who are on a list some have left, and some are yet to come. */
const PEOPLE = 10;

/** People the site counts on, who are in no local passwd file: the configured canary, or whom lists name. */
async function people(ground: Ground): Promise<string[]> {
  const { config } = ground;
  if (config.directory.canary) return [config.directory.canary];
  const [users, groups] = await Promise.all([localUsers(ground), localGroups(ground)]);
  const local = new Set(users.state === 'found' ? users.value.map(u => u.name) : []);
  const relied = new Set([config.scheduler.standardGroup, ...config.scheduler.elevatedGroups]);
  const named = groups.state === 'found' ? groups.value.filter(g => relied.has(g.name)).flatMap(g => g.members) : [];
  const listed = config.entitlement.file
    ? peopleIn((await ground.read(config.entitlement.file).catch(() => null))?.text ?? '')
    : [];
  return [...new Set([...named, ...listed])]
    .filter(name => isUserName(ground, name) && !local.has(name))
    .slice(0, PEOPLE);
}

function peopleIn(text: string): string[] {
  try {
    return Object.values(readEntitlements(text)).flat();
  } catch {
    return [];
  }
}

export async function directoryState(ground: Ground): Promise<DirectoryState> {
  const { canary } = ground.config.directory;
  const [unit, group, names] = await Promise.all([clientUnit(ground), inDirectory(ground), people(ground)]);
  if (unit.state === 'down') return { state: 'away', because: unit.because };
  if (!canary && 'entry' in group && group.entry) return { state: 'there', because: group.source };
  const [database, keys] = names.length > 0 ? ['passwd', names] : ['group', [ground.config.scheduler.standardGroup]];
  const argv = ['getent', database, ...keys];
  try {
    const result = await ground.run(argv);
    // Exit 2: one of the names was not found; those that were are printed.
    if (result.timedOut || (result.code !== 0 && result.code !== 2))
      return { state: 'away', because: failure(result, argv) };
    if (parsePasswd(result.stdout).some(u => names.includes(u.name)))
      return { state: 'there', because: argv.join(' ') };
  } catch (error) {
    return { state: 'unknown', because: messageOf(error) };
  }
  if (canary) return { state: 'away', because: `${argv.join(' ')}: not found` };
  if (unit.state === 'none') return { state: 'none', because: unit.because };
  return names.length > 0
    ? { state: 'unknown', because: `${argv.join(' ')}: nobody found, though a group or the entitlement names them` }
    : { state: 'none', because: 'everyone who is named here has a local account: no directory to be asked' };
}

/**
 * What systemd says of the directory's client. `down`: it should run and does not. `none`: it is not meant to run here.
 * A unit that is enabled and was never started for want of its configuration is not meant to.
 */
async function clientUnit(ground: Ground): Promise<{ state: 'down' | 'none' | 'other'; because: string }> {
  const asked = ['ActiveState', 'SubState', 'UnitFileState', 'ConditionResult'];
  const argv = ['systemctl', 'show', ...asked.flatMap(property => ['-p', property]), ground.config.directory.unit];
  const result = await ground.run(argv).catch(() => null);
  const said = new Map((result?.stdout ?? '').split('\n').map(line => line.split(/=(.*)/) as [string, string]));
  const active = said.get('ActiveState');
  const shown = `systemctl show ${ground.config.directory.unit}`;
  if (active === 'failed' || (active === 'activating' && said.get('SubState') === 'auto-restart'))
    return { state: 'down', because: `${shown}: ${active}` };
  if (active !== 'inactive') return { state: 'other', because: `${shown}: ${active ?? 'no answer'}` };
  const meant = /^enabled/.test(said.get('UnitFileState') ?? '') && said.get('ConditionResult') !== 'no';
  return { state: meant ? 'down' : 'none', because: `${shown}: ${meant ? 'enabled, and ' : ''}inactive` };
}

/** The standard group as the directory alone has it: `getent -s sss group claw-users`. */
async function inDirectory(ground: Ground): Promise<{ entry: GroupEntry | null; source: string } | { error: string }> {
  const argv = ['getent', '-s', ground.config.directory.service, 'group', ground.config.scheduler.standardGroup];
  try {
    const result = await ground.run(argv);
    if (result.code === 2 && !result.timedOut) return { entry: null, source: argv.join(' ') };
    const entry = result.code === 0 ? parseGroup(result.stdout)[0] : undefined;
    return entry ? { entry, source: argv.join(' ') } : { error: failure(result, argv) };
  } catch (error) {
    return { error: messageOf(error) };
  }
}

/** Whether the service finds anybody: `getent` says "not found" too of a service that is not there at all. */
async function findsSomebody(ground: Ground): Promise<boolean> {
  const names = await people(ground);
  if (names.length === 0) return false;
  const argv = ['getent', '-s', ground.config.directory.service, 'passwd', ...names];
  const result = await ground.run(argv).catch(() => null);
  return parsePasswd(result?.stdout ?? '').some(u => names.includes(u.name));
}

export const directory: Probe = {
  name: 'directory',
  facts: ['directory.canary', 'directory.standard-group', 'directory.member', 'directory.group'],
  needsUser: false,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const [state, group] = await Promise.all([directoryState(ground), inDirectory(ground)]);
    const canary =
      state.state === 'there' || state.state === 'away'
        ? known('directory.canary', state.state, state.because)
        : unknown('directory.canary', state.because);
    const cannot = (because: string): Fact[] => this.facts.slice(1).map(fact => unknown(fact, because));
    if ('error' in group) return [canary, ...cannot(group.error)];
    if (!group.entry && state.state === 'away') return [canary, ...cannot(`the directory is away: ${state.because}`)];
    if (!group.entry && !(await findsSomebody(ground)))
      return [canary, ...cannot(`${group.source}: not found, and nothing shows that it would find anything`)];
    return [
      canary,
      known('directory.standard-group', group.entry !== null, group.source),
      known('directory.group', ground.config.scheduler.standardGroup, group.source),
      await member(ground, user, group.entry, group.source),
    ];
  },
};

/**
 * Is this person among those that the directory lists? Whoever has the group as their primary one is listed nowhere, and
 * some clients list nobody at all (`ignore_group_members`).
 */
async function member(ground: Ground, user: string | null, entry: GroupEntry | null, source: string): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  const cannot = (because: string): Fact => unknown('directory.member', because);
  if (user === null) return cannot('nobody was asked about');
  if (!entry) return cannot(`${source}: no such group`);
  if (entry.members.includes(user)) return known('directory.member', true, source);
  if (entry.members.length === 0) return cannot(`${source}: lists nobody`);
  const who = await accountOf(ground, user);
  return who.state === 'found' && who.value.gid === entry.gid
    ? cannot(`${source}: it is ${user}'s primary group, which lists nobody`)
    : known('directory.member', false, source);
}

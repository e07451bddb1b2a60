/**
 * Who somebody is and which groups they get, by both views: the local files (fast, always there) and NSS (what a login
 * would use). Several probes ask this; a shared ground makes it one question.
 */

import { isGroupName, userNames } from '../names.ts';
import { type GroupEntry, groupsOf, type PasswdEntry, parseGroup, parsePasswd } from './accounts.ts';
import { failure, type Ground, messageOf, type TextFile } from './ground.ts';

/** What one view says. `unknown` is never `absent`: a database that did not answer has not said no. */
export type Seen<T> =
  | { state: 'found'; value: T; source: string }
  | { state: 'absent'; source: string }
  | { state: 'unknown'; source: string };

const unknown = (source: string): { state: 'unknown'; source: string } => ({ state: 'unknown', source });

/** What `getent` and file lookups are made with: a name that no tool can take for an option. */
export const isUserName = (ground: Ground, name: string): boolean => userNames(ground.config.userNames).fits(name);

/** A file that a shared ground read once is parsed once too: a site's passwd file can have many thousand lines. */
const once = <T>(parse: (text: string) => T[]): ((file: TextFile) => T[]) => {
  const parsed = new WeakMap<TextFile, T[]>();
  return file => {
    const entries = parsed.get(file) ?? parse(file.text);
    parsed.set(file, entries);
    return entries;
  };
};
const usersIn = once(parsePasswd);
const groupsIn = once(parseGroup);

async function entriesOf<T>(ground: Ground, path: string, entries: (file: TextFile) => T[]): Promise<Seen<T[]>> {
  try {
    const file = await ground.read(path);
    return file
      ? { state: 'found', value: entries(file), source: path }
      : { state: 'absent', source: `${path}: no such file` };
  } catch (error) {
    return unknown(messageOf(error));
  }
}

export const localUsers = (ground: Ground): Promise<Seen<PasswdEntry[]>> =>
  entriesOf(ground, ground.config.paths.passwd, usersIn);
export const localGroups = (ground: Ground): Promise<Seen<GroupEntry[]>> =>
  entriesOf(ground, ground.config.paths.group, groupsIn);

/** The account in the local passwd file. */
export async function inFile(ground: Ground, user: string): Promise<Seen<PasswdEntry>> {
  const users = await localUsers(ground);
  if (users.state !== 'found') return unknown(users.source);
  const entry = users.value.find(u => u.name === user);
  return entry ? { state: 'found', value: entry, source: users.source } : { state: 'absent', source: users.source };
}

/** The account as `getent passwd` has it: exit 2 says there is none, any other failure says nothing. */
export async function inNss(ground: Ground, user: string): Promise<Seen<PasswdEntry>> {
  const argv = ['getent', 'passwd', user];
  if (!isUserName(ground, user)) return { state: 'absent', source: 'not a user name' };
  try {
    const result = await ground.run(argv);
    if (result.code === 2 && !result.timedOut) return { state: 'absent', source: argv.join(' ') };
    const entry = result.code === 0 ? parsePasswd(result.stdout).find(u => u.name === user) : undefined;
    return entry ? { state: 'found', value: entry, source: argv.join(' ') } : unknown(failure(result, argv));
  } catch (error) {
    return unknown(messageOf(error));
  }
}

/** The account for what lies in its home: the local entry at once where there is one, else what NSS says. */
export async function accountOf(ground: Ground, user: string): Promise<Seen<PasswdEntry>> {
  if (!isUserName(ground, user)) return { state: 'absent', source: 'not a user name' };
  const local = await inFile(ground, user);
  return local.state === 'found' ? local : await inNss(ground, user);
}

/** The groups of a fresh login by NSS: what `id` prints. */
export async function nssGroups(ground: Ground, user: string): Promise<Seen<string[]>> {
  const argv = ['id', '-Gn', user];
  if (!isUserName(ground, user)) return { state: 'absent', source: 'not a user name' };
  try {
    const result = await ground.run(argv);
    if (result.code === 0)
      return { state: 'found', value: result.stdout.trim().split(/\s+/).filter(Boolean), source: `id ${user}` };
    return unknown(failure(result, argv));
  } catch (error) {
    return unknown(messageOf(error));
  }
}

/** The groups of a fresh login by the local files. */
export async function fileGroups(ground: Ground, user: string): Promise<Seen<string[]>> {
  const [account, groups] = await Promise.all([accountOf(ground, user), localGroups(ground)]);
  if (groups.state !== 'found') return unknown(groups.source);
  if (account.state === 'found')
    return { state: 'found', value: groupsOf(account.value, groups.value), source: groups.source };
  return account.state === 'absent' ? { state: 'absent', source: account.source } : unknown(account.source);
}

/** Groups by name, local file first, the rest from NSS. A group that no view has is left out. */
export async function findGroups(
  ground: Ground,
  names: readonly string[],
): Promise<Seen<(GroupEntry & { local: boolean })[]>> {
  const wanted = [...new Set(names)].filter(name => isGroupName(name)).sort();
  const local = await localGroups(ground);
  if (local.state === 'unknown') return unknown(local.source);
  const inLocal = (local.state === 'found' ? local.value : []).filter(g => wanted.includes(g.name));
  const argv = ['getent', 'group', ...wanted];
  let nss: GroupEntry[] = [];
  if (wanted.length > 0)
    try {
      const result = await ground.run(argv);
      // Exit 2: one of the keys was not found; those that were are printed.
      if ((result.code !== 0 && result.code !== 2) || result.timedOut) return unknown(failure(result, argv));
      nss = parseGroup(result.stdout).filter(g => wanted.includes(g.name));
    } catch (error) {
      return unknown(messageOf(error));
    }
  const merged = wanted.flatMap(name => {
    const here = inLocal.find(g => g.name === name);
    const there = nss.find(g => g.name === name);
    const entry = here ?? there;
    if (!entry) return [];
    return [
      {
        ...entry,
        local: here !== undefined,
        members: [...new Set([...(here?.members ?? []), ...(there?.members ?? [])])],
      },
    ];
  });
  return { state: 'found', value: merged, source: `${ground.config.paths.group}, getent group` };
}

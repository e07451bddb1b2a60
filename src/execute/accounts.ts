/**
 * People and groups as this host knows them: the passwd, group and shadow files read directly, and NSS through `getent`
 * and `id`. A name is only ever given to a program after it fitted the grammar that this host's own configuration says:
 * `usermod` looks for `--root` in all of argv before it parses options, so what isn't plainly a name is code run as root.
 */
import { readFileSync } from 'node:fs';
import type { CommandResult, RunCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import { isGroupName, type UserNames, userNames } from '../names.ts';

export interface Person {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

export interface Group {
  name: string;
  gid: number;
  members: string[];
  /** In the local group file, or only known through NSS (a directory). */
  where: 'local' | 'nss';
}

/** The groups a person is in. `known`: NSS was asked and answered; if not, there may be more. */
export interface GroupsOf {
  names: ReadonlySet<string>;
  known: boolean;
}

/** The password's lock and the account's expiry are different things: a key or Kerberos user has a locked password. */
export interface ShadowFacts {
  user: string;
  entry: 'there' | 'missing';
  password: 'usable' | 'locked' | 'empty' | 'expired' | null;
  account: 'valid' | 'expired' | null;
  /** ISO date on which the account expires, or null. */
  expires: string | null;
  source: string;
}

const DAY_MS = 86_400_000;
const number = (text: string | undefined): number | null =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null;

function* rows(text: string, name: string): Generator<string[]> {
  for (const line of text.split('\n')) if (line.startsWith(`${name}:`)) yield line.split(':');
}

function personIn(passwd: string, name: string): Person | null {
  for (const row of rows(passwd, name)) {
    const [uid, gid] = [number(row[2]), number(row[3])];
    if (row.length === 7 && uid !== null && gid !== null) return { name, uid, gid, home: row[5]! };
  }
  return null;
}

const membersIn = (field: string | undefined): string[] =>
  (field ?? '')
    .split(',')
    .map(member => member.trim())
    .filter(Boolean);

/** With MAX_MEMBERS_PER_GROUP of login.defs a group stands in several rows of one name and number: its members are all of theirs. */
function groupIn(groups: string, name: string, where: Group['where'] = 'local'): Group | null {
  let found: Group | null = null;
  for (const row of rows(groups, name)) {
    const gid = number(row[2]);
    if (row.length !== 4 || gid === null) continue;
    found ??= { name, gid, members: [], where };
    if (found.gid === gid) found.members.push(...membersIn(row[3]));
  }
  return found;
}

/** Facts about the lock and expiry of one account; never the hash. `now` is epoch milliseconds. */
export function shadowIn(shadow: string, user: string, now: number, source: string): ShadowFacts {
  const [row] = rows(shadow, user);
  if (!row || row.length < 8) return { user, entry: 'missing', password: null, account: null, expires: null, source };
  const today = Math.floor(now / DAY_MS);
  const [changed, longest, ends] = [number(row[2]), number(row[4]), number(row[7])];
  const old = changed !== null && longest !== null && (changed === 0 || changed + longest < today);
  const hash = row[1]!;
  const password = hash === '' ? 'empty' : /^[!*]/.test(hash) ? 'locked' : old ? 'expired' : 'usable';
  const expires = ends === null ? null : new Date(ends * DAY_MS).toISOString().slice(0, 10);
  return {
    user,
    entry: 'there',
    password,
    account: ends !== null && ends <= today ? 'expired' : 'valid',
    expires,
    source,
  };
}

/** Looks people and groups up. Unreadable files throw: who can't be looked up is not acted on. */
export class Accounts {
  readonly #paths: Config['paths'];
  readonly #names: UserNames;
  readonly #run: RunCommand;

  constructor({ paths, userNames: settings }: Pick<Config, 'paths' | 'userNames'>, run: RunCommand) {
    this.#paths = paths;
    this.#names = userNames(settings);
    this.#run = run;
  }

  /** From the passwd file, then through NSS; null when neither knows the name. */
  async person(name: string): Promise<Person | null> {
    if (!this.#names.fits(name)) return null;
    const local = personIn(readFileSync(this.#paths.passwd, 'utf8'), name);
    if (local) return local;
    const said = await this.#ask(['getent', 'passwd', name]);
    return said?.code === 0 ? personIn(said.stdout, name) : null;
  }

  async group(name: string): Promise<Group | null> {
    const group = isGroupName(name) ? await this.#groupOrUnknown(name) : null;
    return group === 'unknown' ? null : group;
  }

  async #groupOrUnknown(name: string): Promise<Group | null | 'unknown'> {
    const local = groupIn(readFileSync(this.#paths.group, 'utf8'), name);
    if (local) return local;
    const said = await this.#ask(['getent', 'group', name]);
    if (said?.code === 0) return groupIn(said.stdout, name, 'nss');
    return said?.code === NO_SUCH_KEY ? null : 'unknown';
  }

  /**
   * Every group the person is in, by the local files and by NSS together. A number that no database names may be one of
   * `those` groups all the same, so their numbers are asked for.
   */
  async groupsOf(person: Person, those: readonly string[]): Promise<GroupsOf> {
    const names = new Set<string>();
    for (const line of readFileSync(this.#paths.group, 'utf8').split('\n')) {
      const [name, , gid, members] = line.split(':');
      if (name && (number(gid) === person.gid || membersIn(members).includes(person.name))) names.add(name);
    }
    const said = groupsIn(await this.#ask(['id', '-Gnz', person.name]));
    for (const name of said?.names ?? []) names.add(name);
    if (!said || said.unnamed.length === 0) return { names, known: said !== null };
    let known = true;
    for (const name of those.filter(n => !names.has(n))) {
      const group = await this.#groupOrUnknown(name);
      if (group === 'unknown') known = false;
      else if (group && said.unnamed.includes(group.gid)) names.add(name);
    }
    return { names, known };
  }

  /** In the local group file only: what `usermod` can change. */
  listedLocally(user: string, group: string): boolean {
    return groupIn(readFileSync(this.#paths.group, 'utf8'), group)?.members.includes(user) ?? false;
  }

  shadow(user: string, now: number): ShadowFacts {
    return shadowIn(readFileSync(this.#paths.shadow, 'utf8'), user, now, this.#paths.shadow);
  }

  /** Null where nothing local says: an account of a directory, or a file that can't be read. */
  expiry(user: string, now: number): ShadowFacts['account'] {
    try {
      return this.shadow(user, now).account;
    } catch {
      return null;
    }
  }

  /** null: no answer at all. */
  async #ask(argv: string[]): Promise<CommandResult | null> {
    try {
      const result = await this.#run(argv, { timeoutMs: 5000, maxBytes: 1 << 24 });
      return result.timedOut || result.code === null ? null : result;
    } catch {
      return null;
    }
  }
}

/** What `getent` exits with when there is no such name. */
const NO_SUCH_KEY = 2;

/**
 * What `id -Gnz` says: names with their blanks, each with a NUL behind it. It exits 1 when a number has no name, prints that
 * number and complains of it; when it complains of anything else, the list may not be whole. null: it doesn't say.
 */
function groupsIn(said: CommandResult | null): { names: string[]; unnamed: number[] } | null {
  if (!said?.stdout.endsWith('\0')) return null;
  const names = said.stdout.split('\0').slice(0, -1);
  if (said.code === 0) return { names, unnamed: [] };
  const complaints = said.stderr.split('\n').filter(Boolean);
  const unnamed = complaints.map(line => /cannot find name for group ID (\d+)$/.exec(line)?.[1]);
  if (unnamed.length === 0 || !unnamed.every(gid => gid !== undefined && names.includes(gid))) return null;
  return { names: names.filter(name => !unnamed.includes(name)), unnamed: unnamed.map(Number) };
}

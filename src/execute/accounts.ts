/**
 * People and groups as this host knows them: the passwd, group and shadow files read directly, and NSS through `getent`
 * and `id`. A name is only ever given to a program after it fitted the grammar that this host's own configuration says:
 * `usermod` looks for `--root` in all of argv before it parses options, so what isn't plainly a name is code run as root.
 */
import { readFileSync } from 'node:fs';
import type { RunCommand } from '../command.ts';
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

function groupIn(groups: string, name: string, where: Group['where'] = 'local'): Group | null {
  for (const row of rows(groups, name)) {
    const gid = number(row[2]);
    if (row.length === 4 && gid !== null) return { name, gid, members: row[3]!.split(',').filter(Boolean), where };
  }
  return null;
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
    return (
      personIn(readFileSync(this.#paths.passwd, 'utf8'), name) ?? personIn(await this.#getent('passwd', name), name)
    );
  }

  async group(name: string): Promise<Group | null> {
    if (!isGroupName(name)) return null;
    return (
      groupIn(readFileSync(this.#paths.group, 'utf8'), name) ?? groupIn(await this.#getent('group', name), name, 'nss')
    );
  }

  /** Every group the person is in, by the local files and by NSS together. */
  async groupsOf(person: Person): Promise<Set<string>> {
    const found = new Set<string>();
    for (const line of readFileSync(this.#paths.group, 'utf8').split('\n')) {
      const [name, , gid, members] = line.split(':');
      if (name && (number(gid) === person.gid || members?.split(',').includes(person.name))) found.add(name);
    }
    for (const name of (await this.#ask(['id', '-nG', person.name])).trim().split(/\s+/)) if (name) found.add(name);
    return found;
  }

  /** In the local group file only: what `usermod` can change. */
  listedLocally(user: string, group: string): boolean {
    return groupIn(readFileSync(this.#paths.group, 'utf8'), group)?.members.includes(user) ?? false;
  }

  shadow(user: string, now: number): ShadowFacts {
    return shadowIn(readFileSync(this.#paths.shadow, 'utf8'), user, now, this.#paths.shadow);
  }

  #getent(database: string, name: string): Promise<string> {
    return this.#ask(['getent', database, name]);
  }

  /** NSS may only add to what is known: a lookup that fails or hangs says nothing. */
  async #ask(argv: string[]): Promise<string> {
    try {
      const result = await this.#run(argv, { timeoutMs: 5000 });
      return result.code === 0 ? result.stdout : '';
    } catch {
      return '';
    }
  }
}

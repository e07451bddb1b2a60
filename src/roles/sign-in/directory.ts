/**
 * Name and password of the site's directory: the entry is searched with the reading account, then bound as, on a line of
 * its own. What groups somebody is in is asked again while they are signed in. An unknown name and a wrong password take
 * the same way and the same time.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../../config/config.ts';
import { type LdapConfig, userBaseOf } from '../../config/ldap.ts';
import { type DirectorySignInConfig, rolesOfGroups } from '../../config/sign-in.ts';
import { Retry, Usage } from '../../incident.ts';
import { type Credential, type Directory, DirectoryFault, readCredential, withDirectory } from '../../ldap.ts';
import type { Logger } from '../../log.ts';
import { inAnyCase, type UserNames } from '../../names.ts';

/** A no is given no sooner (ms): what the directory takes to compare a password is not to be measured. */
const SLOW_NO_MS = 500;
/** An answer is used again for so long (ms): one page is several requests. */
const SAME_MS = 1000;
/** While the directory is away, what it said last counts for so long (ms). */
const GRACE_MS = 5 * 60_000;
const LONGEST_PASSWORD = 1000;

/** Somebody as the directory has them. */
export interface Found {
  name: string;
  uid: number | null;
  roles: string[];
}

interface Known {
  /** Null: the directory has nobody of this name any more. */
  found: Found | null;
  asked: number;
  answered: number;
}

export class DirectorySignIn {
  readonly #ldap: LdapConfig;
  readonly #own: DirectorySignInConfig;
  readonly #names: UserNames;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #known = new Map<string, Known>();
  /** Since when it was asked in vain of somebody it has not told us of yet. */
  readonly #inVain = new Map<string, number>();
  readonly #asking = new Map<string, Promise<void>>();

  /** @throws Usage when the configuration names no directory */
  constructor(config: Config, own: DirectorySignInConfig, now: () => number, log: Logger) {
    if (config.directory.ldap === null)
      throw new Usage(`${config.file}: web.signIn.ldap: say in directory.ldap where the directory is`);
    this.#ldap = config.directory.ldap;
    this.#own = own;
    this.#names = inAnyCase(config.userNames);
    this.#now = now;
    this.#log = log;
  }

  /** Null for a wrong password and an unknown name alike. @throws Retry when the directory does not answer */
  async check(name: string, password: string): Promise<Found | null> {
    const start = performance.now();
    const found = await this.#check(name, password);
    if (!found) await sleep(Math.max(0, SLOW_NO_MS - (performance.now() - start)));
    return found;
  }

  async #check(name: string, password: string): Promise<Found | null> {
    // A bind without a password is taken as anonymous and called a success (RFC 4513, 5.1.2).
    const sound =
      this.#names.fits(name) && password !== '' && password.length <= LONGEST_PASSWORD && !password.includes('\0');
    if (!sound) return null;
    try {
      const entry = await this.#reading(directory => this.#entry(directory, name));
      const nobody = `${this.#ldap.userAttribute}=${randomBytes(8).toString('hex')},${userBaseOf(this.#ldap)}`;
      const fits = await this.#binds(entry?.dn ?? nobody, password);
      if (!entry || !fits) return null;
      const found = { name, uid: entry.uid, roles: await this.#reading(directory => this.#roles(directory, entry)) };
      this.#known.set(name, { found, asked: this.#now(), answered: this.#now() });
      return found;
    } catch (error) {
      throw new Retry((error as Error).message);
    }
  }

  /** Whether the directory takes this name with this password. @throws DirectoryFault when it doesn't say */
  async #binds(dn: string, password: string): Promise<boolean> {
    try {
      await withDirectory(this.#ldap, { dn, password }, async () => {});
      return true;
    } catch (error) {
      // Only the server's own no is one: a certificate that can't be read says nothing of a password.
      if (error instanceof DirectoryFault && error.kind === 'refused' && error.code !== null) return false;
      throw error;
    }
  }

  async #entry(directory: Directory, name: string): Promise<{ dn: string; uid: number | null; name: string } | null> {
    const entry = await directory.person(name);
    return entry?.names.includes(name) ? { dn: entry.dn, uid: entry.uid, name } : null;
  }

  async #roles(directory: Directory, entry: { dn: string; name: string }): Promise<string[]> {
    const groups = await directory.groupsWith(this.#ldap.memberAttribute === 'memberUid' ? entry.name : entry.dn);
    return rolesOfGroups(
      groups.map(group => group.name),
      this.#own.roles,
    );
  }

  #reading<T>(work: (directory: Directory) => Promise<T>): Promise<T> {
    const { readDn, readPasswordFile } = this.#ldap;
    const file = this.#own.passwordFile ?? readPasswordFile;
    const credential: Credential = readDn && file ? readCredential(readDn, file) : null;
    return withDirectory(this.#ldap, credential, work);
  }

  /**
   * As the directory had them when it was last asked; `unknown` where it was not asked yet, `stale` where it has not
   * answered for too long to go by what it said.
   */
  now(name: string): Found | null | 'unknown' | 'stale' {
    const known = this.#known.get(name);
    if (!known) return this.#isOver(this.#inVain.get(name)) ? 'stale' : 'unknown';
    const { found, answered } = known;
    if (this.#now() - answered > SAME_MS) void this.lookAgain(name);
    return found && this.#isOver(answered) ? 'stale' : found;
  }

  #isOver(since: number | undefined): boolean {
    return since !== undefined && this.#now() - since > GRACE_MS;
  }

  /** Asks again what this person may do, where the last answer is not new; never fails. */
  async lookAgain(name: string): Promise<void> {
    const known = this.#known.get(name);
    if (known && this.#now() - known.asked < SAME_MS) return;
    const under = this.#asking.get(name) ?? this.#ask(name, known).finally(() => this.#asking.delete(name));
    this.#asking.set(name, under);
    await under;
  }

  async #ask(name: string, known: Known | undefined): Promise<void> {
    const asked = this.#now();
    try {
      const found = await this.#reading(async directory => {
        const entry = await this.#entry(directory, name);
        return entry && { name, uid: entry.uid, roles: await this.#roles(directory, entry) };
      });
      this.#known.set(name, { found, asked, answered: asked });
      this.#inVain.delete(name);
    } catch (error) {
      this.#log.warn({ name, reason: (error as Error).message }, 'directory does not say what somebody may do');
      if (known) this.#known.set(name, { ...known, asked });
      else if (!this.#inVain.has(name)) this.#inVain.set(name, asked);
    }
  }
}

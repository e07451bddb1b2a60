/**
 * What is known of a name seen in a log: a person, a system account, or nobody. The local file answers first; other
 * names are asked of NSS through `getent`, many at once, on a budget: a million invented names must not become a
 * million questions to a directory server. Whoever has an account costs none of it, so that a thousand people of a
 * directory that lists nobody are people when the service refuses all of them.
 */
import type { RunCommand } from '../command.ts';
import type { Config } from '../config/config.ts';
import type { Account } from '../incident.ts';
import type { UserNames } from '../names.ts';
import { type PasswdEntry, type PasswdFile, parsePasswd } from './passwd.ts';

export interface AccountsOptions {
  passwd: PasswdFile;
  run: RunCommand;
  /** What is asked of NSS at all. */
  names: UserNames;
  people: WhoIsPerson;
  steady: () => number;
  /** Whom a list of NSS had lately: nobody needs to be asked of them. */
  listed?: (name: string) => PasswdEntry | undefined;
  /** Names that nobody has, asked of NSS per second, after a first burst. */
  perSecond?: number;
  burst?: number;
}

const REMEMBERED = 10_000;
const KNOWN_MS = 600_000;
const UNKNOWN_MS = 60_000;
const AT_ONCE = 50;
/** Questions for the names of one batch, which waits for the answers. */
const MOST_QUESTIONS = 40;
/** After getent did not answer it is left alone for a while. */
const REST_MS = 10_000;

/** What tells people from accounts of services. */
export interface WhoIsPerson {
  minUid: number;
  denyUsers: readonly string[];
  /** By their last part: `nologin` is /sbin/nologin and /usr/sbin/nologin. */
  serviceShells: readonly string[];
}

export const whoIsPerson = ({ watch, policy }: Pick<Config, 'watch' | 'policy'>): WhoIsPerson => ({
  minUid: watch.minUid,
  denyUsers: policy.denyUsers,
  serviceShells: watch.serviceShells,
});

export const hasServiceShell = ({ shell }: PasswdEntry, { serviceShells }: WhoIsPerson): boolean =>
  serviceShells.includes(shell.slice(shell.lastIndexOf('/') + 1));

const isPerson = (entry: PasswdEntry, who: WhoIsPerson): boolean =>
  entry.uid >= who.minUid && !who.denyUsers.includes(entry.name) && !hasServiceShell(entry, who);

export class Accounts {
  #o: Required<AccountsOptions>;
  #remembered = new Map<string, { account: Account; until: number }>();
  #budget: number;
  #filledAt: number;
  #restUntil = Number.NEGATIVE_INFINITY;

  constructor(options: AccountsOptions) {
    this.#o = { perSecond: 20, burst: 200, listed: () => undefined, ...options };
    this.#budget = this.#o.burst;
    this.#filledAt = options.steady();
  }

  /** The account of each name. Answers at once when the file or memory knows all of them. */
  of(names: ReadonlySet<string>): Map<string, Account> | Promise<Map<string, Account>> {
    const out = new Map<string, Account>();
    const ask: string[] = [];
    const local = this.#o.passwd.entries;
    for (const name of names) {
      const entry = local.get(name) ?? this.#o.listed(name);
      const account = entry ? this.#judge(entry) : this.#fromMemory(name);
      if (account) out.set(name, account);
      else {
        out.set(name, 'unknown');
        if (this.#o.names.fits(name)) ask.push(name);
      }
    }
    return ask.length > 0 && this.#mayAsk() >= 1 ? this.#ask(ask, out) : out;
  }

  /** Those of the names that have an account take their place in `out`. */
  async #ask(names: readonly string[], out: Map<string, Account>): Promise<Map<string, Account>> {
    let at = 0;
    for (let questions = 0; questions < MOST_QUESTIONS && at < names.length; questions++) {
      const many = Math.min(AT_ONCE, Math.floor(this.#mayAsk()));
      if (many < 1) break;
      const part = names.slice(at, at + many);
      at += part.length;
      this.#budget -= part.length;
      const found = await this.#getent(part);
      if (!found) break;
      for (const name of part) {
        const entry = found.get(name);
        const account = entry ? this.#judge(entry) : 'unknown';
        out.set(name, account);
        this.#remember(name, account);
        if (entry) this.#budget++;
      }
    }
    return out;
  }

  /** Null when NSS did not answer: then nothing is remembered. */
  async #getent(names: readonly string[]): Promise<Map<string, PasswdEntry> | null> {
    if (this.#o.steady() < this.#restUntil) return null;
    try {
      const { code, stdout, timedOut } = await this.#o.run(['getent', 'passwd', ...names], { timeoutMs: 2000 });
      // 2: some of the names were not found, which is an answer.
      if (!timedOut && (code === 0 || code === 2)) return parsePasswd(stdout);
    } catch {}
    this.#restUntil = this.#o.steady() + REST_MS;
    return null;
  }

  #judge(entry: PasswdEntry): Account {
    return isPerson(entry, this.#o.people) ? 'user' : 'system';
  }

  #fromMemory(name: string): Account | null {
    const known = this.#remembered.get(name);
    if (!known) return null;
    if (known.until > this.#o.steady()) return known.account;
    this.#remembered.delete(name);
    return null;
  }

  #remember(name: string, account: Account): void {
    const until = this.#o.steady() + (account === 'unknown' ? UNKNOWN_MS : KNOWN_MS);
    this.#remembered.delete(name);
    this.#remembered.set(name, { account, until });
    if (this.#remembered.size > REMEMBERED) this.#remembered.delete(this.#remembered.keys().next().value!);
  }

  /** How many names may be asked now. */
  #mayAsk(): number {
    const steady = this.#o.steady();
    const { perSecond, burst } = this.#o;
    this.#budget = Math.min(burst, this.#budget + ((steady - this.#filledAt) / 1000) * perSecond);
    this.#filledAt = steady;
    return this.#budget;
  }
}

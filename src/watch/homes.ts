/**
 * Whose client logs are read: the homes of the passwd database, local and through NSS, and those of a pattern. People
 * come and go while we run, so this is asked again and again; it answers a new list only when there is one. Who is
 * missing from one list has not gone: a directory that is down for a minute lists the local people and says nothing else.
 */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import type { RunCommand } from '../command.ts';
import { LONGEST_NAME, type UserNames } from '../names.ts';
import { type PasswdEntry, type PasswdFile, parsePasswd } from './passwd.ts';

export interface Home {
  owner: string;
  dir: string;
  /** Of a home that only a pattern names: to whom it must belong; `nobody` when no account has its name. */
  uid?: number | 'nobody';
}

export interface HomesOptions {
  passwd: PasswdFile;
  run: RunCommand;
  /** What is asked of NSS at all. */
  names: UserNames;
  minUid: number;
  pattern: string | null;
  steady: () => number;
  /** Directories of a pattern; default: the file system's. */
  glob?: (pattern: string) => string[];
}

/** NSS is asked for the whole list this often, and whenever the local file changed. */
const NSS_EVERY_MS = 600_000;
const PATTERN_EVERY_MS = 10_000;
/** Who is missing from so many lists, for so long, has gone. */
const LISTS = 3;
const NSS_GONE_MS = 2 * NSS_EVERY_MS;
const PATTERN_GONE_MS = 6 * PATTERN_EVERY_MS;
/** Whose name a directory of a pattern has is asked of NSS: so many at once, and in one round, and again after so long. */
const AT_ONCE = 50;
const IN_A_ROUND = 500;
const ASKED_AGAIN_MS = NSS_EVERY_MS;
/** A directory server that lists more than this is not asked to. */
const MOST_BYTES = 16 << 20;
const NOBODY = 65_534;

/** A list whose entries stay until several later ones were without them. */
class Lingering<T> {
  readonly #all = new Map<string, { it: T; at: number; missing: number }>();
  readonly #ms: number;

  constructor(ms: number) {
    this.#ms = ms;
  }

  update(list: Iterable<[string, T]>, now: number): void {
    for (const entry of this.#all.values()) entry.missing++;
    for (const [key, it] of list) this.#all.set(key, { it, at: now, missing: 0 });
    for (const [key, { at, missing }] of this.#all) if (missing >= LISTS && now - at >= this.#ms) this.#all.delete(key);
  }
  get(key: string): T | undefined {
    return this.#all.get(key)?.it;
  }
  drop(key: string): void {
    this.#all.delete(key);
  }
  *values(): Generator<T> {
    for (const { it } of this.#all.values()) yield it;
  }
}

export class Homes {
  #o: Required<HomesOptions>;
  #nss = new Lingering<PasswdEntry>(NSS_GONE_MS);
  #nssAt = Number.NEGATIVE_INFINITY;
  /** Who was in the local file when NSS was last asked. */
  #locals: ReadonlySet<string> = new Set();
  #pattern = new Lingering<string>(PATTERN_GONE_MS);
  #patternAt = Number.NEGATIVE_INFINITY;
  /** Whose names the directories of the pattern have; `again`: steady time. */
  #uids = new Map<string, { uid: number | 'nobody'; again: number }>();
  #serial = -1;
  #last = '';
  #reading: 'yes' | 'no' = 'no';

  constructor(options: HomesOptions) {
    this.#o = { glob: pattern => globSync(pattern), ...options };
  }

  /** Somebody whom NSS listed lately. */
  person(name: string): PasswdEntry | undefined {
    return this.#nss.get(name);
  }

  /** The homes, if they are others than at the last call; null when nothing changed. */
  async read(): Promise<Home[] | null> {
    if (this.#reading === 'yes') return null;
    this.#reading = 'yes';
    try {
      return await this.#read();
    } finally {
      this.#reading = 'no';
    }
  }

  async #read(): Promise<Home[] | null> {
    const { passwd, steady, pattern } = this.#o;
    const local = passwd.entries;
    const changed = passwd.serial !== this.#serial;
    this.#serial = passwd.serial;
    const askNss = changed || steady() - this.#nssAt >= NSS_EVERY_MS;
    if (askNss) await this.#askNss(local);
    const askPattern = pattern !== null && steady() - this.#patternAt >= PATTERN_EVERY_MS;
    if (askPattern) await this.#readPattern(pattern, local);
    if (!askNss && !askPattern) return null;
    const homes = this.#merge(local);
    const text = JSON.stringify(homes);
    if (text === this.#last) return null;
    this.#last = text;
    return homes;
  }

  /** A directory that does not answer takes nobody away: the last list stays. Who left the local file is gone at once. */
  async #askNss(local: ReadonlyMap<string, PasswdEntry>): Promise<void> {
    this.#nssAt = this.#o.steady();
    for (const name of this.#locals) if (!local.has(name)) this.#nss.drop(name);
    this.#locals = new Set(local.keys());
    const listed = await this.#getent([]);
    if (listed) this.#nss.update(listed, this.#nssAt);
  }

  /** Null when NSS did not answer. */
  async #getent(names: readonly string[]): Promise<Map<string, PasswdEntry> | null> {
    try {
      const options = { timeoutMs: 3000, maxBytes: MOST_BYTES };
      const { code, stdout, timedOut } = await this.#o.run(['getent', 'passwd', ...names], options);
      // 2: some of the names were not found, which is an answer.
      if (!timedOut && (code === 0 || (code === 2 && names.length > 0))) return parsePasswd(stdout);
    } catch {}
    return null;
  }

  async #readPattern(pattern: string, local: ReadonlyMap<string, PasswdEntry>): Promise<void> {
    const now = this.#o.steady();
    this.#patternAt = now;
    try {
      this.#pattern.update(
        this.#o.glob(pattern).map(dir => [dir, dir]),
        now,
      );
    } catch {}
    const names = new Set([...this.#pattern.values()].map(dir => basename(dir)));
    for (const name of this.#uids.keys()) if (!names.has(name)) this.#uids.delete(name);
    const ask: string[] = [];
    for (const name of names) {
      const uid = (local.get(name) ?? this.#nss.get(name))?.uid;
      if (uid !== undefined) this.#uids.set(name, { uid, again: now });
      else if (!this.#o.names.fits(name)) this.#uids.set(name, { uid: 'nobody', again: now });
      else if (now >= (this.#uids.get(name)?.again ?? now)) ask.push(name);
    }
    for (let at = 0; at < Math.min(ask.length, IN_A_ROUND); at += AT_ONCE) {
      const some = ask.slice(at, at + AT_ONCE);
      const found = await this.#getent(some);
      if (!found) return;
      for (const name of some)
        this.#uids.set(name, { uid: found.get(name)?.uid ?? 'nobody', again: now + ASKED_AGAIN_MS });
    }
  }

  /** One owner for each directory. Somebody may be in NSS and no more in the file: the file decides for its own. */
  #merge(local: ReadonlyMap<string, PasswdEntry>): Home[] {
    const owners = new Map<string, Home>();
    for (const { name, uid, home } of [...local.values(), ...this.#nss.values()]) {
      if (uid < this.#o.minUid || uid === NOBODY || !home.startsWith('/') || home === '/') continue;
      const dir = home.replace(/\/+$/, '');
      if (name.length <= LONGEST_NAME && !owners.has(dir)) owners.set(dir, { owner: name, dir });
    }
    for (const dir of this.#pattern.values()) {
      const owner = basename(dir);
      const known = this.#uids.get(owner);
      // Nobody has said yet whose name that is.
      if (known && owner.length <= LONGEST_NAME && !owners.has(dir)) owners.set(dir, { owner, dir, uid: known.uid });
    }
    return [...owners.values()];
  }
}

/**
 * Whose client logs are read: the homes of the passwd database, local and through NSS, and those of a pattern. People
 * come and go while we run, so this is asked again and again; it answers a new list only when there is one.
 */
import { globSync } from 'node:fs';
import { basename } from 'node:path';
import type { RunCommand } from '../command.ts';
import { type PasswdEntry, type PasswdFile, parsePasswd } from './passwd.ts';

export interface Home {
  owner: string;
  dir: string;
}

export interface HomesOptions {
  passwd: PasswdFile;
  run: RunCommand;
  minUid: number;
  pattern: string | null;
  steady: () => number;
  /** Directories of a pattern; default: the file system's. */
  glob?: (pattern: string) => string[];
}

/** NSS is asked for the whole list this often, and whenever the local file changed. */
const NSS_EVERY_MS = 600_000;
const PATTERN_EVERY_MS = 10_000;
/** A directory server that lists more than this is not asked to. */
const MOST_BYTES = 16 << 20;
const NOBODY = 65_534;

export class Homes {
  #o: Required<HomesOptions>;
  #nss = new Map<string, PasswdEntry>();
  #nssAt = Number.NEGATIVE_INFINITY;
  #pattern: string[] = [];
  #patternAt = Number.NEGATIVE_INFINITY;
  #serial = -1;
  #last = '';

  constructor(options: HomesOptions) {
    this.#o = { glob: pattern => globSync(pattern), ...options };
  }

  /** The homes, if they are others than at the last call; null when nothing changed. */
  async read(): Promise<Home[] | null> {
    const { passwd, steady, pattern } = this.#o;
    const local = passwd.entries;
    const changed = passwd.serial !== this.#serial;
    this.#serial = passwd.serial;
    const askNss = changed || steady() - this.#nssAt >= NSS_EVERY_MS;
    if (askNss) await this.#askNss();
    const askPattern = pattern !== null && steady() - this.#patternAt >= PATTERN_EVERY_MS;
    if (askPattern) this.#readPattern(pattern);
    if (!askNss && !askPattern) return null;
    const homes = this.#merge(local);
    const text = JSON.stringify(homes);
    if (text === this.#last) return null;
    this.#last = text;
    return homes;
  }

  /** A directory that does not answer takes nobody away: the last list stays. */
  async #askNss(): Promise<void> {
    this.#nssAt = this.#o.steady();
    try {
      const result = await this.#o.run(['getent', 'passwd'], { timeoutMs: 3000, maxBytes: MOST_BYTES });
      if (result.code === 0 && !result.timedOut) this.#nss = parsePasswd(result.stdout);
    } catch {}
  }

  #readPattern(pattern: string): void {
    this.#patternAt = this.#o.steady();
    try {
      this.#pattern = this.#o.glob(pattern);
    } catch {}
  }

  /** One owner for each directory. Somebody may be in NSS and no more in the file: the file decides for its own. */
  #merge(local: ReadonlyMap<string, PasswdEntry>): Home[] {
    const owners = new Map<string, string>();
    for (const { name, uid, home } of [...local.values(), ...this.#nss.values()]) {
      if (uid < this.#o.minUid || uid === NOBODY || !home.startsWith('/') || home === '/') continue;
      const dir = home.replace(/\/+$/, '');
      if (!owners.has(dir)) owners.set(dir, name);
    }
    for (const dir of this.#pattern) if (!owners.has(dir)) owners.set(dir, basename(dir));
    return [...owners].map(([dir, owner]) => ({ owner, dir }));
  }
}

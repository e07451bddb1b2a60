/**
 * The passwd database as text: the local file, read again when it changed, and the lines that `getent` prints.
 */
import { readFileSync, statSync } from 'node:fs';

export interface PasswdEntry {
  name: string;
  uid: number;
  home: string;
  shell: string;
}

/** Lines that are no passwd entries (comments, NIS `+`, wrong fields) are left out. The first of a name counts. */
export function parsePasswd(text: string): Map<string, PasswdEntry> {
  const entries = new Map<string, PasswdEntry>();
  for (const line of text.split('\n')) {
    const [name, , uid, , , home, shell] = line.split(':');
    if (!name || home === undefined || !/^\d{1,10}$/.test(uid ?? '') || /^[+#-]/.test(name)) continue;
    if (!entries.has(name)) entries.set(name, { name, uid: Number(uid), home, shell: (shell ?? '').trim() });
  }
  return entries;
}

/** The local passwd file. `entries` looks at its attributes at most once in `everyMs` and parses it when they moved. */
export class PasswdFile {
  #file: string;
  #steady: () => number;
  #everyMs: number;
  #stamp = '';
  #lookedAt = Number.NEGATIVE_INFINITY;
  #entries = new Map<string, PasswdEntry>();
  /** Counts up with every change. */
  serial = 0;

  constructor(file: string, steady: () => number, everyMs = 1000) {
    this.#file = file;
    this.#steady = steady;
    this.#everyMs = everyMs;
  }

  get entries(): Map<string, PasswdEntry> {
    if (this.#steady() - this.#lookedAt < this.#everyMs) return this.#entries;
    this.#lookedAt = this.#steady();
    try {
      const { ino, mtimeMs, size } = statSync(this.#file);
      const stamp = `${ino} ${mtimeMs} ${size}`;
      if (stamp === this.#stamp) return this.#entries;
      const entries = parsePasswd(readFileSync(this.#file, 'utf8'));
      // A file without a single entry is one that is being written: nobody has removed everybody.
      if (entries.size === 0 && this.#entries.size > 0) return this.#entries;
      this.#entries = entries;
      this.#stamp = stamp;
      this.serial++;
    } catch {
      // Not readable at this moment (it is replaced by rename): what we know stays.
    }
    return this.#entries;
  }
}

/**
 * The audit file: one JSON object a line, each with the digest of the one before. An entry is on the disk before
 * `append` returns; when it can't be, `append` throws and nothing is done (no audit, no act).
 * A line torn by a crash stays where it is and is accounted for by the entry that follows it; an account that was torn
 * itself is accounted for with it.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { canonical, chainDigest } from '../digest.ts';
import { Retry } from '../incident.ts';
import type { AuditEntry } from '../plan.ts';
import {
  accountOf,
  auditFiles,
  DAMAGED,
  entryOf,
  GENESIS,
  type Head,
  type Known,
  lacking,
  newestWith,
  splitLines,
  tornEnd,
} from './chain.ts';
import { withoutSecrets } from './redact.ts';

export { auditFiles, entryOf, verifyAudit } from './chain.ts';

/** A file that has grown past this is put aside before the next entry. */
const ROTATE_BYTES = 4 << 20;

/** The audit file can't be written: nothing may be done. */
export class AuditUnwritable extends Retry {
  override name = 'AuditUnwritable';
}

export type AuditNote = Pick<AuditEntry, 'actor' | 'plan' | 'what' | 'before' | 'after'>;

/** Who remembers beside the file how far it went, so that a file that was taken away or cut is noticed after a restart. */
export interface AuditMemory {
  known: () => Known;
  /** Called once an entry is on the disk. What it throws is not heard: an older head is still a true one. */
  wrote: (head: Head) => void;
}

const NO_MEMORY: AuditMemory = { known: () => ({ head: null, run: null }), wrote: () => {} };

export class Audit {
  readonly file: string;
  readonly #now: () => number;
  readonly #rotateBytes: number;
  readonly #memory: AuditMemory;
  #accepted = false;
  #fd: number | null = null;
  #size = 0;
  #head: Head = { seq: 0, digest: GENESIS };

  constructor(file: string, options: { now?: () => number; rotateBytes?: number; memory?: AuditMemory } = {}) {
    this.file = file;
    this.#now = options.now ?? Date.now;
    this.#rotateBytes = options.rotateBytes ?? ROTATE_BYTES;
    this.#memory = options.memory ?? NO_MEMORY;
  }

  /** The end of the chain: what goes out with every report. */
  get head(): Head {
    return this.#head;
  }

  /** What of its past is missing, in words; null when nothing is known to be. */
  missing(): string | null {
    if (this.#accepted) return null;
    const why = lacking(auditFiles(this.file), this.#memory.known());
    return why && !existsSync(this.file) ? `it is missing: ${why}` : why;
  }

  /** Goes on from what is there, though something is missing, and says so in the next entry. @throws AuditUnwritable */
  accept(note: AuditNote): void {
    this.#accepted = true;
    try {
      this.append(note);
    } finally {
      this.#accepted = false;
    }
  }

  /**
   * Opens the file and finds the end of the chain. A file that doesn't go as far as was seen is not written on.
   * @throws AuditUnwritable
   */
  open(): void {
    if (this.#fd !== null) return;
    this.#guard(() => {
      const missing = this.missing();
      if (missing)
        throw new AuditUnwritable(
          `the audit file ${this.file} is not whole: ${missing}. Put it back; if it is lost, see deploy/README.md. Until then nothing is done`,
        );
      mkdirSync(dirname(this.file), { recursive: true, mode: 0o700 });
      const isNew = !existsSync(this.file);
      const flags =
        constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK;
      const fd = openSync(this.file, flags, 0o600);
      this.#fd = fd;
      if (!fstatSync(fd).isFile()) throw new Error('not a regular file');
      if (isNew) syncDirectory(dirname(this.file));
      this.#findEnd(fd);
    });
  }

  /** Whether an entry could be written now, as far as can be told without writing one. @throws AuditUnwritable */
  ready(): void {
    this.open();
    this.#checkPlace();
  }

  /** Writes one entry and returns it once it is on the disk. @throws AuditUnwritable */
  append(note: AuditNote): AuditEntry {
    this.ready();
    if (this.#size > this.#rotateBytes) this.#rotate();
    return this.#write(note);
  }

  /** The newest entry of that kind in the current file and the one before it, or null. @throws AuditUnwritable */
  newest(what: string): AuditEntry | null {
    this.open();
    // Canonical entries: `what` is the last key.
    return newestWith(auditFiles(this.file).slice(-2), `"what":"${what}"}`, entry => entry.what === what);
  }

  close(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  /**
   * An entry in a file that was moved, removed or cut is no entry: nobody would find it. The file stays open, so that
   * the same one, put back, goes on, and no new chain is begun in silence. @throws AuditUnwritable
   */
  #checkPlace(): void {
    const there = lstatSync(this.file, { throwIfNoEntry: false });
    const ours = fstatSync(this.#fd!);
    if (there?.ino === ours.ino && there.dev === ours.dev && ours.size === this.#size) return;
    throw new AuditUnwritable(
      `the audit file ${this.file} was moved, removed or changed by somebody else: put it back, or find out who did it and start the executor again; without it nothing is done`,
    );
  }

  #write(note: AuditNote): AuditEntry {
    const { actor, plan, what } = note;
    const before = withoutSecrets(note.before) ?? null;
    const after = withoutSecrets(note.after) ?? null;
    const time = new Date(this.#now()).toISOString();
    const open = { seq: this.#head.seq + 1, time, previous: this.#head.digest, actor, plan, what, before, after };
    const entry: AuditEntry = { ...open, digest: chainDigest(open) };
    const line = Buffer.from(`${canonical(entry)}\n`);
    this.#guard(() => {
      for (let done = 0; done < line.length; ) done += writeSync(this.#fd!, line, done);
      fsyncSync(this.#fd!);
    });
    this.#size += line.length;
    this.#head = { seq: entry.seq, digest: entry.digest };
    try {
      this.#memory.wrote(this.#head);
    } catch {}
    return entry;
  }

  /** Any failure closes the file, takes back what was half written, and the next entry starts by opening it again. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      try {
        if (this.#fd !== null && this.#size > 0) ftruncateSync(this.#fd, this.#size);
      } catch {}
      try {
        this.close();
      } catch {}
      this.#size = 0;
      if (error instanceof AuditUnwritable) throw error;
      const { code, message } = error as NodeJS.ErrnoException;
      throw new AuditUnwritable(
        `the audit file ${this.file} can't be written (${code ?? message}); without it nothing is done`,
      );
    }
  }

  #findEnd(fd: number): void {
    const bytes = readAll(fd);
    const lines = splitLines(bytes);
    this.#size = bytes.length;
    const isCut = bytes.length > 0 && bytes.at(-1) !== 10;
    const last = isCut ? entryOf(lines.at(-1)!.toString('utf8')) : null;
    this.#head = lastHead(last ? lines.slice(0, -1) : lines) ?? this.#endOfOlderFile() ?? { seq: 0, digest: GENESIS };
    const torn = tornEnd(lines, this.#head);
    if (last && (last.previous !== this.#head.digest || last.seq !== this.#head.seq + 1)) throw new Error(DAMAGED);
    if (isCut) {
      writeSync(fd, '\n');
      this.#size += 1;
    }
    if (last) {
      // Only its newline was missing.
      fsyncSync(fd);
      this.#head = { seq: last.seq, digest: last.digest };
    } else if (torn) this.#write(accountOf(torn));
  }

  #endOfOlderFile(): Head | null {
    const older = auditFiles(this.file).filter(f => f !== this.file);
    for (const file of older.reverse()) {
      const lines = splitLines(readFileSync(file));
      const head = lastHead(lines.slice(-2));
      if (head) return head;
      if (lines.length > 1) throw new Error(DAMAGED);
    }
    return null;
  }

  #rotate(): void {
    this.#guard(() => {
      const aside = `${this.file}.${String(this.#head.seq).padStart(12, '0')}`;
      if (existsSync(aside)) throw new Error(`${aside} is there already`);
      renameSync(this.file, aside);
      syncDirectory(dirname(this.file));
      closeSync(this.#fd!);
      this.#fd = null;
      this.#size = 0;
    });
    this.open();
  }
}

function lastHead(lines: readonly Buffer[]): Head | null {
  for (const line of [...lines].reverse()) {
    const entry = entryOf(line.toString('utf8'));
    if (entry) return { seq: entry.seq, digest: entry.digest };
  }
  return null;
}

function readAll(fd: number): Buffer {
  const bytes = Buffer.alloc(fstatSync(fd).size);
  let done = 0;
  while (done < bytes.length) {
    const n = readSync(fd, bytes, done, bytes.length - done, done);
    if (n === 0) break;
    done += n;
  }
  return bytes.subarray(0, done);
}

/** Makes names in a directory durable. */
export function syncDirectory(dir: string): void {
  const fd = openSync(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/**
 * STATE/agent/positions.json: what serve has acknowledged of each file, and by which bytes the file is known again.
 * Written whole beside the old one and renamed over it, so it is the old or the new one after any crash. It carries its
 * own digest: a file that was cut short or scribbled over is recognised, reported, and serve is asked instead.
 */
import { constants, promises } from 'node:fs';
import { dirname } from 'node:path';
import { z } from 'zod';
import { sha256 } from '../digest.ts';

const MarkRecord = z.strictObject({
  at: z.number().int().nonnegative(),
  length: z.number().int().nonnegative(),
  hash: z.string(),
  time: z.number(),
});
const Known = z.strictObject({
  id: z.string().max(200),
  committed: z.number().int().nonnegative(),
  marks: z.array(MarkRecord).max(8),
  /** `ended`: read and acknowledged to its end. `cut`: its content vanished before we could know that. */
  end: z.enum(['open', 'ended', 'cut']),
  /** Every `device-inode` it was seen under: a copy has another one. */
  keys: z.array(z.string()).max(8),
  mtime: z.number(),
  birth: z.number(),
  at: z.number(),
  /** What stands before this byte was counted in another life, and serve has not heard of it yet. */
  begins: z.number().int().positive().optional(),
});
const PathRecord = z.strictObject({
  path: z.string(),
  /** Modification time of the youngest rotation that was there before our first look. */
  seen: z.number(),
  /** Files that had no complete line yet: known by inode and time of birth alone. */
  drafts: z.array(z.strictObject({ key: z.string(), birth: z.number() })).max(16),
  sources: z.array(Known),
  /** Names of earlier lives, of which nothing else is kept: they are not given again. */
  retired: z.array(z.string().max(200)).max(256),
});
export type Known = z.infer<typeof Known>;
export type PathRecord = z.infer<typeof PathRecord>;

export interface CheckpointOptions {
  file: string;
  /** Puts text in place of the file, durably and atomically. */
  replace?: (file: string, text: string) => Promise<void>;
  /** Milliseconds that only go forward. */
  steady: () => number;
  /** A sentence when something is wrong, null when it is right again. */
  alarm: (problem: string | null) => void;
}

export type Loaded = { state: 'none' | 'good' | 'broken'; records: PathRecord[] };

/** Smallest pause between two writes that nobody waits for; a large file (many homes) is written more rarely. */
const PAUSE_MS = 200;
const SHARE = 20;

export class Checkpoint {
  #options: Required<CheckpointOptions>;
  #text = new Map<string, string>();
  #changed = new Map<string, () => PathRecord | null>();
  #writing: Promise<void> | null = null;
  #next: Promise<void> | null = null;
  #notBefore = Number.NEGATIVE_INFINITY;
  #failing: 'no' | 'yes' = 'no';

  constructor(options: CheckpointOptions) {
    this.#options = { replace: replaceFile, ...options };
  }

  /** Reads the file. `broken` has said so through `alarm`; the caller asks serve. Never throws. */
  async load(): Promise<Loaded> {
    const { file, alarm } = this.#options;
    let text: string;
    try {
      text = await promises.readFile(file, 'utf8');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return { state: 'none', records: [] };
      this.#failing = 'yes';
      alarm(`${file} can't be read (${code}): positions are asked from serve`);
      return { state: 'broken', records: [] };
    }
    const records = decode(text);
    if (!records) {
      // Right again when it has been written anew.
      this.#failing = 'yes';
      alarm(`${file} is damaged (${text.length} bytes): positions are asked from serve`);
      return { state: 'broken', records: [] };
    }
    for (const record of records) this.#text.set(record.path, JSON.stringify(record));
    return { state: 'good', records };
  }

  /** `describe` is asked when the file is next written; `null` takes the path out. */
  changed(path: string, describe: () => PathRecord | null): void {
    this.#changed.set(path, describe);
  }

  get pending(): number {
    return this.#changed.size;
  }

  /** Writes if there is anything new and the last write is long enough ago. */
  async saveLazily(): Promise<void> {
    if (this.#changed.size > 0 && !this.#writing && this.#options.steady() >= this.#notBefore) await this.save();
  }

  /**
   * Resolves when everything that was changed before the call is on disk, or could not be put there: reading goes on
   * with a full disk, and what is read again then is recognised by serve.
   */
  save(): Promise<void> {
    if (!this.#writing) {
      this.#writing = this.#write().finally(() => {
        this.#writing = null;
      });
      return this.#writing;
    }
    this.#next ??= this.#writing.then(() => {
      this.#next = null;
      return this.save();
    });
    return this.#next;
  }

  async #write(): Promise<void> {
    if (this.#changed.size === 0) return;
    const { file, replace, steady, alarm } = this.#options;
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const [path, describe] of changed) {
      const record = describe();
      if (record) this.#text.set(path, JSON.stringify(record));
      else this.#text.delete(path);
    }
    const started = steady();
    try {
      await replace(file, encode([...this.#text.values()]));
      if (this.#failing === 'yes') alarm(null);
      this.#failing = 'no';
      this.#notBefore = Math.max(started + PAUSE_MS, steady() + SHARE * Math.min(steady() - started, 500));
    } catch (error) {
      for (const [path, describe] of changed) if (!this.#changed.has(path)) this.#changed.set(path, describe);
      this.#notBefore = steady() + 1000;
      if (this.#failing === 'no') alarm(`${file} can't be written (${(error as NodeJS.ErrnoException).code})`);
      this.#failing = 'yes';
    }
  }
}

const encode = (records: readonly string[]): string => {
  const body = `[\n${records.join(',\n')}\n]`;
  return `{"v":1,"digest":"${sha256(body)}","paths":${body}}\n`;
};

const HEADER = /^\{"v":1,"digest":"([0-9a-f]{64})","paths":/;
function decode(text: string): PathRecord[] | null {
  const header = HEADER.exec(text);
  if (!header || !text.endsWith('}\n')) return null;
  const body = text.slice(header[0].length, -2);
  if (sha256(body) !== header[1]) return null;
  try {
    return z.array(PathRecord).parse(JSON.parse(body));
  } catch {
    return null;
  }
}

/** Writes beside it, syncs, renames, syncs the directory. @throws what the system says */
export async function replaceFile(file: string, text: string): Promise<void> {
  const dir = dirname(file);
  const temporary = `${file}.new`;
  await promises.mkdir(dir, { recursive: true, mode: 0o700 });
  const handle = await promises.open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await promises.rename(temporary, file);
  const place = await promises.open(dir, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await place.sync();
  } finally {
    await place.close();
  }
}

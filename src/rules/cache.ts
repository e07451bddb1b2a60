/**
 * Rules for a program that must start fast: reading and checking YAML takes longer than a gigabyte of log, so what came of
 * a set of packs is kept, by the sha256 of their text, in the user's own cache directory. A cache that is not ours, or not
 * there, or not writable only costs that time again.
 */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EventName, Meaning } from '../incident.ts';
import { packFiles } from './files.ts';
import type { Rule } from './rule.ts';

/** What a parser and a detector need of the packs that are loaded. */
export interface CompiledPacks {
  rules: Rule[];
  events: Partial<Record<EventName, Meaning>>;
}

// Changes when the shape of `CompiledPacks` or the checks of `pack.ts` change, so that no old copy is taken for a new one.
const FORMAT = 1;

/** The rules that come with Readmit: beside the sources, or beside what was compiled of them. */
export function ownRules(): string {
  for (const up of ['../../rules/', '../../../rules/']) {
    const dir = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(join(dir, 'openclaw', 'logs.yaml'))) return dir;
  }
  return fileURLToPath(new URL('../../rules/', import.meta.url));
}

const defaultCache = (): string => join(homedir(), '.cache', 'readmit');

/**
 * The packs below these directories, checked; from the cache when their text is the same as last time.
 * @throws Usage as `loadPacks`
 */
export async function compiledPacks(
  roots: readonly string[],
  cacheDir: string = defaultCache(),
): Promise<CompiledPacks> {
  const hash = createHash('sha256').update(`${FORMAT}`);
  for (const file of packFiles(roots)) hash.update(`\0${file}\0`).update(readFileSync(file));
  const name = join(cacheDir, `rules-${hash.digest('hex')}.json`);
  const known = readOwn(name);
  if (known) return known;
  const { loadPacks } = await import('./pack.ts');
  const packs = loadPacks(roots);
  const compiled: CompiledPacks = {
    rules: packs.flatMap(pack => pack.rules),
    events: Object.assign({}, ...packs.map(pack => pack.events).reverse()),
  };
  keep(cacheDir, name, compiled);
  return compiled;
}

/** A copy that this user wrote and nobody else could have; else null. */
function readOwn(name: string): CompiledPacks | null {
  let fd: number;
  try {
    fd = openSync(name, 'r');
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile() || stat.uid !== process.getuid?.() || stat.mode & 0o022) return null;
    return JSON.parse(readFileSync(fd, 'utf8')) as CompiledPacks;
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

function keep(dir: string, name: string, compiled: CompiledPacks): void {
  const temporary = `${name}.${process.pid}`;
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, JSON.stringify(compiled), { mode: 0o600, flag: 'wx' });
    renameSync(temporary, name);
  } catch {
    rmSync(temporary, { force: true });
  }
}

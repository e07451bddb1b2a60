/**
 * What was made of some files, kept for a program that must answer fast: reading and checking YAML takes longer than
 * asking the system. Kept by the sha256 of the files' text in the user's own cache directory. A copy that is not ours, or
 * not there, or can't be written only costs that time again.
 */
import { createHash } from 'node:crypto';
import { closeSync, fstatSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { openRegular } from './regular-file.ts';
import { VERSION } from './version.ts';

/**
 * @param what a word for the kind of thing, and whatever else its making depends on
 * @param files everything it is made of
 * @param make plain data only: it goes through JSON. What it throws is not kept
 */
export function kept<T>(
  what: readonly string[],
  files: readonly string[],
  make: () => T,
  directory: string | null = ownCache(),
): T {
  if (directory === null) return make();
  const name = nameOf(what, files, directory);
  const known = readOwn(name);
  if (known !== null) return known as T;
  const made = make();
  keep(directory, name, made);
  return made;
}

/** The same for what is made by something that has to be loaded first. */
export async function keptLater<T>(
  what: readonly string[],
  files: readonly string[],
  make: () => Promise<T>,
  directory: string | null = ownCache(),
): Promise<T> {
  if (directory === null) return await make();
  const name = nameOf(what, files, directory);
  const known = readOwn(name);
  if (known !== null) return known as T;
  const made = await make();
  keep(directory, name, made);
  return made;
}

/** In a home directory that is somebody else's (`sudo -E`), they decide what lies where: nothing is kept there. */
function ownCache(): string | null {
  try {
    const home = homedir();
    return statSync(home).uid === process.getuid?.() ? join(home, '.cache', 'readmit') : null;
  } catch {
    return null;
  }
}

function nameOf(what: readonly string[], files: readonly string[], directory: string): string {
  const hash = createHash('sha256').update([VERSION, ...what].join('\0'));
  for (const file of files) hash.update(`\0${file}\0`).update(readFileSync(file));
  return join(directory, `${what[0]}-${hash.digest('hex')}.json`);
}

/** A copy that this user wrote and nobody else could have; else null. */
function readOwn(name: string): unknown {
  let fd: number;
  try {
    fd = openRegular(name, 'refused');
  } catch {
    return null;
  }
  try {
    const stat = fstatSync(fd);
    if (stat.uid !== process.getuid?.() || stat.mode & 0o022) return null;
    return JSON.parse(readFileSync(fd, 'utf8'));
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}

function keep(directory: string, name: string, made: unknown): void {
  const temporary = `${name}.${process.pid}`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    writeFileSync(temporary, JSON.stringify(made), { mode: 0o600, flag: 'wx' });
    renameSync(temporary, name);
  } catch {
    rmSync(temporary, { force: true });
  }
}

/**
 * Changes one configuration file: the splice is made again from the bytes that are there and must be the approved one,
 * byte for byte. A copy is kept first; the new file is written beside the old one and renamed over it, so that a crash
 * at any moment leaves the old or the new file, whole.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  type Stats,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { RunCommand } from '../command.ts';
import { sha256 } from '../digest.ts';
import { Refused } from '../incident.ts';
import { authorizeGroup, removeInserted, textOf } from '../splice.ts';
import { syncDirectory } from './audit.ts';
import type { ConfigStep } from './checks.ts';

/** A scheduler's configuration is never longer. */
const MAX_BYTES = 1 << 20;

export interface FileNow {
  bytes: Buffer;
  hash: string;
  stat: Stats;
}

/**
 * Reads the file as something that may be patched: a regular file with one link, no link itself, owned by root or us,
 * not writable by everybody, in a directory where nobody else can swap it.
 * @throws Refused with the reason
 */
export function readPatchable(file: string, uid: number = process.getuid?.() ?? 0): FileNow {
  const dir = lstatSync(dirname(file));
  if (!dir.isDirectory() || (dir.uid !== 0 && dir.uid !== uid) || dir.mode & 0o022)
    throw new Refused(`unsafe-directory: others could swap files in ${dirname(file)}`);
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Refused(
      `unsafe-file: ${file}: ${code === 'ELOOP' ? 'is a link' : code === 'ENOENT' ? 'does not exist' : code}`,
    );
  }
  try {
    const stat = fstatSync(fd);
    const wrong = !stat.isFile()
      ? 'is not a regular file'
      : stat.nlink !== 1
        ? 'has more than one link'
        : stat.uid !== 0 && stat.uid !== uid
          ? `belongs to uid ${stat.uid}`
          : stat.mode & 0o002
            ? 'can be written by everybody'
            : stat.size > MAX_BYTES
              ? 'is larger than 1 MiB'
              : null;
    if (wrong) throw new Refused(`unsafe-file: ${file} ${wrong}`);
    const bytes = readFileSync(fd);
    return { bytes, hash: sha256(bytes), stat };
  } finally {
    closeSync(fd);
  }
}

/**
 * Reads a configuration that is only compared, whoever owns it and wherever it really lies: a regular file of bounded size.
 * @throws Refused when it is something else; whatever the system says when it can't be read
 */
export function readPlain(file: string): Pick<FileNow, 'bytes' | 'hash'> {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Refused(`unsafe-file: ${file} is not a regular file`);
    if (stat.size > MAX_BYTES) throw new Refused(`unsafe-file: ${file} is larger than 1 MiB`);
    const bytes = readFileSync(fd);
    return { bytes, hash: sha256(bytes) };
  } finally {
    closeSync(fd);
  }
}

/**
 * The bytes that should stand in the file after this step.
 * @throws Refused when the splice made here is not the approved one
 */
export function patched(step: ConfigStep, now: FileNow, listPath: readonly string[]): Buffer {
  if (step.action === 'config.restore') return Buffer.from(removeInserted(textOf(now.bytes), step.at, step.insert));
  const text = textOf(now.bytes);
  const candidates = [step.file, undefined].map(file => authorizeGroup(text, step.group, file, listPath));
  const own = candidates.find(splice => splice.diff === step.diff);
  if (!own || own.at !== step.at || own.insert !== step.insert || sha256(own.after) !== step.after)
    throw new Refused('splice-differs: the change made here is not the one that was approved');
  return Buffer.from(own.after);
}

/**
 * Backup (synced), new file beside it (synced), rename, directory (synced).
 * @returns the path of the backup
 */
export async function replaceFile(
  file: string,
  now: FileNow,
  bytes: Buffer,
  options: { backups: string; keep: number; stamp: string; run: RunCommand },
): Promise<string> {
  const backup = keepCopy(file, now, options);
  const temporary = join(dirname(file), `.${basename(file)}.readmit-${randomBytes(8).toString('hex')}.tmp`);
  try {
    writeDurably(temporary, bytes, fd => {
      fchownSync(fd, now.stat.uid, now.stat.gid);
      fchmodSync(fd, now.stat.mode & 0o7777);
    });
    await copyAttributes(file, temporary, options.run);
    syncFile(temporary);
    if (readPatchable(file).hash !== now.hash)
      throw new Refused(`changed-meanwhile: ${file} was changed by someone else just now`);
    renameSync(temporary, file);
    syncDirectory(dirname(file));
    return backup;
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {}
    throw error;
  }
}

/** Temporary files that a crash left beside a file we may patch. Returns what was removed. */
export function removeStaleTemporaries(files: readonly string[]): string[] {
  const removed: string[] = [];
  for (const file of files) {
    let names: string[];
    try {
      names = readdirSync(dirname(file));
    } catch {
      continue;
    }
    const start = `.${basename(file)}.readmit-`;
    for (const name of names.filter(n => n.startsWith(start) && /^[0-9a-f]{16}\.tmp$/.test(n.slice(start.length)))) {
      const path = join(dirname(file), name);
      if (!lstatSync(path).isFile()) continue;
      unlinkSync(path);
      removed.push(path);
    }
  }
  return removed;
}

function keepCopy(
  file: string,
  now: FileNow,
  { backups, keep, stamp }: { backups: string; keep: number; stamp: string },
): string {
  mkdirSync(backups, { recursive: true, mode: 0o700 });
  // The path's digest keeps two files of the same name apart.
  const start = `${basename(file)}.${sha256(file).slice(0, 8)}.`;
  const backup = join(backups, `${start}${stamp}`);
  writeDurably(backup, now.bytes, () => {});
  syncDirectory(backups);
  const old = readdirSync(backups).filter(name => name.startsWith(start) && join(backups, name) !== backup);
  for (const name of old.sort().slice(0, Math.max(0, old.length - (keep - 1)))) unlinkSync(join(backups, name));
  return backup;
}

function writeDurably(path: string, bytes: Buffer, prepare: (fd: number) => void): void {
  const fd = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW, 0o600);
  try {
    prepare(fd);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function syncFile(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** ACLs, extended attributes and SELinux context. Node can't; `cp` can. Best effort: a file system may have none. */
async function copyAttributes(from: string, to: string, run: RunCommand): Promise<void> {
  try {
    await run(['cp', '--attributes-only', '--preserve=all', '--no-preserve=timestamps,links', '--', from, to], {
      timeoutMs: 5000,
    });
  } catch {}
}

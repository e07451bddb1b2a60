/**
 * Reads a file that what happens as root rests on: who may approve, what may be changed. It is refused when anyone but
 * root (or the process's own uid) could have written it, or could put another one in its place.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { dirname } from 'node:path';
import { Usage } from './incident.ts';

/** No configuration is longer. */
const MAX_BYTES = 1 << 20;

/**
 * The text of the file.
 * @param purpose what it is for, in the words of the message when it is missing
 * @throws Usage with what is wrong and what would mend it
 */
export function readGuarded(file: string, purpose: string, uid: number = process.getuid?.() ?? 0): string {
  let fd: number;
  try {
    guard(dirname(file), lstatSync(dirname(file)), uid);
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (error instanceof Usage) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new Usage(
      `${file}: ${code === 'ENOENT' ? `no such file: ${purpose}` : code === 'ELOOP' ? 'is a link' : code}`,
    );
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw new Usage(`${file}: not a regular file`);
    guard(file, stat, uid);
    if (stat.size > MAX_BYTES) throw new Usage(`${file}: larger than 1 MiB`);
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

/** Only root and we ourselves may own it, and nobody else may write it or, in a directory, swap what lies there. */
function guard(what: string, stat: Stats, uid: number): void {
  if (stat.uid !== 0 && stat.uid !== uid)
    throw new Usage(`${what}: belongs to uid ${stat.uid}; it must belong to root`);
  // In a directory like /tmp everybody may write, and nobody may take away what is another's.
  const sticky = stat.isDirectory() && (stat.mode & 0o1000) !== 0;
  if (stat.mode & 0o022 && !sticky)
    throw new Usage(
      `${what}: group or others may write to it (mode ${(stat.mode & 0o7777).toString(8)}); chmod go-w ${what}`,
    );
}

/**
 * Opens a file where somebody else may have put something: a FIFO would be waited for without end, a device may have
 * effects of its own, a link may lead anywhere. Only a regular file is read, and what was opened is what was looked at.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import { Refused } from './incident.ts';

/** Whose a link is at the end of the path: the administrator's, who meant it, or perhaps somebody else's. */
export type Links = 'followed' | 'refused';

/**
 * The whole file.
 * @throws Refused when it is something else; what the system says when it can't be opened or read
 */
export function readRegular(file: string, links: Links): Buffer {
  const fd = openRegular(file, links);
  try {
    return readFileSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** @returns a handle of the caller's to close. @throws as `readRegular` */
export function openRegular(file: string, links: Links): number {
  // A look before: to open a device can do something.
  checkRegular(file, links);
  const stay = links === 'refused' ? constants.O_NOFOLLOW : 0;
  const fd = openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY | stay);
  try {
    refuseOther(file, fstatSync(fd));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** For what opens by path itself. @throws Refused when it is there and no regular file; what the system says */
export function checkRegular(file: string, links: Links): void {
  refuseOther(file, links === 'followed' ? statSync(file) : lstatSync(file));
}

function refuseOther(file: string, stat: Stats): void {
  if (!stat.isFile()) throw new Refused(`${file}: is ${kindOf(stat)}, not a regular file`);
}

/** What a path leads to, in words. */
export function kindOf(stat: Stats): string {
  if (stat.isFile()) return 'a regular file';
  if (stat.isDirectory()) return 'a directory';
  if (stat.isFIFO()) return 'a FIFO';
  if (stat.isSocket()) return 'a socket';
  return stat.isSymbolicLink() ? 'a symbolic link' : 'a device';
}

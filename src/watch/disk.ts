/**
 * The file system as the tailer sees it, in two hands: `localDisk` answers at once (a few microseconds a call), while
 * `networkDisk` waits in the thread pool, so that a dead NFS server stops its own files and nobody else's.
 * `isNetwork` tells them apart by the mount table, which never hangs, unlike a statfs of the path itself.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  promises,
  readdirSync,
  readFileSync,
  readSync,
  type Stats,
  statSync,
  fstat as wideFstat,
  open as wideOpen,
  read as wideRead,
} from 'node:fs';
import { promisify } from 'node:util';

type Soon<T> = T | Promise<T>;

export interface Disk {
  /** `null`: there is nothing. `follow` looks behind a link. Other errors are thrown with their code. */
  look(path: string, follow: 'follow' | 'stay'): Soon<Stats | null>;
  open(path: string, flags: number): Soon<number>;
  fstat(fd: number): Soon<BigIntStats>;
  read(fd: number, into: Buffer, length: number, position: number): Soon<number>;
  list(path: string): Soon<string[]>;
  close(fd: number): void;
}

/** Linux only and not among Node's constants: a handle to a place, which needs the right to pass, not to read. */
const O_PATH = 0o10000000;
/** Never follow a link in the last part, never wait for the other end of a FIFO, never become a terminal's owner. */
export const READ_SAFELY = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;
export const READ_FOLLOWING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
export const PASS_THROUGH = O_PATH | constants.O_DIRECTORY;

/** Closes; that it was closed already is no matter. */
export const closeFile = (fd: number): void => {
  try {
    closeSync(fd);
  } catch {}
};

export const localDisk: Disk = {
  look: (path, follow) => (follow === 'follow' ? statSync : lstatSync)(path, { throwIfNoEntry: false }) ?? null,
  open: (path, flags) => openSync(path, flags),
  fstat: fd => fstatSync(fd, { bigint: true }),
  read: (fd, into, length, position) => readSync(fd, into, 0, length, position),
  list: path => readdirSync(path),
  close: closeFile,
};

const openLater = promisify(wideOpen) as (path: string, flags: number) => Promise<number>;
const readLater = promisify(wideRead) as unknown as (
  fd: number,
  into: Buffer,
  offset: number,
  length: number,
  position: number,
) => Promise<{ bytesRead: number }>;
const fstatLater = promisify(wideFstat) as unknown as (fd: number, options: { bigint: true }) => Promise<BigIntStats>;

export const networkDisk: Disk = {
  look: async (path, follow) => {
    try {
      return await (follow === 'follow' ? promises.stat : promises.lstat)(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ENOTDIR') return null;
      throw error;
    }
  },
  open: openLater,
  fstat: fd => fstatLater(fd, { bigint: true }),
  read: async (fd, into, length, position) => (await readLater(fd, into, 0, length, position)).bytesRead,
  list: path => promises.readdir(path),
  close: closeFile,
};

const NETWORK =
  /^(nfs\d?|lustre|gpfs|cifs|smb3?|smbfs|fuse(\..*|blk)?|ceph|afs|beegfs(_.*)?|glusterfs|9p|virtiofs|autofs|pvfs2|orangefs|ocfs2|gfs2|panfs|wekafs|davfs)$/;

/**
 * Reads a mount table and answers whether a path lies on a file system that other machines write to, or that may hang.
 * @param table contents of /proc/self/mountinfo
 */
export function networkMounts(table: string): (path: string) => boolean {
  const mounts = table
    .split('\n')
    .map(line => line.split(' '))
    .filter(part => part.length > 6)
    .map(part => ({
      at: part[4]!.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))),
      network: NETWORK.test(part[part.indexOf('-') + 1] ?? ''),
    }))
    .sort((a, b) => b.at.length - a.at.length)
    .map(({ at, network }) => ({ at, below: at === '/' ? at : `${at}/`, network }));
  return path => mounts.find(m => path.startsWith(m.below) || path === m.at)?.network ?? false;
}

/** `networkMounts` of this process; without a mount table everything counts as local. */
export function readMounts(file = '/proc/self/mountinfo'): (path: string) => boolean {
  try {
    return networkMounts(readFileSync(file, 'utf8'));
  } catch {
    return () => false;
  }
}

/** How many files this process may have open at once (soft limit), or 256 where nobody says. */
export function descriptorLimit(file = '/proc/self/limits'): number {
  try {
    const soft = /^Max open files\s+(\d+)/m.exec(readFileSync(file, 'utf8'))?.[1];
    return soft ? Number(soft) : 256;
  } catch {
    return 256;
  }
}

/**
 * The file system as the tailer sees it, in two hands: `localDisk` answers at once (a few microseconds a call), while
 * `networkDisk` waits in the thread pool, so that a dead NFS server stops its own files and nobody else's.
 * `Mounts` tells them apart by the mount table, which never hangs, unlike a statfs of the path itself.
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
  readlinkSync,
  readSync,
  type Stats,
  statSync,
  fstat as wideFstat,
  open as wideOpen,
  read as wideRead,
} from 'node:fs';
import { dirname, normalize, resolve } from 'node:path';
import { promisify } from 'node:util';

type Soon<T> = T | Promise<T>;

export interface Disk {
  /** `null`: there is nothing. `follow` looks behind a link. Other errors are thrown with their code. */
  look(path: string, follow: 'follow' | 'stay'): Soon<Stats | null>;
  /** A way to look at a file below directories of somebody else: behind a link in the way to it there is nothing. */
  inside(dir: string, parts: readonly string[], name: string): () => Soon<Stats | null>;
  open(path: string, flags: number): Soon<number>;
  fstat(fd: number): Soon<BigIntStats>;
  /** Whose it is: for less than a whole `fstat` costs. */
  ownerOf(fd: number): Soon<number>;
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
/** The same, not through a link. */
const PASS_INSIDE = PASS_THROUGH | constants.O_NOFOLLOW;

/** Closes; that it was closed already is no matter. */
export const closeFile = (fd: number): void => {
  try {
    closeSync(fd);
  } catch {}
};

const isNothing = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '');

const lookAt = (path: string, follow: 'follow' | 'stay'): Stats | null =>
  (follow === 'follow' ? statSync : lstatSync)(path, { throwIfNoEntry: false }) ?? null;

export const localDisk: Disk = {
  // Looked at by the thousand each second, so no handle is opened as below: that costs twice as much. A directory that is
  // swapped for a link between two looks gives a wrong hint, which is never trusted; behind a mount that hangs it stops us.
  inside: (dir, parts, name) => {
    const dirs = parts.map((_, n) => [dir, ...parts.slice(0, n + 1)].join('/'));
    const path = [dir, ...parts, name].join('/');
    return () => (dirs.every(one => lookAt(one, 'stay')?.isDirectory()) ? lookAt(path, 'stay') : null);
  },
  look: lookAt,
  open: (path, flags) => openSync(path, flags),
  fstat: fd => fstatSync(fd, { bigint: true }),
  ownerOf: fd => fstatSync(fd).uid,
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
  inside: (dir, parts, name) => async () => {
    let at = dir;
    let fd = -1;
    try {
      for (const part of parts) {
        const next = await openLater(`${at}/${part}`, PASS_INSIDE);
        if (fd >= 0) closeFile(fd);
        fd = next;
        at = `/proc/self/fd/${fd}`;
      }
      return await networkDisk.look(`${at}/${name}`, 'stay');
    } catch (error) {
      if (isNothing(error)) return null;
      throw error;
    } finally {
      if (fd >= 0) closeFile(fd);
    }
  },
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
  ownerOf: async fd => Number((await fstatLater(fd, { bigint: true })).uid),
  read: async (fd, into, length, position) => (await readLater(fd, into, 0, length, position)).bytesRead,
  list: path => promises.readdir(path),
  close: closeFile,
};

const NETWORK =
  /^(nfs\d?|lustre|gpfs|cifs|smb3?|smbfs|fuse(\..*|blk)?|ceph|afs|beegfs(_.*)?|glusterfs|9p|virtiofs|autofs|pvfs2|orangefs|ocfs2|gfs2|panfs|wekafs|davfs)$/;

/** Links in a path are followed so far; what has more can't be opened either. */
const MOST_LINKS = 40;

/**
 * Reads a mount table and answers whether a path lies on a file system that other machines write to, or that may hang.
 * Links in the path are followed, but only those that lie on a local one: nothing else is touched.
 * @param table contents of /proc/self/mountinfo
 * @param linkAt what the link at a path says; null where there is none
 */
export function networkMounts(
  table: string,
  linkAt: (path: string) => string | null = () => null,
): (path: string) => boolean {
  const mounts = new Map<string, boolean>();
  for (const part of table.split('\n').map(line => line.split(' '))) {
    if (part.length < 7) continue;
    const at = part[4]!.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
    // The one that was mounted last lies above the others.
    mounts.set(at, NETWORK.test(part[part.indexOf('-') + 1] ?? ''));
  }
  const mountOf = (path: string): string => {
    for (let at = path; at !== '/' && at !== '.'; at = dirname(at)) if (mounts.has(at)) return at;
    return '/';
  };
  return path => {
    let at = normalize(path);
    for (let links = 0; links < MOST_LINKS; links++) {
      const mount = mountOf(at);
      if (mounts.get(mount)) return true;
      const next = behindLink(at, mount, linkAt);
      if (next === null) return false;
      at = next;
    }
    return false;
  };
}

/** The path with the first link below `mount` followed, or null when there is none. */
function behindLink(path: string, mount: string, linkAt: (path: string) => string | null): string | null {
  for (let end = mount === '/' ? 0 : mount.length; end < path.length; ) {
    const slash = path.indexOf('/', end + 1);
    end = slash < 0 ? path.length : slash;
    const target = linkAt(path.slice(0, end));
    if (target !== null) return resolve(dirname(path.slice(0, end)), target, `.${path.slice(end)}`);
  }
  return null;
}

/** The mount table of this process, which changes while we run; without one everything counts as local. */
export class Mounts {
  readonly #file: string;
  #text = '';
  #isNetwork: (path: string) => boolean = () => false;

  constructor(file = '/proc/self/mountinfo') {
    this.#file = file;
    this.read();
  }

  /** Looks at the table again. */
  read(): 'same' | 'other' {
    let text = '';
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {}
    if (text === this.#text) return 'same';
    this.#text = text;
    // Many homes lie in one directory: each place is looked at once.
    const links = new Map<string, string | null>();
    this.#isNetwork = networkMounts(text, path => {
      let target = links.get(path);
      if (target === undefined) {
        target = linkAt(path);
        links.set(path, target);
      }
      return target;
    });
    return 'other';
  }

  /** The hand for what lies at this path. */
  diskOf(path: string): Disk {
    return this.#isNetwork(path) ? networkDisk : localDisk;
  }
}

function linkAt(path: string): string | null {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : null;
  } catch {
    return null;
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

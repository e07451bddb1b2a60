/**
 * Where a log lies and how it is opened. The scheduler's log is named by the administrator; a client log lies in a
 * directory that belongs to somebody else, who may swap any part of it at any time: each part is entered by handle,
 * nothing is followed, and what was opened is looked at again before a byte of it is read.
 */
import type { BigIntStats, Stats } from 'node:fs';
import { constants, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { SourceKind } from '../incident.ts';
import { type Disk, PASS_THROUGH, READ_FOLLOWING, READ_SAFELY } from './disk.ts';

export interface Opened {
  fd: number;
  /** `device-inode`, in full width. */
  key: string;
  size: number;
  mtime: number;
  /** When the inode was made, milliseconds; 0 where the file system does not say. */
  birth: number;
}

/** Why a place is not read. `missing` is no fault; `refused` is a rule of ours; `unreadable` is the system's answer. */
export interface Refusal {
  state: 'missing' | 'refused' | 'unreadable';
  why: string;
}

export interface Place {
  /** The live file's path, as it is shown and reported. */
  path: string;
  base: string;
  kind: SourceKind;
  owner: string | null;
  disk: Disk;
  /** A cheap look at the live path; only a hint, it is never trusted. `null`: nothing there. */
  hint(): Promise<Stats | null> | Stats | null;
  /** Opens a file of the live file's directory by its base name. `hint`: what a look at it has just shown. */
  open(name: string, hint?: Stats | null): Promise<Opened | Refusal>;
  /** A cheap look at a file of the same directory by its base name. `null`: nothing there. */
  look(name: string): Promise<Stats | null>;
  /** The names beside the live file. */
  names(): Promise<string[]>;
}

/** Bytes a file may claim to have, for each byte that lies on the disk, once it is larger than `SPARSE_FROM`. */
const SPARSE_RATIO = 64;
const SPARSE_FROM = 1 << 30;

const typeOf = (mode: number): string => {
  const names: Record<number, string> = {
    [constants.S_IFDIR]: 'a directory',
    [constants.S_IFIFO]: 'a FIFO',
    [constants.S_IFSOCK]: 'a socket',
    [constants.S_IFCHR]: 'a device',
    [constants.S_IFBLK]: 'a device',
    [constants.S_IFLNK]: 'a symbolic link',
  };
  return names[mode & constants.S_IFMT] ?? 'of an unknown type';
};
const isRegular = (mode: number): boolean => (mode & constants.S_IFMT) === constants.S_IFREG;

/** What stands against reading a file with these attributes, or null. `homeOwner: null` asks for no owner. */
function objection(stat: Stats | BigIntStats, homeOwner: number | null): string | null {
  const mode = Number(stat.mode);
  if (!isRegular(mode)) return `is ${typeOf(mode)}, not a regular file`;
  const size = Number(stat.size);
  if (size > SPARSE_FROM && Number(stat.blocks) * 512 < size / SPARSE_RATIO)
    return `is sparse: claims ${size} bytes, holds ${Number(stat.blocks) * 512}`;
  if (homeOwner === null) return null;
  if (Number(stat.nlink) > 1) return `has ${Number(stat.nlink)} links`;
  if (Number(stat.uid) !== homeOwner)
    return `belongs to uid ${Number(stat.uid)}, not to the owner of the home directory`;
  return null;
}

/** A home directory that is called after somebody and belongs to somebody else. */
class NotTheirs extends Error {
  constructor(homeOwner: number, owner: string, uid: number | 'nobody') {
    super(
      `its home directory belongs to uid ${homeOwner}, ${uid === 'nobody' ? `and nobody is called ${owner}` : `but ${owner} is uid ${uid}`}`,
    );
  }
}

const refusal = (error: unknown): Refusal => {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof NotTheirs) return { state: 'refused', why: message };
  if (code === 'ENOENT') return { state: 'missing', why: 'there is no such file' };
  if (code === 'ELOOP') return { state: 'refused', why: 'is a symbolic link' };
  if (code === 'ENOTDIR') return { state: 'refused', why: 'its directory is not a directory, or a symbolic link' };
  if (code === 'ENXIO' || code === 'ENODEV') return { state: 'refused', why: 'is not a regular file' };
  return { state: 'unreadable', why: code ?? message };
};

export const isRefusal = (found: Opened | Refusal): found is Refusal => 'why' in found;

/** When the inode was made, milliseconds; 0 where nobody knows. */
export const birthOf = (stat: BigIntStats): number => (birthsTold() ? Number(stat.birthtimeNs / 1000n) / 1000 : 0);

let told: 'yes' | 'no' | null = null;
/**
 * Whether this kernel tells birth times (statx). Where it does not, libuv repeats the change time, which moves with every
 * write: then it is the same for every file, also for directories that are older than their last change.
 */
function birthsTold(): boolean {
  told ??= ['/', '/etc', process.execPath].some(path => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
    return stat !== undefined && stat.birthtimeNs > 0n && stat.birthtimeNs !== stat.ctimeNs;
  })
    ? 'yes'
    : 'no';
  return told === 'yes';
}

function opened(fd: number, stat: BigIntStats): Opened {
  return {
    fd,
    key: `${stat.dev}-${stat.ino}`,
    size: Number(stat.size),
    mtime: Number(stat.mtimeMs),
    birth: birthOf(stat),
  };
}

/** Opens, looks at what was opened, and closes again what must not be read. */
async function openChecked(
  disk: Disk,
  path: string,
  flags: number,
  homeOwner: number | null,
  hint?: Stats | null,
): Promise<Opened | Refusal> {
  // A look before: opening a device can have effects of its own (a tape rewinds).
  const before = hint ?? (await disk.look(path, flags === READ_FOLLOWING ? 'follow' : 'stay'));
  if (!before) return { state: 'missing', why: 'there is no such file' };
  const first = objection(before, homeOwner);
  if (first) return { state: 'refused', why: first };
  const fd = await disk.open(path, flags);
  try {
    const stat = await disk.fstat(fd);
    const second = objection(stat, homeOwner);
    if (!second) return opened(fd, stat);
    disk.close(fd);
    return { state: 'refused', why: second };
  } catch (error) {
    disk.close(fd);
    throw error;
  }
}

/** The scheduler's log. A link is followed here, since the administrator made it. */
export function serverPlace(path: string, disk: Disk): Place {
  const dir = dirname(path);
  return {
    path,
    base: basename(path),
    kind: 'server',
    owner: null,
    disk,
    hint: () => disk.look(path, 'follow'),
    open: (name, hint) => openChecked(disk, join(dir, name), READ_FOLLOWING, null, hint).catch(refusal),
    look: async name => await disk.look(join(dir, name), 'follow'),
    names: async () => await disk.list(dir),
  };
}

/**
 * A client log below somebody's home. `clientLog` is relative, `.claw/clw.log`.
 * @param uid whose the home directory must be, where only its name says who that is
 */
export function homePlace(
  home: string,
  clientLog: string,
  owner: string,
  disk: Disk,
  uid: number | 'nobody' | null = null,
): Place {
  const parts = clientLog.split('/').filter(part => part !== '' && part !== '.');
  const base = parts.pop() ?? '';
  const path = join(home, clientLog);

  /** Enters the log's directory part by part; what `use` does in it happens below a handle that nobody can swap. */
  async function inside<T>(use: (dir: string, homeOwner: number) => Promise<T>): Promise<T> {
    let fd = await disk.open(home, PASS_THROUGH);
    try {
      const homeOwner = await disk.ownerOf(fd);
      if (uid !== null && homeOwner !== uid) throw new NotTheirs(homeOwner, owner, uid);
      for (const part of parts) {
        const next = await disk.open(`/proc/self/fd/${fd}/${part}`, PASS_THROUGH | constants.O_NOFOLLOW);
        disk.close(fd);
        fd = next;
      }
      return await use(`/proc/self/fd/${fd}`, homeOwner);
    } finally {
      disk.close(fd);
    }
  }

  return {
    path,
    base,
    kind: 'client',
    owner,
    disk,
    hint: disk.inside(home, parts, base),
    open: (name, hint) =>
      inside((dir, homeOwner) => openChecked(disk, `${dir}/${name}`, READ_SAFELY, homeOwner, hint)).catch(refusal),
    look: name => inside(async dir => await disk.look(`${dir}/${name}`, 'stay')),
    names: () => inside(async dir => await disk.list(dir)),
  };
}

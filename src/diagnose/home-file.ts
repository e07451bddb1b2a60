/**
 * Reads one small file below somebody's home directory without being led anywhere else: each directory is entered by
 * its descriptor, no link is followed, nothing blocks, and only a plain file with one name, owned by the home's owner,
 * is read. Effects: files.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, opendir } from 'node:fs/promises';
import { Refused } from '../incident.ts';
import type { TextFile } from './ground.ts';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants;
const MAX = 64 * 1024;

/**
 * @param tail read the last 64 KiB of a longer file, instead of refusing it
 * @returns null when the file, or a directory on the way to it from the home, is not there
 * @throws Refused when something there is not what it should be, or there is no home
 */
export async function readHomeFile(
  home: { path: string; uid: number },
  below: string,
  tail = false,
): Promise<TextFile | null> {
  const shown = `${home.path}/${below}`;
  const parts = below.split('/');
  if (parts.some(p => p === '' || p === '.' || p === '..')) throw new Refused(`${shown}: not a plain path`);
  const handles: FileHandle[] = [];
  try {
    // The home directory itself may be a link (many sites link /home/alice to a server's path); what lies below may not.
    handles.push(await open(home.path, O_RDONLY | O_DIRECTORY));
    for (const [n, part] of parts.entries()) {
      const last = n === parts.length - 1;
      const flags = last ? O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY : O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
      handles.push(await open(`/proc/self/fd/${handles.at(-1)!.fd}/${part}`, flags));
    }
    const file = handles.at(-1)!;
    const stat = await file.stat();
    if (!stat.isFile()) throw new Refused(`${shown}: not a regular file`);
    if (stat.nlink !== 1) throw new Refused(`${shown}: has ${stat.nlink} names`);
    const owner = await handles[0]!.stat();
    if (stat.uid !== owner.uid) throw new Refused(`${shown}: not owned by the home's owner`);
    if (stat.size > MAX && !tail) throw new Refused(`${shown}: larger than ${MAX} bytes`);
    const from = Math.max(0, stat.size - MAX);
    const bytes = Buffer.alloc(Math.min(stat.size, MAX));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, from);
    let text = bytes.subarray(0, bytesRead).toString('utf8');
    if (from > 0) text = text.slice(text.indexOf('\n') + 1);
    return { text, mtime: stat.mtimeMs };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' && handles[0] && !(await isEmpty(handles[0]))) return null;
    // Homes that are not mounted on this host tell nothing of what is in them.
    if (code === 'ENOENT')
      throw new Refused(`${home.path}: ${handles[0] ? 'empty' : 'no such directory'}; is it mounted on this host?`);
    if (code === 'ELOOP' || code === 'ENOTDIR') throw new Refused(`${shown}: a link or no directory on the way`);
    if (code === 'EACCES' || code === 'EPERM') throw new Refused(`${shown}: not readable by us`);
    throw error;
  } finally {
    for (const handle of handles.reverse()) await handle.close().catch(() => {});
  }
}

async function isEmpty(directory: FileHandle): Promise<boolean> {
  const entries = await opendir(`/proc/self/fd/${directory.fd}`);
  try {
    return (await entries.read()) === null;
  } finally {
    await entries.close();
  }
}

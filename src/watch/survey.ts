/**
 * Looks at the files of one log: the live one and its rotations, each opened safely and known by its first line.
 * Whoever asks for a survey owns its open files and closes those it does not keep.
 */
import type { Disk } from './disk.ts';
import { agrees, fingerprint, HEAD, isKeyOf, type Mark, repeats } from './identity.ts';
import type { Candidate, Comparison, Found } from './match.ts';
import { type Allowance, Packed, TooMuch } from './packed.ts';
import { isRefusal, type Opened, type Place } from './place.ts';
import { type Sibling, siblingsOf } from './siblings.ts';

export interface Surveyed extends Found {
  name: string;
  fd: number;
  packed: Packed | null;
  /** Bytes on the disk; `size` is what they unpack to. */
  stored: number;
  /** A source reads from it now: closing it is that source's business. */
  taken: 'yes' | 'no';
}

/** Reads the first line of an opened file. @param allowance for a packed one, as long as it is only looked at */
export async function surveyed(
  disk: Disk,
  opened: Opened,
  name: string,
  sibling: Sibling | null,
  allowance: Allowance | null = null,
): Promise<Surveyed> {
  const packed = sibling?.packed === 'gz' ? new Packed(disk, opened.fd) : null;
  if (packed) packed.allowance = allowance;
  const head = Buffer.allocUnsafe(HEAD);
  const length = packed ? await packed.read(head, HEAD, 0) : await disk.read(opened.fd, head, HEAD, 0);
  const fp = fingerprint(head.subarray(0, length), sibling ? 'ended' : 'growing');
  const size = packed ? await unpackedSize(disk, opened) : opened.size;
  return { ...opened, stored: opened.size, size, fp, name, sibling, packed, taken: 'no' };
}

/** gzip keeps the unpacked length, modulo 4 GiB, in its last four bytes. */
async function unpackedSize(disk: Disk, opened: Opened): Promise<number> {
  const trailer = Buffer.alloc(4);
  if (opened.size < 18 || (await disk.read(opened.fd, trailer, 4, opened.size - 4)) < 4) return 0;
  return trailer.readUInt32LE(0);
}

/**
 * Opens the rotations of a place into `files`, where the live one is. What can't be opened is left out.
 * @returns `moved` when files got other names meanwhile: then one of them may have been missed between two names
 */
export async function surveyRotations(
  place: Place,
  files: Surveyed[],
  allowance: Allowance | null,
): Promise<'still' | 'moved'> {
  const siblings = await rotationsOf(place);
  for (const sibling of siblings) {
    const opened = await place.open(sibling.name);
    if (isRefusal(opened)) continue;
    try {
      files.push(await surveyed(place.disk, opened, sibling.name, sibling, allowance));
    } catch (error) {
      place.disk.close(opened.fd);
      if (error instanceof TooMuch) throw error;
    }
  }
  const after = await rotationsOf(place);
  if (after.map(s => s.name).join('\0') !== siblings.map(s => s.name).join('\0')) return 'moved';
  for (const name of [place.base, ...after.map(s => s.name)]) {
    const stat = await place.look(name).catch(() => null);
    const file = files.find(f => f.name === name);
    if (file && (stat === null || !isKeyOf(file.key, stat))) return 'moved';
    if (!file && stat !== null && files.some(f => isKeyOf(f.key, stat))) return 'moved';
  }
  return 'still';
}

const rotationsOf = async (place: Place): Promise<Sibling[]> =>
  siblingsOf(place.base, await place.names().catch(() => []));

export function closeSurveyed(disk: Disk, file: Surveyed): void {
  file.packed?.close();
  disk.close(file.fd);
}

/** Does the file begin with what was read of the source? See `Comparison`. */
export async function compareFile(disk: Disk, file: Surveyed, source: Candidate): Promise<Comparison> {
  if (source.fp === null) return 'same';
  const newest = source.marks.at(-1);
  // Only serve remembers it: the inode must do, of a packed file the first line, of a copy its exact length too.
  if (!newest) {
    const told = source.keys.includes(file.key) || file.packed ? file.size >= source.read : file.size === source.read;
    return told ? 'same' : 'other';
  }
  if (newest.at <= file.size || file.packed) {
    const bytes = await bytesOf(disk, file, newest);
    // Serve may have committed more than our last mark covers: then a file that ends before that has lost something.
    if (agrees(newest, bytes) && file.size >= source.read) return repeats(bytes) ? 'again' : 'same';
    if (bytes.length === newest.length && !agrees(newest, bytes)) return 'other';
  }
  for (const mark of source.marks.toReversed()) {
    if (mark.at > file.size) continue;
    const bytes = await bytesOf(disk, file, mark);
    return agrees(mark, bytes) && distinguishes(mark, bytes) ? 'shorter' : 'other';
  }
  return 'other';
}

/** The first line alone proves nothing: many daemons begin every log with the same one. */
const distinguishes = (mark: Mark, bytes: Buffer): boolean =>
  mark.at > mark.length || bytes.indexOf(10, bytes.indexOf(10) + 1) > 0;

/** The bytes a mark speaks of, as this file has them. */
export async function bytesOf(disk: Disk, file: Surveyed, mark: Mark): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(mark.length);
  const from = mark.at - mark.length;
  const got = file.packed
    ? await file.packed.read(bytes, mark.length, from)
    : await disk.read(file.fd, bytes, mark.length, from);
  return bytes.subarray(0, got);
}

const COMPARED = 64 << 10;
/** Two files are held against each other no further: it is done in one go. */
export const MOST_COMPARED = 16 << 20;

/**
 * How far two open files agree from byte `from` on, at most to `to`, and where the last line begins of which both hold
 * the begin. Null: it would take too long to say.
 */
export async function agreement(
  disk: Disk,
  [one, other]: readonly [number, number],
  from: number,
  to: number,
): Promise<{ at: number; line: number } | null> {
  if (to - from > MOST_COMPARED) return null;
  const [mine, its] = [Buffer.allocUnsafe(COMPARED), Buffer.allocUnsafe(COMPARED)];
  let line = from;
  for (let at = from; at < to; at += COMPARED) {
    const length = Math.min(COMPARED, to - at);
    const got = Math.min(await disk.read(one, mine, length, at), await disk.read(other, its, length, at));
    const same = mine.subarray(0, got).equals(its.subarray(0, got)) ? got : differsAt(mine, its);
    const newline = same > 0 ? mine.lastIndexOf(10, same - 1) : -1;
    if (newline >= 0) line = at + newline + 1;
    if (same < length) return { at: at + same, line };
  }
  return { at: Math.max(from, to), line };
}

const differsAt = (one: Buffer, other: Buffer): number => one.findIndex((byte, at) => byte !== other[at]);

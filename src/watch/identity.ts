/**
 * What makes a file the same file: its device, inode and first line, and the bytes before the place that was read.
 * A path says nothing (rotation moves it), an inode little (it is given out again), content nearly everything.
 * Everything here is pure.
 */
import { hash } from 'node:crypto';
import type { Stats } from 'node:fs';

/** So much of the first line counts. */
export const HEAD = 1024;
/** So many bytes before a position are remembered, as a hash: log text does not belong in a state file. */
export const TAIL = 256;

/** A remembered place: the hash of the `length` bytes that end at `at`. */
export interface Mark {
  at: number;
  length: number;
  hash: string;
  /** When it was taken, milliseconds of wall time; older marks are thinned out. */
  time: number;
}

/** 64 bits of sha256; made flat, since a slice would keep the whole string alive. */
const short = (bytes: Buffer): string => hash('sha256', bytes, 'buffer').toString('hex', 0, 8);

/**
 * The fingerprint of a file's first line, of at most 1 KiB; `null` while the line is not complete.
 * @param ended the file will not grow: what there is counts as the line
 */
export function fingerprint(head: Buffer, ended: 'ended' | 'growing'): string | null {
  const newline = head.subarray(0, HEAD).indexOf(10);
  if (newline >= 0) return short(head.subarray(0, newline + 1));
  if (head.length >= HEAD) return short(head.subarray(0, HEAD));
  return ended === 'ended' && head.length > 0 ? short(head) : null;
}

/** The mark of position `at`, whose bytes end at `end` in `bytes`; `first` is where bytes of this file begin there. */
export function markOf(bytes: Buffer, first: number, end: number, at: number, time: number): Mark {
  const from = Math.max(first, end - TAIL);
  return { at, length: end - from, hash: short(bytes.subarray(from, end)), time };
}

export const agrees = (mark: Mark, bytes: Buffer): boolean =>
  bytes.length === mark.length && short(bytes) === mark.hash;

/** Lines that repeat within the remembered bytes identify nothing: a log of one line said again and again. */
export function repeats(bytes: Buffer): boolean {
  const lines = bytes.toString('latin1').split('\n').slice(1, -1);
  return lines.length < 1 || new Set(lines).size < lines.length;
}

/** Marks kept: the newest, and older ones at about doubling ages, so that a shorter copy of the file is known too. */
export function withMark(marks: readonly Mark[], mark: Mark, most = 6): Mark[] {
  const kept = [mark];
  let apart = 250;
  for (let i = marks.length - 1; i >= 0 && kept.length < most; i--) {
    const older = marks[i]!;
    const last = kept.at(-1)!;
    if (older.at >= last.at) continue;
    if (kept.length > 1 && last.time - older.time < apart) continue;
    kept.push(older);
    if (kept.length > 2) apart *= 2;
  }
  return kept.reverse();
}

/** The name of one life of one file: what serve keeps its position under. */
export const sourceId = (key: string, fp: string, generation: number): string => `${key}-${fp}-${generation}`;

const ID = /^(\d+-\d+)-([0-9a-f]{16})-(\d+)$/;
export function parseId(id: string): { key: string; fp: string; generation: number } | null {
  const part = ID.exec(id);
  return part ? { key: part[1]!, fp: part[2]!, generation: Number(part[3]) } : null;
}
/** Device and inode of a key as a look tells them, which is less widely than the key does. */
export function numbersOf(key: string): Pick<Stats, 'dev' | 'ino'> {
  const [dev, ino] = key.split('-').map(Number);
  return { dev: dev!, ino: ino! };
}

/** Is it the file of this key? */
export function isKeyOf(key: string, look: Stats): boolean {
  const { dev, ino } = numbersOf(key);
  return ino === look.ino && dev === look.dev;
}

export const inodeOf = (key: string): string => key.slice(key.indexOf('-') + 1);

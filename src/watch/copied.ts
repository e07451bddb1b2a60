/**
 * A log that was written anew with lines of the one before (by an editor, `sed -i`, `cp`): byte for byte it is told how
 * much of it the other one holds too, as long as both are at hand.
 */
import type { Disk } from './disk.ts';
import { type Mark, markOf } from './identity.ts';
import type { Match } from './match.ts';
import type { Source } from './source.ts';
import { agreement, MOST_COMPARED, type Surveyed } from './survey.ts';

/** So many bytes before the place where two files part are looked at for lines that tell. */
const WITNESS = 64 << 10;
/** Fewer lines that differ from each other may stand at the begin of every log: a banner. */
const ENOUGH_LINES = 4;

/** An open file whose lines are read, as far as byte `most`. */
interface Reading {
  fp: string | null;
  fd: number;
  key: string;
  most: number;
}

/**
 * Of each new file: where its first line begins that is not read from another one. Those that share too little with any
 * of them are left out.
 * @param fresh new files, oldest first
 * @param matches the lives that have a file, `held` those that only have it open
 */
export async function partings(
  disk: Disk,
  fresh: readonly Surveyed[],
  matches: readonly Match<Surveyed, Source>[],
  held: readonly Source[],
  now: number,
): Promise<Map<Surveyed, Mark>> {
  const readings: Reading[] = [];
  const out = new Map<Surveyed, Mark>();
  if (fresh.length === 0) return out;
  // Of a life that is over, what had not been read stays unread.
  for (const { file, source } of matches)
    if (!file.packed)
      readings.push({ ...file, most: source.end === 'open' ? file.size : Math.min(file.size, source.read) });
  for (const { fd, fdKey, fp, packed } of held)
    if (fd !== null && fdKey !== null && !packed)
      readings.push({ fp, fd, key: fdKey, most: Number((await disk.fstat(fd)).size) });
  for (const file of fresh) {
    if (file.packed || file.fp === null) continue;
    for (const other of readings) {
      const mark = other.fp === file.fp && other.key !== file.key ? await parting(disk, file, other, now) : null;
      if (!mark) continue;
      out.set(file, mark);
      break;
    }
    readings.push({ ...file, most: file.size });
  }
  return out;
}

async function parting(disk: Disk, file: Surveyed, other: Reading, now: number): Promise<Mark | null> {
  const to = Math.min(file.size, other.most);
  // Of a large log its first line and the last of what both may hold have to do.
  const from = Math.max(0, to - MOST_COMPARED);
  const common = await agreement(disk, [other.fd, file.fd], from, to);
  if (!common) return null;
  const bytes = Buffer.allocUnsafe(Math.min(WITNESS, common.line - from));
  const got = await disk.read(file.fd, bytes, bytes.length, common.line - bytes.length);
  const lines = bytes.toString('latin1', 0, got).split('\n').slice(0, -1);
  if (got < bytes.length || new Set(lines).size < ENOUGH_LINES) return null;
  return markOf(bytes, 0, got, common.line, now);
}

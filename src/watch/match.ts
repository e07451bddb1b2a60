/**
 * Which of the files that are there is which of the sources we know, and what was never seen. Decides only: what is on
 * the disk comes in as `Found`, and `compare` answers whether a file begins with what was read of a source.
 *
 * By inode first, then by content: a rotation that was copied or packed has another inode. Files younger than the
 * youngest one we know are unread; older ones were there before us, and are not ours to count.
 */
import { inodeOf, type Mark, parseId } from './identity.ts';
import { oldestFirst, type Sibling } from './siblings.ts';

/** The part of a file on disk that decides. `sibling: null` is the live file. */
export interface Found {
  sibling: Sibling | null;
  key: string;
  size: number;
  mtime: number;
  birth: number;
  /** Null while it has no complete first line. */
  fp: string | null;
}

/** The part of a source that decides. */
export interface Candidate {
  id: string | null;
  fp: string | null;
  keys: readonly string[];
  end: 'open' | 'ended' | 'cut';
  read: number;
  marks: readonly Mark[];
  mtime: number;
  birth: number;
}

/**
 * `same`: the file holds all that was read, at the same place. `shorter`: it ends earlier, but what it holds was read.
 * `again`: as `same`, but the bytes repeat themselves, so that it proves little. `other`: different content.
 */
export type Comparison = 'same' | 'again' | 'shorter' | 'other';

export interface Match<F extends Found, C extends Candidate> {
  file: F;
  source: C;
  how: Comparison;
}

export interface Matching<F extends Found, C extends Candidate> {
  matches: Match<F, C>[];
  /** Rotations never read, oldest first. */
  unread: F[];
  /** The live file begins anew: truncated, recreated, or the next one. */
  fresh: F | null;
  /** Sources whose own inode holds something else now. */
  displaced: C[];
  /** The live file begins as this source did, but ends earlier: cut short by hand, or by a crash of the machine. */
  shortened: C | null;
  /** Rotated files by age, oldest first: the order to read in. */
  order: F[];
}

/**
 * @param known sources, in the order in which they were begun
 * @param seen youngest rotation that was there before our first look, 0 when there was no such look
 */
export async function match<F extends Found, C extends Candidate>(
  found: readonly F[],
  known: readonly C[],
  seen: number,
  compare: (file: F, source: C) => Promise<Comparison>,
): Promise<Matching<F, C>> {
  const rotated = oldestFirst(found.filter(f => f.sibling !== null) as (F & { sibling: Sibling })[]) as F[];
  const live = found.find(f => f.sibling === null) ?? null;
  const all = live ? [...rotated, live] : rotated;
  const out: Matching<F, C> = { matches: [], unread: [], fresh: null, displaced: [], shortened: null, order: rotated };
  const taken = new Set<F>();
  const placed = new Set<C>();
  const pair = (file: F, source: C, how: Comparison): void => {
    out.matches.push({ file, source, how });
    taken.add(file);
    placed.add(source);
  };

  // By inode: the latest life that this inode is known for.
  for (const file of all) {
    const source = known.findLast(s => s.keys.includes(file.key) && !placed.has(s));
    // Nothing was ever read from a packed file's inode before it was packed: without marks it means another file.
    if (!source || (source.marks.length === 0 && file.sibling?.packed === 'gz')) continue;
    const how =
      reborn(file, source) || (source.fp !== file.fp && source.fp !== null) ? 'other' : await compare(file, source);
    if (how === 'same' || how === 'again') pair(file, source, how);
    else {
      // An inode that it had once, and that was given out again, says nothing about the one it has.
      if (source.end === 'open' && source.keys.at(-1) === file.key) out.displaced.push(source);
      if (how === 'shorter' && file === live) out.shortened = source;
    }
  }

  // By content: copies and packed rotations, exact lengths first, what is being read before what was given up.
  const byContent = [...known.filter(s => s.end !== 'cut'), ...known.filter(s => s.end === 'cut')];
  for (const way of ['exact', 'longer', 'shorter'] as const)
    for (const source of byContent) {
      if (placed.has(source) || source.fp === null) continue;
      for (const file of rotated) {
        if (taken.has(file) || file.fp !== source.fp || !fits(way, file, source)) continue;
        const how = await compare(file, source);
        if (how === 'other' || (how === 'again' && way === 'longer' && source.end === 'cut')) continue;
        pair(file, source, how);
        break;
      }
    }

  if (live && !taken.has(live)) {
    const refuted = (s: C): boolean => s.keys.includes(live.key) && !reborn(live, s);
    const moved = known.findLast(s => !placed.has(s) && s.fp !== null && s.fp === live.fp && !refuted(s));
    const how = moved ? await compare(live, moved) : 'other';
    // The same inode on a device with another number: a reboot. Else the content must speak for itself.
    const sameInode = moved?.keys.some(key => inodeOf(key) === inodeOf(live.key)) ?? false;
    if (moved && (how === 'same' || (how === 'again' && sameInode))) pair(live, moved, how);
    else out.fresh = live;
  }

  out.unread = neverRead(out, rotated, taken, known, seen);
  return out;
}

/** The inode was given out again since. What is known is the birth of the source's own inode, not of a copy's. */
export function reborn(file: Found, source: Candidate): boolean {
  const own = (source.id === null ? source.keys[0] : parseId(source.id)?.key) === file.key;
  return own && source.birth > 0 && file.birth > 0 && source.birth !== file.birth;
}

function fits(way: 'exact' | 'longer' | 'shorter', file: Found, source: Candidate): boolean {
  if (way === 'exact') return file.size === source.read;
  // A source that was read to its own end has no longer copy; one that was cut, or is being read, may have.
  if (way === 'longer') return file.size > source.read && source.end !== 'ended';
  return file.size < source.read;
}

/** Rotations that came after everything we know. Without any that we know, time has to tell. */
function neverRead<F extends Found, C extends Candidate>(
  out: Matching<F, C>,
  rotated: readonly F[],
  taken: ReadonlySet<F>,
  known: readonly C[],
  seen: number,
): F[] {
  if (known.length === 0 && seen === 0) return [];
  // Of which nothing was read is known by its inode only, which may have been given out again: it is no landmark.
  const landmarks = out.matches.filter(m => m.source.read > 0 || m.source.marks.length > 0);
  // The live file is one we know: whatever is older and unknown was there before us.
  if (landmarks.some(m => m.file.sibling === null)) return [];
  const places = landmarks.map(m => rotated.indexOf(m.file)).filter(at => at >= 0);
  if (places.length > 0)
    return rotated.slice(Math.max(...places) + 1).filter(file => !taken.has(file) && file.mtime > seen);
  const horizon = Math.max(0, ...known.map(s => s.mtime));
  // Whoever packs a file keeps its time, but perhaps in whole seconds only.
  const slack = (file: F): number => (file.sibling?.packed === 'gz' ? 1000 : 0);
  return rotated.filter(file => !taken.has(file) && file.mtime > seen && file.mtime + slack(file) >= horizon);
}

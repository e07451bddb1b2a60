/**
 * Finds the complete lines in a chunk: cuts lines that are too long, holds back the half line at the end, steps over the
 * runs of NUL bytes that a crashed disk or a writer without O_APPEND leaves. Pure, and constant in memory.
 */

export interface Cutting {
  /** Pieces of complete lines no longer than the limit, `[from, to)`, each ending in a newline. */
  pieces: [number, number][];
  /** Where reading goes on. */
  cursor: number;
  /** Up to here everything is dealt with and may be committed. */
  claim: number;
  /** Lines that were too long (each counts when it is first seen to be), and runs of NUL bytes. */
  cut: number;
  bad: number;
  /** `line`: the cursor is inside a line that was cut; the rest of it is thrown away. */
  inside: 'start' | 'line';
  /** `more`: the chunk is in too many pieces; the rest of it is for another turn. */
  rest: 'none' | 'more';
}

/** Each piece costs a call of the parser, however short it is: so many take a few milliseconds. */
const MOST_PIECES = 2000;
const LF = 10;

/**
 * @param bytes the chunk lies in `[from, to)`; `from` is a line start unless `inside` says otherwise
 * @param maxLine longer lines are cut (bytes without the newline)
 */
export function cutLines(bytes: Buffer, from: number, to: number, inside: 'start' | 'line', maxLine: number): Cutting {
  const out: Cutting = { pieces: [], cursor: from, claim: from, cut: 0, bad: 0, inside, rest: 'none' };
  let at = from;
  if (inside === 'line') {
    const end = newlineIn(bytes, at, to);
    if (end < 0) return endInside(out, bytes, from, to);
    at = end + 1;
    out.inside = 'start';
  }
  let nul = nulIn(bytes, at, to);
  while (at < to) {
    if (out.pieces.length >= MOST_PIECES) {
      out.rest = 'more';
      break;
    }
    if (bytes[at] === 0) {
      at = stepOverNul(out, bytes, at, to);
      nul = nulIn(bytes, at, to);
      continue;
    }
    // A NUL at a line start ends the piece; one inside a line is the parser's to count.
    while (nul >= 0 && bytes[nul - 1] !== LF) nul = nulIn(bytes, afterNul(bytes, nul, to), to);
    const stop = nul < 0 ? to : nul;
    const end = completeTo(bytes, at, stop, maxLine);
    if (end > at) out.pieces.push([at, end]);
    at = end;
    if (at === stop) continue;
    const newline = newlineIn(bytes, at, to);
    if (newline < 0 && to - at <= maxLine) break;
    out.cut++;
    if (newline < 0) return endInside(out, bytes, at, to);
    at = newline + 1;
    if (nul >= 0 && nul < at) nul = nulIn(bytes, at, to);
  }
  out.cursor = at;
  out.claim = at;
  return out;
}

/** Steps over a run of NUL bytes at a line start; counted once, where the run begins. */
function stepOverNul(out: Cutting, bytes: Buffer, at: number, to: number): number {
  if (at === 0 || bytes[at - 1] !== 0) out.bad++;
  return afterNul(bytes, at, to);
}

/**
 * The chunk ends in the middle of a cut line. What is committed must end in a byte that is neither newline nor NUL:
 * by that byte a restarted reader sees that it stands inside a line and throws the rest of it away.
 */
function endInside(out: Cutting, bytes: Buffer, from: number, to: number): Cutting {
  let end = to;
  while (end > from && bytes[end - 1] === 0) end--;
  return { ...out, inside: 'line', cursor: to, claim: end };
}

/** The end of the last line from `at` on such that no line before it is longer than `maxLine`. Hops, does not walk. */
function completeTo(bytes: Buffer, at: number, to: number, maxLine: number): number {
  let end = at;
  while (end < to) {
    const last = bytes.lastIndexOf(LF, Math.min(end + maxLine, to - 1));
    if (last < end) return end;
    end = last + 1;
  }
  return end;
}

function newlineIn(bytes: Buffer, from: number, to: number): number {
  const at = bytes.indexOf(LF, from);
  return at >= 0 && at < to ? at : -1;
}

function nulIn(bytes: Buffer, from: number, to: number): number {
  if (from >= to) return -1;
  const at = bytes.indexOf(0, from);
  return at >= 0 && at < to ? at : -1;
}

function afterNul(bytes: Buffer, from: number, to: number): number {
  let at = from;
  while (at < to && bytes[at] === 0) at++;
  return at;
}

/**
 * The bytes of a scan: plain files in pieces that several threads can share, each line with the piece it starts in; and
 * streams (standard input, pipes, gzip) one after the other. Memory does not grow with the input.
 */
import { accessSync, constants, fstatSync, openSync, readSync, statSync } from 'node:fs';
import { Usage } from '../../incident.ts';
import { MAX_LINE } from '../../rules/parser.ts';
import type { Counter } from './count.ts';

/** A piece is this long, and reads on to the end of its last line. */
const PIECE = 1 << 18;
// Most lines that begin at the end of a piece end soon; the longest that is not cut needs more room.
const USUALLY_BEYOND = 4096;
const BEYOND = MAX_LINE + 2048;

export interface PlainFile {
  fd: number;
  size: number;
  /** Where it stands in the whole input. */
  offset: number;
}

export interface Input {
  name: string;
  kind: 'plain' | 'stream' | 'gzip';
  /**
   * Opens it, once. A pipe opens when somebody writes into it, who may have to write into another one before: so it is
   * opened when it is its turn, as `cat` would.
   */
  open: () => number;
  size: number;
  /** When its untimed lines were written, as far as the file tells: epoch ms. */
  from: number;
  until: number;
}

/** Looks at a file, or at standard input for `-`, and opens what can be opened without waiting. @throws Usage when there is nothing to read */
export function findInput(name: string, now: number): Input {
  const stream = (open: () => number): Input => ({ name, kind: 'stream', open, size: 0, from: now, until: now });
  if (name === '-') return stream(() => 0);
  return told(name, () => {
    const first = statSync(name);
    if (first.isDirectory()) throw new Usage(`${name}: is a directory`);
    // What stands for standard input can't be opened by its name where that is a socket.
    if (first.isSocket() && OWN_INPUT.includes(name)) return stream(() => 0);
    if (!first.isFile()) {
      accessSync(name, constants.R_OK);
      return stream(() => told(name, () => openSync(name, 'r')));
    }
    const fd = openSync(name, 'r');
    const stat = fstatSync(fd);
    const magic = new Uint8Array(2);
    const gzip = readSync(fd, magic, 0, 2, 0) === 2 && magic[0] === 0x1f && magic[1] === 0x8b;
    const from = stat.birthtimeMs > 0 && stat.birthtimeMs <= stat.mtimeMs ? stat.birthtimeMs : 0;
    return { name, kind: gzip ? 'gzip' : 'plain', open: () => fd, size: stat.size, from, until: stat.mtimeMs };
  });
}

const OWN_INPUT = ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'];

/** What the system says against it, as wrong usage. */
function told<T>(name: string, look: () => T): T {
  try {
    return look();
  } catch (error) {
    if (error instanceof Usage) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw new Usage(`${name}: ${code === 'ENOENT' ? 'no such file' : code === 'EACCES' ? 'permission denied' : code}`);
  }
}

export const piecesOf = (file: PlainFile): number => Math.ceil(file.size / PIECE);

/** Counts the lines that start in the n-th piece of a file. */
function countPiece(counter: Counter, file: PlainFile, n: number): void {
  const { text } = counter.parser.search;
  const at = n * PIECE;
  const before = at > 0 ? 1 : 0;
  const most = Math.min(file.size - at, PIECE + BEYOND) + before;
  // One byte before the piece is read too: was it a newline?
  let read = readWhole(file.fd, text, 0, Math.min(most, PIECE + USUALLY_BEYOND), at - before);
  // Where the first line starts: after a newline, which may be the byte before the piece.
  const from = before ? text.subarray(0, Math.min(read, PIECE)).indexOf(10) + 1 : firstOf(text, read);
  if (before && from === 0) return;
  const limit = Math.min(read, PIECE + before);
  if (from >= limit) return;
  let to = text.subarray(0, read).indexOf(10, limit - 1) + 1;
  if (to === 0 && read < most) {
    read += readWhole(file.fd, text, read, most - read, at - before + read);
    to = text.subarray(0, read).indexOf(10, limit - 1) + 1;
  }
  if (to === 0) {
    // The end of the file without a newline, or of a line too long to be one: it ends here.
    to = read + (text[read - 1] === 10 ? 0 : 1);
    text[to - 1] = 10;
  }
  counter.count(from, to, file.offset + at - before);
}

/** Where a file's first line begins: after the mark of its encoding, and after the hole that a log leaves that was cut while written. */
function firstOf(text: Buffer, length: number): number {
  let first = length >= 3 && text[0] === 0xef && text[1] === 0xbb && text[2] === 0xbf ? 3 : 0;
  while (first < length && text[first] === 0) first++;
  return first;
}

/** `read` may give less than was asked for; only the end of the file does so twice. */
function readWhole(fd: number, into: Buffer, offset: number, length: number, position: number): number {
  let read = 0;
  while (read < length) {
    const more = readSync(fd, into, offset + read, length - read, position + read);
    if (more === 0) break;
    read += more;
  }
  return read;
}

/** Takes the next piece that no thread has taken, until there is none. `next`: [next piece, pieces done], shared. */
export function countShare(
  counter: Counter,
  share: { files: PlainFile[]; next: Int32Array },
  progress: (pieces: number) => void,
): void {
  const { files, next } = share;
  let file = 0;
  let before = 0;
  for (;;) {
    const piece = Atomics.add(next, 0, 1);
    while (file < files.length && piece - before >= piecesOf(files[file]!)) before += piecesOf(files[file++]!);
    if (file === files.length) return;
    countPiece(counter, files[file]!, piece - before);
    progress(Atomics.add(next, 1, 1) + 1);
  }
}

/** Counts a stream to its end; the number of its bytes. */
export async function countStream(
  counter: Counter,
  stream: AsyncIterable<Buffer>,
  offset: number,
  progress: (bytes: number) => void,
): Promise<number> {
  const { text } = counter.parser.search;
  // `have` bytes of the stream stand in the text; the first of them is byte `at` of the stream.
  let at = 0;
  let have = 0;
  let skipping = false;
  const flush = (to: number): void => {
    counter.count(at === 0 ? firstOf(text, to) : 0, to, offset + at);
    text.copyWithin(0, to, have);
    at += to;
    have -= to;
  };
  for await (const chunk of stream) {
    for (let from = 0; from < chunk.length; ) {
      if (skipping) {
        const newline = chunk.indexOf(10, from);
        skipping = newline < 0;
        const next = skipping ? chunk.length : newline + 1;
        at += next - from;
        from = next;
        continue;
      }
      const room = Math.min(chunk.length - from, PIECE - have);
      chunk.copy(text, have, from, from + room);
      have += room;
      from += room;
      if (have < PIECE) continue;
      const whole = text.subarray(0, have).lastIndexOf(10) + 1;
      // A line that fills the room is cut: it counts once, and what follows of it is passed over.
      skipping = whole === 0;
      if (skipping) text[have - 1] = 10;
      flush(whole || have);
    }
    progress(at + have);
  }
  const bytes = at + have;
  if (have > 0 && text[have - 1] !== 10) text[have++] = 10;
  flush(have);
  return bytes;
}

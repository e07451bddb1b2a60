/**
 * Finds the lines that hold one of many literals, and counts all lines, in one pass over the bytes. Fifty literals cost what
 * one costs. The program that does it (`teddy.ts`) runs in WebAssembly, in a memory that the text is put into.
 */
import { ARENA, arenaOf, BEHIND, FOUND, PAGES, ROOM, ROW, rowsOf, SLOTS, TEXT, WIDTH } from './memory.ts';

/** What is used of the global that every Node has, and that the type library without a browser does not name. */
declare global {
  namespace WebAssembly {
    class Module {
      constructor(bytes: Uint8Array<ArrayBuffer>);
    }
    class Memory {
      readonly buffer: ArrayBuffer;
      constructor(pages: { initial: number; maximum: number });
    }
    class Instance {
      readonly exports: Record<string, unknown>;
      constructor(module: Module, imports: Record<string, Record<string, Memory>>);
    }
  }
}

/** The two programs; they may be handed to another thread. */
export interface Compiled {
  /** Finds lines (`teddy.ts`). */
  find: WebAssembly.Module;
  /** Takes those that it can (`quick.ts`). */
  quick: WebAssembly.Module;
}

/** Where a memo keeps what it remembers. */
export interface MemoRoom {
  rows: Int32Array;
  arena: Uint8Array;
}

const COLUMNS = WIDTH / 4;

/** One search with its own memory. `text` is where the bytes to be searched are put. */
export class Search {
  readonly text: Buffer;
  /** Lines (newlines) in the last range. */
  lines = 0;
  /** Lines found in the last range. */
  found = 0;
  private readonly memory: Uint8Array;
  private readonly numbers: Int32Array;
  private readonly run: (from: number, to: number) => [number, number];
  private readonly quick: (first: number, last: number) => void;

  constructor(compiled: Compiled) {
    const memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    this.memory = new Uint8Array(memory.buffer);
    this.text = Buffer.from(memory.buffer, TEXT, ROOM);
    this.numbers = new Int32Array(memory.buffer, FOUND, Math.floor((memory.buffer.byteLength - FOUND) / 4));
    const start = (program: WebAssembly.Module): unknown =>
      new WebAssembly.Instance(program, { e: { memory } }).exports.run;
    this.run = start(compiled.find) as (from: number, to: number) => [number, number];
    this.quick = start(compiled.quick) as (first: number, last: number) => void;
  }

  /** Room for the n-th memo, where the quick program finds it. */
  memoRoom(n: number): MemoRoom {
    const { buffer } = this.memory;
    return {
      rows: new Int32Array(buffer, rowsOf(n), (SLOTS * ROW) / 4),
      arena: new Uint8Array(buffer, arenaOf(n), ARENA),
    };
  }

  /** Searches the complete lines in `text[from, to)`; the byte before `to` must be a newline. */
  find(from: number, to: number): void {
    if (to <= from) {
      this.lines = this.found = 0;
      return;
    }
    // What stands behind the range is put back: it may be the beginning of the next.
    const behind = this.memory.slice(TEXT + to, TEXT + to + BEHIND);
    this.memory.fill(0, TEXT + to, TEXT + to + BEHIND);
    const [end, lines] = this.run(TEXT + from, TEXT + to);
    this.quick(FOUND, end);
    this.memory.set(behind, TEXT + to);
    this.found = (end - FOUND) / WIDTH;
    this.lines = lines;
  }

  /** Of the n-th line found: where it starts and ends (its newline), and the buckets of which a literal stands in it. */
  start(n: number): number {
    return this.numbers[n * COLUMNS]! - TEXT;
  }
  end(n: number): number {
    return this.numbers[n * COLUMNS + 1]! - TEXT;
  }
  buckets(n: number): number {
    return this.numbers[n * COLUMNS + 2]!;
  }
  /** The template that is this line, or -1 when nobody has said so yet; then the numbers of its fields (0: none). */
  template(n: number): number {
    return this.numbers[n * COLUMNS + 3]! - 1;
  }
  user(n: number): number {
    return this.numbers[n * COLUMNS + 4]!;
  }
  ip(n: number): number {
    return this.numbers[n * COLUMNS + 5]!;
  }
  endpoint(n: number): number {
    return this.numbers[n * COLUMNS + 6]!;
  }
}

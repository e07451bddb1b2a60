/**
 * Bytes to small numbers without making strings: a value that was seen before costs a hash and a comparison of bytes, and
 * its text is made and checked once. This is what lets nine lines of ten be denials and still cost no string each.
 */

import { ARENA, SLOTS } from './memory.ts';

/** Texts numbered in the order they were first seen. */
export class Names {
  readonly texts: string[] = [];
  private readonly numbers = new Map<string, number>();

  of(text: string): number {
    let id = this.numbers.get(text);
    if (id === undefined) {
      id = this.texts.length;
      this.numbers.set(text, id);
      this.texts.push(text);
    }
    return id;
  }

  clear(): void {
    this.texts.length = 0;
    this.numbers.clear();
  }
}

// Hash, offset, length and value of one remembered byte string.
const WIDTH = 4;
const MAX_ENTRIES = SLOTS >> 1;
const MAX_BYTES = ARENA;
const MAX_LENGTH = 1024;
// Somebody may choose names that collide: past so many steps a value is simply read again.
const MAX_STEPS = 32;

/**
 * Remembers what `read` said of a byte string. Bounded: when it is full it forgets everything and goes on, so a million
 * invented values cost time but no memory.
 */
export class Memo {
  private readonly table: Int32Array;
  private arena: Uint8Array;
  private used = 0;
  private entries = 0;
  private readonly read: (bytes: Buffer, from: number, to: number) => number;

  /** `read` gives the number of a value, or a negative one for "refused". It must depend on the bytes only. `room`: where it is kept. */
  constructor(
    read: (bytes: Buffer, from: number, to: number) => number,
    room: { rows: Int32Array; arena: Uint8Array } | null = null,
  ) {
    this.read = read;
    this.table = room?.rows ?? new Int32Array(SLOTS * WIDTH);
    this.arena = room?.arena ?? new Uint8Array(1 << 12);
  }

  /** `hash` is that of the same bytes (FNV-1a, as the matcher computes it on its way). */
  get(bytes: Buffer, from: number, to: number, hash: number): number {
    const { table, arena } = this;
    const length = to - from;
    let slot = (hash ^ (hash >>> 15)) & (SLOTS - 1);
    for (let step = 0; step < MAX_STEPS; step++) {
      const at = slot * WIDTH;
      if (table[at + 2] === 0) return this.add(at, bytes, from, to, hash);
      if (table[at] === hash && table[at + 2] === length) {
        const offset = table[at + 1]!;
        let i = 0;
        while (i < length && arena[offset + i] === bytes[from + i]) i++;
        if (i === length) return table[at + 3]!;
      }
      slot = (slot + 1) & (SLOTS - 1);
    }
    return this.read(bytes, from, to);
  }

  clear(): void {
    this.table.fill(0);
    this.used = 0;
    this.entries = 0;
  }

  private add(at: number, bytes: Buffer, from: number, to: number, hash: number): number {
    const value = this.read(bytes, from, to);
    const length = to - from;
    if (length === 0 || length > MAX_LENGTH) return value;
    if (this.entries >= MAX_ENTRIES || this.used + length > MAX_BYTES) {
      this.clear();
      return value;
    }
    if (this.used + length > this.arena.length) {
      const larger = new Uint8Array(Math.min(MAX_BYTES, Math.max(this.arena.length * 2, this.used + length)));
      larger.set(this.arena.subarray(0, this.used));
      this.arena = larger;
    }
    this.arena.set(bytes.subarray(from, to), this.used);
    this.table[at] = hash;
    this.table[at + 1] = this.used;
    this.table[at + 2] = length;
    this.table[at + 3] = value;
    this.used += length;
    this.entries++;
    return value;
  }
}

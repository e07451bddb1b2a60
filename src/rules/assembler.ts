/**
 * Enough of a WebAssembly assembler for `teddy.ts` and `quick.ts`: one function, one memory, 128-bit vectors. Instructions are lists of
 * bytes with the names of the specification (WebAssembly 3.0, chapter 5), so that the program there can be read as one.
 */

import { PAGES } from './memory.ts';

export type Code = number[];

/** Unsigned and signed LEB128, the only way numbers are written in a module. */
function unsigned(n: number): Code {
  const code: Code = [];
  do {
    const low = n & 0x7f;
    n >>>= 7;
    code.push(n ? low | 0x80 : low);
  } while (n);
  return code;
}
function signed(n: number): Code {
  const code: Code = [];
  for (;;) {
    const low = n & 0x7f;
    n >>= 7;
    const done = (n === 0 && !(low & 0x40)) || (n === -1 && (low & 0x40) !== 0);
    code.push(done ? low : low | 0x80);
    if (done) return code;
  }
}

const simd = (op: number): Code => [0xfd, ...unsigned(op)];
const memory = (align: number, offset: number): Code => [...unsigned(align), ...unsigned(offset)];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number): Code => [0x21, ...unsigned(local)];
export const tee = (local: number): Code => [0x22, ...unsigned(local)];
export const i32 = {
  const: (n: number): Code => [0x41, ...signed(n)],
  load: (offset: number): Code => [0x28, ...memory(2, offset)],
  load8: (offset: number): Code => [0x2d, ...memory(0, offset)],
  store: (offset: number): Code => [0x36, ...memory(2, offset)],
  eqz: [0x45],
  eq: [0x46],
  ne: [0x47],
  lessSigned: [0x48],
  lessUnsigned: [0x49],
  greaterSigned: [0x4a],
  greaterEqualUnsigned: [0x4f],
  clz: [0x67],
  ctz: [0x68],
  popcnt: [0x69],
  add: [0x6a],
  sub: [0x6b],
  mul: [0x6c],
  and: [0x71],
  or: [0x72],
  xor: [0x73],
  shl: [0x74],
  /** Unsigned. */
  shiftRight: [0x76],
};
export const v128 = {
  load: (offset: number): Code => [...simd(0x00), ...memory(0, offset)],
  store: (offset: number): Code => [...simd(0x0b), ...memory(0, offset)],
  const: (bytes: ArrayLike<number>): Code => [...simd(0x0c), ...Array.from(bytes)],
  and: simd(0x4e),
  anyTrue: simd(0x53),
};
export const i8x16 = {
  /** Any result for places of 16 and more: one instruction where they don't occur. */
  relaxedSwizzle: simd(0x100),
  eq: simd(0x23),
  ne: simd(0x24),
  bitmask: simd(0x64),
  shiftRight: simd(0x6d),
};
const EMPTY = 0x40;
const END = 0x0b;
/** Left by `branch(0)` or `breakIf(0)` inside it. */
export const block = (...body: Code[]): Code => [0x02, EMPTY, ...body.flat(), END];
/** Begins again by `branch(0)` or `breakIf(0)` inside it. */
export const loop = (...body: Code[]): Code => [0x03, EMPTY, ...body.flat(), END];
export const when = (...body: Code[]): Code => [0x04, EMPTY, ...body.flat(), END];
export const branch = (depth: number): Code => [0x0c, ...unsigned(depth)];
export const breakIf = (depth: number): Code => [0x0d, ...unsigned(depth)];

const I32 = 0x7f;
const V128 = 0x7b;
const section = (id: number, body: Code): Code => [id, ...unsigned(body.length), ...body];
const text = (name: string): Code => [name.length, ...Buffer.from(name)];

/**
 * A module with one exported function `run(i32, i32) → (i32, i32)` that imports its memory and puts `data` into it.
 * Locals 0 and 1 are the arguments, then come `i32s` numbers, then `vectors` vectors.
 */
export function module(
  body: Code[],
  i32s: number,
  vectors: number,
  data: { at: number; bytes: Uint8Array },
): Uint8Array<ArrayBuffer> {
  const code = [2, ...unsigned(i32s), I32, ...unsigned(vectors), V128, ...body.flat(), END];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
    ...section(1, [1, 0x60, 2, I32, I32, 2, I32, I32]),
    ...section(2, [1, ...text('e'), ...text('memory'), 0x02, 0x00, ...unsigned(PAGES)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...text('run'), 0x00, 0]),
    ...section(10, [1, ...unsigned(code.length), ...code]),
    ...section(11, [1, 0x00, ...i32.const(data.at), END, ...unsigned(data.bytes.length), ...data.bytes]),
  ]);
}

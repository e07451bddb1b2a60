/**
 * The program of the search, for `search.ts` to run: three bytes of each literal, the rarest in a row, are looked for by
 * table, sixteen places at a time, and where they stand the literal is compared. The method is "Teddy", of Hyperscan and of
 * ripgrep. Newlines are counted on the way.
 */

import { Usage } from '../incident.ts';
import { branch, breakIf, type Code, get, i8x16, i32, loop, module, set, tee, v128, when } from './assembler.ts';
import { FOUND, LISTS, LITERALS, SCRATCH, TEXT, WIDTH } from './memory.ts';

const BUCKETS = 8;
const BLOCK = 16;

// How often a letter stands in English, in percent, roughly; the same for what else logs are made of.
const LETTERS: Record<string, number> = Object.fromEntries(
  [...'etaoinsrldcumphgfybwvkxjqz'].map((letter, i) => [letter, Math.max(1, 12 - Math.floor(i / 2))]),
);
/** How often a byte stands in logs, roughly: the smaller, the better to look for. Capitals mostly spell levels. */
function frequency(byte: number): number {
  const char = String.fromCharCode(byte);
  if (char === ' ') return 16;
  if ('WARNIGEOFDBULJ'.includes(char)) return 12;
  if (/[0-9]/.test(char)) return 9;
  if (/[A-Z]/.test(char)) return 3;
  return LETTERS[char] ?? ('.:,-/[]"'.includes(char) ? 7 : 2);
}

/** Where in the literal the three rarest bytes in a row stand. */
function rarest(literal: Uint8Array): number {
  const cost = (at: number): number =>
    frequency(literal[at]!) * frequency(literal[at + 1]!) * frequency(literal[at + 2]!);
  let best = 0;
  for (let at = 1; at + 3 <= literal.length; at++) if (cost(at) < cost(best)) best = at;
  return best;
}

/** Six tables: for each of three bytes, which buckets its low and its high half allow. */
function tables(buckets: readonly Uint8Array[][]): Uint8Array[] {
  const all = Array.from({ length: 6 }, () => new Uint8Array(16));
  buckets.forEach((literals, bucket) => {
    for (const literal of literals) {
      const at = rarest(literal);
      for (let i = 0; i < 3; i++) {
        const byte = literal[at + i]!;
        all[i * 2]![byte & 15]! |= 1 << bucket;
        all[i * 2 + 1]![byte >> 4]! |= 1 << bucket;
      }
    }
  });
  return all;
}

/**
 * What stands in the memory from `LISTS` on: for each bucket the address of its literals; each is the offset of its three
 * bytes, a number of blocks, and for each block sixteen bytes and a mask of those that count. No blocks: no more literals.
 */
function comparisons(buckets: readonly Uint8Array[][]): Uint8Array {
  const bytes: number[] = [];
  const word = (n: number): number[] => [n & 255, (n >> 8) & 255, (n >> 16) & 255, n >> 24];
  const lists = buckets.flatMap(literals => {
    const address = word(LITERALS + bytes.length);
    for (const literal of literals) {
      const blocks = Math.ceil(literal.length / BLOCK);
      bytes.push(...word(rarest(literal)), ...word(blocks));
      for (let at = 0; at < blocks * BLOCK; at += BLOCK) {
        const block = Array.from({ length: BLOCK }, (_, i) => literal[at + i]);
        bytes.push(...block.map(byte => byte ?? 0), ...block.map(byte => (byte === undefined ? 0 : 255)));
      }
    }
    bytes.push(...word(0), ...word(0));
    return address;
  });
  if (LITERALS + bytes.length > TEXT) throw new Usage(`too many patterns: their texts need ${bytes.length} bytes`);
  return Uint8Array.from([...lists, ...new Uint8Array(LITERALS - LISTS - lists.length), ...bytes]);
}

// The locals of the program below: numbers, then vectors.
const [POSITION, END, FOUND_AT, LINE_START, LINE_END, NEWLINES, CANDIDATES, LANE] = [0, 1, 2, 3, 4, 5, 6, 7];
const [AT, START, BEFORE, LINES, BITS, ENTRY, BLOCKS, TEXT_AT, SAME, HELD] = [8, 9, 10, 11, 12, 13, 14, 15, 16, 17];
const NUMBERS = 16;
const [MASKS, TABLES, LOW_HALF, NEWLINE] = [18, 19, 25, 26];
const VECTORS = 9;

/** The buckets whose three bytes stand at each of sixteen places. */
const masks: Code = (() => {
  const half = (i: number): Code => [
    ...[
      ...get(TABLES + i * 2),
      ...get(POSITION),
      ...v128.load(i),
      ...get(LOW_HALF),
      ...v128.and,
      ...i8x16.relaxedSwizzle,
    ],
    ...[
      ...get(TABLES + i * 2 + 1),
      ...get(POSITION),
      ...v128.load(i),
      ...i32.const(4),
      ...i8x16.shiftRight,
      ...i8x16.relaxedSwizzle,
    ],
    ...v128.and,
  ];
  return [...half(0), ...half(1), ...v128.and, ...half(2), ...v128.and];
})();

const newlinesAt = (local: number): Code => [
  ...get(local),
  ...v128.load(0),
  ...get(NEWLINE),
  ...i8x16.eq,
  ...i8x16.bitmask,
];
/** The place after the last newline of a bit mask. */
const afterLast = (mask: number): Code => [
  ...get(POSITION),
  ...i32.const(32),
  ...i32.add,
  ...get(mask),
  ...i32.clz,
  ...i32.sub,
];

/** The line around AT: its start, its end, and a new entry for it, without buckets. */
const newLine: Code = [
  ...get(LINE_START),
  ...set(START),
  ...[...get(NEWLINES), ...i32.const(1), ...get(LANE), ...i32.shl, ...i32.const(1), ...i32.sub, ...i32.and],
  ...tee(BEFORE),
  ...when(afterLast(BEFORE), set(START)),
  ...[...get(AT), ...set(LINE_END)],
  ...loop(
    [...newlinesAt(LINE_END), ...tee(BEFORE), ...i32.eqz],
    when([...get(LINE_END), ...i32.const(16), ...i32.add, ...set(LINE_END), ...branch(1)]),
  ),
  ...[...get(LINE_END), ...get(BEFORE), ...i32.ctz, ...i32.add, ...set(LINE_END)],
  ...[...get(FOUND_AT), ...get(START), ...i32.store(0), ...get(FOUND_AT), ...get(LINE_END), ...i32.store(4)],
  ...[
    ...get(FOUND_AT),
    ...i32.const(0),
    ...i32.store(8),
    ...get(FOUND_AT),
    ...i32.const(WIDTH),
    ...i32.add,
    ...set(FOUND_AT),
  ],
];

/** SAME is 1 when the BLOCKS of a literal from ENTRY on stand at TEXT_AT; ENTRY is past them afterwards. */
const compare: Code = [
  ...[...i32.const(1), ...set(SAME)],
  ...loop(
    [
      ...get(TEXT_AT),
      ...v128.load(0),
      ...get(ENTRY),
      ...v128.load(BLOCK),
      ...v128.and,
      ...get(ENTRY),
      ...v128.load(0),
      ...i8x16.ne,
    ],
    v128.anyTrue,
    when([...i32.const(0), ...set(SAME)]),
    [
      ...get(ENTRY),
      ...i32.const(2 * BLOCK),
      ...i32.add,
      ...set(ENTRY),
      ...get(TEXT_AT),
      ...i32.const(BLOCK),
      ...i32.add,
      ...set(TEXT_AT),
    ],
    [...get(BLOCKS), ...i32.const(1), ...i32.sub, ...tee(BLOCKS), ...breakIf(0)],
  ),
];

/** HELD: of the buckets in BITS, those with a literal whose three bytes are the ones at AT, and which stands there whole. */
const verify: Code = [
  ...[...i32.const(0), ...set(HELD)],
  ...loop(
    [...get(BITS), ...i32.ctz, ...i32.const(2), ...i32.shl, ...i32.load(LISTS), ...set(ENTRY)],
    loop(
      [...get(ENTRY), ...i32.load(4), ...tee(BLOCKS)],
      when(
        [...get(AT), ...get(ENTRY), ...i32.load(0), ...i32.sub, ...set(TEXT_AT)],
        [...get(ENTRY), ...i32.const(8), ...i32.add, ...set(ENTRY)],
        compare,
        get(SAME),
        when([
          ...get(HELD),
          ...get(BITS),
          ...i32.const(0),
          ...get(BITS),
          ...i32.sub,
          ...i32.and,
          ...i32.or,
          ...set(HELD),
        ]),
        branch(1),
      ),
    ),
    [...get(BITS), ...get(BITS), ...i32.const(1), ...i32.sub, ...i32.and, ...tee(BITS), ...breakIf(0)],
  ),
];

const lastFound: Code = [...get(FOUND_AT), ...i32.const(WIDTH), ...i32.sub];
/** For each candidate of the sixteen that is one: begin a new line, or add its buckets to the line that is being read. */
const candidates: Code = [
  ...[...i32.const(SCRATCH), ...get(MASKS), ...v128.store(0)],
  ...[...get(MASKS), ...v128.const(Array(16).fill(0)), ...i8x16.ne, ...i8x16.bitmask, ...set(CANDIDATES)],
  ...loop(
    [...get(CANDIDATES), ...i32.ctz, ...tee(LANE), ...get(POSITION), ...i32.add, ...set(AT)],
    [...get(LANE), ...i32.load8(SCRATCH), ...set(BITS)],
    verify,
    get(HELD),
    when([...get(AT), ...get(LINE_END), ...i32.greaterEqualUnsigned], when(newLine), [
      ...lastFound,
      ...lastFound,
      ...i32.load(8),
      ...get(HELD),
      ...i32.or,
      ...i32.store(8),
    ]),
    [...get(CANDIDATES), ...get(CANDIDATES), ...i32.const(1), ...i32.sub, ...i32.and, ...tee(CANDIDATES)],
    breakIf(0),
  ),
];

/** Sixteen bytes after sixteen bytes. Past the end stand zeros, which are no newline and in no literal. */
const program = (all: readonly Uint8Array[]): Code[] => [
  ...all.map((table, i) => [...v128.const(table), ...set(TABLES + i)]),
  [...v128.const(Array(16).fill(15)), ...set(LOW_HALF), ...v128.const(Array(16).fill(10)), ...set(NEWLINE)],
  [...i32.const(FOUND), ...set(FOUND_AT), ...get(POSITION), ...set(LINE_START)],
  loop(
    [...newlinesAt(POSITION), ...set(NEWLINES)],
    [...masks, ...tee(MASKS), ...v128.anyTrue],
    when(candidates),
    get(NEWLINES),
    when(afterLast(NEWLINES), set(LINE_START), [
      ...get(LINES),
      ...get(NEWLINES),
      ...i32.popcnt,
      ...i32.add,
      ...set(LINES),
    ]),
    [...get(POSITION), ...i32.const(16), ...i32.add, ...tee(POSITION), ...get(END), ...i32.lessUnsigned, ...breakIf(0)],
  ),
  [...get(FOUND_AT), ...get(LINES)],
];

/** Spreads the literals over eight buckets; those that are looked for by the same bytes share one. Of each, its bucket. */
export function bucketsOf(literals: readonly string[]): number[] {
  const keys = literals.map(literal => {
    const bytes = Buffer.from(literal);
    return bytes.toString('latin1', rarest(bytes), rarest(bytes) + 3);
  });
  const distinct = [...new Set(keys)];
  return keys.map(key => distinct.indexOf(key) % BUCKETS);
}

/**
 * Compiles the search for these literals; the module may be handed to another thread.
 * @throws Usage when there are too many
 */
export function compileSearch(literals: readonly string[]): WebAssembly.Module {
  const bucket = bucketsOf(literals);
  const buckets = Array.from({ length: BUCKETS }, (_, n) =>
    [...new Set(literals.filter((_, i) => bucket[i] === n))].map(literal => new Uint8Array(Buffer.from(literal))),
  );
  const data = { at: LISTS, bytes: comparisons(buckets) };
  return new WebAssembly.Module(module(program(tables(buckets)), NUMBERS, VECTORS, data));
}

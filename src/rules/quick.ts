/**
 * The quick way through a pattern: most lines name nobody that was not named before. A program in WebAssembly, made of the
 * templates, takes those; it takes nothing that `pattern.ts` would not take, and leaves to it every line with a new value,
 * and every template with a time, a JSON body or an end that is open.
 */
import { block, branch, breakIf, type Code, get, i8x16, i32, loop, module, set, tee, v128, when } from './assembler.ts';
import { type FieldType, type FieldTypeName, type FieldTypes, USUAL_TYPES } from './fields.ts';
import { arenaOf, HOLDS, ROW, rowsOf, SLOTS, WIDTH } from './memory.ts';
import { type Part, sharedStart } from './template.ts';

/** The types whose values are remembered where this program finds them, and where. */
const MEMO_OF: Partial<Record<FieldTypeName, number>> = { user: 0, ip: 1, path: 2 };
export const memoNumber = (type: FieldTypeName): number | null => MEMO_OF[type] ?? null;

/** Past so many steps a value is read again. */
const MAX_STEPS = 32;
const BLOCK = 16;
const CARRIAGE_RETURN = 13;
// Where in a line that was found the numbers of its fields stand: after start, end, buckets and template.
const TAKEN = 12;
const PLACE: Record<string, number> = { user: 16, ip: 20, endpoint: 24 };

const TYPES = Object.keys(USUAL_TYPES) as FieldTypeName[];
const holdsAt = (type: FieldTypeName): number => HOLDS + TYPES.indexOf(type) * 256;

/** Can these parts be taken the quick way? */
const isQuick = (parts: readonly Part[]): boolean =>
  parts.every(
    part => 'literal' in part || (part.is.shape === 'run' && (!part.is.read || memoNumber(part.type) !== null)),
  );

// The locals of the program below; the first two are its arguments.
const [ENTRY, ENTRIES_END, START, END, P, Q, HASH, BYTE] = [0, 1, 2, 3, 4, 5, 6, 7];
const [STEPS, SLOT, ROW_AT, LENGTH, TEXT_AT, ARENA_AT, LEFT, DIFFERENT, ID] = [8, 9, 10, 11, 12, 13, 14, 15, 16];
const NUMBERS = 15;

const plus = (local: number, n: number): Code => [...get(local), ...i32.const(n), ...i32.add, ...set(local)];

/** Leaves the template (the block around it) unless the literal stands at P; P is behind it afterwards. */
function literal(text: string): Code {
  const bytes = Buffer.from(text);
  const blocks: Code[] = [];
  for (let at = 0; at < bytes.length; at += BLOCK) {
    const part = Array.from({ length: BLOCK }, (_, i) => bytes[at + i]);
    blocks.push([
      ...[...get(P), ...v128.load(at), ...v128.const(part.map(byte => (byte === undefined ? 0 : 255))), ...v128.and],
      ...[...v128.const(part.map(byte => byte ?? 0)), ...i8x16.ne, ...v128.anyTrue, ...breakIf(0)],
    ]);
  }
  return [...blocks.flat(), ...plus(P, bytes.length)];
}

/** Leaves the template unless a field of this type stands at P; P is behind it afterwards, HASH that of its bytes. */
function field(name: string, type: FieldTypeName, is: FieldType, next: string): Code {
  const { max } = is;
  const memo = memoNumber(type);
  const shared = sharedStart(is, next);
  return [
    ...[...get(P), ...set(Q), ...i32.const(-2128831035), ...set(HASH)],
    ...block(
      loop(
        [...get(Q), ...i32.load8(0), ...tee(BYTE), ...i32.load8(holdsAt(type)), ...i32.eqz, ...breakIf(1)],
        memo === null ? [] : [...get(HASH), ...get(BYTE), ...i32.xor, ...i32.const(16777619), ...i32.mul, ...set(HASH)],
        plus(Q, 1),
        branch(0),
      ),
    ),
    ...(shared ? plus(Q, -shared) : []),
    ...[...get(Q), ...get(P), ...i32.sub, ...tee(LENGTH), ...i32.const(1), ...i32.lessSigned, ...breakIf(0)],
    ...[...get(LENGTH), ...i32.const(max), ...i32.greaterSigned, ...breakIf(0)],
    ...(memo === null ? [] : remembered(memo)),
    ...(memo !== null && PLACE[name] ? [...get(ENTRY), ...get(ID), ...i32.store(PLACE[name])] : []),
    ...[...get(Q), ...set(P)],
  ];
}

/** ID is the number of the value between P and Q. Leaves the template when it is not remembered, or was refused. */
function remembered(memo: number): Code {
  const same: Code = [
    ...[...get(P), ...set(TEXT_AT), ...get(LENGTH), ...set(LEFT)],
    ...[...get(ROW_AT), ...i32.load(4), ...i32.const(arenaOf(memo)), ...i32.add, ...set(ARENA_AT)],
    ...block(
      loop(
        [...get(TEXT_AT), ...v128.load(0), ...get(ARENA_AT), ...v128.load(0), ...i8x16.ne, ...i8x16.bitmask],
        set(DIFFERENT),
        [...get(LEFT), ...i32.const(BLOCK), ...i32.lessSigned],
        when([
          ...[...get(DIFFERENT), ...i32.const(1), ...get(LEFT), ...i32.shl, ...i32.const(1), ...i32.sub, ...i32.and],
          ...set(DIFFERENT),
        ]),
        [...get(DIFFERENT), ...breakIf(1)],
        [...plus(TEXT_AT, BLOCK), ...plus(ARENA_AT, BLOCK)],
        [...get(LEFT), ...i32.const(BLOCK), ...i32.sub, ...tee(LEFT), ...i32.const(0), ...i32.greaterSigned],
        breakIf(0),
        [...get(ROW_AT), ...i32.load(12), ...set(ID)],
        // Out of: this loop, its block, the two conditions, the loop over the rows, its block.
        branch(5),
      ),
    ),
  ];
  return [
    ...[...get(HASH), ...get(HASH), ...i32.const(15), ...i32.shiftRight, ...i32.xor, ...i32.const(SLOTS - 1)],
    ...[...i32.and, ...set(SLOT), ...i32.const(MAX_STEPS), ...set(STEPS)],
    ...block(
      loop(
        [...get(SLOT), ...i32.const(ROW), ...i32.mul, ...i32.const(rowsOf(memo)), ...i32.add, ...tee(ROW_AT)],
        [...i32.load(8), ...i32.eqz, ...breakIf(2)],
        [...get(ROW_AT), ...i32.load(0), ...get(HASH), ...i32.eq],
        when([...get(ROW_AT), ...i32.load(8), ...get(LENGTH), ...i32.eq], when(same)),
        [...get(SLOT), ...i32.const(1), ...i32.add, ...i32.const(SLOTS - 1), ...i32.and, ...set(SLOT)],
        [...get(STEPS), ...i32.const(1), ...i32.sub, ...tee(STEPS), ...breakIf(0)],
        branch(2),
      ),
    ),
    ...[...get(ID), ...i32.const(0), ...i32.lessSigned, ...breakIf(0)],
  ];
}

/** One template from START to END; when it is the line, its number is noted and the next line is next. */
const template = (parts: readonly Part[], number: number): Code =>
  block(
    [...get(START), ...set(P)],
    ...parts.map((part, i) => {
      const next = parts[i + 1];
      return 'literal' in part
        ? literal(part.literal)
        : field(part.field, part.type, part.is, next && 'literal' in next ? next.literal : '');
    }),
    [...get(P), ...get(END), ...i32.ne, ...breakIf(0)],
    [...get(ENTRY), ...i32.const(number + 1), ...i32.store(TAKEN)],
    // Out of this block, the condition on the bucket, and the block around all buckets.
    branch(2),
  );

/** Of the templates of a bucket, in order, those that come before one that must be looked at otherwise. */
function quickOnes(templates: readonly { parts: readonly Part[]; bucket: number }[], bucket: number): Code[] {
  const codes: Code[] = [];
  for (const [number, t] of templates.entries()) {
    if (t.bucket !== bucket) continue;
    if (!isQuick(t.parts)) break;
    codes.push(template(t.parts, number));
  }
  return codes;
}

/**
 * Compiles the quick way through these templates, in their order. `run(first, last)` goes through the lines found; of those
 * that it takes, the template and the numbers of the fields stand beside them. A line in which literals of several buckets
 * stand is left alone.
 * @param longest lines longer than this are left alone too
 * @param types those that the templates were cut by
 */
export function compileQuick(
  templates: readonly { parts: readonly Part[]; bucket: number }[],
  longest: number,
  types: FieldTypes,
): WebAssembly.Module {
  const buckets = [...new Set(templates.map(t => t.bucket))].map(bucket => ({
    bucket,
    codes: quickOnes(templates, bucket),
  }));
  const oneLine: Code = [
    ...[...get(ENTRY), ...i32.const(0), ...i32.store(TAKEN)],
    ...[...get(ENTRY), ...i32.load(0), ...set(START), ...get(ENTRY), ...i32.load(4), ...set(END)],
    ...block(
      [...get(END), ...get(START), ...i32.sub, ...i32.const(longest), ...i32.greaterSigned, ...breakIf(0)],
      [...get(END), ...i32.const(1), ...i32.sub, ...i32.load8(0), ...i32.const(CARRIAGE_RETURN), ...i32.eq],
      when(plus(END, -1)),
      ...buckets
        .filter(({ codes }) => codes.length > 0)
        .flatMap(({ bucket, codes }) => [
          [...get(ENTRY), ...i32.load(8), ...i32.const(1 << bucket), ...i32.eq],
          when(...codes),
        ]),
    ),
  ];
  const program: Code[] = [
    block(
      loop(
        [...get(ENTRY), ...get(ENTRIES_END), ...i32.greaterEqualUnsigned, ...breakIf(1)],
        oneLine,
        plus(ENTRY, WIDTH),
        branch(0),
      ),
    ),
    [...i32.const(0), ...i32.const(0)],
  ];
  const holds = Uint8Array.from(TYPES.flatMap(type => Array.from(types[type].holds)));
  return new WebAssembly.Module(module(program, NUMBERS, 0, { at: HOLDS, bytes: holds }));
}

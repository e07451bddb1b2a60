/**
 * A template compiled to run over bytes: literals and fields in turn, always the whole line, each byte looked at once.
 * A field ends where its bytes end and the next literal must stand there; nothing is tried a second time, so no line can
 * make it slow, and no line can be read in two ways.
 */
import { type FieldType, type FieldTypeName, isoTime } from './fields.ts';
import { Memo, Names } from './intern.ts';
import type { MemoRoom } from './search.ts';
import { type Part, sharedStart } from './template.ts';

const LITERAL = 0;
const RUN = 1;
const TAIL = 2;
const TIME = 3;

interface Step {
  kind: typeof LITERAL | typeof RUN | typeof TAIL | typeof TIME;
  /** The bytes of a literal; the bytes a field may hold. */
  bytes: Uint8Array;
  length: number;
  /** Bytes of the next literal that the field's run covers too (RUN), or its whole length (TAIL). */
  shared: number;
  memo: Memo | null;
  part: Part;
}

/**
 * What the names, addresses and paths of a parser are numbered by. Number 0 of each is "none". Bounded when `limit` is
 * given: past it everything is forgotten, and numbers given before mean nothing any more.
 */
export class Vocabulary {
  readonly users = new Names();
  readonly addresses = new Names();
  readonly endpoints = new Names();
  private readonly memos = new Map<FieldTypeName, Memo>();
  private readonly limit: number;
  private readonly roomOf: (type: FieldTypeName) => MemoRoom | null;

  /** @param roomOf where a type's values are remembered, if somebody else looks there too */
  constructor(limit = Number.POSITIVE_INFINITY, roomOf: (type: FieldTypeName) => MemoRoom | null = () => null) {
    this.limit = limit;
    this.roomOf = roomOf;
    this.number();
  }

  private number(): void {
    for (const names of [this.users, this.addresses, this.endpoints]) names.of('');
  }

  /** The memory for a type of field; null where its bytes are its value and nobody needs them. */
  memo(type: FieldTypeName, { read }: FieldType): Memo | null {
    if (!read) return null;
    let memo = this.memos.get(type);
    if (!memo) {
      const names = type === 'ip' ? this.addresses : type === 'path' ? this.endpoints : this.users;
      memo = new Memo((bytes, from, to) => {
        const value = read(bytes.toString('utf8', from, to));
        return value === null ? -1 : names.of(value);
      }, this.roomOf(type));
      this.memos.set(type, memo);
    }
    return memo;
  }

  /** True when it was full and has been emptied: whoever keeps numbers must forget them now. */
  trim(): boolean {
    if (this.users.texts.length + this.addresses.texts.length + this.endpoints.texts.length < this.limit) return false;
    for (const names of [this.users, this.addresses, this.endpoints]) names.clear();
    for (const memo of this.memos.values()) memo.clear();
    this.number();
    return true;
  }
}

/** One compiled template. After `match`, the fields stand in `from`, `to` and `id` by their step. */
export class Pattern {
  readonly steps: readonly Step[];
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** The number of a field's value in the vocabulary. */
  readonly id: Int32Array;
  /** Epoch milliseconds of the last time field. */
  time = Number.NaN;
  /** After a failure: the step that failed and the byte where it did. */
  stoppedAt = 0;
  stoppedStep = 0;

  /** @param json what remembers JSON bodies, for a template with a json field */
  constructor(parts: readonly Part[], vocabulary: Vocabulary, json: Memo | null = null) {
    this.steps = parts.map((part, i): Step => {
      if ('literal' in part) {
        const bytes = new Uint8Array(Buffer.from(part.literal));
        return { kind: LITERAL, bytes, length: bytes.length, shared: 0, memo: null, part };
      }
      const { shape, holds, max } = part.is;
      const next = parts[i + 1];
      const literal = next && 'literal' in next ? next.literal : '';
      return {
        kind: shape === 'tail' ? TAIL : shape === 'time' ? TIME : RUN,
        bytes: holds,
        length: max,
        shared: shape === 'tail' ? Buffer.byteLength(literal) : sharedStart(part.is, literal),
        memo: part.type === 'json' ? json : vocabulary.memo(part.type, part.is),
        part,
      };
    });
    this.from = new Int32Array(parts.length);
    this.to = new Int32Array(parts.length);
    this.id = new Int32Array(parts.length);
  }

  /** The step of a field, or -1. */
  stepOf(field: string): number {
    return this.steps.findIndex(step => 'field' in step.part && step.part.field === field);
  }

  /** True when the bytes from `start` to `end` are the template, whole. A carriage return at the end belongs to the line's end. */
  match(b: Buffer, start: number, end: number): boolean {
    const { steps } = this;
    if (end > start && b[end - 1] === 13) end--;
    let p = start;
    for (let i = 0; i < steps.length; i++) {
      const step = steps[i]!;
      const next = step.kind === LITERAL ? literal(step, b, p, end) : this.field(i, step, b, p, end);
      if (next < 0) {
        this.stoppedStep = i;
        this.stoppedAt = -next - 1;
        return false;
      }
      p = next;
    }
    this.stoppedStep = steps.length;
    this.stoppedAt = p;
    return p === end;
  }

  /** Takes one field at `p`; the byte after it, or -1 - the byte where it stopped. */
  private field(i: number, step: Step, b: Buffer, p: number, end: number): number {
    const holds = step.bytes;
    let hash = -2128831035;
    let q = p;
    const stop = step.kind === TAIL ? end - step.shared : end;
    if (step.memo === null) while (q < stop && holds[b[q]!] !== 0) q++;
    else
      for (; q < stop; q++) {
        const byte = b[q]!;
        if (holds[byte] === 0) break;
        hash = Math.imul(hash ^ byte, 16777619);
      }
    if (step.kind === TAIL) {
      if (q !== stop) return -1 - Math.max(p, Math.min(q, end));
    } else q -= step.shared;
    if (q <= p) return -1 - p;
    if (q - p > step.length) return -1 - (p + step.length);
    this.from[i] = p;
    this.to[i] = q;
    if (step.kind === TIME) {
      this.time = isoTime(b, p, q);
      return Number.isNaN(this.time) ? -1 - p : q;
    }
    if (step.memo !== null) {
      const id = step.memo.get(b, p, q, hash);
      if (id < 0) return -1 - p;
      this.id[i] = id;
    }
    return q;
  }
}

function literal(step: Step, b: Buffer, p: number, end: number): number {
  const { bytes, length } = step;
  if (end - p < length) {
    let i = 0;
    while (p + i < end && b[p + i] === bytes[i]) i++;
    return -1 - (p + i);
  }
  for (let i = 0; i < length; i++) if (b[p + i] !== bytes[i]) return -1 - (p + i);
  return p + length;
}

/** Matches a template against a text in hand (a field of a JSON body, an example): field → value, or null. */
export function matchText(pattern: Pattern, text: string, vocabulary: Vocabulary): Record<string, string> | null {
  const bytes = Buffer.from(text);
  // A carriage return inside a value is not the end of a line.
  if (text.endsWith('\r') || !pattern.match(bytes, 0, bytes.length)) return null;
  return fieldsOf(pattern, bytes, vocabulary);
}

/** The fields of the last match, canonical where the type has a canonical form. */
function fieldsOf(pattern: Pattern, bytes: Buffer, vocabulary: Vocabulary): Record<string, string> {
  const fields: Record<string, string> = {};
  pattern.steps.forEach((step, i) => {
    if (!('field' in step.part)) return;
    const { field, type } = step.part;
    const names = type === 'ip' ? vocabulary.addresses : type === 'path' ? vocabulary.endpoints : vocabulary.users;
    fields[field] =
      step.memo && type !== 'json'
        ? names.texts[pattern.id[i]!]!
        : bytes.toString('utf8', pattern.from[i], pattern.to[i]);
  });
  return fields;
}

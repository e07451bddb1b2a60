/**
 * JSON as a log line may carry it, read strictly: bounded depth, no key twice in one object, no number that does not fit,
 * nothing after the value. `JSON.parse` takes the last of two equal keys and reads 1e999 as Infinity: here both are refused.
 */

export type Json = null | boolean | number | string | Json[] | Map<string, Json>;

const MAX_DEPTH = 32;

/** The value, or undefined when the text is not strict JSON. Objects are Maps, so no key is special. */
export function strictJson(text: string): Json | undefined {
  const reader = new Reader(text);
  try {
    return reader.document();
  } catch (error) {
    if (error instanceof NotJson) return undefined;
    throw error;
  }
}

class NotJson extends Error {}

const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const BLANK = /[ \t]*/y;
const WORDS: [string, Json][] = [
  ['true', true],
  ['false', false],
  ['null', null],
];

class Reader {
  private at = 0;
  private readonly text: string;
  constructor(text: string) {
    this.text = text;
  }

  document(): Json {
    const value = this.value(0);
    this.take(BLANK);
    if (this.at < this.text.length) throw new NotJson();
    return value;
  }

  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) throw new NotJson();
    this.at += found[0].length;
    return found[0];
  }

  private next(): string | undefined {
    this.take(BLANK);
    return this.text[this.at];
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) throw new NotJson();
    const char = this.next();
    if (char === '{') return this.object(depth);
    if (char === '[') return this.array(depth);
    if (char === '"') return this.string();
    for (const [word, value] of WORDS)
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    const number = Number(this.take(NUMBER));
    if (!Number.isFinite(number)) throw new NotJson();
    return number;
  }

  private string(): string {
    const value = JSON.parse(this.take(STRING)) as string;
    if (!value.isWellFormed()) throw new NotJson();
    return value;
  }

  private object(depth: number): Json {
    const entries = new Map<string, Json>();
    this.at++;
    if (this.empty('}')) return entries;
    for (;;) {
      if (this.next() !== '"') throw new NotJson();
      const key = this.string();
      if (entries.has(key) || this.next() !== ':') throw new NotJson();
      this.at++;
      entries.set(key, this.value(depth + 1));
      if (this.more('}')) return entries;
    }
  }

  private array(depth: number): Json {
    const items: Json[] = [];
    this.at++;
    if (this.empty(']')) return items;
    for (;;) {
      items.push(this.value(depth + 1));
      if (this.more(']')) return items;
    }
  }

  /** Right after the opening: true, and past it, at `close`. */
  private empty(close: string): boolean {
    const empty = this.next() === close;
    if (empty) this.at++;
    return empty;
  }

  /** After an entry: false at a comma, true at `close`, an error at anything else. */
  private more(close: string): boolean {
    const char = this.next();
    if (char !== ',' && char !== close) throw new NotJson();
    this.at++;
    return char === close;
  }
}

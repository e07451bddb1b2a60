/**
 * The parser: rules in, observations out. A chunk is searched once for the literals of all patterns, only the lines that
 * hold one are looked at, and a string is made once for each distinct value.
 */
import { isUtf8 } from 'node:buffer';
import type { ChunkCount, ParseChunk, SourceKind } from '../incident.ts';
import { USUAL_NAMES, type UserNames, userNames } from '../names.ts';
import { Body } from './body.ts';
import { type FieldTypes, fieldTypes } from './fields.ts';
import { Pattern, Vocabulary } from './pattern.ts';
import { compileQuick, memoNumber } from './quick.ts';
import type { Rule } from './rule.ts';
import { type Compiled, Search } from './search.ts';
import { bucketsOf, compileSearch } from './teddy.ts';
import { longestLiteral, parseTemplate } from './template.ts';

/** Lines longer than this were cut, or will be: they match nothing. */
export const MAX_LINE = 65536;

/** The rules that share one template of one kind of log. */
interface Template {
  /** The rules of this template, and their numbers among all. */
  rules: Rule[];
  numbers: number[];
  log: SourceKind;
  pattern: Pattern;
  literal: Buffer;
  /** No other literal is in its bucket. */
  alone: boolean;
  bucket: number;
  body: Body | null;
  user: number;
  ip: number;
  endpoint: number;
  time: number;
  json: number;
}

/** The literals a parser for these rules looks for: one for each template, in its order. */
const literalsOf = (rules: readonly Rule[]): string[] =>
  groups(rules).map(group => longestLiteral(parseTemplate(group[0]!.line)));

/**
 * Compiles what a parser for these rules searches with.
 * @param names how people are called here; the parser must be made for the same
 * @throws Usage when there are too many
 */
export function compileRules(rules: readonly Rule[], names: UserNames = userNames(USUAL_NAMES)): Compiled {
  const literals = literalsOf(rules);
  const buckets = bucketsOf(literals);
  const types = fieldTypes(names);
  const templates = groups(rules).map((group, i) => ({
    parts: parseTemplate(group[0]!.line, types),
    bucket: buckets[i]!,
  }));
  return { find: compileSearch(literals), quick: compileQuick(templates, MAX_LINE, types) };
}

function groups(rules: readonly Rule[]): Rule[][] {
  const byTemplate = new Map<string, Rule[]>();
  for (const rule of rules) {
    const key = `${rule.log} ${rule.line}`;
    const group = byTemplate.get(key);
    if (group) group.push(rule);
    else byTemplate.set(key, [rule]);
  }
  return [...byTemplate.values()];
}

export type Taken = 'taken' | 'unparsed' | 'bad' | 'none';

/**
 * Parses lines one by one; the fields of the last line taken stand in it as numbers of its vocabulary (0: none).
 * `makeParser` puts strings in their place; a scan counts the numbers.
 */
export class LineParser {
  readonly search: Search;
  readonly vocabulary: Vocabulary;
  /** Which of `rules` took the line. */
  rule = 0;
  readonly rules: readonly Rule[];
  user = 0;
  ip = 0;
  endpoint = 0;
  /** Epoch milliseconds, or NaN when the line carries none. */
  time = Number.NaN;
  private readonly templates: Template[];
  private readonly byBuckets: Template[][] = [];

  constructor(rules: readonly Rule[], options: { names?: UserNames; compiled?: Compiled; limit?: number } = {}) {
    const { names = userNames(USUAL_NAMES) } = options;
    const types = fieldTypes(names);
    this.rules = rules;
    const literals = literalsOf(rules);
    const buckets = bucketsOf(literals);
    this.search = new Search(options.compiled ?? compileRules(rules, names));
    this.vocabulary = new Vocabulary(options.limit, type => {
      const n = memoNumber(type);
      return n === null ? null : this.search.memoRoom(n);
    });
    this.templates = groups(rules).map((group, i) => this.template(group, types, literals[i]!, buckets[i]!));
    for (const t of this.templates)
      t.alone = this.templates.every(o => o.bucket !== t.bucket || o.literal.equals(t.literal));
    for (let mask = 0; mask < 256; mask++) this.byBuckets.push(this.templates.filter(t => mask & (1 << t.bucket)));
  }

  private template(rules: Rule[], types: FieldTypes, literal: string, bucket: number): Template {
    const parts = parseTemplate(rules[0]!.line, types);
    const hasBody = parts.some(part => 'field' in part && part.type === 'json');
    const body = hasBody ? new Body(rules, this.vocabulary, types) : null;
    const pattern = new Pattern(parts, this.vocabulary, body?.memo ?? null);
    const json = pattern.steps.findIndex(({ part }) => 'field' in part && part.type === 'json');
    const [user, ip, endpoint, time] = ['user', 'ip', 'endpoint', 'time'].map(field => pattern.stepOf(field)) as [
      number,
      number,
      number,
      number,
    ];
    const numbers = rules.map(rule => this.rules.indexOf(rule));
    return {
      rules,
      numbers,
      log: rules[0]!.log,
      pattern,
      literal: Buffer.from(literal),
      alone: false,
      bucket,
      body,
      user,
      ip,
      endpoint,
      time,
      json,
    };
  }

  /** Forgets what is remembered when it has grown too much. */
  trim(): void {
    if (this.vocabulary.trim()) for (const { body } of this.templates) body?.memo.clear();
  }

  /** The n-th line that the search found, from this kind of log (null: from any). */
  takeFound(n: number, kind: SourceKind | null): Taken {
    const { search } = this;
    const number = search.template(n);
    if (number < 0) return this.take(search.text, search.start(n), search.end(n), search.buckets(n), kind);
    const template = this.templates[number]!;
    if (kind !== null && template.log !== kind)
      return this.take(search.text, search.start(n), search.end(n), search.buckets(n), kind);
    this.rule = template.numbers[0]!;
    this.user = template.user >= 0 ? search.user(n) : 0;
    this.ip = template.ip >= 0 ? search.ip(n) : 0;
    this.endpoint = template.endpoint >= 0 ? search.endpoint(n) : 0;
    this.time = Number.NaN;
    return 'taken';
  }

  /** Parses `b[start, end)`, a line without its newline, in which the search found a literal of each of these buckets. */
  take(b: Buffer, start: number, end: number, buckets: number, kind: SourceKind | null): Taken {
    const templates = this.byBuckets[buckets]!;
    const cut = end - start > MAX_LINE;
    if (!cut)
      for (let i = 0; i < templates.length; i++) {
        const template = templates[i]!;
        if ((kind === null || template.log === kind) && template.pattern.match(b, start, end)) {
          this.fill(template);
          return 'taken';
        }
      }
    const last = Math.min(end, start + MAX_LINE);
    let near = false;
    let strange = cut;
    for (let i = 0; i < templates.length; i++) {
      const template = templates[i]!;
      if (
        (kind !== null && template.log !== kind) ||
        !(template.alone || b.subarray(start, last).includes(template.literal))
      )
        continue;
      near = true;
      strange ||= hostile(template);
    }
    if (!near) return 'none';
    return strange || broken(b.subarray(start, last)) ? 'bad' : 'unparsed';
  }

  private fill({ numbers, pattern, body, user, ip, endpoint, time, json }: Template): void {
    const { id } = pattern;
    const judgement = body ? id[json]! : 0;
    this.rule = numbers[body ? body.ruleOf(judgement) : 0]!;
    this.user = user >= 0 ? id[user]! : body ? body.userOf(judgement) : 0;
    this.ip = ip >= 0 ? id[ip]! : 0;
    this.endpoint = endpoint >= 0 ? id[endpoint]! : 0;
    this.time = time >= 0 ? pattern.time : Number.NaN;
  }

  /** The template that came furthest into this line, with the pattern as it stopped; for `rules explain`. */
  nearest(line: Buffer): { rules: readonly Rule[]; pattern: Pattern; body: Body | null; json: number } | null {
    let best: Template | null = null;
    for (const template of this.templates) {
      if (template.pattern.match(line, 0, line.length)) return template;
      const further =
        !best ||
        template.pattern.stoppedAt > best.pattern.stoppedAt ||
        (template.pattern.stoppedAt === best.pattern.stoppedAt &&
          template.pattern.stoppedStep > best.pattern.stoppedStep);
      if (further) best = template;
    }
    return best;
  }
}

/** Bytes that no honest writer of a log line writes. */
function broken(line: Buffer): boolean {
  if (!isUtf8(line)) return true;
  for (let i = 0; i < line.length; i++) {
    const byte = line[i]!;
    if ((byte < 0x20 && byte !== 9 && !(byte === 13 && i === line.length - 1)) || byte === 0x7f) return true;
  }
  return line.indexOf('\ufeff') >= 0;
}

/** The line is the pattern up to a user's name or past it: somebody chose a name to be misread. */
const hostile = ({ pattern, user }: Template): boolean => user >= 0 && pattern.stoppedStep >= user;

// So many distinct names, addresses and paths are remembered between chunks.
const REMEMBERED = 50_000;
const PIECE = 1 << 20;

/**
 * The parser as the rest of Readmit uses it. `packs` are rules in order; the first that takes a line has it.
 * A client log speaks for its owner only: with an owner given, a name in its messages changes nothing.
 * @param names how people are called here
 */
export function makeParser(packs: readonly Rule[], names: UserNames = userNames(USUAL_NAMES)): ParseChunk {
  const parser = new LineParser(packs, { names, limit: REMEMBERED });
  const { search, vocabulary } = parser;
  return (bytes, from, to, source, sink) => {
    const count: ChunkCount = { lines: 0, unparsed: 0, bad: 0 };
    parser.trim();
    for (const [start, end, whole] of pieces(bytes, from, to)) {
      bytes.copy(search.text, 0, start, end);
      if (!whole) search.text[end - start - 1] = 10;
      search.find(0, end - start);
      count.lines += search.lines;
      for (let n = 0; n < search.found; n++) {
        const [lineStart, lineEnd] = [search.start(n), search.end(n)];
        const taken = parser.takeFound(n, source.kind);
        if (taken === 'taken') {
          const rule = packs[parser.rule]!;
          const client = rule.log === 'client';
          const name = vocabulary.users.texts[parser.user]!;
          sink({
            event: rule.event,
            user: client && source.owner !== null ? source.owner : name || null,
            ip: vocabulary.addresses.texts[parser.ip]! || null,
            endpoint: vocabulary.endpoints.texts[parser.endpoint]! || null,
            time: Number.isNaN(parser.time) ? null : parser.time,
            selfReported: client,
            start: start + lineStart,
            end: start + lineEnd,
          });
        } else if (taken !== 'none') {
          count.unparsed++;
          const bad = taken === 'bad';
          if (bad) count.bad++;
          if (!count.strange || (bad && !count.strange.bad))
            count.strange = { start: start + lineStart, end: start + lineEnd, bad };
        }
      }
    }
    return count;
  };
}

/**
 * Cuts a chunk into pieces of whole lines that fit into the search. A line longer than a piece is represented by its
 * beginning (`whole` is false): that is longer than `MAX_LINE`, so it counts as one line and never matches.
 */
function* pieces(bytes: Buffer, from: number, to: number): Generator<[start: number, end: number, whole: boolean]> {
  for (let start = from; start < to; ) {
    const most = Math.min(to, start + PIECE);
    const end = most === to ? to : bytes.lastIndexOf(10, most - 1) + 1;
    if (end > start) {
      yield [start, end, true];
      start = end;
      continue;
    }
    const newline = bytes.indexOf(10, most);
    if (newline < 0 || newline >= to) return;
    yield [start, start + MAX_LINE + 2, false];
    start = newline + 1;
  }
}

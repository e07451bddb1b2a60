/**
 * Runs the examples that stand in the packs: each line that must match is taken by its own pattern, among all patterns that
 * are loaded, with exactly the fields that are written there; each line that must not is not.
 */
import { USUAL_NAMES, type UserNames, userNames } from '../names.ts';
import { visible } from '../visible.ts';
import type { Pack, RuleSpec } from './pack.ts';
import { LineParser } from './parser.ts';

export interface Fault {
  file: string;
  line: number;
  pattern: string;
  problem: string;
}

export interface ExampleRun {
  patterns: number;
  examples: number;
  faults: Fault[];
}

/** One line through a parser, with the fields it gave; null when no pattern took it. */
export function parseLine(
  parser: LineParser,
  line: string,
  log: 'server' | 'client' | null,
): { rule: string; fields: Record<string, string> } | null {
  const bytes = Buffer.from(line);
  const text = parser.search.text;
  // A newline inside would make two lines of it, and so would never reach a pattern.
  if (line.includes('\n') || bytes.length + 1 > text.length) return null;
  bytes.copy(text);
  text[bytes.length] = 10;
  parser.search.find(0, bytes.length + 1);
  if (parser.search.found !== 1 || parser.take(text, 0, bytes.length, parser.search.buckets(0), log) !== 'taken')
    return null;
  const { users, addresses, endpoints } = parser.vocabulary;
  const fields = {
    user: users.texts[parser.user]!,
    ip: addresses.texts[parser.ip]!,
    endpoint: endpoints.texts[parser.endpoint]!,
    time: Number.isNaN(parser.time) ? '' : new Date(parser.time).toISOString(),
  };
  const rule = parser.rules[parser.rule]!;
  return {
    rule: `${rule.pack}/${rule.name}`,
    fields: Object.fromEntries(Object.entries(fields).filter(([, value]) => value)),
  };
}

/**
 * Runs every example of the packs against all their patterns together.
 * @param namesOf how people are called in a pack's examples
 */
export function runExamples(
  packs: readonly Pack[],
  namesOf: (pack: Pack) => UserNames = () => userNames(USUAL_NAMES),
): ExampleRun {
  const parsers = new Map<UserNames, LineParser>();
  const allBy = (names: UserNames): LineParser => {
    const all =
      parsers.get(names) ??
      new LineParser(
        packs.flatMap(pack => pack.rules),
        { names },
      );
    parsers.set(names, all);
    return all;
  };
  const faults: Fault[] = [];
  let examples = 0;
  for (const pack of packs) {
    const names = namesOf(pack);
    for (const spec of pack.specs) {
      const say = (problem: string): void => {
        faults.push({ file: spec.file, line: spec.at, pattern: `${pack.name}/${spec.name}`, problem });
      };
      for (const example of spec.matches) checkMatch(allBy(names), spec, example, say);
      const alone = new LineParser(
        pack.rules.filter(rule => rule.name === spec.name),
        { names },
      );
      for (const line of spec.rejects)
        if (parseLine(alone, line, spec.log)) say(`must not match, but does: ${visible(line)}`);
      examples += spec.matches.length + spec.rejects.length;
    }
  }
  return { patterns: packs.reduce((n, pack) => n + pack.specs.length, 0), examples, faults };
}

function checkMatch(
  parser: LineParser,
  spec: RuleSpec,
  { line, fields }: RuleSpec['matches'][number],
  say: (problem: string) => void,
): void {
  const taken = parseLine(parser, line, spec.log);
  if (!taken) {
    say(`must match, but does not: ${visible(line)}`);
    return;
  }
  if (taken.rule !== `${spec.pack}/${spec.name}`) {
    say(`is taken by ${taken.rule} instead: ${visible(line)}`);
    return;
  }
  const wanted = { ...fields, ...(fields.time ? { time: new Date(fields.time).toISOString() } : {}) } as Record<
    string,
    string
  >;
  for (const key of new Set([...Object.keys(wanted), ...Object.keys(taken.fields)]))
    if (wanted[key] !== taken.fields[key])
      say(`${key} is ${taken.fields[key] ?? 'not there'}, should be ${wanted[key] ?? 'not there'}: ${visible(line)}`);
}

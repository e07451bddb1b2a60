/**
 * What is wrong with a readmit.yaml, in words for whoever wrote it: file, line, key and what would be right there; for a
 * key that is not known, the one that was probably meant.
 */
import type { Document, LineCounter } from 'yaml';
import type { z } from 'zod';
import type { YamlText } from '../yaml-text.ts';

/** One line per fault: `file:line: key: what would be right`, in the order the schema found them. */
export function faultsOf(
  issues: readonly z.core.$ZodIssue[],
  schema: z.ZodType,
  { doc, lines, lineOf: at }: YamlText,
  file: string,
): string[] {
  return issues.flatMap(issue =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map(key => {
          const path = [...issue.path, key];
          return `${file}:${lineOfKey(doc, lines, path) ?? at(path)}: ${path.join('.')}: unknown key${suggest(key, issue.path, schema)}`;
        })
      : [`${file}:${at(issue.path)}: ${issue.path.join('.') || '(top)'}: ${plain(issue)}`],
  );
}

/** `getIn` finds values; an unknown key has its own place. */
function lineOfKey(doc: Document.Parsed, lines: LineCounter, path: PropertyKey[]): number | null {
  const parent = path.length > 1 ? doc.getIn(path.slice(0, -1), true) : doc.contents;
  const items = (parent as { items?: { key: { value?: unknown; range?: [number, number, number] } }[] } | null)?.items;
  const item = items?.find(i => String(i.key?.value) === String(path.at(-1)));
  return item?.key.range ? lines.linePos(item.key.range[0]).line : null;
}

/** Kinds of values as somebody who writes a configuration calls them. */
const KINDS: Record<string, string> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'keys with values',
};

const plain = (issue: z.core.$ZodIssue): string => {
  const text = issue.message
    .replace(/^Invalid input: /, '')
    .replace(/^expected (\S+), received \S+$/, (_, kind: string) => KINDS[kind] ?? kind)
    .replace(
      /^Too small: expected \S+ to be >(=?)(\S+)$/,
      (_, least: string, n: string) => `${least ? 'at least' : 'more than'} ${n}`,
    )
    .replace(
      /^Too big: expected \S+ to be <(=?)(\S+)$/,
      (_, most: string, n: string) => `${most ? 'at most' : 'less than'} ${n}`,
    );
  return 'input' in issue && issue.input !== undefined ? `${text} (found ${JSON.stringify(issue.input)})` : text;
};

/** The known keys beside an unknown one, nearest first. */
function suggest(key: string, path: PropertyKey[], whole: z.ZodType): string {
  let schema: unknown = whole;
  for (const part of path) schema = unwrap(schema)?.shape?.[part as string];
  const known = Object.keys(unwrap(schema)?.shape ?? {});
  const near = known.map(k => [distance(k, key), k] as const).sort((a, b) => a[0] - b[0])[0];
  if (near && near[0] <= 3) return `; did you mean ${near[1]}?`;
  return known.length ? `; known here: ${known.join(', ')}` : '';
}

interface AnySchema {
  shape?: Record<string, unknown>;
  def?: { innerType?: unknown; defaultValue?: unknown; type?: string };
}
function unwrap(schema: unknown): AnySchema | undefined {
  let s = schema as AnySchema | undefined;
  while (s && !s.shape && s.def?.innerType) s = s.def.innerType as AnySchema;
  return s;
}

/** How many letters must be added, taken away or changed to make one word of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length]!;
}

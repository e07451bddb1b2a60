/**
 * Why no pattern took a line: the pattern that came furthest, the byte where it stopped, and what it expected there.
 */
import { visible } from '../visible.ts';
import { type LineParser, MAX_LINE } from './parser.ts';

export interface Stopped {
  rule: string;
  /** Byte column, from 1. */
  column: number;
  expected: string;
  found: string;
}

/** @param line a line that no pattern takes */
export function explain(parser: LineParser, line: string): Stopped {
  const bytes = Buffer.from(line);
  const nearest = parser.nearest(bytes);
  if (!nearest) return { rule: 'none', column: 1, expected: 'a pattern; no pack is loaded', found: shown(bytes, 0) };
  const { rules, pattern, body, json } = nearest;
  const rule = `${rules[0]!.pack}/${rules[0]!.name}`;
  if (bytes.length > MAX_LINE)
    return {
      rule,
      column: MAX_LINE + 1,
      expected: `the end of the line: ${MAX_LINE} bytes at most`,
      found: shown(bytes, MAX_LINE),
    };
  const at = pattern.stoppedAt;
  const step = pattern.steps[pattern.stoppedStep];
  if (!step) return { rule, column: at + 1, expected: 'the end of the line', found: shown(bytes, at) };
  if ('literal' in step.part) {
    const into = at - startOf(at, bytes, step.bytes);
    return {
      rule,
      column: at + 1,
      expected: JSON.stringify(Buffer.from(step.bytes.subarray(Math.max(0, into))).toString()),
      found: shown(bytes, at),
    };
  }
  if (body && pattern.stoppedStep === json) {
    const wanted = body.nearest(bytes.subarray(at));
    if (wanted) {
      const of = rules[wanted.rule]!;
      return {
        rule: `${of.pack}/${of.name}`,
        column: at + 1,
        expected: `${wanted.path.join('.')} to be ${JSON.stringify(wanted.expected)}`,
        found: shown(bytes, at),
      };
    }
  }
  return {
    rule,
    column: at + 1,
    expected: `{${step.part.field}}, ${step.part.is.expects}`,
    found: shown(bytes, at),
  };
}

/** Where in the line the literal that failed began: its first bytes stand right before the place. */
function startOf(at: number, line: Buffer, literal: Uint8Array): number {
  for (let into = Math.min(at, literal.length - 1); into > 0; into--)
    if (line.subarray(at - into, at).equals(literal.subarray(0, into))) return at - into;
  return at;
}

const shown = (line: Buffer, at: number): string => {
  const rest = visible(line.subarray(at, at + 40).toString('utf8'));
  return at >= line.length ? 'the end of the line' : JSON.stringify(rest).replaceAll('\\\\', '\\');
};

/**
 * Seeded mutation of log lines (G17): honest lines are cut, joined, repeated and have bytes changed. How many is a
 * parameter, so that the tests run some and the fault suite runs ten million.
 */
import { readFileSync } from 'node:fs';
import type { ParsedLine } from '../../src/incident.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';

const corpus = new URL('./corpus/lines.jsonl', import.meta.url);
const rules = new URL('../../rules', import.meta.url);

/** mulberry32 */
export function random(seed: number): (below: number) => number {
  let s = seed >>> 0;
  return below => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), s | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  };
}

const SPICE = [
  ': user ',
  ', endpoint ',
  '\0',
  '\xff',
  '\x1b[31m',
  '\r',
  '{',
  '"',
  '\\u0000',
  '::',
  '%00',
  ' ',
  '[WARNING] Unauthorized access attempt from ',
  'root',
  '\ufeff',
  '\ud800',
].map(s => Buffer.from(s, s === '\xff' ? 'latin1' : 'utf8'));

function mutated(line: Buffer, other: Buffer, roll: (below: number) => number): Buffer {
  const at = roll(line.length + 1);
  switch (roll(6)) {
    case 0:
      return Buffer.concat([line.subarray(0, at), line.subarray(Math.min(line.length, at + 1 + roll(8)))]);
    case 1:
      return Buffer.concat([line.subarray(0, at), SPICE[roll(SPICE.length)]!, line.subarray(at)]);
    case 2:
      return Buffer.concat([line.subarray(0, at), other.subarray(roll(other.length + 1))]);
    case 3: {
      const copy = Buffer.from(line);
      if (copy.length) copy[roll(copy.length)] = roll(256);
      return copy;
    }
    case 4:
      return Buffer.concat([line, line.subarray(at)]);
    default:
      return Buffer.concat([line.subarray(0, at), Buffer.from(line.subarray(at, at + 12)), line.subarray(at)]);
  }
}

export interface MutationRun {
  lines: number;
  events: number;
  unparsed: number;
  /** Fields that break their grammar: there must be none. */
  wrong: ParsedLine[];
}

const USER = /^[a-z_][a-z0-9_.-]{0,31}$/;
const IP = /^(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9a-f:]{2,39})$/;
const PATH = /^\/[\x21-\x7e]{0,1023}$/;

/** Chunks of mutated lines, at most 2000 in each. */
export function* mutatedChunks(count: number, seed: number): Generator<Buffer> {
  const lines = readFileSync(corpus, 'utf8')
    .trim()
    .split('\n')
    .map(row => JSON.parse(row) as { line?: string; hex?: string })
    .map(row => (row.hex === undefined ? Buffer.from(row.line!) : Buffer.from(row.hex, 'hex')))
    .filter(line => line.length < 2000 && !line.includes(10));
  const roll = random(seed);
  const newline = Buffer.from('\n');
  for (let done = 0; done < count; ) {
    const chunk: Buffer[] = [];
    for (let n = 0; n < 2000 && done < count; n++, done++) {
      let line: Buffer = lines[roll(lines.length)]!;
      for (let times = 1 + roll(3); times > 0; times--) line = mutated(line, lines[roll(lines.length)]!, roll);
      chunk.push(Buffer.from(line.filter(byte => byte !== 10)), newline);
    }
    yield Buffer.concat(chunk);
  }
}

/** Parses `count` mutated lines; what comes out must be grammatical, and every line must be counted. */
export function mutate(count: number, seed: number): MutationRun {
  const parse = makeParser(loadPacks([rules.pathname]).flatMap(pack => pack.rules));
  const run: MutationRun = { lines: 0, events: 0, unparsed: 0, wrong: [] };
  for (const bytes of mutatedChunks(count, seed)) {
    const counted = parse(bytes, 0, bytes.length, { kind: null, owner: null }, line => {
      run.events++;
      const right =
        (line.user === null || USER.test(line.user)) &&
        (line.ip === null || IP.test(line.ip)) &&
        (line.endpoint === null || PATH.test(line.endpoint)) &&
        (line.event !== 'denied' ||
          line.selfReported ||
          (line.user !== null && line.ip !== null && line.endpoint !== null)) &&
        bytes[line.end] === 10 &&
        (line.start === 0 || bytes[line.start - 1] === 10);
      if (!right) run.wrong.push({ ...line });
    });
    run.lines += counted.lines;
    run.unparsed += counted.unparsed;
  }
  return run;
}

/**
 * The labelled corpus: every line with what it is, by hand. `lines.jsonl` has `line` (or `hex`), the log it stands in, and
 * the event with its fields, or none; `says` is what a line that is none counts as. `article.txt` is the article, verbatim.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { ChunkCount, ParsedLine, SourceKind } from '../../src/incident.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';

interface Labelled {
  why: string;
  log: SourceKind;
  line?: string;
  hex?: string;
  event: string | null;
  user?: string | null;
  ip?: string;
  endpoint?: string;
  time?: number;
  says?: 'unparsed' | 'bad' | 'none';
}

const here = (file: string): string => new URL(`./corpus/${file}`, import.meta.url).pathname;
const corpus = readFileSync(here('lines.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map(row => JSON.parse(row) as Labelled);
const parse = makeParser(loadPacks([new URL('../../rules', import.meta.url).pathname]).flatMap(pack => pack.rules));

function parsed(
  bytes: Buffer,
  kind: SourceKind | null,
  owner: string | null = null,
): { lines: ParsedLine[]; count: ChunkCount } {
  const lines: ParsedLine[] = [];
  const count = parse(bytes, 0, bytes.length, { kind, owner }, line => lines.push({ ...line }));
  return { lines, count };
}
const bytesOf = (row: Labelled): Buffer =>
  Buffer.concat([row.hex === undefined ? Buffer.from(row.line!) : Buffer.from(row.hex, 'hex'), Buffer.from('\n')]);

describe('the corpus', () => {
  test('is large enough to mean something', () => {
    expect(corpus.length).toBeGreaterThanOrEqual(300);
    expect(corpus.filter(row => row.event === null).length).toBeGreaterThanOrEqual(100);
  });

  test.each(corpus.map((row, i) => [`${i + 1} ${row.why}: ${(row.line ?? row.hex!).slice(0, 90)}`, row] as const))(
    'line %s',
    (_name, row) => {
      const bytes = bytesOf(row);
      for (const kind of [row.log, null]) {
        const { lines, count } = parsed(bytes, kind);
        // A line break within a hostile field makes two lines of it, and neither is an event.
        if (row.event === null) {
          expect(lines).toEqual([]);
          if (row.says === 'none') expect(count.unparsed).toBe(0);
          if (row.says === 'unparsed' || row.says === 'bad') expect(count.unparsed).toBe(1);
          if (row.says === 'bad') expect(count.bad).toBe(1);
          continue;
        }
        expect(count).toEqual({ lines: 1, unparsed: 0, bad: 0 });
        expect(lines).toEqual([
          {
            event: row.event,
            user: row.user ?? null,
            ip: row.ip ?? null,
            endpoint: row.endpoint ?? null,
            time: row.time ?? null,
            selfReported: row.log === 'client',
            start: 0,
            end: bytes.length - 1,
          },
        ]);
      }
    },
  );

  test('A22: all lines in one chunk, each bad one beside its neighbours, give the same as each alone', () => {
    const rows = corpus.filter(row => !bytesOf(row).subarray(0, -1).includes(10));
    const { lines, count } = parsed(Buffer.concat(rows.map(bytesOf)), null);
    expect(count.lines).toBe(rows.length);
    expect(lines.map(line => [line.event, line.user, line.ip, line.endpoint])).toEqual(
      rows
        .filter(row => row.event !== null)
        .map(row => [row.event, row.user ?? null, row.ip ?? null, row.endpoint ?? null]),
    );
  });
});

describe('A23: the article, verbatim', () => {
  const article = Buffer.concat([readFileSync(here('article.txt')), Buffer.from('\n')]);

  test('its server line is a denial, its clean line a success, and nothing else is anything', () => {
    const { lines } = parsed(article, null);
    expect(lines.map(({ event, user, ip, endpoint, time }) => ({ event, user, ip, endpoint, time }))).toEqual([
      { event: 'denied', user: 'alice', ip: '192.168.1.100', endpoint: '/submit', time: null },
      { event: 'succeeded', user: null, ip: null, endpoint: null, time: null },
    ]);
  });

  test('its client line with curly quotes is counted as unparsed, whoever owns the log, and no address is invented', () => {
    const line = article
      .toString()
      .split('\n')
      .find(l => l.startsWith('[ERROR]'))!;
    for (const owner of [null, 'alice']) {
      const { lines, count } = parsed(Buffer.from(`${line}\n`), 'client', owner);
      expect(lines).toEqual([]);
      expect(count).toMatchObject({ lines: 1, unparsed: 1, bad: 0 });
    }
  });
});

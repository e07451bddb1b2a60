/**
 * The parser as the agent uses it: chunks, owners, hostile input, and bounded time and memory.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import type { ChunkCount, ParsedLine, SourceKind } from '../../src/incident.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { LineParser, makeParser } from '../../src/rules/parser.ts';
import { mutate, mutatedChunks, random } from './mutate.ts';

const rules = loadPacks([new URL('../../rules', import.meta.url).pathname]).flatMap(pack => pack.rules);
const parse = makeParser(rules);
function take(
  text: string | Buffer,
  kind: SourceKind | null = null,
  owner: string | null = null,
): { lines: ParsedLine[]; count: ChunkCount } {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  const lines: ParsedLine[] = [];
  const count = parse(bytes, 0, bytes.length, { kind, owner }, line => lines.push({ ...line }));
  return { lines, count };
}
const denial = (user: string, ip = '10.0.0.1', endpoint = '/submit'): string =>
  `[WARNING] Unauthorized access attempt from ${ip}: user ${user}, endpoint ${endpoint}\n`;
const told = (message: string): string =>
  `[ERROR] 2024-09-18T10:30:15Z: HTTP 403 from scheduler: {"error":"clw-scheduler-denied","message":"${message}"}\n`;

describe('whom a log may speak for', () => {
  test("B18, G05: alice's log claims that bob was denied: it counts for alice, and bob is untouched", () => {
    const { lines } = take(told('User bob@practice.example not authorized'), 'client', 'alice');
    expect(lines.map(line => [line.user, line.selfReported])).toEqual([['alice', true]]);
  });
  test('a masked address names nobody, so the owner it is', () => {
    expect(take(told('User [email protected] not authorized'), 'client', 'alice').lines[0]?.user).toBe('alice');
    expect(take(told('User [email protected] not authorized'), 'client', null).lines[0]?.user).toBe(null);
  });
  test("the scheduler's line in a user's own log is nothing: anybody could write it there", () => {
    expect(take(denial('root'), 'client', 'mallory')).toEqual({ lines: [], count: { lines: 1, unparsed: 0, bad: 0 } });
  });
  test("a client line in the scheduler's log is nothing either", () => {
    expect(take(told('User alice not authorized'), 'server').lines).toEqual([]);
  });
});

describe('chunks', () => {
  test('only the range that was given is read, and offsets are those of the chunk', () => {
    const text = denial('alice') + denial('bob') + denial('carol');
    const bytes = Buffer.from(`${text}${denial('dave').slice(0, 40)}`);
    const first = Buffer.byteLength(denial('alice'));
    const seen: [string | null, string][] = [];
    parse(bytes, first, Buffer.byteLength(text), { kind: 'server', owner: null }, line =>
      seen.push([line.user, bytes.toString('utf8', line.start, line.end)]),
    );
    expect(seen).toEqual([
      ['bob', denial('bob').trimEnd()],
      ['carol', denial('carol').trimEnd()],
    ]);
  });

  test('chunks of many megabytes, cut anywhere between lines, give every line once', () => {
    const roll = random(7);
    let text = '';
    const users: string[] = [];
    while (text.length < 3 << 20) {
      if (roll(2)) text += `[INFO] Note ${'x'.repeat(roll(400))}\n`;
      else {
        users.push(`u${roll(1000)}`);
        text += denial(users.at(-1)!);
      }
    }
    const { lines, count } = take(text);
    expect(lines.map(line => line.user)).toEqual(users);
    expect(count.lines).toBe(text.split('\n').length - 1);
  });

  test('an empty range and blank lines are nothing', () => {
    expect(take('')).toEqual({ lines: [], count: { lines: 0, unparsed: 0, bad: 0 } });
    expect(take('\n\n\r\n')).toEqual({ lines: [], count: { lines: 3, unparsed: 0, bad: 0 } });
  });

  test('a line at every distance from a sixteen-byte border is found', () => {
    for (let n = 0; n < 64; n++)
      expect(take(`${'x'.repeat(n)}\n${denial('alice')}${'y'.repeat(n)}\n`).lines.map(line => line.start)).toEqual([
        n + 1,
      ]);
  });
});

describe('many packs at once', () => {
  const daemons = Array.from({ length: 40 }, (_, n) => `daemon${String.fromCharCode(97 + (n % 26))}${n}`);
  const many = makeParser(
    daemons.map(daemon => ({ ...rules[0]!, pack: daemon, line: `${daemon} said no to {user} from {ip} today` })),
  );
  const line = (daemon: string): string => `${daemon} said no to alice from 10.0.0.1 today\n`;
  test('each of forty patterns finds its line, and no other', () => {
    const text = daemons.map(daemon => line(daemon) + line(`x${daemon}`) + line(daemon.toUpperCase())).join('');
    const bytes = Buffer.from(text);
    const seen: string[] = [];
    const count = many(bytes, 0, bytes.length, { kind: null, owner: null }, l =>
      seen.push(bytes.toString('utf8', l.start, l.end + 1)),
    );
    expect(seen).toEqual(daemons.map(line));
    // `xdaemon…` holds the text of a pattern, not at its beginning; in capitals it does not.
    expect(count).toMatchObject({ lines: 120, unparsed: 40, bad: 0 });
    const strange = count.strange!;
    expect(bytes.toString('utf8', strange.start, strange.end + 1)).toBe(line(`x${daemons[0]}`));
  });
});

describe('of what was not understood', () => {
  const shown = (...lines: Buffer[]): string | null => {
    const bytes = Buffer.concat(lines.flatMap(l => [l, Buffer.from('\n')]));
    const { strange } = makeParser(rules)(bytes, 0, bytes.length, { kind: 'server', owner: null }, () => {});
    return strange
      ? `${strange.bad ? 'broken' : 'other'} ${bytes.toString('latin1', strange.start, strange.end)}`
      : null;
  };
  const whole = Buffer.from(denial('alice').trimEnd());
  const other = Buffer.from('[WARNING] Unauthorized access attempt from nowhere: user alice, endpoint /submit');
  const broken = Buffer.concat([whole, Buffer.from([0xff])]);
  test('nothing is shown where all was understood', () => expect(shown(whole, whole)).toBeNull());
  test('the first is shown', () => expect(shown(whole, other, whole)).toBe(`other ${other}`));
  test('and a broken one before any other', () =>
    expect(shown(other, broken)).toBe(`broken ${broken.toString('latin1')}`));
});

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
/** Bytes that are still held after a collection. */
function kept(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

describe('bounded whatever comes', () => {
  test('A25: a line of 64 KiB and more never matches, counts once, and the next one is read', () => {
    const long = `[INFO] Job ${'x'.repeat(70_000)} completed successfully\n`;
    const longer = `[WARNING] Unauthorized access attempt from ${'1'.repeat(10 << 20)}\n`;
    const { lines, count } = take(long + denial('alice') + longer + denial('bob'));
    expect(lines.map(line => line.user)).toEqual(['alice', 'bob']);
    expect(count.lines).toBe(4);
  });
  test('B16: one megabyte of ": user " takes no time', () => {
    const line = Buffer.from(`[WARNING] Unauthorized access attempt from 10.0.0.1${': user x'.repeat(131_072)}\n`);
    take(line);
    const before = process.threadCpuUsage();
    expect(take(line)).toMatchObject({ lines: [], count: { lines: 1, unparsed: 1, bad: 1 } });
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(50);
  });
  test('B15: 64 KiB of nested brackets, quotes or backslashes in JSON take no time', () => {
    for (const text of ['[', '{"a":', '"', '\\', '\\"', '1', '-', '9e9', '"a":1,']) {
      const line = `[ERROR] 2024-09-18T10:30:15Z: HTTP 403 from scheduler: {"error":${text.repeat(Math.floor(60_000 / text.length))}\n`;
      const before = process.threadCpuUsage();
      expect(take(line).count.unparsed).toBe(1);
      const { user, system } = process.threadCpuUsage(before);
      expect((user + system) / 1000).toBeLessThan(50);
    }
  });
  test('G01: half a million invented names, addresses and paths do not grow memory', () => {
    const fill = (from: number): void => {
      let text = '';
      for (let i = from; i < from + 20_000; i++)
        text += denial(`u${i}`, `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`, `/${i}`);
      const bytes = Buffer.from(text);
      let users = 0;
      parse(bytes, 0, bytes.length, { kind: null, owner: null }, line => {
        if (line.user !== null && line.ip !== null) users++;
      });
      expect(users).toBe(20_000);
    };
    for (let n = 0; n < 5; n++) fill(n * 20_000);
    const before = kept();
    for (let n = 5; n < 25; n++) fill(n * 20_000);
    expect(kept() - before).toBeLessThan(16 << 20);
    // And after all of it a name is still itself.
    expect(take(denial('alice')).lines[0]).toMatchObject({ user: 'alice', ip: '10.0.0.1', endpoint: '/submit' });
  });
  test('G17: mutated lines: no crash, every line counted, no field that breaks its grammar', () => {
    const run = mutate(60_000, 42);
    expect(run.wrong).toEqual([]);
    expect(run.lines).toBe(60_000);
    expect(run.events).toBeGreaterThan(500);
    expect(run.unparsed).toBeGreaterThan(10_000);
  });
});

describe('the quick way', () => {
  test('takes mutated lines as the long way does', () => {
    const parser = new LineParser(rules);
    const { search } = parser;
    const fields = (taken: string): unknown[] =>
      taken === 'taken' ? [parser.rule, parser.user, parser.ip, parser.endpoint, parser.time] : [taken];
    let quick = 0;
    for (const bytes of [...mutatedChunks(10_000, 7), ...mutatedChunks(10_000, 7)]) {
      bytes.copy(search.text);
      search.find(0, bytes.length);
      for (let n = 0; n < search.found; n++) {
        const found = fields(parser.takeFound(n, null));
        const [start, end] = [search.start(n), search.end(n)];
        const long = fields(parser.take(search.text, start, end, search.buckets(n), null));
        expect(found, search.text.toString('latin1', start, end)).toEqual(long);
        if (search.template(n) >= 0) quick++;
      }
    }
    expect(quick).toBeGreaterThan(50);
  });
});

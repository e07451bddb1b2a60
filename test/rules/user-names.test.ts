/**
 * A site's own names through the parser: the quick way, the pattern and the text of a client line agree on every one of
 * them with the grammar, and nobody is read out of a name that is not theirs.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LONGEST_NAME, NAME_EXTRAS, USUAL_NAMES, type UserNameSettings, userNames } from '../../src/names.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { LineParser, makeParser } from '../../src/rules/parser.ts';
import { random } from './mutate.ts';

const RULES = new URL('../../rules', import.meta.url).pathname;
const MAIN = new URL('../../src/main.ts', import.meta.url).pathname;
const DIRECTORY: UserNameSettings = { capitals: true, digitFirst: false, also: ['\\', '@', '$'], longest: 64 };
const ALL: UserNameSettings = { capitals: true, digitFirst: true, also: NAME_EXTRAS, longest: LONGEST_NAME };
const SITES: UserNameSettings[] = [
  USUAL_NAMES,
  { ...USUAL_NAMES, capitals: true },
  { ...USUAL_NAMES, also: ['@'] },
  { ...USUAL_NAMES, digitFirst: true, longest: 5 },
  DIRECTORY,
  ALL,
];
const denial = (user: string): string =>
  `[WARNING] Unauthorized access attempt from 10.0.0.1: user ${user}, endpoint /submit\n`;
const told = (user: string): string =>
  `[ERROR] 2024-09-18T10:30:15Z: HTTP 403 from scheduler: ${JSON.stringify({ error: 'clw-scheduler-denied', message: `User ${user} not authorized` })}\n`;

/** Whom a parser of this site reads out of each line; null for a line that is not taken. */
function readBy(settings: UserNameSettings, lines: readonly string[]): (string | null)[] {
  const names = userNames(settings);
  const parse = makeParser(
    loadPacks([RULES], names).flatMap(pack => pack.rules),
    names,
  );
  const starts = new Map<number, number>();
  let at = 0;
  for (const [n, line] of lines.entries()) {
    starts.set(at, n);
    at += Buffer.byteLength(line);
  }
  const found: (string | null)[] = lines.map(() => null);
  const bytes = Buffer.from(lines.join(''));
  parse(bytes, 0, bytes.length, { kind: null, owner: null }, line => {
    found[starts.get(line.start)!] = line.user ?? '';
  });
  return found;
}

/** Texts near the border of what is a name. */
function texts(seed: number, count: number): string[] {
  const next = random(seed);
  const from = 'abZ09_.-\\@+$ ,:/;\u00e9';
  return Array.from({ length: count }, () => {
    const length = 1 + next(9);
    return Array.from({ length }, () => from[next(from.length)]).join('');
  });
}

describe('names of a site', () => {
  it('all packs are read in one way only, whatever a site calls its people', () => {
    expect(loadPacks([RULES], userNames(ALL)).length).toBeGreaterThan(0);
  });
  it('are read whole, from the server and from the client', () => {
    const names = ['DOM\\alice', 'alice@dom.example', 'Alice', 'a.b', 'NODE7$', 'DOM\\NODE7$'];
    expect(readBy(DIRECTORY, names.map(denial))).toEqual(names);
    expect(readBy(DIRECTORY, names.map(told))).toEqual(names);
    expect(readBy(USUAL_NAMES, names.map(denial))).toEqual([null, null, null, 'a.b', null, null]);
  });
  it('an address is its person where names hold no @', () => {
    expect(readBy(USUAL_NAMES, [told('alice@site.example')])).toEqual(['alice']);
    expect(readBy({ ...DIRECTORY, also: ['\\'] }, [told('DOM\\alice@site.example')])).toEqual(['DOM\\alice']);
  });
  it.each(SITES.map(s => [JSON.stringify(s), s] as const))(
    'the quick way, the pattern and the grammar agree on 4,000 texts, each seen twice: %s',
    (_, settings) => {
      const all = texts(7, 4000);
      const wanted = all.map(text => (userNames(settings).fits(text) ? text : null));
      expect(wanted.filter(Boolean).length).toBeGreaterThan(100);
      // The second time a name is known, and the program in WebAssembly takes the line.
      const twice = readBy(settings, [...all, ...all].map(denial));
      expect(twice.slice(0, all.length)).toEqual(wanted);
      expect(twice.slice(all.length)).toEqual(wanted);
    },
  );
  it('a known name takes the quick way', () => {
    const names = userNames(DIRECTORY);
    const parser = new LineParser(
      loadPacks([RULES], names).flatMap(pack => pack.rules),
      { names },
    );
    const line = Buffer.from(denial('DOM\\alice'));
    for (const known of [false, true]) {
      line.copy(parser.search.text);
      parser.search.find(0, line.length);
      expect(parser.search.template(0) >= 0).toBe(known);
      expect(parser.takeFound(0, 'server')).toBe('taken');
    }
  });
  it('B01 C01: a name that would be read as more than one is still nobody', () => {
    for (const text of [
      'x from 10.0.0.1: user root',
      'a, endpoint /x',
      'root, endpoint /submit',
      '--root=DIR',
      'a\\-rf',
      '-a',
    ])
      expect(readBy(ALL, [denial(text)])).toEqual([null]);
  });
  it('a template that such a name could run into is refused at load', () => {
    const dir = mkdtempSync(join(tmpdir(), 'readmit-names-'));
    try {
      writeFileSync(
        join(dir, 'logs.yaml'),
        'pack: own\npatterns:\n  - name: refused\n    log: server\n    event: denied\n    line: "gateway refused {user}@{host:word}"\n    matches: [{line: "gateway refused alice@h", fields: {user: alice}}]\n    rejects: ["gateway"]\n',
      );
      expect(loadPacks([dir])).toHaveLength(1);
      expect(() => loadPacks([dir], userNames(DIRECTORY))).toThrow(/logs\.yaml:6: refused: \{user\} is ambiguous/);
    } finally {
      rmSync(dir, { recursive: true });
    }
  });
});

it('`readmit scan --config` and `rules explain --config` count and explain such names', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-names-'));
  const readmit = (...argv: string[]): Promise<{ code: unknown; out: string }> =>
    new Promise(done =>
      execFile(process.execPath, [MAIN, ...argv], (error, out, err) =>
        done({ code: error?.code ?? 0, out: out + err }),
      ),
    );
  try {
    const [log, config, broken] = ['a.log', 'readmit.yaml', 'broken.yaml'].map(name => join(dir, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(log, denial('DOM\\alice').repeat(3) + denial('bob'));
    writeFileSync(config, "userNames: {capitals: true, also: ['\\']}\n");
    writeFileSync(broken, 'userNames: {also: ["/"]}\n');
    const users = async (...more: string[]): Promise<unknown> =>
      JSON.parse((await readmit('scan', log, '--json', ...more)).out).users.map((u: { user: string }) => u.user);
    expect(await users()).toEqual(['bob']);
    expect(await users('--config', config)).toEqual(['DOM\\alice', 'bob']);
    expect(await readmit('scan', log, '--config', broken)).toMatchObject({
      code: 2,
      out: expect.stringContaining('userNames.also.0'),
    });
    const line = denial('DOM\\alice').trim();
    expect(await readmit('rules', 'explain', line, '--config', config)).toMatchObject({
      code: 0,
      out: expect.stringContaining('user: DOM\\alice'),
    });
    const plain = { code: 1, out: expect.stringContaining('expected {user}, a user name: a to z or _ first') };
    writeFileSync(config, '');
    expect(await readmit('rules', 'explain', line, '--config', config)).toMatchObject(plain);
    expect(await readmit('rules', 'check', '--config', config)).toMatchObject({ code: 0 });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

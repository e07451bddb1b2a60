/**
 * Packs: what is written wrong is named with file and line; examples are run; `rules explain` says where a line failed.
 */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { detector } from '../../src/roles/detector.ts';
import { rulesCheck, rulesExplain } from '../../src/roles/rules.ts';
import { compiledPacks, ownRules } from '../../src/rules/cache.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';
import { parseTemplate } from '../../src/rules/template.ts';
import { aDenial } from '../detect/a-tally.ts';

const dirs: string[] = [];
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});
const temporary = (): string => {
  dirs.push(mkdtempSync(join(tmpdir(), 'readmit-rules-')));
  return dirs.at(-1)!;
};
function pack(text: string, name = 'site'): string {
  const dir = temporary();
  mkdirSync(join(dir, name));
  writeFileSync(join(dir, name, 'logs.yaml'), text);
  return dir;
}
const SSH = `pack: openssh
patterns:
  - name: not-allowed
    log: server
    event: denied
    line: "sshd: User {user} from {ip} not allowed because none of user's groups are listed in AllowGroups"
    matches:
      - line: "sshd: User bob from 192.0.2.7 not allowed because none of user's groups are listed in AllowGroups"
        fields: { user: bob, ip: 192.0.2.7 }
    rejects:
      - "sshd: User bob from example.com not allowed because none of user's groups are listed in AllowGroups"
`;
async function said(
  run: (out: { write(text: string): void }, err: { write(text: string): void }) => Promise<number>,
): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await run({ write: text => void out.push(text) }, { write: text => void err.push(text) });
  return { code, out: out.join(''), err: err.join('') };
}
const check = (dir: string, json = false): ReturnType<typeof said> =>
  said((stdout, stderr) => rulesCheck([dir], { json, stdout, stderr }));
const explain = (line: string, json = false): ReturnType<typeof said> =>
  said((stdout, stderr) => rulesExplain(line, { json, stdout, stderr }));

describe('templates that could be read in two ways are refused', () => {
  test.each([
    ['{user}{ip}', 'need text between'],
    ['{user:word}x', 'must be of type'],
    ['a {x:word}=y{n:int}', 'ambiguous'],
    ['a {x:int}0{y:word} b', 'ambiguous'],
    ['a {ip}: b {ip}', 'twice'],
    ['a {x:rest} b {y:int} c', 'rest of the line'],
    ['a {x:regex} b', 'no such type'],
    ['a {x', 'never closed'],
    ['a } b', 'closes nothing'],
    ['a {X} b', 'a field is'],
    ['a {x:int:int} b', 'a field is'],
    ['a\tb', 'control characters'],
  ])('%j: %s', (template, problem) => {
    expect(() => parseTemplate(template)).toThrow(problem);
  });
  test('a brace itself is written twice', () => {
    expect(parseTemplate('{{{n:int}}}')).toMatchObject([
      { literal: '{' },
      { field: 'n', type: 'int' },
      { literal: '}' },
    ]);
  });
});

describe('rules check', () => {
  test('our own packs are as their examples say', async () => {
    const { code, out, err } = await said((stdout, stderr) => rulesCheck([], { stdout, stderr }));
    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/openclaw.*0 faults/);
  });
  test("a site's own pack is loaded beside ours, and its lines are read", async () => {
    const dir = pack(SSH, 'openssh');
    expect((await check(dir)).code).toBe(0);
    const parse = makeParser(
      [...loadPacks([new URL('../../rules', import.meta.url).pathname, dir])].flatMap(p => p.rules),
    );
    const bytes = Buffer.from(
      "sshd: User bob from 192.0.2.7 not allowed because none of user's groups are listed in AllowGroups\n",
    );
    const seen: (string | null)[] = [];
    parse(bytes, 0, bytes.length, { kind: 'server', owner: null }, line =>
      seen.push(line.event, line.user, line.ip, line.endpoint),
    );
    expect(seen).toEqual(['denied', 'bob', '192.0.2.7', null]);
  });
  test.each<[string, (text: string) => string, number, RegExp]>([
    [
      'an example with another field',
      t => t.replace('user: bob', 'user: eve'),
      1,
      /logs\.yaml:3: openssh\/not-allowed: user is bob, should be eve/,
    ],
    ['a field that is not said', t => t.replace(', ip: 192.0.2.7', ''), 1, /ip is 192\.0\.2\.7, should be not there/],
    [
      'an example that does not match',
      t => t.replace('from 192.0.2.7 not', 'from 192.0.2.7 NOT'),
      1,
      /must match, but does not/,
    ],
    ['a reject that matches', t => t.replace('example.com', '192.0.2.8'), 1, /must not match, but does/],
    [
      'aliases of aliases of aliases',
      t =>
        `a: &a [x, x, x]\nb: &b [${'*a, '.repeat(9)}x]\nc: &c [${'*b, '.repeat(9)}x]\nd: [${'*c, '.repeat(9)}x]\n${t}`,
      2,
      /logs\.yaml:2: Excessive alias count/,
    ],
    ['no rejects', t => t.slice(0, t.indexOf('    rejects')), 2, /logs\.yaml:3: patterns\.0\.rejects/],
    [
      'no matches',
      t => t.replace(/ {4}matches:[\s\S]*?(?= {4}rejects)/, '    matches: []\n'),
      2,
      /logs\.yaml:7: patterns\.0\.matches: at least one line/,
    ],
    [
      'an unknown key',
      t => t.replace('event: denied', 'event: denied\n    regex: ".*"'),
      2,
      /logs\.yaml:6: patterns\.0\.regex: unknown key/,
    ],
    ['an unknown event', t => t.replace('event: denied', 'event: forbidden'), 2, /logs\.yaml:5: patterns\.0\.event/],
    [
      'an ambiguous template',
      t => t.replace('{user} from', '{user}{ip} from'),
      2,
      /logs\.yaml:6: not-allowed: .*need text between/,
    ],
    [
      'a condition without a json field',
      t => t.replace('    matches', '    where: { body.error: x }\n    matches'),
      2,
      /no field \{body:json\}/,
    ],
    [
      'nothing to be found by',
      t => t.replace(/line: "sshd.*AllowGroups"\n/, 'line: "{user} {ip}"\n'),
      2,
      /at least 6 characters/,
    ],
    ['two of one name', t => t + t.slice(t.indexOf('  - name')), 2, /another pattern of this name/],
    ['no YAML', () => 'pack: [', 2, /logs\.yaml:1:/],
    ['a key twice', t => `pack: x\n${t}`, 2, /logs\.yaml:2:/],
  ])('names %s', async (_name, change, code, message) => {
    const result = await check(pack(change(SSH)));
    expect(result.err).toMatch(message);
    expect(result.code).toBe(code);
  });
  test('a directory that is not there is wrong usage', async () => {
    expect((await check('/nowhere/at/all')).code).toBe(2);
  });
  test('what the diagnosis finds wrong in the causes of a pack counts too', async () => {
    const { code, err } = await said((stdout, stderr) =>
      rulesCheck([pack(SSH)], {
        stdout,
        stderr,
        checkCauses: dir => [{ file: `${dir}/causes/x.yaml`, line: 3, pattern: 'x', problem: 'no such fact' }],
      }),
    );
    expect(code).toBe(1);
    expect(err).toMatch(/causes\/x\.yaml:3: x: no such fact/);
  });
  test('--json says the same to a program', async () => {
    const { out } = await check(pack(SSH), true);
    expect(JSON.parse(out)).toEqual({ packs: ['openssh'], patterns: 1, examples: 2, faults: [] });
  });
});

describe('rules explain', () => {
  test('says which pattern took a line, with its fields', async () => {
    const { code, out } = await explain(
      '[WARNING] Unauthorized access attempt from ::ffff:192.168.1.100: user alice, endpoint /submit',
      true,
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toEqual({
      rule: 'openclaw/denied',
      event: 'denied',
      log: 'server',
      fields: { user: 'alice', ip: '192.168.1.100', endpoint: '/submit' },
    });
  });
  test.each([
    [
      '[WARNING] Unauthorized access attempt from 999.1.1.1: user alice, endpoint /submit',
      'openclaw/denied',
      44,
      /\{ip\}/,
    ],
    [
      '[WARNING] Unauthorized access attempt from 10.0.0.1: user Alice, endpoint /submit',
      'openclaw/denied',
      59,
      /\{user\}/,
    ],
    [
      '[WARNING] Unauthorized access attempt from 10.0.0.9: user x from 10.0.0.1: user root, endpoint /submit',
      'openclaw/denied',
      60,
      /, endpoint /,
    ],
    [
      '[WARNING] Unauthorized access attempt from 10.0.0.1: user alice, endpoint /submit twice',
      'openclaw/denied',
      82,
      /end of the line/,
    ],
    [
      '[ERROR] 2024-09-18T10:30:15Z: HTTP 403 from scheduler: {"error":"clw-scheduler-denied","message":"Go away"}',
      'openclaw/client-denied',
      56,
      /body\.message/,
    ],
    [
      '[ERROR] 2024-09-18T10:30:15Z: HTTP 403 from scheduler: {"error":"x","error":"y"}',
      'openclaw/client-denied',
      56,
      /strict JSON/,
    ],
  ])('%s stops at the right byte', async (line, rule, column, expected) => {
    const { code, out } = await explain(line, true);
    expect(code).toBe(1);
    const { nearest } = JSON.parse(out);
    expect([nearest.rule, nearest.column]).toEqual([rule, column]);
    expect(nearest.expected).toMatch(expected);
  });
  test('B21: shows escapes and does not send them to the terminal', async () => {
    const { out } = await explain('\x1b]52;c;eA==\x07\u202e');
    expect(out).toContain('\\x1b]52;c;eA==\\x07\\u202e');
    expect(out).not.toContain('\x1b');
  });
});

describe('the kept copy of checked rules', () => {
  test('is made once, used while the text is the same, and never when somebody else could have written it', async () => {
    const dir = pack(SSH);
    const cache = temporary();
    const first = await compiledPacks([dir], undefined, cache);
    const [name] = readdirSync(cache);
    expect(await compiledPacks([dir], undefined, cache)).toEqual(first);
    writeFileSync(join(cache, name!), JSON.stringify({ rules: [], events: {} }), { mode: 0o600 });
    expect((await compiledPacks([dir], undefined, cache)).rules).toEqual([]);
    rmSync(join(cache, name!));
    writeFileSync(join(cache, name!), JSON.stringify({ rules: [], events: {} }));
    chmodSync(join(cache, name!), 0o666);
    expect(await compiledPacks([dir], undefined, cache)).toEqual(first);
    writeFileSync(
      join(dir, 'site', 'logs.yaml'),
      SSH.replace('AllowGroups"\n    matches', 'AllowUsers"\n    matches').replaceAll(
        'in AllowGroups"',
        'in AllowUsers"',
      ),
    );
    expect((await compiledPacks([dir], undefined, cache)).rules[0]?.line).toMatch(/AllowUsers$/);
  });
});

test("what a site's own detect.yaml says of an event is what the running detector makes of it", () => {
  const dir = temporary();
  const patterns = readFileSync(join(ownRules(), 'openclaw/logs.yaml'), 'utf8');
  writeFileSync(join(dir, 'logs.yaml'), patterns);
  writeFileSync(join(dir, 'detect.yaml'), 'pack: openclaw\nevents: { queue-full: nothing }\n');
  const config = parseConfig('host: head\n', 'readmit.yaml');
  const opens = (dirs: string[], event: 'queue-full' | 'auth-failed'): boolean =>
    detector(config, loadPacks(dirs))()
      .observe(aDenial(0, { event, account: 'user' }), 0)
      .some(verdict => verdict.kind === 'open');
  const ours = join(ownRules(), 'openclaw');
  expect([opens([ours], 'queue-full'), opens([ours, dir], 'queue-full')]).toEqual([true, false]);
  expect(opens([ours, dir], 'auth-failed')).toBe(true);
});

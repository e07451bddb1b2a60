/** YAML that somebody wrote wrongly: a line and a sentence for each fault, whatever kind of file it stands in. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseApprovers } from '../src/approve/approvers.ts';
import { parseConfig } from '../src/config/config.ts';
import { loadCauses } from '../src/diagnose/causes.ts';
import { builtInPack } from '../src/diagnose/effects.ts';
import { readEntitlements } from '../src/diagnose/probes/entitlement.ts';
import { readSchedulerConfig } from '../src/diagnose/scheduler-config.ts';
import { loadSystem } from '../src/diagnose/system.ts';
import { claimsOf } from '../src/diagnose/token.ts';
import { loadCanary } from '../src/execute/canary.ts';
import { Usage } from '../src/incident.ts';
import { USUAL_NAMES, userNames } from '../src/names.ts';
import { loadPacks } from '../src/rules/pack.ts';
import { PLAIN, readYaml, SOME_ALIASES } from '../src/yaml-text.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-yaml-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const faults = (text: string, allowed = PLAIN): string[] => {
  const read = readYaml(text, allowed);
  return 'faults' in read ? read.faults.map(({ line, why }) => `${line}: ${why}`) : [];
};

describe('what is wrong is said in a sentence, with its line', () => {
  test.each([
    [
      'a tag of another language',
      'a: 1\nhost: !!js/function x\n',
      '2: !!js/function: no tag of this name is known here',
    ],
    ['a tag of a vault', 'a: !vault |\n  $ANSIBLE_VAULT\n', '1: !vault: no tag of this name is known here'],
    ['a tag on a list', 'a:\n- 1\nb: !x [1]\n', '3: !x: no tag of this name'],
    ['a tag on the whole', '!x\na: 1\n', '1: !x: no tag of this name'],
    ['bytes', 'a: !!binary aGk=\n', '1: !!binary: no tag of this name'],
    ['a date', 'a: !!timestamp 2026-01-01\n', '1: !!timestamp: no tag'],
    ['a number that is none', 'a: !!float x\n', '1: !!float: no tag'],
    ['an alias', 'a: &x 1\n\nb: *x\n', '3: *x: aliases have no place in this file; write the value itself'],
    ['a merge of an alias', 'a: &x {b: 1}\nc:\n  <<: *x\n', '3: *x: aliases have no place'],
    ['a key twice', 'a: {b: 1,\n  b: 2}\n', '2: a.b: this key is there already; keep one of them'],
    ['two documents', 'a: 1\n---\nb: 2\n', '2: Source contains multiple documents'],
    ['lists without end', '['.repeat(50_000), '1: '],
  ])('%s', (_, text, why) => {
    const found = faults(text);
    expect(found[0]!.slice(0, why.length)).toBe(why);
    expect(found[0]).not.toContain('\n');
  });

  test('an alias of nothing, and of aliases, where a few are allowed', () => {
    expect(faults('a: 1\nb: *nobody\n', SOME_ALIASES)[0]).toMatch(/^2: Unresolved alias.*nobody/);
    const bomb = [
      'a: &a [1, 1, 1, 1, 1, 1, 1, 1]',
      'b: &b [*a, *a, *a, *a, *a, *a, *a, *a]',
      'c: [*b, *b, *b, *b, *b, *b]',
    ];
    expect(faults(bomb.join('\n'), SOME_ALIASES)).toEqual([expect.stringMatching(/^2: Excessive alias count/)]);
    expect(faults('a: &x 1\nb: *x\n', SOME_ALIASES)).toEqual([]);
  });

  test('tags that only say what the value is anyway are none to complain of', () => {
    expect(readYaml('a: !!str 5\nb: ! 6\nc: !!int 7\n', PLAIN)).toMatchObject({ value: { a: '5', b: '6', c: 7 } });
  });
});

/** Each file that Readmit reads, with a text in it; what it says of that. */
describe('in every file that is read', () => {
  const inPack = (name: string, text: string): string => {
    const pack = join(dir, 'p');
    mkdirSync(join(pack, 'causes'), { recursive: true });
    writeFileSync(join(pack, name), text);
    return pack;
  };
  const FILES: Record<string, (text: string) => unknown> = {
    'readmit.yaml': text => parseConfig(text, 'readmit.yaml'),
    'approvers.yaml': text => parseApprovers(text, 'approvers.yaml'),
    'logs.yaml': text => loadPacks([inPack('logs.yaml', text)], userNames(USUAL_NAMES)),
    'system.yaml': text => loadSystem(inPack('system.yaml', text)),
    'canary.yaml': text => {
      inPack('canary.yaml', text);
      return loadCanary({ pack: 'p', rulesDir: dir }, dir);
    },
    'causes/x.yaml': text => loadCauses([inPack('causes/x.yaml', text)]),
  };
  const said = (look: () => unknown): unknown => {
    try {
      look();
    } catch (error) {
      return error;
    }
    return null;
  };

  test.each(Object.keys(FILES))('%s: a tag and an alias of nothing are wrong usage, with file and line', name => {
    for (const text of ['# first\nhost: !!js/function x\n', '# first\nhost: *nobody\n']) {
      const error = said(() => FILES[name]!(text));
      expect(error).toBeInstanceOf(Usage);
      expect((error as Error).message).toMatch(new RegExp(`${name}:2: [^\\n]+$`));
    }
  });

  test('the list of who is entitled', () => {
    expect(() => readEntitlements('claw-users: !all [alice]\n')).toThrow('!all: no tag of this name is known here');
    expect(() => readEntitlements('a: &x [alice]\nb: *x\n')).toThrow(/^\*x: aliases have no place.*\(line 2\)$/);
  });

  test("the scheduler's own: a tag is its own affair, unless it stands at what decides", () => {
    const system = loadSystem(builtInPack('openclaw'));
    const read = (mode: string, groups: string) =>
      readSchedulerConfig(`secret: !vault x\nauth:\n  mode: ${mode}\n  authorized_groups: ${groups}\n`, system);
    expect(read('groups', '[claw-users]')).toMatchObject({ valid: true, authorized: ['claw-users'] });
    expect(read('!env MODE', '[claw-users]')).toMatchObject({ valid: false, problem: /^auth\.mode: .*tag/ });
    expect(read('groups', '!include groups.yaml')).toMatchObject({ valid: false, problem: /authorized_groups: .*tag/ });
    expect(read('groups', '[!env GROUP]')).toMatchObject({ valid: false, problem: /authorized_groups: .*tag/ });
  });

  test("a user's cached token in a file made to break us says nothing, and breaks nothing", () => {
    const { token } = loadSystem(builtInPack('openclaw'));
    for (const text of ['['.repeat(50_000), 'token: *x\n', 'a: &a [*a]\ntoken: *a\n'])
      expect(claimsOf(text, token, userNames(USUAL_NAMES))).toMatchObject({ state: 'malformed' });
  });
});

/** Causes as files: their own examples hold, and whatever is wrong with one is said with its line. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkCauses, loadCauses } from '../../src/diagnose/causes.ts';
import { builtInPack } from '../../src/diagnose/effects.ts';
import { Usage } from '../../src/incident.ts';

const GOOD = `cause: no-quota
title: "{user} has no quota"
kind: user
order: 90
when:
  account.exists: true
remedy:
  none: ask the storage team
examples:
  holds:
    - { account.exists: true }
  fails:
    - { account.exists: false }
`;

let dir: string;
beforeEach(() => {
  dir = join(mkdtempSync(join(tmpdir(), 'causes-')), 'site');
  mkdirSync(join(dir, 'causes'), { recursive: true });
});
afterEach(() => rmSync(join(dir, '..'), { recursive: true, force: true }));

const written = (text: string, name = 'no-quota'): string => {
  const file = join(dir, 'causes', `${name}.yaml`);
  writeFileSync(file, text);
  return file;
};
const fault = (): string => {
  try {
    loadCauses([dir]);
  } catch (error) {
    expect(error).toBeInstanceOf(Usage);
    return (error as Error).message;
  }
  throw new Error('it loaded');
};

describe('the causes that come with Readmit', () => {
  const causes = loadCauses([builtInPack('openclaw')]);
  it('hold what their examples say', () => {
    expect(checkCauses(causes)).toEqual([]);
  });
  it('has the words of the article and of the practice cluster', () => {
    const words =
      `missing-group access-removed expired-token stale-token-groups stale-session config-too-strict config-not-loaded
      config-invalid wrong-mode scheduler-down port-blocked ipv6-only-broken selinux uid-mismatch ldap-lag directory-unavailable
      clock-skew proxy token-cache job-yaml queue-full auth-failed probing`.split(/\s+/);
    expect(causes.map(c => c.name)).toEqual(expect.arrayContaining(words.map(w => `openclaw/${w}`)));
  });
  it('never suggests to switch SELinux off', () => {
    expect(JSON.stringify(causes)).not.toMatch(/setenforce/i);
  });
});

describe("a site's own causes", () => {
  it('load beside them', () => {
    written(GOOD);
    const names = loadCauses([builtInPack('openclaw'), dir]).map(c => c.name);
    expect(names).toEqual(expect.arrayContaining(['openclaw/missing-group', 'site/no-quota']));
  });

  it.each([
    [
      'an unknown fact',
      GOOD.replace('  account.exists: true\nremedy', '  account.exist: true\nremedy'),
      /no-quota\.yaml:6: when\.account\.exist: no probe answers account\.exist; known there: .*account\.exists/,
    ],
    ['an unknown field in a text', GOOD.replace('{user} has', '{usr} has'), /:2: title: \{usr\} is neither a fact/],
    ['an unknown key', `${GOOD}colour: red\n`, /colour/],
    [
      'an unknown action',
      GOOD.replace('  none: ask the storage team', '  plan:\n    - { action: group.remove, group: x }'),
      /:9: .*group\.remove is no action; known: group\.add/,
    ],
    [
      'switching SELinux off',
      GOOD.replace('ask the storage team', 'run setenforce 0 for a while'),
      /:8: remedy\.none: switching SELinux off/,
    ],
    [
      'switching SELinux off among commands',
      GOOD.replace(
        '  none: ask the storage team',
        '  advice: { to: administrator, text: x, commands: ["sudo setenforce  0"], check: y }',
      ),
      /never suggested/,
    ],
    ['no example', GOOD.slice(0, GOOD.indexOf('examples:')), /examples/],
    ['a duplicate key', `${GOOD}kind: service\n`, /:14: /],
    [
      'an expression',
      GOOD.replace('account.exists: true\nremedy', 'account.exists: { matches: "t.*" }\nremedy'),
      /when/,
    ],
    [
      'another name than its file',
      GOOD.replace('cause: no-quota', 'cause: quota'),
      /:1: cause: the file is called no-quota\.yaml/,
    ],
  ])('refuse %s, with the line', (_what, text, message) => {
    written(text);
    expect(fault()).toMatch(message);
  });

  it('all faults come at once', () => {
    written(GOOD.replace('{user} has', '{usr} has'));
    written(GOOD.replace('cause: no-quota', 'cause: other').replace('kind: user', 'kind: nobody'), 'other');
    expect(fault().split('\n')).toHaveLength(2);
  });

  it('an example that does not do what it says is named', () => {
    const file = written(GOOD.replace('account.exists: false', 'account.exists: true'));
    expect(checkCauses(loadCauses([dir]))).toEqual([`${file}: examples.fails.0: site/no-quota holds`]);
  });
});

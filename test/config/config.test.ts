/** readmit.yaml as people get it wrong: each fault is told with its place and what would be right, and nothing starts by it. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { validate } from 'node-cron';
import { afterAll, describe, expect, it } from 'vitest';
import { loadGuardedConfig, parseConfig } from '../../src/config/config.ts';
import { isCron } from '../../src/config/report.ts';
import { Usage } from '../../src/incident.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const dir = mkdtempSync(join(tmpdir(), 'readmit-config-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('what is refused', () => {
  it.each([
    ['a time zone nobody has', 'report:\n  timezone: Europe/Berln\n', ':2: report.timezone: a time zone of the IANA'],
    ['an address without a port', 'web:\n  listen: nowhere\n', ':2: web.listen: ADDRESS:PORT'],
    ['a port alone', 'web:\n  listen: ":8420"\n', ':2: web.listen: ADDRESS:PORT'],
    ['a report at no time', 'report:\n  cron: nonsense\n', ':2: report.cron: a cron expression'],
    ['a report in the 25th hour', 'report: {cron: "0 25 * * 1"}\n', ':1: report.cron: a cron expression'],
    [
      'a group that is as good as root',
      'policy:\n  groups:\n    - claw-users\n    - sudo\n',
      ':4: policy.groups.1: a group',
    ],
    ['a header in an address', 'mail:\n  to: ["a@b.c\\r\\nBcc: x@y.z"]\n', ':2: mail.to.0: name@domain'],
    ['a header in a name', 'mail:\n  to: ["A\\r\\nBcc: x <a@b.c>"]\n', ':2: mail.to.0: name@domain'],
    ['a header in what it is sent from', 'mail: {from: "a@b.c\\nBcc: x@y.z"}\n', ':1: mail.from: name@domain'],
    ['a header in the report', 'report: {to: ["A\\nB <a@b.c>"]}\n', ':1: report.to.0: name@domain'],
    ['a domain that is none', 'mail: {userDomain: "b.c\\nx"}\n', ':1: mail.userDomain: a domain'],
    ['a key twice', 'host: a\nmail:\n  port: 25\n  port: 26\n', ':4: mail.port: this key is there already'],
    ['a key twice at the top', 'host: a\nmail: {}\nhost: b\n', ':3: host: this key is there already'],
  ])('%s, with file, line, key and what would be right', (_, text, told) => {
    expect(() => parseConfig(text, 'readmit.yaml')).toThrow(`readmit.yaml${told}`);
    expect(() => parseConfig(text, 'readmit.yaml')).toThrow(Usage);
  });

  it.each([
    ...[
      '0 7 * * 1',
      '*/15 0-6 1,15 jan-mar mon',
      '30 0 7 * * Monday',
      '5/10 * * * 7',
      '0 7 * * mon-fri',
      '0 7 * * monkey',
      '0 7 1 January *',
      '50-10 * * * *',
      '5-10/2 * * * *',
      ' 0  7 * * sun,tue ',
    ],
    ...['nonsense', '', '* * * *', '60 * * * *', '0 24 * * *', '0 0 0 * *', '0 0 * 13 *', '0 0 * * 8', '*/0 * * * *'],
    ...['0 0 * * 1-2-3', '0 7 * * 1 2 3', '-1 * * * *'],
  ])('what is a cron expression here is one for what keeps the time: %s', cron => {
    expect(isCron(cron)).toBe(validate(cron));
  });

  it.each(['http://127.0.0.1:6379', '127.0.0.1:6379', 'redis://', 'redis', 'rediss:/x'])(
    '%s is no Redis: refused with its key',
    url => {
      const yaml = `redis:\n  url: "${url}"\n`;
      expect(() => parseConfig(yaml, 'readmit.yaml')).toThrow(/^readmit\.yaml:2: redis\.url: .*redis:\/\//);
    },
  );
  it.each(['redis://127.0.0.1:6379', 'rediss://cache.site.example:6380/2', 'redis://[::1]:6379'])('%s is one', url => {
    expect(parseConfig(`redis: { url: "${url}" }\n`, 'readmit.yaml').redis.url).toBe(url);
  });

  it('aliases of aliases of aliases: wrong usage, not a crash', () => {
    const lists = [...'bcdefgh'].map((l, n) => `${l}: &${l} [${Array(9).fill(`*${'abcdefg'[n]}`).join(', ')}]`);
    const bomb = ['a: &a [x, x, x]', ...lists].join('\n');
    expect(() => parseConfig(bomb, 'readmit.yaml')).toThrow(Usage);
    expect(() => parseConfig(bomb, 'readmit.yaml')).toThrow('readmit.yaml:2: Excessive alias count');
  });

  it.each(['127.0.0.1:8420', '[::1]:8420', 'localhost:0', 'head-01.site.example:443'])('%s is an address', listen => {
    expect(parseConfig(`web: {listen: "${listen}"}`, 'readmit.yaml').web.listen).toBe(listen);
  });
});

describe('what the executor acts by', () => {
  const file = (name: string, mode: number, under = dir): string => {
    const path = join(under, name);
    mkdirSync(under, { recursive: true });
    writeFileSync(path, `state: ${dir}/state\nexecutor: {socket: ${dir}/run/exec.sock}\n`);
    chmodSync(path, mode);
    return path;
  };

  it.each([
    ['group', 0o664],
    ['everybody', 0o646],
  ])('a configuration that %s may write is not started with', async (_, mode) => {
    const path = file(`${mode}.yaml`, mode);
    expect(() => loadGuardedConfig(path)).toThrow(`${path}: group or others may write to it`);
    const { code, said } = await new Promise<{ code: unknown; said: string }>(done =>
      execFile(process.execPath, [MAIN, 'exec', '--config', path], { timeout: 10_000 }, (error, _out, said) =>
        done({ code: error?.code, said }),
      ),
    );
    expect(said).toContain(`chmod go-w ${path}`);
    expect(code).toBe(2);
  });

  it('nor one that others could swap, behind a link either', () => {
    const open = join(dir, 'open');
    const path = file('readmit.yaml', 0o644, open);
    chmodSync(open, 0o777);
    symlinkSync(path, join(dir, 'link.yaml'));
    expect(() => loadGuardedConfig(join(dir, 'link.yaml'))).toThrow(`${open}: group or others may write to it`);
  });

  it('its own, reached by a link or in a directory where nobody takes what is another’s, is read', () => {
    const path = file('own.yaml', 0o644);
    symlinkSync(path, join(dir, 'good.yaml'));
    expect(loadGuardedConfig(join(dir, 'good.yaml')).state).toBe(`${dir}/state`);
    const sticky = join(dir, 'sticky');
    const there = file('readmit.yaml', 0o644, sticky);
    chmodSync(sticky, 0o1777);
    expect(loadGuardedConfig(there).state).toBe(`${dir}/state`);
  });
});

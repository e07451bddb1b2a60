/** readmit.yaml as people get it wrong: each fault is told with its place and what would be right, and nothing starts by it. */
import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { loadGuardedConfig, parseConfig } from '../../src/config/config.ts';
import { Usage } from '../../src/incident.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const dir = mkdtempSync(join(tmpdir(), 'readmit-config-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('what is refused', () => {
  it.each([
    ['a time zone nobody has', 'report:\n  timezone: Europe/Berln\n', ':2: report.timezone: a time zone of the IANA'],
    ['an address without a port', 'web:\n  listen: nowhere\n', ':2: web.listen: ADDRESS:PORT'],
    ['a port alone', 'web:\n  listen: ":8420"\n', ':2: web.listen: ADDRESS:PORT'],
  ])('%s, with file, line, key and what would be right', (_, text, told) => {
    expect(() => parseConfig(text, 'readmit.yaml')).toThrow(`readmit.yaml${told}`);
    expect(() => parseConfig(text, 'readmit.yaml')).toThrow(Usage);
  });

  it('aliases of aliases of aliases: wrong usage, not a crash', () => {
    const lists = [...'bcdefgh'].map((l, n) => `${l}: &${l} [${Array(9).fill(`*${'abcdefg'[n]}`).join(', ')}]`);
    const bomb = ['a: &a [x, x, x]', ...lists].join('\n');
    expect(() => parseConfig(bomb, 'readmit.yaml')).toThrow(Usage);
    expect(() => parseConfig(bomb, 'readmit.yaml')).toThrow('readmit.yaml: Excessive alias count');
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

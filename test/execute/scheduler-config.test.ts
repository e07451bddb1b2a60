/** The scheduler's configuration: written, checked, put back, and never half. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../src/digest.ts';
import type { Order } from '../../src/messages.ts';
import { authorizeUsers, order, restart, restoreOf } from './ground.ts';
import { ground, ready, send } from './one-ground.ts';

describe('the scheduler configuration', () => {
  test('C10 only the shown line is inserted; mode, owner and every other byte stay, and a 0600 copy is kept', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const text = readFileSync(file, 'utf8');
    expect((await send(order(ground, [authorizeUsers(ground)]))).result).toBe('done');
    expect(readFileSync(file, 'utf8')).toBe(
      text.replace('# Too restrictive\n', '# Too restrictive\n    - "claw-users"\n'),
    );
    const { readdirSync } = await import('node:fs');
    const [backup] = readdirSync(ground.path('state/exec/backups'));
    expect(ground.read('state/exec/backups', backup!)).toBe(text);
    expect(statSync(ground.path('state/exec/backups', backup!)).mode & 0o777).toBe(0o600);
  });

  test('C12 C13 a file that was changed since is stale, one that is not as approved is refused', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const step = authorizeUsers(ground);
    writeFileSync(file, `${readFileSync(file, 'utf8')}# by ansible\n`);
    expect((await send(order(ground, [step]))).result).toBe('stale');
    const shown = authorizeUsers(ground, { diff: '--- nothing to see\n' });
    expect(await send(order(ground, [shown]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('splice-differs'),
    });
    const more = authorizeUsers(ground, { insert: '    - "claw-users"\n    - "everybody"\n' });
    expect((await send(order(ground, [more]))).detail).toContain('splice-differs');
  });

  test('a restart that does not come up puts the file back at once and restarts again', async () => {
    await ready({ executor: { timeout: 1 } });
    const file = ground.config.scheduler.config;
    const text = readFileSync(file, 'utf8');
    ground.script(
      'systemctl',
      `echo "$*" >> ${ground.dir}/systemctl.log; case "$1" in is-active) if grep -q claw-users ${file}; then echo failed; else echo active; fi;; esac`,
    );
    const step = authorizeUsers(ground);
    const outcome = await send(order(ground, [step, restart()], { undo: [restoreOf(step), restart()] }));
    expect(outcome).toMatchObject({ result: 'failed', detail: expect.stringContaining('was put back') });
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(ground.asked().filter(a => a.startsWith('restart'))).toHaveLength(2);
  });

  describe('a restart is what was seen of it, not what systemctl said', () => {
    /** `restart` does this; the unit stops for two looks and is active then, since the given second. */
    const unit = (restart: string, since = '$(date +%s)'): void =>
      ground.script(
        'systemctl',
        `echo "$*" >> ${ground.dir}/systemctl.log; cd ${ground.dir}; case "$1" in
          restart) touch asked-for; ${restart};;
          is-active) [ -e asked-for ] && echo x >> looks; if [ -e asked-for ] && [ "$(wc -l < looks)" -le 2 ]; then echo deactivating; else echo active; fi;;
          show) if [ -e asked-for ]; then echo "@${since}"; else echo "@1000000000"; fi;;
        esac`,
      );
    const patchAndRestart = (): Order => {
      const step = authorizeUsers(ground);
      return order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    };

    test.each([
      ['which takes longer than a command may take', `echo $$ >> pids; exec sleep 60`],
      ['of which systemctl said that it failed', 'exit 1'],
    ])('one %s, and comes up: done', async (_, body) => {
      await ready({ executor: { timeout: 2 } });
      unit(body);
      expect(await send(patchAndRestart())).toMatchObject({
        result: 'done',
        detail: expect.stringMatching(/systemctl .*but the unit is active since/),
      });
      expect(ground.asked().filter(a => a.startsWith('restart'))).toHaveLength(1);
    });

    test('a start is done when the unit runs, whoever was first', async () => {
      await ready({ executor: { timeout: 2 } });
      ground.script(
        'systemctl',
        `cd ${ground.dir}; case "$1" in start) touch asked-for; exit 1;; is-active) [ -e asked-for ] && echo active || echo inactive;; show) echo @1000000000;; esac`,
      );
      const start = restart({ action: 'service.start', argv: ['systemctl', 'start', 'claw-scheduler'] });
      expect((await send(order(ground, [start]))).result).toBe('done');
    });

    test('one of which nobody says whether it happened: failed, and said so', async () => {
      await ready({ executor: { timeout: 1 } });
      unit('exit 1', '');
      expect(await send(order(ground, [restart()]))).toMatchObject({
        result: 'failed',
        detail: expect.stringMatching(/exit 1; the unit is active, since when is not known/),
      });
    });

    test('one that was said to be done, of a unit that is active as long as before: failed', async () => {
      await ready({ executor: { timeout: 2 } });
      unit('true', '1000000000');
      expect(await send(order(ground, [restart()]))).toMatchObject({
        result: 'failed',
        detail: expect.stringContaining('the unit is active as before'),
      });
    });
  });

  test('a restart is for the configuration that was shown', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const shown = order(ground, [restart()], { over: { assumes: { 'config.hash': sha256(readFileSync(file)) } } });
    writeFileSync(file, `${readFileSync(file, 'utf8')}# by ansible\n`);
    expect((await send(shown)).result).toBe('stale');
    const again = order(ground, [restart()], { over: { assumes: { 'config.hash': sha256(readFileSync(file)) } } });
    expect((await send(again)).result).toBe('done');
  });

  test.each<[string, (file: string) => void]>([
    ["the service's own account owns it", file => chownSync(file, 41002, 41002)],
    [
      'it is a link',
      file => {
        renameSync(file, `${file}.real`);
        symlinkSync(`${file}.real`, file);
      },
    ],
    ['its directory is shared', file => chmodSync(dirname(file), 0o775)],
  ])('what could not be patched safely can be compared: a restart where %s', async (_, prepare) => {
    await ready();
    const file = ground.config.scheduler.config;
    prepare(file);
    const shown = (): Partial<Order> => ({ assumes: { 'config.hash': sha256(readFileSync(file)) } });
    const old = shown();
    writeFileSync(file, `${readFileSync(file, 'utf8')}# by ansible\n`);
    expect((await send(order(ground, [restart()], { over: old }))).result).toBe('stale');
    expect((await send(order(ground, [restart()], { over: shown() }))).result).toBe('done');
    expect((await send(order(ground, [authorizeUsers(ground)]))).detail).toMatch(/unsafe-(file|directory)/);
  });

  test('something that is no file is neither read nor waited for', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const assumes = { 'config.hash': sha256(readFileSync(file)) };
    rmSync(file);
    execFileSync('mkfifo', [file]);
    expect((await send(order(ground, [restart()], { over: { assumes } }))).detail).toContain('not a regular file');
    expect((await send(order(ground, [restart()]))).detail).toMatch(/config-invalid.*not a regular file/);
  });

  test('a scheduler whose configuration is broken is not restarted', async () => {
    await ready();
    writeFileSync(ground.config.scheduler.config, 'auth: [\n');
    expect(await send(order(ground, [restart()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('config-invalid'),
    });
    expect(ground.asked().some(a => a.startsWith('restart'))).toBe(false);
  });
});

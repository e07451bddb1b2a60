/** A run that was cut in two: what it had done stays its own, what it had begun is brought to an end. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { auditFiles, verifyAudit } from '../../src/execute/audit.ts';
import { Retry } from '../../src/incident.ts';
import type { Order } from '../../src/messages.ts';
import {
  addAlice,
  authorizeUsers,
  type Exec,
  type Ground,
  makeGround,
  members,
  order,
  restart,
  restoreOf,
} from './ground.ts';

let ground: Ground;
afterEach(() => ground?.stop());
const undoOf = (o: Order): Order => ({ ...o, what: 'undo', run: `${o.run}-undo` });
const text = (): string => readFileSync(ground.config.scheduler.config, 'utf8');
const restarts = (): number => ground.asked().filter(a => a.startsWith('restart')).length;

/** Kills the executor where a program of this ground says that it was reached. */
async function killedAt(exec: Exec, o: Order): Promise<void> {
  const lost = expect(ground.send(o)).rejects.toThrow(Retry);
  for (let n = 0; n < 500 && !existsSync(ground.path('reached')); n++) await sleep(10);
  expect(existsSync(ground.path('reached'))).toBe(true);
  await exec.kill('SIGKILL');
  await lost;
}
const hang = (): string => `touch ${ground.dir}/reached; echo $$ >> ${ground.dir}/pids; exec sleep 30`;
/** A systemctl that does this when it is asked about a scheduler with the changed file, and that with the file as it was. */
const scheduler = (changed: string, unchanged = 'echo active'): void =>
  ground.script(
    'systemctl',
    `echo "$*" >> ${ground.dir}/systemctl.log; case "$1" in is-active) if grep -q claw-users ${ground.config.scheduler.config}; then ${changed}; else ${unchanged}; fi;; esac`,
  );

describe('killed after the file was changed, before the restart', () => {
  const prepare = async (): Promise<{ o: Order; before: string }> => {
    ground = makeGround({ executor: { timeout: 1 } });
    // The look before the restart is the last thing it does.
    scheduler(hang());
    const exec = await ground.start();
    const before = text();
    const step = authorizeUsers(ground);
    const o = order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    await killedAt(exec, o);
    return { o, before };
  };

  test('E01 C15 sent again, a restart that fails puts the file back at once', async () => {
    const { o, before } = await prepare();
    scheduler('echo failed');
    await ground.start();
    expect(ground.audit().at(-1)).toMatchObject({ what: 'run.recovered', after: { steps: ['done', 'not-done'] } });
    expect(text()).toContain('"claw-users"');
    expect(await ground.send(o)).toMatchObject({ result: 'failed', detail: expect.stringContaining('was put back') });
    expect(text()).toBe(before);
    expect(restarts()).toBe(2);
  });

  test('E01 sent again, the change is told as done, and can be taken back', async () => {
    const { o, before } = await prepare();
    scheduler('echo active');
    await ground.start();
    expect(await ground.send(o)).toMatchObject({
      result: 'done',
      detail: 'done: config.authorize-group, service.restart',
      steps: [{ result: 'done' }, { result: 'done' }],
    });
    expect(await ground.send(undoOf(o))).toMatchObject({ result: 'done' });
    expect(text()).toBe(before);
  });

  test('refused when it comes again, it is not told as if nothing had been changed', async () => {
    const { o } = await prepare();
    scheduler('echo active');
    const exec = await ground.start();
    await exec.kill();
    const file = ground.path('readmit/readmit.yaml');
    ground.write(readFileSync(file, 'utf8').replace('"policy":{', '"policy":{"units":[],'), 'readmit/readmit.yaml');
    await ground.start();
    expect(await ground.send(o)).toMatchObject({
      result: 'failed',
      detail: expect.stringMatching(/\(done, not-done\).*unit-not-allowed/),
      steps: [{ action: 'config.authorize-group', result: 'done' }, { result: 'not-done' }],
    });
  });
});

test('E01 an undo that was killed before its restart goes on with the restart', async () => {
  ground = makeGround();
  const exec = await ground.start();
  const before = text();
  const step = authorizeUsers(ground);
  const o = order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
  expect((await ground.send(o)).result).toBe('done');
  scheduler('echo active', hang());
  await killedAt(exec, undoOf(o));
  expect(text()).toBe(before);
  scheduler('echo active');
  await ground.start();
  expect(await ground.send(undoOf(o))).toMatchObject({ result: 'done' });
  expect(restarts()).toBe(2);
});

describe('C15 F06 killed between a restart that failed and the restore', () => {
  const prepare = async (): Promise<{ o: Order; before: string }> => {
    ground = makeGround({ executor: { timeout: 1 } });
    scheduler('echo failed');
    // The first time it is the change that copies attributes, the second time the restore.
    ground.script(
      'cp',
      `if [ -e ${ground.dir}/once ]; then ${hang()}; fi; touch ${ground.dir}/once; exec /bin/cp "$@"`,
    );
    const exec = await ground.start();
    const before = text();
    const step = authorizeUsers(ground);
    const o = order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    await killedAt(exec, o);
    expect(text()).toContain('"claw-users"');
    ground.script('cp', 'exec /bin/cp "$@"');
    return { o, before };
  };

  test('the next start puts the file back', async () => {
    const { o, before } = await prepare();
    await ground.start();
    expect(text()).toBe(before);
    expect(restarts()).toBe(2);
    expect(ground.audit().filter(e => e.what === 'rollback.intent')).toHaveLength(1);
    expect(ground.audit().at(-1)).toMatchObject({
      what: 'run.recovered',
      after: { result: 'failed', detail: expect.stringContaining('was put back'), steps: ['undone', 'failed'] },
    });
    const outcome = await ground.send(o);
    expect(outcome).toMatchObject({ result: 'failed', detail: expect.stringContaining('was put back') });
    expect(outcome.detail).not.toContain('sent again');
    expect(restarts()).toBe(2);
  });

  test('where that is not possible any more, it is said, the change stays ours, and others are not held up', async () => {
    const { o } = await prepare();
    const place = ground.path('etc/claw-scheduler');
    renameSync(place, `${place}.aside`);
    await ground.start();
    expect(await ground.send(o)).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining('NOT be put back'),
    });
    expect((await ground.send(order(ground, [addAlice()]))).result).toBe('done');
    renameSync(`${place}.aside`, place);
    scheduler('echo failed');
    expect(await ground.send(undoOf(o))).toMatchObject({ result: 'done' });
  });
});

test('F05 the disk is full right after the act: no answer is made up, and the end is told when there is room', async () => {
  ground = makeGround();
  const disk = ground.path('state');
  mkdirSync(disk);
  let exec: Exec | null = null;
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
  try {
    exec = await ground.start();
    ground.script(
      'usermod',
      `echo x >> ${ground.dir}/usermod.log; /usr/sbin/usermod --prefix ${ground.dir} "$@"; dd if=/dev/zero of=${disk}/ballast bs=1k count=2048 2>/dev/null; exit 0`,
    );
    const o = order(ground, [addAlice()]);
    for (let n = 0; n < 2; n++) await expect(ground.send(o)).rejects.toThrow(/has not ended yet/);
    rmSync(`${disk}/ballast`);
    expect(await ground.send(o)).toMatchObject({ result: 'done', steps: [{ action: 'group.add', result: 'done' }] });
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
    expect(ground.read('usermod.log')).toBe('x\n');
    expect(verifyAudit(auditFiles(`${disk}/exec/audit.jsonl`))).toMatchObject({ ok: true });
  } finally {
    await exec?.kill('SIGKILL');
    execFileSync('umount', [disk]);
  }
});

test('F05 a run that comes again while nothing can be recorded is not forgotten', async () => {
  ground = makeGround();
  let exec = await ground.start();
  const usermod = ground.read('bin/usermod');
  ground.script('usermod', hang());
  const o = order(ground, [addAlice()]);
  await killedAt(exec, o);
  ground.write(usermod, 'bin/usermod');
  exec = await ground.start();
  const audit = ground.path('state/exec/audit.jsonl');
  renameSync(audit, `${audit}.aside`);
  expect((await ground.send(o)).detail).toContain('no-audit');
  await exec.kill();
  renameSync(`${audit}.aside`, audit);
  await ground.start();
  expect(ground.audit().map(e => e.what)).toEqual(['run.intent', 'run.recovered']);
  expect((await ground.send(o)).result).toBe('done');
});

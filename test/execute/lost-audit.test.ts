/** An audit file that was taken away or cut while nobody was looking: the executor's ledger knows better. */
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { executorChain } from '../../src/cli/executor-chain.ts';
import { orderExecutor } from '../../src/execute/client.ts';
import { addAlice, type Ground, makeGround, members, order } from './ground.ts';

let ground: Ground;
afterEach(() => ground?.stop());
const file = () => ground.path('state/exec/audit.jsonl');
const status = () => orderExecutor(ground.config.executor.socket, { v: 1, kind: 'status' });
const verdict = () => executorChain(ground.config, null).verdict;

const cut = (): void => writeFileSync(file(), `${readFileSync(file(), 'utf8').split('\n')[0]}\n`);

test.each([
  ['missing', () => rmSync(file()), 1, /missing.*lacks entry 2/],
  ['cut', cut, 2, /lacks entry 2/],
  ['empty', () => writeFileSync(file(), ''), 1, /lacks entry 2/],
])(
  'an audit file that is %s after a restart: named, and nothing is done until it is back',
  async (_, take, seq, why) => {
    ground = makeGround();
    let exec = await ground.start();
    expect((await ground.send(order(ground, [addAlice({ gid: 1 })]))).result).toBe('stale');
    expect((await ground.send(order(ground, [addAlice({ gid: 1 })]))).result).toBe('stale');
    await exec.kill();
    expect(verdict()).toMatchObject({ ok: true, entries: 2 });
    const whole = readFileSync(file());
    take();
    expect(verdict()).toMatchObject({ ok: false, seq, file: file(), why: expect.stringMatching(why) });
    exec = await ground.start();
    // The executor holds its ledger now.
    expect(executorChain(ground.config, null)).toMatchObject({ verdict: { ok: false, seq }, ledgerHeld: false });
    expect(exec.stderr()).toMatch(/executor.not-ready.*not whole/);
    expect(await status()).toMatchObject({ ok: false, problem: expect.stringMatching(why) });
    expect(await ground.send(order(ground, [addAlice()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/no-audit.*Put it back/),
    });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    writeFileSync(file(), whole);
    expect((await ground.send(order(ground, [addAlice()]))).result).toBe('done');
    await exec.kill();
    expect(verdict()).toMatchObject({ ok: true, entries: 4 });
  },
);

test('a ledger that never kept a head still knows of its runs', async () => {
  ground = makeGround();
  const exec = await ground.start();
  expect((await ground.send(order(ground, [addAlice()]))).result).toBe('done');
  await exec.kill();
  const { DatabaseSync } = await import('node:sqlite');
  const ledger = new DatabaseSync(ground.path('state/exec/ledger.db'));
  ledger.exec("DELETE FROM meta WHERE key = 'audit-head'");
  ledger.close();
  expect(verdict()).toMatchObject({ ok: true });
  rmSync(file());
  expect(verdict()).toMatchObject({ ok: false, why: expect.stringMatching(/missing.*says nothing of run/) });
  await ground.start();
  expect(await status()).toMatchObject({ ok: false });
});

test('an administrator decides that it goes on: once, on the record, and not before there is something to decide', async () => {
  ground = makeGround();
  const decision = ground.path('state/exec/accept-audit');
  let exec = await ground.start();
  expect((await ground.send(order(ground, [addAlice({ gid: 1 })]))).result).toBe('stale');
  await exec.kill();
  writeFileSync(decision, 'ann: in advance\n');
  exec = await ground.start();
  expect(exec.stderr()).toContain('taken away unused');
  expect(existsSync(decision)).toBe(false);
  await exec.kill();
  renameSync(file(), ground.path('lost'));
  writeFileSync(decision, 'ann: the disk was replaced\n');
  exec = await ground.start();
  expect(ground.audit()).toMatchObject([
    {
      seq: 1,
      what: 'audit.accepted',
      before: { missing: expect.stringContaining('lacks entry 1'), head: { seq: 1 } },
      after: { decision: 'ann: the disk was replaced' },
    },
  ]);
  expect(existsSync(decision)).toBe(false);
  expect((await ground.send(order(ground, [addAlice()]))).result).toBe('done');
  await exec.kill();
  expect(verdict()).toMatchObject({ ok: true, entries: 3 });
});

test('a file that is moved away while the executor runs is told when it is asked how it is', async () => {
  ground = makeGround();
  await ground.start();
  expect((await ground.send(order(ground, [addAlice({ gid: 1 })]))).result).toBe('stale');
  expect(await status()).toMatchObject({ ok: true });
  renameSync(file(), ground.path('aside'));
  expect(await status()).toMatchObject({ ok: false, problem: expect.stringContaining('moved, removed or changed') });
  renameSync(ground.path('aside'), file());
  expect(await status()).toMatchObject({ ok: true });
});

/** What Readmit did, taken back by it: only that, and only while it is still so. */
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { Order } from '../../src/messages.ts';
import { addAlice, authorizeUsers, GROUP, members, order, removeAlice, restart, restoreOf } from './ground.ts';
import { ground, ready, send } from './one-ground.ts';

describe('taking back', () => {
  const undoOf = (o: Order): Order => ({ ...o, what: 'undo', run: `${o.run}-undo` });

  test('our own addition, under the same votes, once', async () => {
    await ready();
    const o = order(ground, [addAlice()], { undo: [removeAlice()] });
    expect((await send(undoOf(o))).detail).toContain('not-our-change');
    expect((await send(o)).result).toBe('done');
    expect(
      (await send({ ...undoOf(o), votes: order(ground, [addAlice()], { by: ['root-ben'] }).votes })).detail,
    ).toContain('other-votes');
    expect(await send(undoOf(o))).toMatchObject({ result: 'done' });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    // Somebody else adds her again: that is not ours to take back.
    ground.write(GROUP.replace('42000:bob', '42000:bob,alice'), 'etc/group');
    expect((await send({ ...undoOf(o), run: 'second' })).detail).toContain('not-our-change');
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
  });

  test('not what a later plan gave anew, when others had taken away what this one gave', async () => {
    await ready();
    const first = order(ground, [addAlice()], { undo: [removeAlice()] });
    expect((await send(first)).result).toBe('done');
    ground.write(GROUP, 'etc/group');
    const second = order(ground, [addAlice()], { undo: [removeAlice()] });
    expect((await send(second)).result).toBe('done');
    expect((await send(undoOf(first))).detail).toContain('not-our-change');
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
    expect((await send(undoOf(second))).result).toBe('done');
    expect(members(ground, 'claw-users')).toEqual(['bob']);
  });

  test('not what was there before us', async () => {
    await ready();
    ground.write(GROUP.replace('42000:bob', '42000:bob,alice'), 'etc/group');
    const o = order(ground, [addAlice()], { undo: [removeAlice()] });
    expect((await send(o)).result).toBe('already');
    expect((await send(undoOf(o))).detail).toContain('not-our-change');
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
  });

  test('what is ours, however much narrower the policy has become; but not what configuration management owns now', async () => {
    let exec = await ready();
    const { file: policyFile } = ground.config;
    const written = readFileSync(policyFile, 'utf8');
    const narrowed = async (over: { policy?: object; scheduler?: object; watch?: object }): Promise<void> => {
      await exec.kill();
      const config = JSON.parse(written);
      const scheduler = { ...config.scheduler, ...over.scheduler };
      writeFileSync(
        policyFile,
        JSON.stringify({ ...config, ...over, scheduler, policy: { ...config.policy, ...over.policy } }),
      );
      exec = await ground.start();
    };
    const grant = order(ground, [addAlice()], { undo: [removeAlice()] });
    const file = ground.config.scheduler.config;
    const before = readFileSync(file, 'utf8');
    const step = authorizeUsers(ground);
    const change = order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    for (const o of [grant, change]) expect((await send(o)).result).toBe('done');

    await narrowed({ policy: { manager: 'ansible' } });
    expect(await send(undoOf(grant))).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/managed: ansible .* taken back there/),
    });
    await narrowed({
      policy: { groups: [], files: [], units: [], denyUsers: ['alice'] },
      scheduler: { standardGroup: 'others', elevatedGroups: ['claw-users'] },
      watch: { minUid: 50_000 },
    });
    for (const o of [grant, change])
      expect(await send({ ...undoOf(o), run: `${o.run}-2` })).toMatchObject({ result: 'done' });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    expect(readFileSync(file, 'utf8')).toBe(before);
    // What nobody recorded is not ours, whatever it is called.
    expect((await send(undoOf(order(ground, [addAlice()], { undo: [removeAlice()] })))).detail).toContain(
      'not-our-change',
    );
  });

  test('a patched file, only while it is as we left it', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const before = readFileSync(file);
    const step = authorizeUsers(ground);
    const o = order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    expect((await send(o)).result).toBe('done');
    const patched = readFileSync(file);
    writeFileSync(file, `${patched}# mine\n`);
    expect((await send(undoOf(o))).result).toBe('stale');
    writeFileSync(file, patched);
    expect(await send(undoOf(o))).toMatchObject({ result: 'done' });
    expect(readFileSync(file)).toEqual(before);
    expect(ground.asked().filter(a => a.startsWith('restart'))).toHaveLength(2);
  });
});

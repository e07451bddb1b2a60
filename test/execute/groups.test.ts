/** Which groups somebody is in, where databases name them oddly, in part, or not at all. */
import { DatabaseSync } from 'node:sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import type { Order } from '../../src/messages.ts';
import { addAlice, GROUP, type Ground, makeGround, members, order, removeAlice } from './ground.ts';

let ground: Ground;
afterEach(() => ground?.stop());
const undoOf = (o: Order): Order => ({ ...o, what: 'undo', run: `${o.run}-undo` });
/** `id` says this, each name with a NUL behind it, and then that. */
const idSays = (names: string[], then = 'true'): void =>
  ground.script('id', names.length > 0 ? `printf '%s\\0' ${names.map(n => `'${n}'`).join(' ')}; ${then}` : then);
const unnamed = (gid: number): string => `echo "id: cannot find name for group ID ${gid}" >&2; exit 1`;

describe('B06 nobody of an elevated group is changed, whatever the databases leave out', () => {
  test.each<[string, () => void, string]>([
    ['a number has no name', () => idSays(['alice', 'claw-admins', '70000'], unnamed(70000)), 'user-elevated'],
    [
      'the number without a name is that of the elevated group',
      () => {
        ground.write(GROUP.replace(/^claw-admins.*\n/m, ''), 'etc/group');
        ground.script('getent', `[ "$2" = claw-admins ] && echo claw-admins:x:70000: || exit 2`);
        idSays(['alice', '70000'], unnamed(70000));
      },
      'user-elevated',
    ],
    [
      'nobody can be asked whose number it is',
      () => {
        ground.script('getent', 'exit 3');
        idSays(['alice', '70000'], unnamed(70000));
      },
      'groups-unknown',
    ],
    ['the list is not whole', () => idSays(['alice'], 'echo "id: failed to get groups" >&2; exit 1'), 'groups-unknown'],
    ['there is no list', () => idSays([], 'exit 1'), 'groups-unknown'],
    ['no answer comes', () => ground.script('id', 'kill -9 $$'), 'groups-unknown'],
  ])('%s', async (_, prepare, rule) => {
    ground = makeGround();
    prepare();
    await ground.start();
    const result = rule === 'groups-unknown' ? 'stale' : 'refused';
    expect(await ground.send(order(ground, [addAlice()]))).toMatchObject({
      result,
      detail: expect.stringContaining(rule),
    });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
  });

  test('a number that belongs to no such group is no obstacle', async () => {
    ground = makeGround();
    idSays(['alice', '70000'], unnamed(70000));
    await ground.start();
    expect((await ground.send(order(ground, [addAlice()]))).result).toBe('done');
  });
});

test('access is taken back while nobody says in which groups the person is', async () => {
  ground = makeGround();
  await ground.start();
  const o = order(ground, [addAlice()], { undo: [removeAlice()] });
  expect((await ground.send(o)).result).toBe('done');
  idSays([], 'exit 1');
  expect((await ground.send(undoOf(o))).result).toBe('done');
  expect(members(ground, 'claw-users')).toEqual(['bob']);
});

test('a group whose name has blanks is one group', async () => {
  ground = makeGround();
  idSays(['alice', 'domain users', 'hpc claw-users readers']);
  await ground.start();
  expect((await ground.send(order(ground, [addAlice()]))).result).toBe('done');
  expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
});

test('a group in several rows has the members of all of them', async () => {
  ground = makeGround();
  await ground.start();
  const o = order(ground, [addAlice()], { undo: [removeAlice()] });
  expect((await ground.send(o)).result).toBe('done');
  // As MAX_MEMBERS_PER_GROUP has it; and as somebody types it.
  ground.write(`${GROUP}claw-users:x:42000:carol, alice\n`, 'etc/group');
  ground.script('usermod', `sed -i '/^claw-users/s/, *alice//' ${ground.dir}/etc/group`);
  expect((await ground.send(undoOf(o))).result).toBe('done');
  expect(ground.read('etc/group')).toContain('claw-users:x:42000:carol\n');
});

describe('somebody in hundreds of groups', () => {
  test('is let in, and the answer fits, the second time too', async () => {
    ground = makeGround();
    const more = Array.from({ length: 400 }, (_, n) => `proj-hpc-science-${1000 + n}:x:${60000 + n}:alice\n`);
    ground.write(GROUP + more.join(''), 'etc/group');
    await ground.start();
    const o = order(ground, [addAlice()]);
    for (let n = 0; n < 2; n++) {
      const { result, steps } = await ground.send(o);
      expect(result).toBe('done');
      expect(steps[0]!.before).toMatch(/^alice \(uid 41001\): alice proj.*… \(401 groups\)$/);
      expect(steps[0]!.after).toMatch(/^alice \(uid 41001\): claw-users alice proj.*… \(402 groups\)$/);
    }
  });

  test('an outcome that was kept before answers were measured is told all the same', async () => {
    ground = makeGround();
    let exec = await ground.start();
    const o = order(ground, [addAlice()]);
    expect((await ground.send(o)).result).toBe('done');
    await exec.kill();
    const ledger = new DatabaseSync(ground.path('state/exec/ledger.db'));
    ledger.exec(
      `UPDATE runs SET outcome = json_set(outcome, '$.steps[0].before', '${'x'.repeat(9000)}', '$.detail', '${'y'.repeat(9000)}')`,
    );
    ledger.close();
    exec = await ground.start();
    const { result, detail, steps } = await ground.send(o);
    expect([result, detail.length, steps[0]!.before.length]).toEqual(['done', 4096, 4096]);
  });
});

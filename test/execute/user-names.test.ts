/**
 * People of a directory (`DOM\alice`, `alice@dom.example`, `NODE7$`) at the real executor with the real usermod: given a group
 * where this host's own configuration says that people are called so, refused where it does not, whatever the order says.
 */
import { afterEach, describe, expect, test } from 'vitest';
import type { Order } from '../../src/messages.ts';
import { addAlice, GROUP, type Ground, makeGround, members, order, PASSWD } from './ground.ts';

const NAMES = { capitals: true, also: ['\\', '@', '$'] };
let ground: Ground;
afterEach(() => ground.stop());

/** A machine on which alice is called this. */
async function calledSo(name: string, userNames: object = NAMES): Promise<void> {
  ground = makeGround({ userNames });
  ground.write(
    PASSWD.replace(/^alice:/m, () => `${name}:`),
    'etc/passwd',
  );
  ground.write(
    GROUP.replace(/^alice:/m, () => `${name}:`),
    'etc/group',
  );
  await ground.start();
}
const give = (name: string): Order => {
  const step = addAlice({ user: name, argv: ['usermod', '-aG', 'claw-users', name] });
  return order(ground, [step], { over: { subject: { user: name, uid: 41001 } } });
};
const send: Ground['send'] = (...order) => ground.send(...order);

describe('an approved plan for somebody of a directory', () => {
  test.each(['DOM\\alice', 'alice@dom.example', 'NODE7$', 'Alice'])('%s is put into the group', async name => {
    await calledSo(name);
    expect(await send(give(name))).toMatchObject({ result: 'done' });
    expect(members(ground, 'claw-users')).toEqual(['bob', name]);
    expect(ground.read('usermod.log')).toContain('-aG claw-users ');
    expect(JSON.stringify(ground.audit().at(-1)!.after)).toContain(JSON.stringify(name).slice(1, -1));
    expect(await send(give(name))).toMatchObject({ result: 'already' });
  });

  test('C18 a host whose own configuration knows no such names refuses it, whatever serve thinks', async () => {
    await calledSo('DOM\\alice', {});
    expect(await send(give('DOM\\alice'))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('bad-name'),
    });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
  });

  test.each(['--root=DIR', '-aG', 'DOM\\-rf', 'a/../b', 'alice:x', 'a b', 'a\n', '$(id)', 'a;id', '..', '41001'])(
    'C01 %j is nobody to it under any grammar',
    async name => {
      await calledSo('alice', { capitals: true, digitFirst: true, also: ['\\', '@', '+', '$'], longest: 64 });
      expect(await send(give(name))).toMatchObject({ result: 'refused', detail: expect.stringContaining('bad-name') });
      expect(members(ground, 'claw-users')).toEqual(['bob']);
    },
  );
});

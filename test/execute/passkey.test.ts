/** The real executor and votes signed by passkeys: what it runs, what it refuses, and what it remembers of them. */
import { afterEach, describe, expect, test } from 'vitest';
import { makeVote } from '../../src/approve/vote.ts';
import type { Order } from '../../src/messages.ts';
import type { Vote } from '../../src/plan.ts';
import { BENT, type Said, SITE, SoftPasskey } from '../approve/passkey.ts';
import { addAlice, type Ground, makeGround, members, order, removeAlice, restart } from './ground.ts';

let ground: Ground;
let ann: SoftPasskey;
let ben: SoftPasskey;
afterEach(() => ground?.stop());

async function ready(proof: 'key' | 'passkey' | 'session' = 'passkey', origin: string = SITE.origin): Promise<void> {
  ground = makeGround({ policy: { proof }, web: { origin } });
  ann = new SoftPasskey();
  ben = new SoftPasskey('ed25519');
  listPasskeys({ 'root-ann': [ann], 'root-ben': [ben] });
  await ground.start();
}

/** What root does: writes public keys into the approvers file. */
function listPasskeys(of: Record<string, SoftPasskey[]>): void {
  const file = JSON.parse(ground.read('readmit/approvers.yaml'));
  for (const approver of file.approvers) approver.passkeys = (of[approver.name] ?? []).map(p => p.listed);
  ground.write(JSON.stringify(file), 'readmit/approvers.yaml');
}

type Making = Parameters<typeof makeVote>[0];
const by =
  (said: Said = {}, over: Partial<Making> = {}) =>
  (making: Making): Vote =>
    (making.by.name === 'root-ben' ? ben : ann).vote(makeVote({ ...making, proof: 'passkey', ...over }), SITE, said);
const send: Ground['send'] = (...order) => ground.send(...order);
const add = (said?: Said, over?: Partial<Making>): Order => order(ground, [addAlice()], { vote: by(said, over) });
const takeOut = (said?: Said, over?: Partial<Making>): Order =>
  order(ground, [removeAlice()], { vote: by(said, over) });

describe('an order voted for by passkey', () => {
  test('is run, once, and the audit says that it was a passkey', async () => {
    await ready();
    const o = add();
    expect(await send(o)).toMatchObject({ result: 'done' });
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
    const intent = ground.audit().find(e => e.what === 'run.intent')!;
    expect(intent.after).toMatchObject({ votes: [{ by: 'root-ann', proof: 'passkey', passkey: ann.id }] });
    expect(await send(o)).toMatchObject({ result: 'done' });
    expect(ground.read('usermod.log').trim().split('\n')).toHaveLength(1);
    // The same assertion in another order, and its mathematical twin there.
    expect((await send({ ...o, run: 'run-again' })).detail).toContain('vote-used');
    const twin = o.votes.map(v => ({
      ...v,
      signature: BENT.twin(Buffer.from(v.signature, 'base64')).toString('base64'),
    }));
    expect((await send({ ...o, run: 'run-twin', votes: twin })).detail).toContain('vote-used');
  });

  test('D13 of tier 2 by two people, each with a passkey or a key', async () => {
    await ready();
    expect((await send(order(ground, [restart()], { by: ['root-ann'], vote: by() }))).detail).toContain(
      'not-enough-votes',
    );
    expect(await send(order(ground, [restart()], { vote: by() }))).toMatchObject({ result: 'done' });
  });

  test('is refused where only keys count, and where the page is elsewhere', async () => {
    await ready('key');
    expect((await send(add())).detail).toContain('passkey-not-allowed');
    await ground.stop();
    await ready('passkey', 'https://other.site.example');
    expect((await send(add())).detail).toContain('bad-assertion');
    expect(members(ground, 'claw-users')).toEqual(['bob']);
  });

  test('is refused when anything of the assertion is not as it should be', async () => {
    await ready();
    const wrong: [Said, string][] = [
      [{ client: { challenge: 'AAAA' } }, 'another challenge'],
      [{ client: { origin: 'https://evil.example' } }, 'another page'],
      [{ rpId: 'evil.example' }, 'another site'],
      [{ flags: 0x01 }, 'not verified'],
      [{ flags: 0x04 }, 'nobody was present'],
      [{ client: { type: 'webauthn.create' } }, 'no assertion'],
      [{ signWith: new SoftPasskey().privateKey }, 'not made with its key'],
    ];
    for (const [said, why] of wrong)
      expect(await send(add(said))).toMatchObject({ result: 'refused', detail: expect.stringContaining(why) });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
  });

  test('is refused from the moment root takes the passkey out of the file', async () => {
    await ready();
    const o = add();
    listPasskeys({ 'root-ben': [ben] });
    expect((await send(o)).detail).toContain('no-key');
  });

  test('is refused when the counter goes back or stands still: somebody has a copy of the passkey', async () => {
    await ready();
    const at = (seconds: number): Partial<Making> => ({ now: Date.now() - 60_000 + seconds * 1000 });
    expect(await send(add({ count: 7 }, at(10)))).toMatchObject({ result: 'done' });
    for (const count of [7, 6]) expect((await send(takeOut({ count }, at(20)))).detail).toContain('passkey-counter');
    // A vote that was made before that one and comes later, as the first of two votes does, is no copy.
    expect(await send(takeOut({ count: 6 }, at(5)))).toMatchObject({ result: 'done' });
    expect((await send(add({ count: 6 }, at(4)))).detail).toContain('passkey-counter');
    expect(await send(add({ count: 9 }, at(30)))).toMatchObject({ result: 'done' });
    // A count above all that were seen is the device's next one, though the clock was set back in between.
    expect(await send(takeOut({ count: 10 }, at(12)))).toMatchObject({ result: 'done' });
    expect((await send(add({ count: 8 }, at(32)))).detail).toContain('passkey-counter');
    // A synchronised passkey does not count.
    expect(await send(add({ count: 0 }, at(33)))).toMatchObject({ result: 'done' });
  });
});

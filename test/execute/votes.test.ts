/** Votes as the executor looks at them: each the person's own, for this plan, by different people who still have the right. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { makeVote, signVote } from '../../src/approve/vote.ts';
import type { Order } from '../../src/messages.ts';
import { addAlice, type Ground, makeGround, members, order, restart } from './ground.ts';

let ground: Ground;
let shared: Ground | null = null;
afterEach(() => (ground === shared ? undefined : ground?.stop()));
// Refusals change nothing, so they may share one machine.
beforeAll(async () => {
  shared = makeGround();
  await shared.start();
});
afterAll(() => shared?.stop());

const send: Ground['send'] = (...order) => ground.send(...order);
const ready = async (extra = {}): Promise<void> => {
  ground = makeGround(extra);
  await ground.start();
};

describe('votes', () => {
  const forged = (name: string, change: (o: Order) => Order, rule: string, options: Parameters<typeof order>[2] = {}) =>
    [name, (g: Ground) => change(order(g, [addAlice()], options)), rule] as const;
  const other = (g: Ground) => order(g, [addAlice()]);
  test.each([
    forged('none', o => ({ ...o, votes: [] }), 'not-enough-votes'),
    forged('a changed digest', o => ({ ...o, digest: 'a'.repeat(64) }), 'digest-mismatch'),
    forged('another incident', o => ({ ...o, incident: 'inc-other' }), 'other-incident'),
    forged('another serial', o => ({ ...o, serial: 2 }), 'other-serial'),
    forged(
      'a changed decision',
      o => ({ ...o, votes: o.votes.map(v => ({ ...v, reason: 'another' })) }),
      'bad-signature',
    ),
    forged('the same vote twice', o => ({ ...o, votes: [...o.votes, ...o.votes] }), 'duplicate-vote'),
    forged('D10 by the person concerned', o => o, 'own-plan', { by: ['alice'] }),
    forged('by someone without the role', o => o, 'no-role', { by: ['viewer'] }),
    forged(
      'by nobody we know',
      o => ({ ...o, votes: o.votes.map(v => ({ ...v, by: 'mallory' })) }),
      'unknown-approver',
    ),
  ])('%s', async (_, make, rule) => {
    ground = shared!;
    expect(await send(make(ground))).toMatchObject({ result: 'refused', detail: expect.stringContaining(rule) });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
  });

  test('a vote for another plan, expired votes, and votes the page forged as personal', async () => {
    await ready();
    const mine = order(ground, [addAlice()]);
    expect((await send({ ...mine, votes: other(ground).votes })).detail).toMatch(/other-incident/);
    const late = order(ground, [addAlice()], {
      vote: v =>
        signVote(
          makeVote({
            ...v,
            now: Date.now() - 7_200_000,
            plan: { ...v.plan, expires: new Date(Date.now() - 1000).toISOString() },
          }),
          ground.keys[v.by.name]!,
        ),
    });
    expect((await send(late)).detail).toContain('vote-expired');
    const byPage = (proof: 'key' | 'session') =>
      order(ground, [addAlice()], { vote: v => signVote(makeVote({ ...v, proof }), ground.sessionKey) });
    expect((await send(byPage('key'))).detail).toContain('bad-signature');
    expect((await send(byPage('session'))).detail).toContain('session-not-allowed');
  });

  test('a session vote counts where the site says so, and only as a session vote', async () => {
    await ready({ policy: { proof: 'session' } });
    const byPage = (proof: 'key' | 'session') =>
      order(ground, [addAlice()], { vote: v => signVote(makeVote({ ...v, proof }), ground.sessionKey) });
    expect((await send(byPage('key'))).detail).toContain('bad-signature');
    expect(await send(byPage('session'))).toMatchObject({ result: 'done' });
  });

  test('D13 tier 2 needs two different people', async () => {
    await ready();
    expect((await send(order(ground, [restart()], { by: ['root-ann'] }))).detail).toContain('not-enough-votes');
    expect((await send(order(ground, [restart()], { by: ['root-ann', 'root-ann'] }))).detail).toContain('voted-twice');
    expect(await send(order(ground, [restart()]))).toMatchObject({ result: 'done' });
    expect(ground.asked().filter(asked => !asked.startsWith('show '))).toEqual([
      'is-active claw-scheduler',
      'restart claw-scheduler',
      'is-active claw-scheduler',
      'is-active claw-scheduler',
      'is-active claw-scheduler',
    ]);
  });

  test('D15 one deny is final', async () => {
    await ready();
    const o = order(ground, [addAlice()]);
    const deny = order(ground, [addAlice()], {
      by: ['root-ben'],
      vote: v =>
        signVote(
          makeVote({ ...v, plan: { ...v.plan, incident: o.incident }, decision: 'deny' }),
          ground.keys[v.by.name]!,
        ),
    });
    expect((await send({ ...o, votes: [...o.votes, ...deny.votes] })).detail).toContain('denied');
  });

  test('a right that was taken away counts at once', async () => {
    await ready();
    const o = order(ground, [addAlice()]);
    const file = JSON.parse(ground.read('readmit/approvers.yaml'));
    file.approvers = file.approvers.filter((a: { name: string }) => a.name !== 'root-ann');
    ground.write(JSON.stringify(file), 'readmit/approvers.yaml');
    expect((await send(o)).detail).toContain('unknown-approver');
  });
});

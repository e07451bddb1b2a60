/** A clock that was far ahead for a while: limits hold their whole time from when that was noticed, and no longer. */
import { readdirSync, rmSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { makeVote, signVote } from '../../src/approve/vote.ts';
import type { Order } from '../../src/messages.ts';
import { runExec } from '../../src/roles/exec.ts';
import { addAlice, GROUP, type Ground, makeGround, order, restart } from './ground.ts';

const YEAR_MS = 365 * 86_400_000;
let ground: Ground;
let now = Date.now();
let stop = async (): Promise<void> => {};
afterEach(async () => {
  await stop();
  await ground.stop();
});

/** The executor in this process, by this clock. */
async function start(at: number): Promise<void> {
  now = at;
  const ending = new AbortController();
  const listening = Promise.withResolvers<void>();
  const ran = runExec(ground.config, { signal: ending.signal, now: () => now, onListening: listening.resolve });
  stop = async () => {
    ending.abort();
    await ran;
    stop = async () => {};
  };
  await Promise.race([listening.promise, ran]);
}

/** An order whose votes were given just now. */
const ordered = (step: ReturnType<typeof restart>): Order =>
  order(ground, [step], {
    vote: making => {
      const plan = { ...making.plan, expires: new Date(now + 3_000_000).toISOString() };
      return signVote(makeVote({ ...making, plan, now }), ground.keys[making.by.name]!);
    },
  });
const corrected = () => ground.audit().filter(e => e.what === 'clock.was-ahead');

test('grants and restarts of that time count as of now, once', async () => {
  const today = Date.now();
  ground = makeGround({ policy: { grantsPerHour: 1 } });
  await start(today + YEAR_MS);
  expect((await ground.send(ordered(restart()))).result).toBe('done');
  expect((await ground.send(ordered(addAlice()))).result).toBe('done');
  ground.write(GROUP, 'etc/group');
  await stop();
  await start(today);
  expect(corrected()).toMatchObject([
    { before: { steps: 2, votesAfter: null }, after: { countedAs: expect.any(String) } },
  ]);
  const refused = async (step: ReturnType<typeof restart>): Promise<string> =>
    (await ground.send(ordered(step))).detail;
  now = today + 599_000;
  expect(await refused(restart())).toContain('restart-interval');
  expect(await refused(addAlice())).toContain('grants-per-hour');
  now = today + 601_000;
  expect((await ground.send(ordered(restart()))).result).toBe('done');
  expect(await refused(addAlice())).toContain('grants-per-hour');
  now = today + 3_601_000;
  expect((await ground.send(ordered(addAlice()))).result).toBe('done');
  expect(corrected()).toHaveLength(1);
});

test('votes that are not believed since a ledger was lost are those until now', async () => {
  const today = Date.now();
  ground = makeGround();
  await start(today + YEAR_MS);
  expect((await ground.send(ordered(addAlice()))).result).toBe('done');
  await stop();
  for (const name of readdirSync(ground.path('state/exec')))
    if (name.startsWith('ledger')) rmSync(ground.path('state/exec', name));
  ground.write(GROUP, 'etc/group');
  await start(today + YEAR_MS);
  await stop();
  await start(today);
  expect(corrected()).toMatchObject([{ before: { steps: 0, votesAfter: new Date(today + YEAR_MS).toISOString() } }]);
  expect((await ground.send(ordered(addAlice()))).detail).toContain('vote-before-ledger');
  now = today + 1000;
  expect((await ground.send(ordered(addAlice()))).result).toBe('done');
});

test('a clock that is corrected by seconds changes nothing', async () => {
  const today = Date.now();
  ground = makeGround();
  await start(today);
  expect((await ground.send(ordered(restart()))).result).toBe('done');
  now = today - 30_000;
  expect((await ground.send(ordered(restart()))).detail).toContain('restart-interval');
  expect(corrected()).toEqual([]);
});

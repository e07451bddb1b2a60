/** Looks at the host for many at once: rounds, and what a round shares. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { inTurns } from '../../src/command.ts';
import { realGround } from '../../src/diagnose/effects.ts';
import type { Fact } from '../../src/diagnosis.ts';
import { Looking } from '../../src/roles/looking.ts';
import { type Lab, startLab } from './lab.ts';

let lab: Lab;
beforeEach(() => {
  lab = startLab();
});
afterEach(() => lab.end());

/** Asks for all of them at once; for `late` too late. @returns the answers */
async function answers(users: string[]): Promise<Map<string, Fact[]>> {
  const given = new Map<string, Fact[]>();
  const ground = realGround(lab.config());
  await new Promise<void>((done, fail) => {
    const looking = new Looking({
      ground: { ...ground, run: inTurns(ground.run) },
      now: Date.now,
      answer: async (question, facts) => {
        given.set(question.user!, facts);
        if (given.size === users.filter(user => user !== 'late').length) done();
      },
      failed: fail,
    });
    for (const user of users)
      looking.ask({ v: 1, request: user, user, until: user === 'late' ? 0 : Number.POSITIVE_INFINITY });
  });
  return given;
}

it('a storm asks what concerns the whole host once a round, and everybody’s own for each', async () => {
  lab.command('getenforce', `echo asked >> ${lab.dir}/asked; echo Enforcing`);
  const users = ['alice', ...Array.from({ length: 15 }, (_, n) => `nobody${n}`), 'bob'];
  const given = await answers(users);
  expect(given.size).toBe(users.length);
  const groups = (user: string): unknown => given.get(user)!.find(f => f.fact === 'groups.file')!.value;
  expect([groups('alice'), groups('bob')]).toEqual([['alice'], ['bob', 'claw-users']]);
  // The first is alone in its round, for the others came while it was looked at; they are two rounds of eight.
  expect(readFileSync(join(lab.dir, 'asked'), 'utf8').trim().split('\n')).toHaveLength(3);
});

it('who waited in vain for too long is not answered: serve asks again', async () => {
  expect([...(await answers(['alice', 'late', 'bob'])).keys()].sort()).toEqual(['alice', 'bob']);
});

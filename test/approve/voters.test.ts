/** Who is asked for a missing vote. */
import { expect, it } from 'vitest';
import { mayStillVote } from '../../src/approve/voters.ts';

const APPROVERS = {
  approvers: [
    { name: 'root-ann', uid: 2000, roles: ['administrator'], keys: [], passkeys: [] },
    { name: 'root-ben', uid: 2005, roles: ['administrator', 'security'], keys: [], passkeys: [] },
    { name: 'olga', uid: 2003, roles: ['operator'], keys: [], passkeys: [] },
    { name: 'vera', uid: 2001, roles: ['viewer'], keys: [], passkeys: [] },
    { name: 'alice', uid: 1001, roles: ['administrator'], keys: [], passkeys: [] },
  ],
  session: { keys: [] },
};
const policy = (votes: number, eachRole: string[] = []) => ({
  tiers: {
    1: { votes: 1, roles: ['administrator', 'operator'], eachRole: [] },
    2: { votes, roles: ['administrator'], eachRole },
  },
});
const asked = (tier: 1 | 2, voted: string[], rules = policy(2), subject: { user: string; uid: number } | null = null) =>
  mayStillVote(
    { tier, subject },
    voted.map(by => ({ by, uid: APPROVERS.approvers.find(a => a.name === by)!.uid, decision: 'approve' as const })),
    APPROVERS,
    rules,
  ).map(a => a.name);

it.each([
  ['everybody with a role that counts', () => asked(1, []), ['root-ann', 'root-ben', 'olga', 'alice']],
  [
    'not the person concerned',
    () => asked(1, [], policy(2), { user: 'alice', uid: 1001 }),
    ['root-ann', 'root-ben', 'olga'],
  ],
  [
    'nor under another name',
    () => asked(1, [], policy(2), { user: 'al', uid: 1001 }),
    ['root-ann', 'root-ben', 'olga'],
  ],
  ['not who voted', () => asked(2, ['root-ann']), ['root-ben', 'alice']],
  [
    'where only a role is missing, those who have it',
    () => asked(2, ['root-ann'], policy(2, ['security'])),
    ['root-ben'],
  ],
  [
    'where more votes are missing than roles, all',
    () => asked(2, [], policy(2, ['security'])),
    ['root-ann', 'root-ben', 'alice'],
  ],
] as const)('%s', (_, ask, expected) => expect(ask()).toEqual(expected));

it('nobody who would newly gain access by it', () =>
  expect(mayStillVote({ tier: 2, subject: null, gains: ['alice'] }, [], APPROVERS, policy(2)).map(a => a.name)).toEqual(
    ['root-ann', 'root-ben'],
  ));

it('nobody for what needs no vote', () =>
  expect(mayStillVote({ tier: 0, subject: null }, [], APPROVERS, policy(2))).toEqual([]));

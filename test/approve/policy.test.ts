/** Who must say yes: the table of the policy, asked the way `serve` and the executor ask it. */
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type Approvers, loadApprovers, parseApprovers } from '../../src/approve/approvers.ts';
import { judge, mayVote, needsFresh, type VotedPlan, votesNeeded } from '../../src/approve/policy.ts';
import { makeVote, publicKeyOf, signVote, verifyVote } from '../../src/approve/vote.ts';
import { parseConfig } from '../../src/config/config.ts';
import type { Vote } from '../../src/plan.ts';
import { aPlan } from './a-plan.ts';

const NOW = Date.parse('2026-11-23T08:00:00Z');
const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
const keys: Record<string, string> = Object.fromEntries(
  ['ann', 'ben', 'eve', 'sec', 'max', 'alice', 'session'].map(name => [name, pem()]),
);
const one = (name: string, uid: number, ...roles: string[]) => ({
  name,
  uid,
  roles,
  keys: [publicKeyOf(keys[name]!)],
  passkeys: [],
});
const approvers: Approvers = {
  approvers: [
    one('ann', 2001, 'administrator'),
    one('ben', 2002, 'administrator'),
    one('eve', 2003, 'operator'),
    one('sec', 2004, 'security'),
    one('alice', 1001, 'administrator'),
  ],
  session: { keys: [publicKeyOf(keys.session!)] },
};
const policyOf = (text = '{}') => parseConfig(`policy: ${text}`, 'readmit.yaml').policy;
const uid = (name: string): number => approvers.approvers.find(a => a.name === name)?.uid ?? 1;
const vote = (name: string, over: Partial<Vote> = {}, p = aPlan()): Vote =>
  signVote(
    {
      ...makeVote({
        plan: { ...p, expires: p.expires ?? '' },
        by: { name, uid: uid(name) },
        decision: 'approve',
        reason: '',
        proof: 'key',
        now: NOW,
      }),
      ...over,
    },
    keys[name]!,
  );

describe('enough', () => {
  test('tier 1: one vote; tier 2: two people', () => {
    expect(judge(aPlan(), [vote('eve')], approvers, policyOf(), NOW)).toMatchObject({ kind: 'enough' });
    expect(judge(aPlan(), [], approvers, policyOf(), NOW)).toMatchObject({ kind: 'needs', votes: 1 });
    const two = aPlan({ tier: 2 });
    expect(judge(two, [vote('ann')], approvers, policyOf(), NOW)).toMatchObject({ kind: 'needs', votes: 1 });
    expect(judge(two, [vote('ann'), vote('ben')], approvers, policyOf(), NOW)).toMatchObject({ kind: 'enough' });
    expect(judge(two, [vote('eve')], approvers, policyOf(), NOW)).toMatchObject({ kind: 'refused', rule: 'no-role' });
  });

  test('D13 both roles must be there where the site asks for both', () => {
    const policy = policyOf('{tiers: {2: {votes: 2, roles: [administrator], eachRole: [administrator, security]}}}');
    const two = aPlan({ tier: 2 });
    expect(judge(two, [vote('ann'), vote('ben')], approvers, policy, NOW)).toEqual({
      kind: 'needs',
      votes: 1,
      roles: ['security'],
    });
    expect(judge(two, [vote('ann'), vote('sec')], approvers, policy, NOW)).toMatchObject({ kind: 'enough' });
  });

  test('D13 roles that must be there cost as many votes as people are needed to have them', () => {
    const needed = (tiers: string): number => votesNeeded(policyOf(`{tiers: {2: ${tiers}}}`).tiers[2], approvers);
    expect(needed('{votes: 2, roles: [administrator], eachRole: [security]}')).toBe(2);
    expect(needed('{votes: 1, roles: [administrator], eachRole: [administrator, security]}')).toBe(2);
    expect(needed('{votes: 1, roles: [administrator], eachRole: [administrator, auditor]}')).toBe(2);
    approvers.approvers.push(one('max', 2009, 'administrator', 'security'));
    expect(needed('{votes: 1, roles: [administrator], eachRole: [administrator, security]}')).toBe(1);
    approvers.approvers.pop();
  });
});

describe('somebody who would newly gain access by the plan', () => {
  const many = aPlan({ subject: null, gains: ['alice', 'eve'] });

  test('D10 does not approve it, and is told why', () => {
    expect(judge(many, [vote('alice')], approvers, policyOf(), NOW)).toMatchObject({
      kind: 'refused',
      rule: 'own-gain',
      message: 'alice would newly gain access by this plan, so somebody else has to approve it',
    });
    expect(judge(many, [vote('ann')], approvers, policyOf(), NOW)).toMatchObject({ kind: 'enough' });
  });

  test('may deny it', () => {
    const no = vote('eve', { decision: 'deny' });
    expect(mayVote(many, no, [], approvers, policyOf(), NOW)).toMatchObject({ kind: 'needs', votes: 0 });
  });
});

describe('refused', () => {
  const cases: [string, Vote[], string, VotedPlan?][] = [
    ['D10 the person concerned', [vote('alice')], 'own-plan'],
    [
      'D10 by uid, whatever the name in the plan',
      [vote('ann')],
      'own-plan',
      aPlan({ subject: { user: 'ann2', uid: 2001 } }),
    ],
    ['the same person twice', [vote('ann'), vote('ann')], 'voted-twice', aPlan({ tier: 2 })],
    [
      'who approved it by mistake: a no stops it',
      [vote('ann'), vote('ann', { id: 'no', decision: 'deny' })],
      'denied',
      aPlan({ tier: 2 }),
    ],
    ['the same vote twice', [vote('ann', { id: 'x' }), vote('ann', { id: 'x' })], 'duplicate-vote', aPlan({ tier: 2 })],
    ['D06 an expired plan', [vote('ann')], 'plan-expired', aPlan({ expires: '2026-11-23T07:59:59.000Z' })],
    ['a plan without a readable end', [vote('ann')], 'plan-expired', aPlan({ expires: 'never' })],
    ['an expired vote', [vote('ann', { expires: '2026-11-23T07:00:00.000Z' })], 'vote-expired'],
    ['a vote that outlives the plan', [vote('ann', { expires: '2026-11-23T09:00:01.000Z' })], 'lives-too-long'],
    ['a vote from the future', [vote('ann', { issued: '2026-11-23T08:30:00.000Z' })], 'not-yet-valid'],
    ['D08 another digest', [vote('ann', { digest: 'e'.repeat(64) })], 'other-digest'],
    ['another serial', [vote('ann', { serial: 2 })], 'other-serial'],
    ['another incident', [vote('ann', { incident: 'inc-8' })], 'other-incident'],
    ['another host', [vote('ann', { host: 'head-02' })], 'other-host'],
    ['another uid than the file has', [vote('ann', { uid: 7 })], 'uid-mismatch'],
    ['D15 a deny is final', [vote('ann', { decision: 'deny' })], 'denied'],
    ['D15 also after an approval', [vote('ann'), vote('ben', { decision: 'deny' })], 'denied', aPlan({ tier: 2 })],
    ['a tier nobody votes on', [], 'no-tier', aPlan({ tier: 0 })],
  ];
  test.each(cases)('%s', (_, votes, rule, p) => {
    expect(judge(p ?? aPlan(), votes, approvers, policyOf(), NOW)).toMatchObject({ kind: 'refused', rule });
  });

  test('every field is signed', () => {
    const good = vote('ann');
    const changed: Partial<Vote>[] = [
      { id: 'y' },
      { host: 'h' },
      { incident: 'i' },
      { serial: 9 },
      { digest: 'f'.repeat(64) },
      { decision: 'deny' },
      { issued: good.expires },
      { expires: '2026-11-23T08:59:59.000Z' },
      { reason: 'r' },
    ];
    for (const change of changed)
      expect(verifyVote({ ...good, ...change }, approvers, policyOf(), NOW)).toMatchObject({
        kind: 'refused',
        rule: 'bad-signature',
      });
    expect(verifyVote({ ...good, signature: '' }, approvers, policyOf(), NOW)).toMatchObject({ rule: 'bad-signature' });
  });

  test("the page's key makes session votes only, and only where they count", () => {
    const bySession = (proof: Vote['proof']): Vote =>
      signVote(
        makeVote({
          plan: { ...aPlan(), expires: aPlan().expires! },
          by: { name: 'ann', uid: 2001 },
          decision: 'approve',
          reason: '',
          proof,
          now: NOW,
        }),
        keys.session!,
      );
    expect(verifyVote(bySession('session'), approvers, policyOf('{proof: session}'), NOW)).toMatchObject({
      kind: 'valid',
    });
    expect(verifyVote(bySession('session'), approvers, policyOf(), NOW)).toMatchObject({ rule: 'session-not-allowed' });
    expect(verifyVote(bySession('key'), approvers, policyOf('{proof: session}'), NOW)).toMatchObject({
      rule: 'bad-signature',
    });
    expect(
      verifyVote({ ...vote('ann'), proof: 'session' }, approvers, policyOf('{proof: session}'), NOW),
    ).toMatchObject({ rule: 'bad-signature' });
  });
});

test('a vote before it is stored: a deny is taken from whoever may vote, never from the person concerned', () => {
  expect(mayVote(aPlan(), vote('ann'), [], approvers, policyOf(), NOW)).toMatchObject({ kind: 'enough' });
  expect(mayVote(aPlan(), vote('ann', { decision: 'deny' }), [], approvers, policyOf(), NOW)).toMatchObject({
    kind: 'needs',
    votes: 0,
  });
  expect(mayVote(aPlan(), vote('alice', { decision: 'deny' }), [], approvers, policyOf(), NOW)).toMatchObject({
    rule: 'own-plan',
  });
  expect(mayVote(aPlan(), vote('ben'), [vote('ann', { decision: 'deny' })], approvers, policyOf(), NOW)).toMatchObject({
    rule: 'denied',
  });
});

test('a vote never outlives its plan, and each has an id of its own', () => {
  const input = {
    plan: { ...aPlan(), expires: '2026-11-23T08:10:00.000Z' },
    by: { name: 'ann', uid: 2001 },
    decision: 'approve',
    reason: '',
    proof: 'key',
    now: NOW,
  } as const;
  expect(makeVote(input).expires).toBe('2026-11-23T08:10:00.000Z');
  expect(makeVote({ ...input, lifetimeMs: 60_000 }).expires).toBe('2026-11-23T08:01:00.000Z');
  expect(makeVote(input).id).not.toBe(makeVote(input).id);
});

test('D24 a sign-in of 15 minutes is fresh enough for tier 2, an older one or one from the future is not', () => {
  expect(needsFresh(1, 0, NOW, 900)).toBe('fresh-enough');
  expect(needsFresh(2, NOW - 900_000, NOW, 900)).toBe('fresh-enough');
  expect(needsFresh(2, NOW - 900_001, NOW, 900)).toBe('sign-in-again');
  expect(needsFresh(2, NOW + 1000, NOW, 900)).toBe('sign-in-again');
});

describe('the approvers file', () => {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-approvers-'));
  afterAll(() => rmSync(dir, { recursive: true }));
  const key = publicKeyOf(keys.ann!);
  const text = `approvers:\n  - name: ann\n    uid: 2001\n    roles: [administrator]\n    keys: ["${key}"]\n`;

  test('faults are named with file and line, all at once', () => {
    const bad = text.replace('uid: 2001', 'uid: ann').replace(key, 'c2hvcnQ=');
    expect(() => parseApprovers(bad, 'a.yaml')).toThrow(
      /a\.yaml:3: approvers\.0\.uid[\s\S]*a\.yaml:5: approvers\.0\.keys\.0/,
    );
    expect(() => parseApprovers(`${text}    admin: true\n`, 'a.yaml')).toThrow(/a\.yaml:2: approvers\.0: .*admin/);
    const twice = `${text}${text.slice(11).replace('uid: 2001', 'uid: 2002')}`;
    expect(() => parseApprovers(twice, 'a.yaml')).toThrow(
      /a\.yaml:6: approvers\.1\.name: ann is entry 1 already[\s\S]*this key belongs to ann already/,
    );
  });

  test('a right that was taken away is gone with the next look, and nobody changes what all look at', () => {
    const file = join(dir, 'changing.yaml');
    writeFileSync(file, text, { mode: 0o644 });
    const before = loadApprovers(file);
    expect(() => before.approvers[0]!.roles.push('security')).toThrow(TypeError);
    // As long as before, so that neither size nor a clock of whole seconds tells them apart.
    writeFileSync(file, text.replace('administrator', 'somebodyelses'), { mode: 0o644 });
    expect(loadApprovers(file).approvers[0]!.roles).toEqual(['somebodyelses']);
    writeFileSync(file, text, { mode: 0o644 });
    expect(loadApprovers(file)).toEqual(before);
    chmodSync(file, 0o666);
    expect(() => loadApprovers(file)).toThrow(/group or others may write/);
  });

  test('it counts only where nobody else could have written it', () => {
    const file = join(dir, 'approvers.yaml');
    writeFileSync(file, text, { mode: 0o644 });
    expect(loadApprovers(file).approvers).toHaveLength(1);
    chmodSync(file, 0o664);
    expect(() => loadApprovers(file)).toThrow(/group or others may write/);
    chmodSync(file, 0o644);
    chmodSync(dir, 0o777);
    expect(() => loadApprovers(file)).toThrow(/group or others may write/);
    chmodSync(dir, 0o755);
    const link = join(dir, 'link.yaml');
    symlinkSync(file, link);
    expect(() => loadApprovers(link)).toThrow(/is a link/);
    mkdirSync(join(dir, 'd'));
    expect(() => loadApprovers(join(dir, 'd'))).toThrow(/not a regular file/);
    expect(() => loadApprovers(join(dir, 'none.yaml'))).toThrow(/no such file/);
  });
});

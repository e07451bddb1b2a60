/** One fault of the service, many people: one incident asks for them all, and mending it mends nobody's own trouble. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { recordSnapshot } from '../../src/store/history.ts';
import { liveIncident } from '../../src/store/incidents.ts';
import { iso, NOW, type Observed, STRICT, why } from '../diagnose/a-host.ts';
import { AUTHORIZE, aCase, type Case, HOST, PUT_BACK, RESTART } from './a-case.ts';

const EXPIRED: Observed = { 'token.expires': iso(NOW - 60_000) };

let c: Case;
beforeEach(() => {
  c = aCase();
});
afterEach(() => c.end());

describe('a fault that everybody is refused for', () => {
  it('takes along who was told before what only they can do: no second plan for the same change', () => {
    const bob = c.open('proposed', 'user', { cause: 'openclaw/config-too-strict' }, 'bob');
    const alice = c.open('advised', 'user', { cause: 'openclaw/expired-token', diagnosis: why(EXPIRED) });
    c.decided(alice, { ...STRICT, ...EXPIRED });
    c.pass(5000);
    c.decided(alice, { ...STRICT, ...EXPIRED });
    const storm = liveIncident(c.store, 'service', 'claw-scheduler', HOST)!;
    expect([alice, bob].map(id => c.at(id).inhibitedBy)).toEqual([storm.id, storm.id]);
    expect(c.at(alice).plan).toBeNull();
  });

  it('is none that keeps nobody out yet: two people who meet a broken file have an incident each', () => {
    const broken = { 'config.valid': false, 'config.problem': 'line 4: a tab' };
    c.open('escalated', 'user', { cause: 'openclaw/config-next-start' }, 'bob');
    const alice = c.open('open');
    c.pass(60_000);
    expect(c.decided(alice, broken)).toMatchObject({ state: 'escalated', cause: 'openclaw/config-next-start' });
    expect(liveIncident(c.store, 'service', 'claw-scheduler', HOST)).toBeUndefined();
  });

  it('once mended resolves those who had nothing else; who has a trouble of their own is looked at again', () => {
    const snapshot = {
      ...{ v: 1, host: HOST, at: iso(NOW), groups: { 'claw-users': ['alice', 'bob', 'carol'] } },
      config: {
        ...{ path: '/etc/c.yaml', hash: 'a'.repeat(64), valid: true, problem: null, mtime: iso(NOW), mode: 'groups' },
        authorizedGroups: ['claw-users'],
      },
    } as Parameters<typeof recordSnapshot>[2];
    recordSnapshot(c.store, c.now(), snapshot, () => null);
    const storm = c.open('verifying', 'service', { cause: 'openclaw/config-too-strict' });
    c.offer(storm, [AUTHORIZE, RESTART], [PUT_BACK, RESTART]);
    c.ran(storm);
    const strict = { cause: 'openclaw/config-too-strict', inhibitedBy: storm };
    const alice = c.open('advised', 'user', { ...strict, cause: 'openclaw/expired-token', diagnosis: why(EXPIRED) });
    const carol = c.open(
      'open',
      'user',
      { ...strict, diagnosis: why({ ...STRICT, ...EXPIRED, 'token.user': 'carol' }, 'carol') },
      'carol',
    );
    const bob = c.open('open', 'user', { ...strict, diagnosis: why({ ...STRICT, 'token.user': 'bob' }, 'bob') }, 'bob');
    c.pass(60_000);
    expect(c.proved(storm, {}).state).toBe('resolved');
    expect(c.at(bob).state).toBe('resolved');
    for (const [id, state] of [
      [alice, 'advised'],
      [carol, 'open'],
    ] as const)
      expect(c.at(id)).toMatchObject({ state, inhibitedBy: null });
  });
});

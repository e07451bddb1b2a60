/**
 * Which incident explains which, and what a silence mutes.
 */
import { describe, expect, test } from 'vitest';
import { explains, type Greater, type Smaller } from '../../src/detect/inhibit.ts';
import { type Matcher, matches, type Silence, type Silenced, silencedBy } from '../../src/detect/silence.ts';

const greater = (kind: Greater['kind'], key: string): Greater => ({ kind, key, host: 'head' });
const service = greater('service', 'claw-scheduler');
const prober = greater('address', '203.0.113.66');
const alice: Smaller = { kind: 'user', host: 'head', state: 'open', account: 'user', addresses: ['203.0.113.66'] };
const ghost: Smaller = { ...alice, account: 'unknown' };

describe('which incident explains which', () => {
  test.each<[string, Greater, Smaller, boolean]>([
    ['a service explains whom it refuses', service, alice, true],
    ['and whose incident was proposed already', service, { ...alice, state: 'proposed' }, true],
    ['not once somebody decided about it', service, { ...alice, state: 'approved' }, false],
    ['not of another host', service, { ...alice, host: 'other' }, false],
    ['an address explains the names it invented', prober, ghost, true],
    ['and a name of the system that it tried', prober, { ...ghost, account: 'system' }, true],
    ['never a person', prober, alice, false],
    ['not a name that came from elsewhere too', prober, { ...ghost, addresses: ['203.0.113.66', '10.0.0.1'] }, false],
    ['not a name without an address', prober, { ...ghost, addresses: [] }, false],
    [
      'addresses of one /64 are one',
      greater('address', '2001:db8:1:2::/64'),
      { ...ghost, addresses: ['2001:db8:1:2::7', '2001:db8:1:2::8'] },
      true,
    ],
    ['nothing explains the service', prober, { ...ghost, kind: 'service' }, false],
    ['a person explains nobody', greater('user', 'alice'), ghost, false],
  ])('%s', (_name, one, other, so) => expect(explains(one, other)).toBe(so));
});

describe('silence', () => {
  const alice: Silenced = {
    kind: 'user',
    key: 'alice',
    cause: 'openclaw/missing-group',
    host: 'head',
    users: ['alice'],
    ips: ['10.0.0.1', '10.0.0.2'],
  };
  test.each<[Matcher, boolean]>([
    [{}, false],
    [{ user: 'alice' }, true],
    [{ user: 'ali*' }, true],
    [{ user: 'ali' }, false],
    [{ user: '*' }, true],
    [{ kind: 'user', key: 'alice', host: 'head' }, true],
    [{ kind: 'address' }, false],
    [{ cause: 'openclaw/*' }, true],
    [{ cause: 'openssh/*' }, false],
    [{ ip: '10.0.0.*' }, true],
    [{ ip: '10.0.0.1' }, false],
    [{ user: 'alice', host: 'other' }, false],
    [{ user: 'a*e' }, false],
  ])('%j: %s', (matcher, muted) => expect(matches(matcher, alice)).toBe(muted));
  test("a silence for alice does not mute the service's incident that she is one of", () => {
    expect(
      matches({ user: 'alice' }, { ...alice, kind: 'service', key: 'claw-scheduler', users: ['alice', 'bob'] }),
    ).toBe(false);
  });
  test('an incident without a cause is not muted by cause', () => {
    expect(matches({ cause: '*' }, { ...alice, cause: null })).toBe(false);
  });
  test('it ends, and the longest one is named', () => {
    const silence = (id: string, until: number): Silence => ({
      id,
      matcher: { user: 'alice' },
      until,
      author: 'root-ann',
      reason: 'known',
    });
    expect(silencedBy(alice, [silence('a', 100), silence('b', 200)], 50)?.id).toBe('b');
    expect(silencedBy(alice, [silence('a', 100), silence('b', 200)], 200)).toBe(null);
  });
});

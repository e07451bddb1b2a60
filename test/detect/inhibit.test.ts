/**
 * Which incident explains which, and what a silence mutes.
 */
import { describe, expect, test } from 'vitest';
import { Addresses } from '../../src/detect/address.ts';
import { type Explained, inhibition } from '../../src/detect/inhibit.ts';
import { type Matcher, matches, type Silence, type Silenced, silencedBy } from '../../src/detect/silence.ts';

const incident = (kind: Explained['kind'], key: string, more: Partial<Explained> = {}): Explained => ({
  id: `${kind}-${key}`,
  kind,
  key,
  host: 'head',
  cause: null,
  ...more,
});
const none = new Addresses([]);

describe('inhibition', () => {
  const service = incident('service', 'claw-scheduler');
  const prober = incident('address', '203.0.113.66');
  const ghost = incident('user', 'ghost', { account: 'unknown', addresses: ['203.0.113.66'] });
  test.each<[string, Explained, Explained[], string]>([
    [
      'a service incident explains a user without a cause yet',
      incident('user', 'alice'),
      [service],
      'service-explains',
    ],
    [
      'and one with the same cause',
      incident('user', 'alice', { cause: 'openclaw/config-too-strict' }),
      [{ ...service, cause: 'openclaw/config-too-strict' }],
      'service-explains',
    ],
    [
      'not one with a cause of her own',
      incident('user', 'alice', { cause: 'openclaw/missing-group' }),
      [{ ...service, cause: 'openclaw/scheduler-down' }],
      'own-cause',
    ],
    ['not of another host', incident('user', 'alice', { host: 'other' }), [service], 'nothing-greater'],
    ['a probing address explains the names it invented', ghost, [prober], 'address-explains'],
    ['not a known user', { ...ghost, account: 'user' }, [prober], 'nothing-greater'],
    [
      'not a name that came from elsewhere too',
      { ...ghost, addresses: ['203.0.113.66', '10.0.0.1'] },
      [prober],
      'nothing-greater',
    ],
    ['not a name without an address', { ...ghost, addresses: [] }, [prober], 'nothing-greater'],
    [
      'addresses of one /64 are one',
      { ...ghost, addresses: ['2001:db8:1:2::7'] },
      [incident('address', '2001:db8:1:2::/64')],
      'address-explains',
    ],
    ['nothing explains the service', service, [prober, incident('user', 'alice')], 'not-a-user'],
    ['nothing explains itself', incident('user', 'alice'), [incident('user', 'alice')], 'nothing-greater'],
  ])('%s', (_name, smaller, open, because) => expect(inhibition(smaller, open, none).because).toBe(because));
  test('a shared address explains nobody', () => {
    expect(inhibition(ghost, [prober], new Addresses(['203.0.113.0/24'])).because).toBe('nothing-greater');
  });
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

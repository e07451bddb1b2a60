/** What was seen of one refused request explains the next only as long as it may still be so. */
import { describe, expect, it } from 'vitest';
import { iso, NO_GROUP, NOT_LISTED, NOW, type Observed, STRICT, why } from './a-host.ts';

const SECOND = 1000;
const CONTAINER: Observed = { 'client.container': true, 'client.at': iso(NOW - 20 * SECOND) };
const FROM_CONTAINER: Observed = { 'denial.addresses': ['172.17.0.2'], 'denial.last': iso(NOW - 20 * SECOND) };
const REJECTED: Observed = { 'client.event': 'auth-failed', 'client.at': iso(NOW - 20 * SECOND) };
const AVC: Observed = {
  'selinux.denials': 2,
  'selinux.last': iso(NOW - 20 * SECOND),
  'client.at': iso(NOW - 19 * SECOND),
};

describe('it lapses', () => {
  it.each([
    ['the client told of a success since', CONTAINER, { 'success.last': iso(NOW - SECOND) }],
    ['the client told of nothing but a success', { ...CONTAINER, 'client.event': 'succeeded' }, {}],
    ['the start files were changed since', CONTAINER, { 'profile.changed': iso(NOW - 5 * SECOND) }],
    ['the same, for the address it came from', FROM_CONTAINER, { 'profile.changed': iso(NOW - 5 * SECOND) }],
    ['the account was changed since, and is valid', REJECTED, { 'account.changed': iso(NOW - 5 * SECOND) }],
    [
      'the account was mended within the second of the request, after the incident was opened for it',
      { ...REJECTED, 'denial.opened': iso(NOW - 20 * SECOND + 200) },
      { 'account.changed': iso(NOW - 20 * SECOND + 700) },
    ],
    ['an hour has passed', { ...REJECTED, 'client.at': iso(NOW - 3_700 * SECOND) }, {}],
    ['SELinux: our test jobs passed since', AVC, { 'success.proved': iso(NOW - SECOND) }],
    ['SELinux: the denial came long after the last record', { ...AVC, 'client.at': iso(NOW - SECOND) }, {}],
  ] as [string, Observed, Observed][])('when %s', (_when, seen, since) => {
    expect(why({ ...seen, ...since }).cause).toBeNull();
  });
});

describe('it stays', () => {
  it.each([
    [
      'uid-mismatch',
      'files were changed in the same second',
      { ...CONTAINER, 'profile.changed': iso(NOW - 20 * SECOND + 900) },
    ],
    ['uid-mismatch', 'only our test jobs passed', { ...CONTAINER, 'success.proved': iso(NOW - SECOND) }],
    ['auth-failed', 'the account was changed before', { ...REJECTED, 'account.changed': iso(NOW - 60 * SECOND) }],
    [
      'auth-failed',
      'the account was changed within the second of the request, before the incident was opened for it',
      {
        ...REJECTED,
        'account.changed': iso(NOW - 20 * SECOND + 100),
        'denial.opened': iso(NOW - 20 * SECOND + 200),
      },
    ],
    [
      'selinux',
      'the label is still the wrong one',
      { ...AVC, 'client.at': iso(NOW - SECOND), 'selinux.label': 'system_u:object_r:default_t:s0' },
    ],
  ] as [string, string, Observed][])('%s: %s', (cause, _when, seen) => {
    expect(why(seen).cause).toBe(`openclaw/${cause}`);
  });
});

describe('what another cause hides is named beside it, and never alone', () => {
  const named = (observed: Observed): string[] => {
    const { cause, also } = why(observed);
    return [...(cause ? [cause] : []), ...also.map(a => a.cause)].map(c => c.replace('openclaw/', ''));
  };
  const DOWN: Observed = { 'scheduler.active': 'inactive', 'scheduler.health4': 'refused' };
  const SKEW: Observed = { 'scheduler.date-skew': 90_000, 'scheduler.date': iso(NOW + 90_000 * SECOND) };
  it.each([
    [['missing-group', 'queue-full'], { ...NO_GROUP, 'queue.free': 0 }],
    [['scheduler-down', 'port-blocked'], { ...DOWN, 'firewall.open': false }],
    [['clock-skew', 'expired-token'], { ...SKEW, 'token.expires': iso(NOW - SECOND) }],
    [['config-too-strict', 'stale-session'], { ...STRICT, 'session.gids': ['2001'], 'session.pids': ['1'] }],
    [[], { 'queue.free': 0 }],
    [[], { 'firewall.open': false }],
  ] as [string[], Observed][])('%s', (expected, observed) => {
    expect(named(observed)).toEqual(expected);
  });
});

describe('while the directory is away', () => {
  const AWAY: Observed = {
    'access.mode': 'ldap',
    'directory.canary': 'away',
    'directory.standard-group': undefined,
    'directory.member': undefined,
  };
  it('nobody is said to lack a group, and nobody to have lost it', () => {
    const gone = {
      ...NO_GROUP,
      'directory.member': undefined,
      'history.group-removed': ['claw-users'],
      ...NOT_LISTED,
    };
    for (const observed of [
      { ...AWAY, ...NO_GROUP, 'directory.member': undefined },
      { ...AWAY, ...gone },
    ])
      expect(why(observed)).toMatchObject({ cause: 'openclaw/directory-unavailable', also: [] });
  });
});

it('somebody who had the group at the last look and is on no list was taken out since', () => {
  const lost = {
    ...NO_GROUP,
    'history.member-of': ['claw-users'],
    ...NOT_LISTED,
  };
  expect(why(lost).cause).toBe('openclaw/access-removed');
  expect(why({ ...lost, 'history.member-of': [] }).cause).toBe('openclaw/missing-group');
});

describe('a file that is newer than the start of the scheduler', () => {
  const NEWER: Observed = {
    'config.loaded': false,
    'config.loaded-groups': undefined,
    'scheduler.started': iso(NOW - 60 * SECOND),
    'token.expires': iso(NOW - SECOND),
  };
  it.each([
    [
      'was only written anew: it says what it said then',
      'expired-token',
      [iso(NOW - 90 * SECOND), 'groups', 'claw-users'],
      {},
    ],
    ['says something else since then', 'config-not-loaded', [iso(NOW - 30 * SECOND), 'groups', 'claw-users'], {}],
    ['is not the one that was seen last', 'config-not-loaded', [iso(NOW - 90 * SECOND), 'groups', 'claw-admins'], {}],
    ['has another mode', 'config-not-loaded', [iso(NOW - 90 * SECOND), 'jwt', 'claw-users'], {}],
    ['was never seen before', 'config-not-loaded', undefined, {}],
    [
      'is not what the scheduler says it runs',
      'config-not-loaded',
      [iso(NOW - 90 * SECOND), 'groups', 'claw-users'],
      { 'config.loaded-groups': ['claw-admins'] },
    ],
  ] as [string, string, string[] | undefined, Observed][])('%s: %s', (_what, cause, seen, more) => {
    expect(why({ ...NEWER, 'history.config-access': seen, ...more }).cause).toBe(`openclaw/${cause}`);
  });
});

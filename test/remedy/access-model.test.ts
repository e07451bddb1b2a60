/** Would the scheduler let them in? The model, mode by mode, and with a plan's steps applied. */
import { describe, expect, it } from 'vitest';
import type { Step } from '../../src/plan.ts';
import { judgeEntry, letsIn, stateOf, withSteps } from '../../src/remedy/access-model.ts';
import { facts, iso, NO_GROUP, NOW, type Observed, STRICT } from '../diagnose/a-host.ts';

describe('the verdict', () => {
  it.each([
    ['all is well', {}, 'in'],
    ['no group', NO_GROUP, 'out'],
    ['the file authorises others', STRICT, 'out'],
    [
      'only the file was changed, not what runs',
      { 'config.loaded-groups': ['claw-admins'], 'config.loaded': false },
      'out',
    ],
    [
      'what runs is not what the file says, and nobody knows what it is',
      { 'config.loaded': false, 'config.loaded-groups': undefined },
      'unknown',
    ],
    ['the scheduler is down', { 'scheduler.health4': 'refused' }, 'out'],
    ['the account is expired', { 'account.expired': true }, 'out'],
    ['there is no account', { 'account.exists': false }, 'out'],
    ['the token is expired', { 'token.expires': iso(NOW - 1000) }, 'after-login'],
    ['no token', { 'token.present': false, 'token.expires': undefined }, 'after-login'],
    ['a damaged token', { 'token.intact': false }, 'after-login'],
    ['an old session', { 'session.pids': ['1'], 'session.gids': ['2001'] }, 'after-login'],
    [
      'mode jwt: an old session is nothing',
      { 'access.mode': 'jwt', 'session.pids': ['1'], 'session.gids': ['2001'] },
      'in',
    ],
    ['mode jwt: an old token', { 'access.mode': 'jwt', 'token.groups': ['x'] }, 'after-login'],
    ['mode groups: an old token is nothing', { 'token.groups': ['x'] }, 'in'],
    ['mode ldap: the directory says no', { 'access.mode': 'ldap', 'directory.member': false }, 'out'],
    ['mode ldap: it has no such group', { 'access.mode': 'ldap', 'directory.standard-group': false }, 'out'],
    ['mode ldap: it says yes', { 'access.mode': 'ldap' }, 'in'],
    ['the groups could not be asked', { 'groups.nss': undefined }, 'unknown'],
    [
      'the configuration could not be read',
      { 'access.mode': undefined, 'access.authorized-groups': undefined },
      'unknown',
    ],
  ] as [string, Observed, string][])('%s: %s', (_what, observed, verdict) => {
    expect(letsIn(facts(observed)).verdict).toBe(verdict);
  });
});

describe('with the steps applied', () => {
  const add = {
    action: 'group.add',
    user: 'alice',
    uid: 2001,
    group: 'claw-users',
    gid: 2500,
    until: null,
    argv: [],
  } as Step;
  const authorize = { action: 'config.authorize-group', group: 'claw-users' } as Step;
  const restart = { action: 'service.restart', unit: 'claw-scheduler', argv: [] } as Step;
  const after = (observed: Observed, ...steps: Step[]) =>
    judgeEntry(withSteps(stateOf(facts(observed)), steps, 'alice')).verdict;

  it.each([
    ['the group helps', NO_GROUP, [add], 'in'],
    ['somebody else’s does not', NO_GROUP, [{ ...add, user: 'bob' } as Step], 'out'],
    ['the file alone does not: it is not loaded', STRICT, [authorize], 'out'],
    ['file and restart do', STRICT, [authorize, restart], 'in'],
    ['a restart of the strict file does not', STRICT, [restart], 'out'],
    ['both for somebody without the group', { ...STRICT, ...NO_GROUP }, [authorize, restart], 'out'],
    ['and with it', { ...STRICT, ...NO_GROUP }, [add, authorize, restart], 'in'],
    ['a local group does not reach the directory that is asked', { ...NO_GROUP, 'access.mode': 'ldap' }, [add], 'out'],
    [
      'a start brings it up',
      { 'scheduler.health4': 'refused', 'config.loaded-groups': undefined },
      [{ action: 'service.start', unit: 'x', argv: [] }],
      'in',
    ],
  ] as [string, Observed, Step[], string][])('%s', (_what, observed, steps, verdict) => {
    expect(after(observed, ...steps)).toBe(verdict);
  });
});

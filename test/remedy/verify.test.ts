/** Did it help? A table of what is seen after the change, and what it is called. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import type { CanaryResult } from '../../src/messages.ts';
import type { Plan } from '../../src/plan.ts';
import { judge, type VerifyInput } from '../../src/remedy/verify.ts';
import { facts, iso, NO_GROUP, NOW, type Observed, STRICT } from '../diagnose/a-host.ts';

const config = parseConfig('verify: { quiet: 3, propagation: 1800 }\n', 'readmit.yaml');
const canary = (passed: boolean, user = 'alice'): CanaryResult => ({
  user,
  ran: true,
  passed,
  detail: passed ? '' : 'HTTP 403',
  latencies: [12, 14],
});
const step = { user: 'alice', uid: 2001, group: 'claw-users', gid: 2500 };
const ADD = {
  subject: { user: 'alice', uid: 2001 },
  steps: [{ action: 'group.add', ...step, until: null, argv: [] }],
} as unknown as Plan;
const RESTART = {
  subject: null,
  steps: [
    {
      action: 'config.authorize-group',
      file: '/etc/c.yaml',
      group: 'claw-users',
      before: '',
      after: '',
      at: 0,
      insert: '',
      diff: '',
    },
    { action: 'service.restart', unit: 'claw-scheduler', argv: [] },
  ],
} as unknown as Plan;

const MIN = 60_000;
function look(observed: Observed, more: Partial<VerifyInput> & { after?: number } = {}): string {
  const { after = 10_000, ...rest } = more;
  const input: VerifyInput = {
    plan: ADD,
    cause: 'openclaw/missing-group',
    facts: { alice: facts(observed) },
    canary: [canary(true)],
    alive: true,
    newDenials: 0,
    since: NOW - after,
    now: NOW,
    config,
    ...rest,
  };
  const { state, because } = judge(input);
  expect(because).toMatch(/\w/);
  return state;
}

describe('after somebody was added to a group', () => {
  it.each([
    ['all is as it should be', {}, {}, 'resolved'],
    ['quiet time is not over', {}, { after: 1000 }, 'verifying'],
    ['the test jobs fail', {}, { canary: [canary(false)] }, 'verifying'],
    ['the test jobs still fail after half an hour', {}, { canary: [canary(false)], after: 31 * MIN }, 'not-effective'],
    ['no test job has run', {}, { canary: [] }, 'verifying'],
    ['but they worked by their own hands', {}, { canary: [], ownSuccess: NOW - 2000 }, 'resolved'],
    ['one success before the change is none', {}, { canary: [], ownSuccess: NOW - 60_000 }, 'verifying'],
    ['the group file has it, NSS does not', { 'groups.nss': ['alice'] }, {}, 'propagating'],
    ['NSS still does not after half an hour', { 'groups.nss': ['alice'] }, { after: 31 * MIN }, 'not-effective'],
    ['it is not there at all', NO_GROUP, {}, 'not-effective'],
    ['the groups can’t be asked', { 'groups.nss': undefined, 'groups.file': undefined }, {}, 'verifying'],
    ['an old session still lacks it', { 'session.pids': ['4'], 'session.gids': ['2001'] }, {}, 'propagating'],
    ['the directory does not show it yet', { 'access.mode': 'ldap', 'directory.member': false }, {}, 'propagating'],
    [
      'the directory does not show it after half an hour: its caches may keep it for longer',
      { 'access.mode': 'ldap', 'directory.member': false },
      { after: 31 * MIN },
      'propagating',
    ],
    [
      'the directory does not show it after an hour and a half',
      { 'access.mode': 'ldap', 'directory.member': false },
      { after: 91 * MIN },
      'not-effective',
    ],
    [
      'the scheduler says that its own cache lives longer',
      { 'access.mode': 'ldap', 'directory.member': false, 'config.directory-lag': 7200 },
      { after: 91 * MIN },
      'propagating',
    ],
    [
      'an old session still lacks it the next day: the change is there',
      { 'session.pids': ['4'], 'session.gids': ['2001'] },
      { after: 24 * 60 * MIN },
      'propagating',
    ],
    ['the token is expired', { 'token.expires': iso(NOW - MIN) }, {}, 'propagating'],
    ['another denial came', {}, { newDenials: 1 }, 'propagating'],
    [
      'it crossed with the change, and it has been quiet since',
      {},
      { newDenials: 1, lastDenial: NOW - 9000 },
      'resolved',
    ],
    ['denials keep coming', {}, { newDenials: 9, lastDenial: NOW - 500 }, 'propagating'],
    [
      'denials keep coming after half an hour',
      {},
      { newDenials: 9, lastDenial: NOW - 500, after: 31 * MIN },
      'not-effective',
    ],
    [
      'the scheduler stopped writing: that is no success',
      { 'scheduler.health4': 'refused', 'scheduler.active': 'inactive' },
      { alive: false },
      'verifying',
    ],
    ['silence of a scheduler nobody can ask', { 'scheduler.health4': undefined }, { alive: false }, 'verifying'],
  ] as [string, Observed, Partial<VerifyInput> & { after?: number }, string][])(
    '%s: %s',
    (_what, observed, more, state) => {
      expect(look(observed, more)).toBe(state);
    },
  );

  it('with the canary switched off, the rest decides', () => {
    const off = parseConfig('verify: { canary: off }\n'.replace('off', '"off"'), 'readmit.yaml');
    expect(look({}, { canary: [], config: off })).toBe('resolved');
    expect(look(NO_GROUP, { canary: [], config: off })).toBe('not-effective');
  });
});

describe('after the configuration was changed and the scheduler restarted', () => {
  it.each([
    ['it answers, and people are let in', {}, {}, 'resolved'],
    ['it does not answer yet', { 'scheduler.health4': 'refused' }, { after: 5000 }, 'verifying'],
    ['it does not answer after a minute', { 'scheduler.health4': 'refused' }, { after: 61_000 }, 'failed'],
    [
      'systemd says active, health says no (C15)',
      { 'scheduler.health4': 'unhealthy' },
      { after: 61_000, alive: true },
      'failed',
    ],
    ['somebody else changed the file', STRICT, {}, 'not-effective'],
    [
      'it has not loaded the file',
      { 'config.loaded': false, 'config.loaded-groups': ['claw-admins'] },
      {},
      'verifying',
    ],
  ] as [string, Observed, Partial<VerifyInput> & { after?: number }, string][])(
    '%s: %s',
    (_what, observed, more, state) => {
      expect(look(observed, { plan: RESTART, cause: 'openclaw/config-too-strict', ...more })).toBe(state);
    },
  );

  it('somebody with a reason of their own does not hold it up', () => {
    const both = { alice: facts(), mallory: facts({ ...NO_GROUP, 'config.loaded': true }, 'mallory') };
    expect(look({}, { plan: RESTART, facts: both })).toBe('resolved');
    expect(look({}, { plan: RESTART, facts: { mallory: both.mallory } })).toBe('propagating');
  });
});

describe('without a change of ours', () => {
  it('the same proof is asked for', () => {
    expect(look({}, { plan: null })).toBe('resolved');
    expect(look({}, { plan: null, canary: [canary(false)] })).toBe('verifying');
    expect(look(NO_GROUP, { plan: null })).toBe('propagating');
  });
});

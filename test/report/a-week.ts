/** A week at a cluster as the store would hand it over: three people refused, a scanner, a restart, an empty week. */
import type { HourTally, ReportGrant, ReportIncident, ReportInput, ReportRun } from '../../src/report/input.ts';

export const EMPTY: ReportInput = {
  title: 'Access report',
  week: '2026-W47',
  range: { from: '2026-11-16T00:00:00.000Z', to: '2026-11-23T00:00:00.000Z' },
  timezone: 'UTC',
  made: '2026-11-23T07:00:00.000Z',
  hosts: ['claw-head-01'],
  tallies: [],
  incidents: [],
  runs: [],
  grants: [],
  groups: [],
  blind: [],
  audit: { seq: 41, digest: 'ab'.repeat(32) },
  policyNotes: [],
  previous: null,
};

export const tally = (hour: string, user: string | null, count: number, more: Partial<HourTally> = {}): HourTally => ({
  hour: `${hour}:00:00.000Z`,
  user,
  ip: '192.168.1.100',
  event: 'denied',
  cause: 'openclaw/missing-group',
  count,
  host: 'claw-head-01',
  incident: null,
  account: 'user',
  ...more,
});

export const incident = (
  id: string,
  key: string,
  opened: string,
  more: Partial<ReportIncident> = {},
): ReportIncident => ({
  id,
  kind: 'user',
  key,
  host: 'claw-head-01',
  cause: 'openclaw/missing-group',
  opened,
  state: 'open',
  ended: null,
  users: 1,
  count: 1,
  tier: 1,
  moves: [{ at: opened, who: 'readmit', from: null, to: 'open', what: 'opened' }],
  votes: [],
  plan: null,
  outcome: null,
  ...more,
});

export const move = (
  at: string,
  from: ReportIncident['state'],
  to: ReportIncident['state'],
  who = 'readmit',
  what = '',
): ReportIncident['moves'][number] => ({
  at,
  who,
  from,
  to,
  what,
});

export const grant = (user: string, since: string, more: Partial<ReportGrant> = {}): ReportGrant => ({
  id: `grant-${user}`,
  user,
  uid: 1001,
  group: 'claw-users',
  host: 'claw-head-01',
  incident: '1',
  by: ['root-ann'],
  reason: 'on the list',
  entitlement: 'etc/entitlements.yaml names alice in claw-users',
  since,
  until: null,
  ended: null,
  effective: since,
  endedBy: more.ended ? 'us' : null,
  ...more,
});

/** A plan of a service that was ordered, under these votes. */
export const run = (incident: string, at: string, by: string[], more: Partial<ReportRun> = {}): ReportRun => ({
  incident,
  serial: 1,
  what: 'plan',
  host: 'claw-head-01',
  tier: 2,
  at,
  result: 'done',
  by,
  actions: ['service.restart'],
  ...more,
});

const vote = (by: string, at: string, reason = ''): ReportIncident['votes'][number] => ({
  by,
  roles: ['administrator'],
  at,
  decision: 'approve',
  reason,
  proof: 'session',
  serial: 1,
});

/** 24 denials of people (alice 9, bob 5, carol 10), 30 of a scanner; alice and a config change solved, carol waits. */
export const BUSY: ReportInput = {
  ...EMPTY,
  tallies: [
    tally('2026-11-16T09', 'alice', 6, { incident: '1' }),
    tally('2026-11-17T10', 'alice', 3, { incident: '1' }),
    tally('2026-11-18T12', 'bob', 5, { incident: '2', cause: 'openclaw/config-too-strict', ip: '192.168.1.20' }),
    tally('2026-11-18T12', 'carol', 4, { incident: '3', cause: 'openclaw/expired-token' }),
    tally('2026-11-20T15', 'carol', 6, { incident: '3', cause: 'openclaw/expired-token' }),
    tally('2026-11-19T03', 'oracle', 30, { incident: '4', cause: null, account: 'unknown', ip: '203.0.113.9' }),
    tally('2026-11-19T04', 'alice', 2, { event: 'succeeded', cause: null }),
  ],
  incidents: [
    incident('1', 'alice', '2026-11-16T09:00:00.000Z', {
      state: 'resolved',
      ended: '2026-11-16T09:22:00.000Z',
      count: 9,
      moves: [
        move('2026-11-16T09:00:00.000Z', 'open', 'open'),
        move('2026-11-16T09:00:02.000Z', 'open', 'proposed'),
        move('2026-11-16T09:15:00.000Z', 'proposed', 'approved', 'root-ann'),
        move('2026-11-16T09:15:01.000Z', 'approved', 'running'),
        move('2026-11-16T09:15:02.000Z', 'running', 'verifying'),
        move('2026-11-16T09:22:00.000Z', 'verifying', 'resolved'),
      ],
      votes: [vote('root-ann', '2026-11-16T09:15:00.000Z', 'new in the group of Prof. Ng')],
      plan: {
        serial: 1,
        digest: 'cd'.repeat(32),
        summary: 'Add alice to claw-users.',
        steps: [
          {
            action: 'group.add',
            user: 'alice',
            uid: 1001,
            group: 'claw-users',
            gid: 2000,
            until: null,
            argv: ['/usr/sbin/usermod', '-aG', 'claw-users', 'alice'],
          },
        ],
        gains: ['alice'],
        entitlement: 'etc/entitlements.yaml',
        subject: { user: 'alice', uid: 1001 },
      },
      outcome: {
        result: 'done',
        detail: '',
        steps: [{ action: 'group.add', result: 'done', before: 'domain-users', after: 'domain-users, claw-users' }],
      },
    }),
    incident('2', 'claw-scheduler', '2026-11-18T12:00:00.000Z', {
      kind: 'service',
      cause: 'openclaw/config-too-strict',
      state: 'resolved',
      ended: '2026-11-18T15:10:00.000Z',
      users: 6,
      count: 5,
      tier: 2,
      moves: [
        move('2026-11-18T12:00:00.000Z', 'open', 'proposed'),
        move('2026-11-18T15:00:00.000Z', 'proposed', 'approved', 'root-ben'),
        move('2026-11-18T15:00:01.000Z', 'approved', 'running'),
        move('2026-11-18T15:10:00.000Z', 'running', 'verifying'),
        move('2026-11-18T15:10:00.000Z', 'verifying', 'resolved'),
      ],
      votes: [vote('root-ben', '2026-11-18T14:59:00.000Z')],
    }),
    incident('3', 'carol', '2026-11-18T12:30:00.000Z', {
      cause: 'openclaw/expired-token',
      state: 'resolved',
      ended: '2026-11-24T08:00:00.000Z',
      count: 10,
      moves: [
        move('2026-11-18T12:30:01.000Z', 'open', 'advised'),
        move('2026-11-24T08:00:00.000Z', 'advised', 'resolved'),
      ],
    }),
    incident('4', '203.0.113.9', '2026-11-19T03:10:00.000Z', {
      kind: 'address',
      cause: 'openclaw/probing',
      users: 0,
      count: 30,
    }),
  ],
  runs: [
    run('1', '2026-11-16T09:15:00.000Z', ['root-ann'], { tier: 1, actions: ['group.add'] }),
    run('2', '2026-11-18T15:00:00.000Z', ['root-ben'], { actions: ['config.authorize-group', 'service.restart'] }),
  ],
  grants: [
    grant('alice', '2026-11-16T09:15:02.000Z', {
      until: '2026-11-30T00:00:00.000Z',
      effective: '2026-11-16T09:22:00.000Z',
    }),
    grant('dora', '2026-11-02T09:00:00.000Z', { uid: 1004, until: '2026-11-20T00:00:00.000Z', incident: '0' }),
  ],
  groups: [
    {
      host: 'claw-head-01',
      group: 'claw-users',
      start: ['bob', 'dora'],
      end: ['alice', 'bob', 'dora', 'eve'],
      changes: [
        { at: '2026-11-16T09:15:02.000Z', user: 'alice', change: 'added', byUs: true },
        { at: '2026-11-17T20:00:00.000Z', user: 'eve', change: 'added', byUs: false },
      ],
    },
  ],
  blind: [
    {
      host: 'claw-head-01',
      source: '/var/log/claw-scheduler.log',
      from: '2026-11-21T01:00:00.000Z',
      to: '2026-11-21T03:00:00.000Z',
      why: 'permission denied',
    },
  ],
  policyNotes: ['Changes of tier 2 need one vote at this site, not two.'],
};

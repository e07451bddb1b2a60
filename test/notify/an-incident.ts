/** Incidents as the desk shows them, for the letters: alice who is in no group, and what a hostile log makes of one. */
import type { IncidentDetail } from '../../src/desk.ts';
import type { Paper } from '../../src/notify/letter.ts';

export const PAPER: Paper = {
  key: 'alert-7',
  from: 'readmit@site.example',
  to: ['ops@site.example'],
  origin: 'https://readmit.site.example',
  timezone: 'UTC',
  tiers: {
    1: { votes: 1, roles: ['administrator', 'operator'], eachRole: [] },
    2: { votes: 2, roles: ['administrator'], eachRole: [] },
  },
};

export const ALICE: IncidentDetail = {
  id: '7',
  kind: 'user',
  key: 'alice',
  host: 'claw-head-01',
  state: 'proposed',
  cause: 'openclaw/missing-group',
  count: 4,
  users: 1,
  opened: '2026-11-23T09:14:00.000Z',
  updated: '2026-11-23T09:31:00.000Z',
  tier: 1,
  votes: [],
  needs: 1,
  headline: "alice can't submit jobs: she is not in claw-users.",
  marks: [],
  spark: [],
  diagnosis: {
    user: 'alice',
    cause: 'openclaw/missing-group',
    title: 'alice is in no group that the scheduler lets in',
    also: [],
    confidence: 1,
    evidence: [
      { fact: 'groups', value: ['alice', 'domain-users'], source: 'id -Gn alice', at: '2026-11-23T09:14:02.000Z' },
      {
        fact: 'authorised groups',
        value: ['claw-users'],
        source: '/etc/claw-scheduler/config.yaml',
        at: '2026-11-23T09:14:02.000Z',
      },
      {
        fact: 'scheduler answers',
        value: true,
        source: 'http://127.0.0.1:8080/health',
        at: '2026-11-23T09:14:02.000Z',
      },
    ],
    ruledOut: [{ cause: 'openclaw/scheduler-down', because: 'it answers' }],
    unknown: [{ fact: 'ldap groups', because: 'no directory is configured' }],
  },
  plan: {
    serial: 1,
    digest: 'cd'.repeat(32),
    summary: 'Add alice to claw-users on claw-head-01.',
    deed: 'Add alice to claw-users',
    steps: [{ action: 'group.add', argv: ['/usr/sbin/usermod', '-aG', 'claw-users', 'alice'] }],
    full: [
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
    loses: [],
    undo: 'gpasswd -d alice claw-users',
    undoSteps: [
      {
        action: 'group.remove',
        user: 'alice',
        uid: 1001,
        group: 'claw-users',
        gid: 2000,
        argv: ['/usr/bin/gpasswd', '-d', 'alice', 'claw-users'],
      },
    ],
    expires: '2026-11-23T10:14:00.000Z',
    entitlement: '/etc/readmit/entitlements.yaml names alice in claw-users',
    notes: [],
    managedBy: null,
    subject: { user: 'alice', uid: 1001 },
  },
  begun: null,
  history: [{ at: '2026-11-23T09:14:00.000Z', who: 'readmit', what: 'opened' }],
  pairs: [
    {
      user: 'alice',
      ip: '192.168.1.100',
      endpoint: '/submit',
      count: 4,
      first: '2026-11-23T09:14:00.000Z',
      last: '2026-11-23T09:31:00.000Z',
      selfReported: false,
    },
  ],
  samples: [
    {
      line: '[WARNING] Unauthorized access attempt from 192.168.1.100: user alice, endpoint /submit',
      source: '/var/log/claw-scheduler.log',
      offset: 0,
      at: '2026-11-23T09:14:00.000Z',
      trust: 'server',
    },
  ],
  next: 'the plan lapses at 10:14 UTC unless it is approved',
};

export const CONFIG: IncidentDetail = {
  ...ALICE,
  id: '8',
  kind: 'service',
  key: 'claw-scheduler',
  cause: 'openclaw/config-too-strict',
  headline: "3 people can't work right now; one change lets all 3 back in.",
  count: 42,
  users: 3,
  tier: 2,
  needs: 1,
  votes: [{ by: 'root-ann', at: '2026-11-23T09:40:00.000Z', decision: 'approve' }],
  plan: {
    ...ALICE.plan!,
    subject: null,
    entitlement: null,
    steps: [
      {
        action: 'config.authorize-group',
        diff: '--- a/config.yaml\n+++ b/config.yaml\n@@ -3,3 +3,4 @@\n   authorized_groups:\n     - claw-admins\n+    - claw-users\n',
      },
      { action: 'service.restart', argv: ['/usr/bin/systemctl', 'restart', 'claw-scheduler'] },
    ],
    gains: ['alice', 'bob', 'carol'],
    notes: ['2 jobs are running and will go on.'],
  },
  pairs: ['alice', 'bob', 'carol'].map(user => ({ ...ALICE.pairs[0]!, user, count: 14 })),
};

/** The two incidents of the week that wait for votes: alice, who is in no authorised group, and a config that shut everybody out. */
import type { IncidentDetail } from '../../../src/desk.ts';
import { planDigest } from '../../../src/digest.ts';
import type { Step } from '../../../src/plan.ts';
import { type At, DAY, groupAdd, HOSTILE, MIN, row, sparkOf } from './incident.ts';

export function alice(at: At): IncidentDetail {
  const full: Step[] = [groupAdd('alice', 1001)];
  const undoSteps: Step[] = [
    {
      action: 'group.remove',
      user: 'alice',
      uid: 1001,
      group: 'claw-users',
      gid: 2001,
      argv: ['/usr/bin/gpasswd', '-d', 'alice', 'claw-users'],
    },
  ];
  const subject = { user: 'alice', uid: 1001 };
  return row('41', at, {
    kind: 'user',
    key: 'alice',
    state: 'proposed',
    headline: 'alice can’t submit jobs: she is not in claw-users',
    cause: 'openclaw/missing-group',
    count: 52,
    tier: 1,
    needs: 1,
    opened: at(78 * MIN),
    diagnosis: {
      user: 'alice',
      title: 'alice is not in any group the scheduler accepts',
      cause: 'openclaw/missing-group',
      also: [
        {
          cause: 'openclaw/expired-token',
          evidence: [{ fact: 'token expired', value: true, source: '~alice/.claw/config.yaml', at: at(2 * MIN) }],
        },
      ],
      confidence: 1,
      evidence: [
        { fact: 'account exists', value: true, source: 'getent passwd alice', at: at(2 * MIN) },
        { fact: 'groups by NSS', value: ['alice', 'domain-users'], source: 'id -nG alice', at: at(2 * MIN) },
        {
          fact: 'authorised groups',
          value: ['claw-users', 'claw-admins'],
          source: '/etc/claw-scheduler/config.yaml',
          at: at(2 * MIN),
        },
        { fact: 'member of an authorised group', value: false, source: 'groups × authorized_groups', at: at(2 * MIN) },
        { fact: 'scheduler answers', value: 'healthy', source: 'GET http://127.0.0.1:8080/health', at: at(2 * MIN) },
      ],
      ruledOut: [
        { cause: 'openclaw/port-blocked', because: 'the server logged the request, so it got through the network' },
        { cause: 'openclaw/config-too-strict', because: 'claw-users is among the authorised groups' },
        { cause: 'openclaw/selinux', because: 'getenforce says Permissive and there is no denial for the scheduler' },
        { cause: 'openclaw/clock-skew', because: 'the scheduler’s clock differs by 0.2 s' },
      ],
      unknown: [{ fact: 'groups in the directory', because: 'ldapsearch: timed out after 3 s' }],
    },
    plan: {
      serial: 2,
      digest: planDigest({ host: 'claw-head-01', subject, steps: full, undo: undoSteps, tier: 1, assumes: {} }),
      summary: 'Adds alice (uid 1001) to the group claw-users.',
      deed: 'Add alice to claw-users',
      steps: [{ action: 'group.add', argv: ['/usr/sbin/usermod', '-aG', 'claw-users', 'alice'] }],
      full,
      gains: ['alice'],
      loses: [],
      undo: 'Removes alice from claw-users again.',
      undoSteps,
      expires: at(-42 * MIN),
      entitlement: 'entitlements.yaml names alice for claw-users',
      notes: ['alice has to log in again, or run newgrp claw-users, before it takes effect.'],
      managedBy: null,
      subject,
    },
    history: [
      { at: at(78 * MIN), who: 'readmit', what: 'opened it at the first denial' },
      { at: at(77 * MIN), who: 'readmit', what: 'found missing-group and offered a plan' },
      { at: at(76 * MIN), who: 'readmit', what: 'wrote to 2 administrators' },
      { at: at(18 * MIN), who: 'readmit', what: 'took the facts again; the plan is unchanged' },
    ],
    told: [
      { at: at(77 * MIN), to: 'administrators', letter: 'alert', state: 'sent' },
      { at: at(76 * MIN), to: 'chat', letter: 'alert', state: 'muted until 2026-11-24T06:00:00.000Z' },
      { at: at(16 * MIN), to: 'administrators', letter: 'reminder', state: 'sent' },
    ],
    pairs: [
      {
        user: 'alice',
        ip: '192.168.1.100',
        endpoint: '/submit',
        count: 41,
        first: at(78 * MIN),
        last: at(2 * MIN),
        selfReported: false,
      },
      {
        user: 'alice',
        ip: '192.168.1.100',
        endpoint: '/api/v1/jobs/status',
        count: 9,
        first: at(60 * MIN),
        last: at(12 * MIN),
        selfReported: false,
      },
      {
        user: 'alice',
        ip: null,
        endpoint: '/api/v1/jobs/submit',
        count: 2,
        first: at(50 * MIN),
        last: at(30 * MIN),
        selfReported: true,
      },
    ],
    samples: [
      {
        line: '[WARNING] Unauthorized access attempt from 192.168.1.100: user alice, endpoint /submit',
        source: '/var/log/claw-scheduler.log',
        offset: 48213,
        at: at(2 * MIN),
        trust: 'server',
      },
      {
        line: `[ERROR] 2026-11-23T08:41:15Z: HTTP 403 from scheduler: {"error":"clw-scheduler-denied","message":"User alice not authorized","x":"${HOSTILE}\u001b[31m\u202egnp"}`,
        source: '/home/alice/.claw/clw.log',
        offset: 902,
        at: at(30 * MIN),
        trust: 'user-written',
      },
    ],
    next: `Waits for 1 approval; the plan is good until ${at(-42 * MIN)}.`,
  });
}

const DIFF = `--- /etc/claw-scheduler/config.yaml
+++ /etc/claw-scheduler/config.yaml
@@ -2,5 +2,6 @@
 auth:
   mode: groups
   authorized_groups:
+    - claw-users
     - claw-admins  # Too restrictive
 port: 8080
`;

export function service(at: At): IncidentDetail {
  const splice = {
    file: '/etc/claw-scheduler/config.yaml',
    group: 'claw-users',
    before: 'a'.repeat(64),
    after: 'b'.repeat(64),
    at: 58,
    insert: '    - claw-users\n',
    diff: DIFF,
  };
  const restart: Step = {
    action: 'service.restart',
    unit: 'claw-scheduler',
    argv: ['/usr/bin/systemctl', 'restart', '--', 'claw-scheduler'],
  };
  const full: Step[] = [{ action: 'config.authorize-group', ...splice }, restart];
  const undoSteps: Step[] = [
    { action: 'config.restore', ...splice, diff: DIFF.replace('+    - claw', '-    - claw') },
    restart,
  ];
  const names = ['heidi', 'ivan', 'judy', 'karl', 'lena', 'mike', 'nora'];
  return row('42', at, {
    kind: 'service',
    key: 'claw-scheduler',
    state: 'proposed',
    headline: '7 people can’t submit jobs: claw-users is no longer an authorised group',
    cause: 'openclaw/config-too-strict',
    count: 318,
    users: 7,
    tier: 2,
    needs: 1,
    votes: [{ by: 'root-ben', at: at(9 * MIN), decision: 'approve' }],
    opened: at(25 * MIN),
    spark: sparkOf(5, 1, 318),
    diagnosis: {
      user: 'heidi',
      title: 'the scheduler’s configuration accepts claw-admins only, since 08:52 today',
      cause: 'openclaw/config-too-strict',
      also: [],
      confidence: 1,
      evidence: [
        {
          fact: 'authorised groups',
          value: ['claw-admins'],
          source: '/etc/claw-scheduler/config.yaml',
          at: at(20 * MIN),
        },
        {
          fact: 'authorised groups, last known good',
          value: ['claw-users', 'claw-admins'],
          source: 'own history of the file',
          at: at(DAY),
        },
        { fact: 'people denied at once', value: 7, source: 'denials of the last minute', at: at(24 * MIN) },
      ],
      ruledOut: [{ cause: 'openclaw/missing-group', because: 'all 7 are in claw-users' }],
      unknown: [],
    },
    plan: {
      serial: 1,
      digest: planDigest({ host: 'claw-head-01', subject: null, steps: full, undo: undoSteps, tier: 2, assumes: {} }),
      summary: 'Adds claw-users to auth.authorized_groups and restarts claw-scheduler once.',
      deed: 'Authorise claw-users and restart claw-scheduler',
      steps: [
        { action: 'config.authorize-group', diff: DIFF },
        { action: 'service.restart', argv: ['/usr/bin/systemctl', 'restart', '--', 'claw-scheduler'] },
      ],
      full,
      gains: names,
      loses: [],
      undo: 'Puts the backup of the file back and restarts claw-scheduler.',
      undoSteps,
      expires: at(-35 * MIN),
      entitlement: null,
      notes: [
        '2 jobs are running now: train-resnet-77 (judy), sweep-12 (karl). The restart may end them.',
        'The file was changed by root at 08:52.',
      ],
      managedBy: null,
      subject: null,
    },
    history: [
      { at: at(25 * MIN), who: 'readmit', what: 'opened it: 7 different people within 60 s' },
      { at: at(24 * MIN), who: 'readmit', what: 'holds 7 personal incidents as explained by this one' },
      { at: at(9 * MIN), who: 'root-ben', what: 'approved plan 1: seen with the team' },
    ],
    pairs: names.map((user, i) => ({
      user,
      ip: `192.168.1.${110 + i}`,
      endpoint: '/submit',
      count: 60 - 5 * i,
      first: at(25 * MIN),
      last: at((i + 1) * MIN),
      selfReported: false,
    })),
    samples: [
      {
        line: '[WARNING] Unauthorized access attempt from 192.168.1.110: user heidi, endpoint /submit',
        source: '/var/log/claw-scheduler.log',
        offset: 51877,
        at: at(24 * MIN),
        trust: 'server',
      },
    ],
    next: `Waits for 1 approval; the plan is good until ${at(-35 * MIN)}.`,
  });
}

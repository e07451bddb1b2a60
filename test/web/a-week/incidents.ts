/** The incidents of the believable week, one for each thing that can become of one. */
import type { IncidentDetail } from '../../../src/desk.ts';
import type { Step } from '../../../src/plan.ts';
import { type At, DAY, groupAdd, HOSTILE, HOUR, MIN, row, sparkOf } from './incident.ts';
import { alice, service } from './proposals.ts';

/** Newest first. */
export const incidentsOfTheWeek = (at: At): IncidentDetail[] =>
  [alice, service, bob, probing, carol, erin, frank, dave, grace].map(incident => incident(at));

const bob = (at: At): IncidentDetail =>
  row('40', at, {
    kind: 'user',
    key: 'bob',
    state: 'advised',
    headline: 'bob can’t submit jobs: his session is older than his group',
    cause: 'openclaw/stale-session',
    count: 6,
    opened: at(3 * HOUR),
    diagnosis: {
      user: 'bob',
      title: 'bob can’t submit jobs: his session is older than his group',
      cause: 'openclaw/stale-session',
      also: [],
      confidence: 0.8,
      evidence: [
        { fact: 'member of an authorised group', value: true, source: 'id -nG bob', at: at(3 * MIN) },
        { fact: 'sessions without the new group', value: 2, source: '/proc/*/status', at: at(3 * MIN) },
      ],
      ruledOut: [{ cause: 'openclaw/missing-group', because: 'bob is in claw-users since yesterday' }],
      unknown: [{ fact: 'token groups', because: 'home is not readable here' }],
      advice: {
        to: 'user',
        text: 'You are in the right group, but this session was started before that. Log in again, or run:',
        commands: ['newgrp claw-users', 'clw submit test.yaml'],
        check: 'the job is accepted',
      },
    },
    history: [{ at: at(3 * HOUR), who: 'readmit', what: 'opened it and told bob what to do' }],
    pairs: [
      {
        user: 'bob',
        ip: '192.168.1.101',
        endpoint: '/api/v1/jobs/status',
        count: 6,
        first: at(3 * HOUR),
        last: at(20 * MIN),
        selfReported: false,
      },
    ],
    next: 'Waits for the person concerned. It is looked at again in 5 s.',
  });

const probing = (at: At): IncidentDetail =>
  row('39', at, {
    kind: 'address',
    key: '203.0.113.77',
    state: 'escalated',
    headline: '203.0.113.77 tried 31 names, 30 of which do not exist',
    cause: 'openclaw/probing',
    count: 214,
    users: 31,
    opened: at(5 * HOUR),
    spark: sparkOf(11, 5, 60),
    pairs: ['root', 'admin', 'oracle', 'test', 'postgres'].map(user => ({
      user,
      ip: '203.0.113.77',
      endpoint: '/submit',
      count: 7,
      first: at(5 * HOUR),
      last: at(8 * MIN),
      selfReported: false,
    })),
    history: [{ at: at(5 * HOUR), who: 'readmit', what: 'opened it and alarmed the administrators' }],
    next: 'A human must look. Nobody is let in because of it.',
  });

const carol = (at: At): IncidentDetail => {
  const base = alice(at).plan!;
  const full: Step[] = [groupAdd('carol', 1003)];
  return row('38', at, {
    kind: 'user',
    key: 'carol',
    state: 'propagating',
    headline: 'carol can’t submit jobs yet: her new group waits for her next login',
    cause: 'openclaw/missing-group',
    count: 17,
    tier: 1,
    opened: at(4 * HOUR),
    votes: [{ by: 'root-ann', at: at(30 * MIN), decision: 'approve' }],
    plan: {
      ...base,
      serial: 1,
      digest: 'c'.repeat(64),
      summary: 'Adds carol (uid 1003) to the group claw-users.',
      deed: 'Add carol to claw-users',
      full,
      gains: ['carol'],
      undo: 'Removes carol from claw-users again.',
      subject: { user: 'carol', uid: 1003 },
    },
    begun: {
      ...{ serial: 1, deed: 'Add carol to claw-users', undo: 'Removes carol from claw-users again.' },
      ...{ undoSteps: base.undoSteps, result: 'done', takenBack: false },
    },
    history: [
      { at: at(4 * HOUR), who: 'readmit', what: 'opened it' },
      { at: at(30 * MIN), who: 'root-ann', what: 'approved plan 1' },
      { at: at(30 * MIN), who: 'executor', what: 'ran it: carol is in claw-users (gid 2001)' },
    ],
    pairs: [
      {
        user: 'carol',
        ip: '192.168.1.103',
        endpoint: '/submit',
        count: 17,
        first: at(4 * HOUR),
        last: at(12 * MIN),
        selfReported: false,
      },
    ],
    next: 'Done; it takes effect at carol’s next login. Nothing needs to be changed back.',
  });
};

const erin = (at: At): IncidentDetail =>
  row('37', at, {
    kind: 'user',
    key: 'erin',
    state: 'escalated',
    headline: 'erin was denied: her access was taken away on purpose on 2 November',
    cause: 'openclaw/access-removed',
    count: 4,
    opened: at(7 * HOUR),
    next: 'A human must look.',
  });
const frank = (at: At): IncidentDetail =>
  row('36', at, {
    kind: 'user',
    key: 'frank',
    state: 'open',
    headline: 'frank was refused 3 times',
    count: 3,
    opened: at(20_000),
    marks: ['inhibited'],
    next: 'Explained by incident 42.',
  });
const dave = (at: At): IncidentDetail =>
  row('35', at, {
    kind: 'user',
    key: 'dave',
    state: 'resolved',
    headline: 'dave can submit jobs again',
    cause: 'openclaw/missing-group',
    count: 9,
    opened: at(DAY + 2 * HOUR),
    tier: 1,
    next: 'Nothing: the person can work again.',
  });
/** Nobody reads `trinity`: a name as a stranger would choose it. */
const grace = (at: At): IncidentDetail =>
  row('34', at, {
    kind: 'user',
    key: HOSTILE,
    state: 'escalated',
    headline: `${HOSTILE} was refused 2 times`,
    count: 2,
    opened: at(9 * HOUR),
    samples: [
      {
        line: `user ${HOSTILE}, endpoint javascript:alert(1)`,
        source: '/var/log/claw-scheduler.log',
        offset: 1,
        at: at(HOUR),
        trust: 'server',
      },
    ],
    pairs: [
      {
        user: HOSTILE,
        ip: '192.168.1.9',
        endpoint: 'javascript:alert(1)',
        count: 2,
        first: at(HOUR),
        last: at(HOUR),
        selfReported: false,
      },
    ],
    next: 'A human must look.',
  });

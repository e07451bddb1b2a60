/**
 * A desk in memory with a believable week on it, for the tests of the pages and for their pictures. It keeps the rules
 * of a desk as far as a page can notice them: votes are for one digest, of different people, and counted once.
 */
import type { Desk, Grant, Health, IncidentDetail, IncidentRow, Person } from '../../src/desk.ts';
import { planDigest } from '../../src/digest.ts';
import { isEnded, NotFound, Refused } from '../../src/incident.ts';
import type { Decision, Step, Vote } from '../../src/plan.ts';

const MIN = 60_000;
const HOUR = 60 * MIN;
const DAY = 24 * HOUR;

export const HOSTILE = '<img src=x onerror=alert(1)>';

/** A sequence that looks random and is the same every time. */
function dice(seed: number): () => number {
  let s = seed;
  return () => {
    s = (s * 1103515245 + 12345) % 2147483648;
    return s / 2147483648;
  };
}

export interface MemoryDesk extends Desk {
  /** Everything that changed something, in order. */
  deeds: string[];
  all: IncidentDetail[];
  healthNow: Health;
  /** Puts another plan in the place of an incident's, as a rebuild after drift does. */
  drift(id: string): string;
  tellChange(ids: string[]): void;
  listeners(): number;
}

export function memoryDesk(now: () => number): MemoryDesk {
  const start = now();
  const at = (ago: number): string => new Date(start - ago).toISOString();
  const all = [alice(at), service(at), bob(at), probing(at), carol(at), erin(at), frank(at), dave(at), grace(at)];
  const deeds: string[] = [];
  const listeners = new Set<(ids: string[]) => void>();
  const find = (id: string): IncidentDetail => {
    const found = all.find(i => i.id === id);
    if (!found) throw new NotFound(`no incident ${id}`);
    return found;
  };
  let told = 0;
  const tellChange = (ids: string[]): void => {
    told++;
    for (const l of listeners) l(ids);
  };
  const changed = (i: IncidentDetail, who: string, what: string): IncidentRow => {
    const when = new Date(now()).toISOString();
    i.updated = when;
    i.history.push({ at: when, who, what });
    deeds.push(`${who} ${what}`);
    tellChange([i.id]);
    return i;
  };
  const healthNow = health(at);
  return {
    deeds,
    all,
    healthNow,
    tellChange,
    listeners: () => listeners.size,
    drift(id) {
      const plan = find(id).plan!;
      plan.serial++;
      plan.digest = planDigest({
        host: 'claw-head-01',
        subject: plan.subject,
        steps: plan.full,
        undo: plan.undoSteps,
        tier: 1,
        assumes: { serial: plan.serial },
      });
      return plan.digest;
    },
    incidents: filter =>
      all
        .filter(i => (filter?.state ? i.state === filter.state : filter?.all !== false || !isEnded(i.state)))
        .filter(i => (!filter?.kind || i.kind === filter.kind) && (!filter?.key || i.key === filter.key))
        .slice(0, filter?.limit ?? all.length),
    show: id => structuredClone(find(id)),
    vote(vote: Vote) {
      throw new Refused(`no signed votes here: ${vote.id}`);
    },
    voteAs(person: Person, id: string, digest: string, decision: Decision, reason: string) {
      const i = find(id);
      if (i.state !== 'proposed' || !i.plan) throw new Refused('not proposed');
      if (i.plan.digest !== digest) throw new Refused('another plan');
      if (i.votes.some(v => v.by === person.name)) throw new Refused('one vote each');
      i.votes.push({ by: person.name, at: new Date(now()).toISOString(), decision });
      if (decision === 'deny') i.state = 'denied';
      else if (--i.needs === 0) i.state = 'approved';
      return changed(i, person.name, `${decision} ${id}${reason ? `: ${reason}` : ''}`);
    },
    undo(person, id) {
      const i = find(id);
      i.state = 'undone';
      return changed(i, person.name, `undo ${id}`);
    },
    retry(person, id) {
      const i = find(id);
      i.state = 'open';
      return changed(i, person.name, `retry ${id}`);
    },
    endBy(person, id, until) {
      const i = find(id);
      changed(i, person.name, `end ${id} by ${until}`);
      return i;
    },
    silence(person, id, until, reason) {
      const i = find(id);
      i.marks = ['silenced'];
      return changed(i, person.name, `silence ${id} until ${until}: ${reason}`);
    },
    handOver(person, id, to, note) {
      const i = find(id);
      i.state = 'escalated';
      i.takenBy = to;
      return changed(i, person.name, to ? `hand over ${id} to ${to}: ${note}` : `give back ${id}`);
    },
    blocked: () => blocked(all),
    grants: filter =>
      grants(at)
        .filter(g => filter?.ended === undefined || (g.ended !== null) === filter.ended)
        .filter(g => !filter?.before || g.since < filter.before)
        .sort((a, b) => Date.parse(b.since) - Date.parse(a.since))
        .slice(0, filter?.limit ?? 1000),
    grantCounts: () => ({
      people: new Set(grants(at).flatMap(g => (g.ended ? [] : [g.user]))).size,
      inForce: grants(at).filter(g => !g.ended).length,
      ending: grants(at).filter(g => !g.ended && g.until).length,
      ended: grants(at).filter(g => g.ended).length,
    }),
    health: () => healthNow,
    timeline: from => timeline(start).filter(p => Date.parse(p.hour) >= from),
    matrix: () => matrix(),
    seen: () => {
      const names = [...new Set(matrix().map(c => c.user))];
      const people = names.filter(isPerson).length;
      return { people, names: names.length - people, addresses: new Set(matrix().map(c => c.ip)).size };
    },
    people: ({ account, q = '', after, limit }) => {
      const names = [...new Set(matrix().map(c => c.user))]
        .filter(name => isPerson(name) === (account === 'user') && name.startsWith(q))
        .sort();
      const from = after ? names.indexOf(after) + 1 : 0;
      const rows = names.slice(from, from + limit).map(name => {
        const cells = matrix().filter(c => c.user === name);
        return {
          name,
          account: isPerson(name) ? 'user' : 'unknown',
          denials: cells.reduce((n, c) => n + c.count, 0),
          addresses: cells.length,
          first: at(9 * DAY),
          last: at(20 * MIN),
          blocked: all.find(i => i.kind === 'user' && i.key === name && !isEnded(i.state))?.id ?? null,
          grants: grants(at).filter(g => g.user === name && !g.ended).length,
        };
      });
      return { rows, next: from + limit < names.length ? (rows.at(-1)?.name ?? null) : null };
    },
    person: name => {
      const cells = matrix().filter(c => c.user === name);
      const incidents = all.filter(i => i.key === name);
      const own = grants(at).filter(g => g.user === name);
      if (!cells.length && !incidents.length && !own.length) throw new NotFound(`nothing is known of ${name}`);
      const denials = cells.reduce((n, c) => n + c.count, 0);
      return {
        name,
        account: isPerson(name) ? 'user' : 'unknown',
        denials,
        first: at(9 * DAY),
        last: at(20 * MIN),
        timeline: denials ? [{ hour: at(3 * HOUR), cause: 'openclaw/missing-group', count: denials }] : [],
        places: cells.map(c => ({ ip: c.ip, count: c.count, last: at(20 * MIN) })),
        incidents,
        grants: own,
        groups: own.map(g => ({
          group: g.group,
          host: g.host,
          since: g.since,
          addedBy: 'readmit' as const,
          until: g.ended,
          removedBy: g.ended ? ('others' as const) : null,
        })),
        told: [{ at: at(DAY), cause: 'openclaw/stale-session' }],
      };
    },
    addresses: ({ limit }) => ({
      rows: [...new Set(matrix().map(c => c.ip))].slice(0, limit).map(ip => {
        const cells = matrix().filter(c => c.ip === ip);
        return {
          ip,
          denials: cells.reduce((n, c) => n + c.count, 0),
          names: cells.length,
          first: at(9 * DAY),
          last: at(20 * MIN),
          shared: ip === '192.168.1.103',
        };
      }),
      next: null,
    }),
    address: ip => {
      const cells = matrix().filter(c => c.ip === ip);
      const incidents = all.filter(i => i.kind === 'address' && i.key === ip);
      if (!cells.length && !incidents.length) throw new NotFound(`nothing is known of ${ip}`);
      const denials = cells.reduce((n, c) => n + c.count, 0);
      return {
        ip,
        denials,
        first: at(9 * DAY),
        last: at(20 * MIN),
        shared: false,
        timeline: [{ hour: at(3 * HOUR), cause: 'unexplained', count: denials }],
        people: cells.map(c => ({
          name: c.user,
          account: isPerson(c.user) ? 'user' : 'unknown',
          count: c.count,
          last: at(20 * MIN),
        })),
        incidents,
      };
    },
    hits: () => ({
      lines: [
        { event: 'denied', log: 'server', lines: 4012, last: at(20 * MIN) },
        { event: 'denied', log: 'client', lines: 388, last: at(21 * MIN) },
      ],
      causes: [{ cause: 'openclaw/missing-group', incidents: 12, open: 2, last: at(78 * MIN) }],
    }),
    searchAudit: (text, before, limit) =>
      audit(start)
        .filter(
          e => (before === null || e.seq < before) && `${e.actor} ${e.what} ${e.incident} ${e.digest}`.includes(text),
        )
        .reverse()
        .slice(0, limit),
    chain: () => ({ entries: 240, head: audit(start).at(-1)!.digest, verified: 240, at: at(0), bad: null }),
    audit: (from = -1, limit = 200) => {
      const entries = audit(start);
      return from < 0 ? entries.slice(-limit).reverse() : entries.filter(e => e.seq >= from).slice(0, limit);
    },
    told: () => told,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

type At = (ago: number) => string;

/** Names nobody has an account of, as a scanner tries them. */
const isPerson = (name: string): boolean =>
  !['root', 'admin', 'oracle', 'test', 'postgres', 'ubuntu', 'git', 'jenkins', HOSTILE].includes(name);

function blocked(all: IncidentDetail[]): ReturnType<Desk['blocked']> {
  const open = all.filter(i => i.kind !== 'address' && !isEnded(i.state) && !i.marks.includes('inhibited'));
  const proposed = open.filter(i => i.state === 'proposed');
  const sum = (rows: IncidentDetail[]): number => rows.reduce((n, i) => n + i.users, 0);
  return { people: sum(open), helped: sum(proposed), changes: new Set(proposed.map(i => i.plan?.deed)).size };
}

const sparkOf = (seed: number, last: number, most: number): number[] => {
  const roll = dice(seed);
  return Array.from({ length: 24 }, (_, i) => (i < 24 - last ? 0 : Math.round(roll() * most)));
};

function row(
  id: string,
  at: At,
  rest: Partial<IncidentDetail> & Pick<IncidentDetail, 'kind' | 'key' | 'state' | 'headline'>,
): IncidentDetail {
  return {
    id,
    host: 'claw-head-01',
    cause: null,
    count: 1,
    users: 1,
    opened: at(HOUR),
    updated: at(MIN),
    tier: null,
    votes: [],
    needs: 0,
    marks: [],
    spark: sparkOf(Number(id) * 7919, 6, 12),
    diagnosis: null,
    plan: null,
    history: [],
    pairs: [],
    samples: [],
    next: '',
    ...rest,
  };
}

const groupAdd = (user: string, uid: number): Step => ({
  action: 'group.add',
  user,
  uid,
  group: 'claw-users',
  gid: 2001,
  until: null,
  argv: ['/usr/sbin/usermod', '-aG', 'claw-users', user],
});

function alice(at: At): IncidentDetail {
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

function service(at: At): IncidentDetail {
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

const grants = (at: At): Grant[] => [
  {
    id: '9',
    user: 'carol',
    uid: 1003,
    group: 'claw-users',
    host: 'claw-head-01',
    incident: '38',
    by: ['root-ann'],
    reason: '',
    entitlement: 'entitlements.yaml names carol for claw-users',
    since: at(30 * MIN),
    until: null,
    ended: null,
  },
  {
    id: '8',
    user: 'dave',
    uid: 1004,
    group: 'claw-users',
    host: 'claw-head-01',
    incident: '35',
    by: ['root-ben'],
    reason: 'starts in the imaging team today',
    entitlement: null,
    since: at(DAY),
    until: at(-29 * DAY),
    ended: null,
  },
  {
    id: '5',
    user: 'oscar',
    uid: 1015,
    group: 'claw-users',
    host: 'claw-head-01',
    incident: '35',
    by: ['root-ann', 'root-ben'],
    reason: 'guest for the course',
    entitlement: null,
    since: at(40 * DAY),
    until: at(10 * DAY),
    ended: at(10 * DAY),
  },
];

const health = (at: At): Health => ({
  banner: [],
  sources: [
    {
      host: 'claw-head-01',
      path: '/var/log/claw-scheduler.log',
      kind: 'server',
      state: 'ok',
      why: '',
      lag: 0,
      lines: 1_284_119,
      unparsed: 3,
      bad: 1,
      cut: 0,
      strange: { text: '5b5741524e494e475d20ff', bad: true, offset: 90_112 },
    },
    {
      host: 'claw-head-01',
      path: '/home/alice/.claw/clw.log',
      kind: 'client',
      state: 'ok',
      why: '',
      lag: 0,
      lines: 412,
      unparsed: 0,
      bad: 0,
      cut: 0,
      strange: null,
    },
    {
      host: 'claw-head-01',
      path: '/home/bob/.claw/clw.log',
      kind: 'client',
      state: 'ok',
      why: '',
      lag: 0,
      lines: 77,
      unparsed: 1,
      bad: 0,
      cut: 0,
      strange: { text: '[ERROR] 2026-01-01T00:00:00Z: HTTP 403 from scheduler: {', bad: false, offset: 4096 },
    },
    {
      host: 'claw-head-01',
      path: '/home/mallory/.claw/clw.log',
      kind: 'client',
      state: 'refused',
      why: 'it is a FIFO, not a regular file',
      lag: 0,
      lines: 0,
      unparsed: 0,
      bad: 0,
      cut: 0,
      strange: null,
    },
  ],
  queue: { up: true, detail: 'Redis 7.0, 0 jobs waiting' },
  mail: { up: true, pending: 0, detail: 'mail.example.org:25' },
  receivers: [
    { name: 'chat', type: 'mattermost', up: true, waiting: 0, detail: '' },
    {
      name: 'pager',
      type: 'alertmanager',
      up: false,
      waiting: 2,
      detail: 'pager at alerts.site.example answered 503: service unavailable',
    },
  ],
  executor: 'ready, 2 of 20 grants this hour',
  agents: [{ host: 'claw-head-01', seen: at(2000), files: 14, spooled: 0, refused: 1 }],
  version: '0.1.0',
  versions: { Node: '24.21.0', SQLite: '3.53.0' },
  waiting: { jobs: 0, mails: 0 },
});

function timeline(start: number): { hour: string; cause: string; count: number }[] {
  const roll = dice(42);
  const top = Math.floor(start / HOUR) * HOUR;
  const out: { hour: string; cause: string; count: number }[] = [];
  for (let h = 719; h >= 0; h--) {
    const hour = new Date(top - h * HOUR).toISOString();
    const clock = new Date(hour).getUTCHours();
    const awake = clock > 6 && clock < 21 ? 1 : 0.15;
    const put = (cause: string, count: number) => count > 0 && out.push({ hour, cause, count: Math.round(count) });
    put('openclaw/missing-group', roll() * 34 * awake);
    put('openclaw/expired-token', roll() * 12 * awake);
    put('openclaw/stale-session', roll() < 0.4 ? roll() * 16 * awake : 0);
    put('openclaw/probing', h < 6 ? 20 + roll() * 40 : 0);
    put('openclaw/config-too-strict', h === 0 ? 118 : 0);
  }
  return out;
}

function matrix(): { user: string; ip: string; count: number }[] {
  const cells = [
    { user: 'alice', ip: '192.168.1.100', count: 50 },
    { user: 'alice', ip: '192.168.1.102', count: 6 },
    { user: 'alice', ip: '10.4.0.17', count: 3 },
    { user: 'bob', ip: '192.168.1.101', count: 6 },
    { user: 'carol', ip: '192.168.1.103', count: 17 },
    { user: 'dave', ip: '192.168.1.104', count: 9 },
    { user: 'erin', ip: '2001:db8:0:7::1f', count: 4 },
    { user: HOSTILE, ip: '192.168.1.9', count: 2 },
  ];
  for (const [i, user] of [
    'root',
    'admin',
    'oracle',
    'test',
    'postgres',
    'ubuntu',
    'git',
    'alice',
    'jenkins',
  ].entries())
    cells.push({ user, ip: '203.0.113.77', count: 4 + i * 3 });
  for (const [i, user] of ['heidi', 'ivan', 'judy', 'karl'].entries())
    cells.push({ user, ip: `192.168.1.${110 + i}`, count: 60 - 5 * i });
  return cells;
}

function audit(start: number): ReturnType<Desk['audit']> {
  const deeds: [string, string, string | null][] = [
    ['readmit', 'opened incident 41', '41'],
    ['readmit', 'open → proposed, plan 1', '41'],
    ['root-ann', 'approved plan 1', '38'],
    ['executor', 'intent: group.add carol claw-users', '38'],
    ['executor', 'outcome: done; members now alice… carol', '38'],
    ['readmit', 'running → propagating', '38'],
    ['root-ben', 'approved plan 1', '42'],
  ];
  return Array.from({ length: 240 }, (_, i) => {
    const [actor, what, incident] = deeds[i % deeds.length]!;
    return {
      seq: i + 1,
      time: new Date(start - (240 - i) * 7 * MIN).toISOString(),
      actor,
      what,
      incident,
      digest: planDigest({ host: String(i), subject: null, steps: [], undo: [], tier: 1, assumes: {} }),
    };
  });
}

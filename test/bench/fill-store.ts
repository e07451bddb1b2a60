/**
 * Fills a store with the years of a large site, by the same functions that `serve` uses: incidents in every state with
 * their plans, votes, runs, grants and journal, and denials of many people by the hour. The same seed gives the same store.
 * `node test/bench/fill-store.ts FILE [--incidents N] [--denials N] [--users N]` makes one to look at.
 */
import { parseArgs } from 'node:util';
import type { Diagnosis } from '../../src/diagnosis.ts';
import { planDigest } from '../../src/digest.ts';
import type { IncidentKind, State, Tally } from '../../src/incident.ts';
import type { Plan, Step } from '../../src/plan.ts';
import { endRun, saveGrant, savePlan, saveRun, saveVote } from '../../src/store/approvals.ts';
import { Counting } from '../../src/store/counting.ts';
import { incident, move, openIncident } from '../../src/store/incidents.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { fold } from '../../src/store/seen.ts';

export interface Size {
  incidents: number;
  denials: number;
  users: number;
}
export const LARGE: Size = { incidents: 10_000, denials: 1_000_000, users: 100_000 };

const MIN = 60_000;
const DAY = 86_400_000;
const HOST = 'claw-head-01';
const DAYS = 45;

/** Numbers below one that look random and are the same every time. */
function dice(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (Math.imul(s, 1664525) + 1013904223) >>> 0;
    return s / 4294967296;
  };
}

const name = (n: number): string => `u${n.toString(36).padStart(5, '0')}`;
const address = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

/** How far an incident of this kind went, and how often. The last ones are still open. */
const WAYS: Record<IncidentKind, State[][]> = {
  user: [
    ['proposed', 'approved', 'running', 'verifying', 'resolved'],
    ['proposed', 'approved', 'running', 'verifying', 'propagating', 'resolved'],
    ['advised', 'verifying', 'resolved'],
    ['proposed', 'denied', 'expired'],
    ['proposed', 'expired'],
    ['escalated', 'expired'],
  ],
  service: [
    ['proposed', 'approved', 'running', 'verifying', 'resolved'],
    ['escalated', 'expired'],
  ],
  address: [['escalated', 'expired']],
};
const STILL: Record<IncidentKind, State[][]> = {
  user: [
    ['proposed'],
    ['advised'],
    ['escalated'],
    ['proposed', 'approved', 'running', 'verifying', 'not-effective'],
    ['proposed', 'denied'],
    ['proposed'],
  ],
  service: [['proposed'], ['escalated']],
  address: [['escalated']],
};

const CAUSES: Record<IncidentKind, string[]> = {
  user: ['missing-group', 'missing-group', 'expired-token', 'stale-session', 'unknown-user', 'access-removed'],
  service: ['config-too-strict', 'scheduler-down'],
  address: ['probing'],
};

function diagnosisOf(user: string, kind: IncidentKind, cause: string, at: string): Diagnosis {
  return {
    user,
    cause: `openclaw/${cause}`,
    title:
      kind === 'address'
        ? `${user} tries names that don't exist: nobody should be let in for it`
        : `${user} can't submit jobs: ${cause.replaceAll('-', ' ')}`,
    also: [],
    confidence: 1,
    evidence: [
      'account.exists',
      'access.lacks-group',
      'account.system',
      'account.expired',
      'access.elevated',
      'access.removed',
    ].map(fact => ({ fact, value: fact.endsWith('s'), source: `id ${user}; /etc/claw-scheduler/config.yaml`, at })),
    ruledOut: Array.from({ length: 24 }, (_, i) => ({
      cause: `openclaw/cause-${i}`,
      because: `the facts of ${user} say otherwise, and this is why`,
    })),
    unknown: [{ fact: 'directory.canary', because: 'everyone who is named here has a local account' }],
    remedy: { kind: 'none', why: 'filled' },
  };
}

function planFor(incidentId: string, user: string, uid: number, service: boolean, now: number): Plan {
  const step: Step = service
    ? { action: 'service.restart', unit: 'claw-scheduler', argv: ['systemctl', 'restart', 'claw-scheduler'] }
    : {
        action: 'group.add',
        user,
        uid,
        group: 'claw-users',
        gid: 3001,
        until: null,
        argv: ['usermod', '-aG', 'claw-users', user],
      };
  const subject = service ? null : { user, uid };
  const tier = service ? 2 : 1;
  return {
    serial: 1,
    incident: incidentId,
    host: HOST,
    subject,
    tier,
    summary: service ? `Restart claw-scheduler on ${HOST}` : `Add ${user} to claw-users on ${HOST}`,
    deed: service ? 'Restart claw-scheduler' : `Add ${user} to claw-users`,
    steps: [step],
    undo: [],
    gains: [user],
    loses: [],
    assumes: {},
    entitlement: `/etc/readmit/entitlements.yaml lists ${user} in claw-users`,
    notes: [],
    digest: planDigest({ host: HOST, subject, steps: [step], undo: [], tier, assumes: {} }),
    created: new Date(now).toISOString(),
    expires: new Date(now + 60 * MIN).toISOString(),
    managedBy: null,
  };
}

interface Open {
  id: string;
  kind: IncidentKind;
  key: string;
  at: number;
  /** Numbers of the people in it. */
  first: number;
  people: number;
}

function makeIncident(store: Store, n: number, size: Size, now: number, roll: () => number): Open {
  const kind: IncidentKind = n % 20 === 0 ? 'service' : n % 10 === 1 ? 'address' : 'user';
  const live = n > size.incidents * 0.96;
  const at = Math.round(now - roll() * (live ? DAY : DAYS * DAY));
  const first = Math.floor(roll() * size.users);
  const user = name(first);
  const key = kind === 'user' ? user : kind === 'address' ? address(5_000_000 + n) : `claw-scheduler-${n}`;
  const causes = CAUSES[kind];
  const cause = causes[Math.floor(roll() * causes.length)]!;
  const opened = openIncident(store, at, {
    kind,
    key,
    host: HOST,
    event: 'denied',
    because: 'a person with an account was refused',
    held: false,
  });
  const ways = (live ? STILL : WAYS)[kind];
  const way = ways[Math.floor(roll() * ways.length)]!;
  const diagnosis = diagnosisOf(kind === 'address' ? key : user, kind, cause, new Date(at).toISOString());
  let from: State = 'open';
  let time = at;
  for (const to of way) {
    time = Math.min(now, time + Math.round(1000 + roll() * 5 * MIN));
    const proposed = to === 'proposed';
    const plan = proposed ? planFor(opened.id, user, 1000 + first, kind === 'service', time) : null;
    if (plan) savePlan(store, time, plan);
    if (to === 'approved') decide(store, opened.id, time);
    move(
      store,
      Math.min(time, now),
      opened.id,
      from,
      to,
      { actor: 'readmit', what: `${to}: ${diagnosis.title}` },
      { diagnosis, cause: diagnosis.cause, due: null, ...(plan ? { plan, tier: plan.tier } : {}) },
    );
    from = to;
  }
  if (from === 'resolved' && kind === 'user' && way.includes('approved')) {
    const id = `${opened.id}.claw-users`;
    saveGrant(store, {
      id,
      user,
      uid: 1000 + first,
      group: 'claw-users',
      host: HOST,
      incident: opened.id,
      run: id,
      by: ['root-ann'],
      reason: '',
      entitlement: 'listed',
      since: time,
      until: n % 7 ? null : time + 90 * DAY,
      ended: n % 5 ? null : time + DAY,
    });
  }
  return { id: opened.id, kind, key, at, first, people: kind === 'user' ? 1 : 40 };
}

function decide(store: Store, id: string, at: number): void {
  const { plan } = incident(store, id);
  if (!plan) return;
  const voters = plan.tier === 2 ? ['root-ann', 'root-ben'] : ['root-ann'];
  const votes = voters.map((by, i) => ({
    v: 1 as const,
    id: `${id}-${by}`,
    host: HOST,
    incident: id,
    serial: 1,
    digest: plan.digest,
    decision: 'approve' as const,
    by,
    uid: 5001 + i,
    issued: new Date(at).toISOString(),
    expires: plan.expires,
    reason: '',
    proof: 'session' as const,
    signature: 'AA==',
  }));
  for (const vote of votes) saveVote(store, at, vote);
  saveRun(store, at, {
    v: 1,
    kind: 'run',
    run: `${id}.1`,
    what: 'plan',
    incident: id,
    serial: 1,
    host: HOST,
    subject: plan.subject,
    tier: plan.tier,
    steps: plan.steps,
    undo: [],
    assumes: {},
    digest: plan.digest,
    votes,
  });
  endRun(store, `${id}.1`, at, at, { result: 'done', detail: 'group.add', steps: [] });
}

/** Fills an empty store. Takes about a minute for a large one. */
export function fillStore(store: Store, size: Size, now: number): void {
  const roll = dice(7);
  const open: Open[] = [];
  for (let n = 1; n <= size.incidents; )
    store.tx(() => {
      for (const end = n + 500; n <= size.incidents && n < end; n++) open.push(makeIncident(store, n, size, now, roll));
    });
  for (let n = 0; n < size.denials; )
    store.tx(() => {
      const counting = new Counting(store, now, HOST, { id: 'filled', path: '/var/log/claw-scheduler.log' });
      for (const end = n + 20_000; n < size.denials && n < end; n++) deny(counting, n, open, size, now, roll);
      counting.settle();
    });
  while (fold(store) === 'behind');
}

function deny(counting: Counting, n: number, open: Open[], size: Size, now: number, roll: () => number): void {
  // Everybody is refused once; the rest belongs to incidents, or to names nobody has.
  const into = n >= size.users && n % 10 < 7 ? open[Math.floor(roll() * open.length)]! : null;
  const person =
    n < size.users
      ? n
      : into
        ? (into.first + Math.floor(roll() * into.people)) % size.users
        : Math.floor(roll() * size.users);
  const last = Math.round(into ? Math.min(now, into.at + roll() * 6 * 60 * MIN) : now - roll() * DAYS * DAY);
  const tally: Tally = {
    event: 'denied',
    user: name(person),
    ip: into?.kind === 'address' ? into.key : address(person * 3 + Math.floor(roll() * 2)),
    endpoint: '/submit',
    account: person % 9 ? 'user' : 'unknown',
    count: 1,
    first: last,
    last,
    approximate: false,
    selfReported: false,
    sample: `[WARNING] Unauthorized access attempt from ${address(person * 3)}: user ${name(person)}, endpoint /submit`,
    offset: n * 90,
  };
  counting.take(tally, 1, into?.id ?? null);
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { incidents: { type: 'string' }, denials: { type: 'string' }, users: { type: 'string' } },
  });
  const [file] = positionals;
  if (!file) throw new Error('usage: fill-store.ts FILE');
  const number = (key: keyof Size): number => Number(values[key] ?? LARGE[key]);
  const store = openStore(file);
  // Nothing is lost here that another run would not make again.
  store.db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -400000');
  const start = performance.now();
  fillStore(store, { incidents: number('incidents'), denials: number('denials'), users: number('users') }, Date.now());
  store.close();
  process.stdout.write(`${file}: filled in ${Math.round((performance.now() - start) / 1000)} s\n`);
}

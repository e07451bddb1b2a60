/** What the believable week left behind: grants, denials by the hour and by place, the journal. */
import type { Desk, Grant } from '../../../src/desk.ts';
import { planDigest } from '../../../src/digest.ts';
import { type At, DAY, dice, HOSTILE, HOUR, MIN } from './incident.ts';

/** Names nobody has an account of, as a scanner tries them. */
export const isPerson = (name: string): boolean =>
  !['root', 'admin', 'oracle', 'test', 'postgres', 'ubuntu', 'git', 'jenkins', HOSTILE].includes(name);

export const grants = (at: At): Grant[] => [
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

export function timeline(start: number): { hour: string; cause: string; count: number }[] {
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

export function matrix(): { user: string; ip: string; count: number }[] {
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

export function audit(start: number): ReturnType<Desk['audit']> {
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

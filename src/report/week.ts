/**
 * The numbers of a week (or of any period): a pure function from the store's rows to the report. Every number can be
 * counted again from the raw rows; what happened after the period changes nothing in it.
 */
import type { State } from '../incident.ts';
import { type Exception, exceptionsOf } from './exceptions.ts';
import {
  type Cause,
  causesOf,
  type Expiring,
  expiringOf,
  type OwnDenial,
  ownDenialsOf,
  type Waiting,
  waitingOf,
} from './findings.ts';
import type { BlindTime, GroupHistory, ReportGrant, ReportInput, WeekNumbers } from './input.ts';
import { dayOf, daysBetween } from './iso-week.ts';
import { inPeriod, ofPeople, type Period, periodOf, personOf, stateAt } from './period.ts';
import { NO_PERSON, plural } from './words.ts';

const HOUR = 3_600_000;
const LONG_WAIT = 72 * HOUR;

export interface WeekReport {
  v: 1;
  title: string;
  week: string | null;
  range: { from: string; to: string };
  timezone: string;
  made: string;
  hosts: string[];
  empty: boolean;
  numbers: WeekNumbers;
  previous: WeekNumbers | null;
  /** Denials per local day. Causes are `''` when not known, and `NO_PERSON` for names that are no person's. */
  days: { day: string; total: number; byCause: Record<string, number> }[];
  causes: Cause[];
  /** One row per incident that ended with access, longest first. */
  timeToAccess: { incident: string; key: string; host: string; ms: number }[];
  waiting: Waiting[];
  expiring: Expiring[];
  ownDenials: OwnDenial[];
  grants: (ReportGrant & {
    cause: string | null;
    approvers: { by: string; roles: string[] }[];
    digest: string | null;
    before: string;
    after: string;
  })[];
  incidents: {
    id: string;
    kind: string;
    key: string;
    host: string;
    cause: string | null;
    opened: string;
    state: State;
    denials: number;
    users: number;
    summary: string | null;
    digest: string | null;
  }[];
  votes: {
    incident: string;
    by: string;
    roles: string[];
    at: string;
    decision: string;
    reason: string;
    proof: string;
    serial: number;
    digest: string | null;
  }[];
  groups: GroupHistory[];
  exceptions: Exception[];
  blind: (BlindTime & { ms: number })[];
  audit: { seq: number; digest: string } | null;
}

/** The value in the middle, or the mean of the two there; null of nothing. */
export function median(values: readonly number[]): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  if (sorted.length === 0) return null;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** The smallest value that at least 90 % of the values don't exceed (nearest rank); null of nothing. */
export const p90 = (values: readonly number[]): number | null =>
  [...values].sort((a, b) => a - b)[Math.ceil(values.length * 0.9) - 1] ?? null;

/** From the first denial to the first time it was seen to work, for incidents where that was in the period. */
function timeToAccess(period: Period): WeekReport['timeToAccess'] {
  const rows = period.incidents.flatMap(i => {
    const first = i.moves
      .filter(m => m.to === 'resolved')
      .map(m => m.at)
      .sort((a, b) => Date.parse(a) - Date.parse(b))[0];
    const at = first ?? (i.moves.length === 0 && i.state === 'resolved' ? i.ended : null);
    if (i.kind === 'address' || !inPeriod(period, at)) return [];
    return [{ incident: i.id, key: i.key, host: i.host, ms: Math.max(0, Date.parse(at!) - Date.parse(i.opened)) }];
  });
  return rows.sort((a, b) => b.ms - a.ms);
}

const movedTo = (period: Period, states: readonly State[]): number =>
  period.incidents.filter(i => i.moves.some(m => states.includes(m.to) && m.from !== m.to && inPeriod(period, m.at)))
    .length;

const blindOf = (period: Period): WeekReport['blind'] =>
  period.input.blind.flatMap(b => {
    const from = Math.max(Date.parse(b.from), period.from);
    const to = Math.min(b.to === null ? period.to : Date.parse(b.to), period.to);
    return to > from ? [{ ...b, ms: to - from }] : [];
  });

function daysOf(period: Period): WeekReport['days'] {
  const { timezone } = period.input;
  const days = new Map(
    daysBetween(period.from, Date.parse(period.input.range.to), timezone).map(day => [
      day,
      { day, total: 0, byCause: {} as Record<string, number> },
    ]),
  );
  const dayOfHour = new Map<string, string>();
  const person = personOf(period);
  for (const t of period.tallies) {
    if (t.event !== 'denied') continue;
    const known = dayOfHour.get(t.hour) ?? dayOf(Date.parse(t.hour), timezone);
    dayOfHour.set(t.hour, known);
    const row = days.get(known);
    if (!row) continue;
    const cause = person(t) === null ? NO_PERSON : (t.cause ?? '');
    row.total += t.count;
    row.byCause[cause] = (row.byCause[cause] ?? 0) + t.count;
  }
  return [...days.values()];
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

function numbersOf(period: Period): WeekNumbers {
  const denied = period.tallies.filter(t => t.event === 'denied');
  const people = ofPeople(period);
  const times = timeToAccess(period).map(t => t.ms);
  const waiting = waitingOf(period);
  return {
    denials: sum(denied.map(t => t.count)),
    peopleDenials: sum(people.map(t => t.count)),
    people: new Set(people.map(t => t.user)).size,
    addresses: new Set(denied.map(t => t.ip).filter(ip => ip !== null && ip !== '')).size,
    opened: period.incidents.filter(i => inPeriod(period, i.opened)).length,
    resolved: times.length,
    medianMs: median(times),
    p90Ms: p90(times),
    waiting: waiting.length,
    waitingLong: waiting.filter(w => w.ms > LONG_WAIT).length,
    granted: period.input.grants.filter(g => inPeriod(period, g.since)).length,
    taken: period.input.grants.filter(g => g.endedBy === 'us' && inPeriod(period, g.ended)).length,
    votedDown: movedTo(period, ['denied']),
    failed: movedTo(period, ['failed', 'not-effective']),
    probing: period.incidents.filter(i => i.kind === 'address' && inPeriod(period, i.opened)).length,
    ownDenials: sum(ownDenialsOf(period).map(o => o.count)),
    blindMs: sum(blindOf(period).map(b => b.ms)),
  };
}

/** The numbers alone: what the report of the next week compares itself with. */
export const weekNumbers = (input: ReportInput): WeekNumbers => numbersOf(periodOf(input));

function grantsOf(period: Period): WeekReport['grants'] {
  const incidents = new Map(period.input.incidents.map(i => [i.id, i]));
  return period.input.grants
    .filter(g => inPeriod(period, g.since) || inPeriod(period, g.ended))
    .map(g => {
      const incident = incidents.get(g.incident);
      const roles = new Map(incident?.votes.map(v => [v.by, v.roles]));
      const step = incident?.outcome?.steps.find(s => s.action === 'group.add' || s.action === 'directory.group-add');
      const isEnded = g.ended !== null && Date.parse(g.ended) < period.to;
      return {
        ...g,
        ended: isEnded ? g.ended : null,
        endedBy: isEnded ? g.endedBy : null,
        effective: g.effective !== null && Date.parse(g.effective) < period.to ? g.effective : null,
        cause: incident?.cause ?? null,
        approvers: g.by.map(by => ({ by, roles: roles.get(by) ?? [] })),
        digest: g.made?.digest ?? incident?.plan?.digest ?? null,
        before: g.made?.before ?? step?.before ?? '',
        after: g.made?.after ?? step?.after ?? '',
      };
    })
    .sort((a, b) => Date.parse(a.since) - Date.parse(b.since));
}

/** The report. Pure: the same rows always give the same report. */
export function weekReport(input: ReportInput): WeekReport {
  const period = periodOf(input);
  const numbers = numbersOf(period);
  const groups = input.groups.map(g => ({ ...g, changes: g.changes.filter(c => inPeriod(period, c.at)) }));
  const grants = grantsOf(period);
  return {
    v: 1,
    title: input.title,
    week: input.week,
    range: input.range,
    timezone: input.timezone,
    made: input.made,
    hosts: input.hosts,
    empty:
      numbers.denials === 0 &&
      period.incidents.length === 0 &&
      grants.length === 0 &&
      groups.every(g => g.changes.length === 0),
    numbers,
    previous: input.previous,
    days: daysOf(period),
    causes: causesOf(period),
    timeToAccess: timeToAccess(period),
    waiting: waitingOf(period),
    expiring: expiringOf(period),
    ownDenials: ownDenialsOf(period),
    grants,
    incidents: period.incidents.map(i => ({
      id: i.id,
      kind: i.kind,
      key: i.key,
      host: i.host,
      cause: i.cause,
      opened: i.opened,
      state: stateAt(i, period.to),
      denials: period.deniedIn.get(i.id) ?? 0,
      users: i.users,
      summary: i.plan?.summary ?? null,
      digest: i.plan?.digest ?? null,
    })),
    votes: period.incidents.flatMap(i =>
      i.votes
        .filter(v => inPeriod(period, v.at))
        .map(v => ({ ...v, incident: i.id, digest: v.digest ?? i.plan?.digest ?? null })),
    ),
    groups,
    exceptions: exceptionsOf(period, groups),
    blind: blindOf(period),
    audit: input.audit,
  };
}

/** The week in one sentence of checked words, for a subject. */
export function headline(report: WeekReport): string {
  const { people, resolved, waiting } = report.numbers;
  if (report.empty || (people === 0 && waiting === 0)) return 'nobody was refused';
  const now = waiting ? `${waiting} still ${waiting === 1 ? 'waits' : 'wait'}` : 'nobody waits';
  return `${plural(people, 'person', 'people')} refused, ${plural(resolved, 'case')} solved, ${now}`;
}

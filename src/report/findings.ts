/**
 * What the report concludes from the rows: the causes by how much they cost, who waits for whom, what ends soon, and which
 * denials our own changes caused.
 */
import { isEnded, type State } from '../incident.ts';
import type { HourTally, ReportGrant, ReportIncident } from './input.ts';
import { inPeriod, ofPeople, type Period, stateAt } from './period.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Access that ends within this time after the period is worth a line now. */
const SOON = 14 * DAY;
/** A service incident so soon after our change of a service's config or our restart is taken to be ours. */
const AFTERMATH = HOUR / 2;

export interface Cause {
  /** Pack and cause; empty when it is not known. */
  cause: string;
  denials: number;
  people: number;
  incidents: number;
}

export interface Waiting {
  incident: string;
  key: string;
  kind: string;
  host: string;
  cause: string | null;
  users: number;
  state: State;
  /** Whose turn it is, in words. */
  waitsFor: string;
  since: string;
  ms: number;
}

export interface Expiring {
  user: string;
  group: string;
  host: string;
  until: string;
  /** It should have ended already. */
  overdue: boolean;
}

export interface OwnDenial {
  at: string;
  host: string;
  who: string;
  count: number;
  because: string;
}

/** Causes by denials, most first. Only denials of people count: a scanner's are its own affair. */
export function causesOf(period: Period): Cause[] {
  const causes = new Map<string, { denials: number; people: Set<string>; incidents: number }>();
  const of = (cause: string | null) => {
    const key = cause ?? '';
    const row = causes.get(key) ?? { denials: 0, people: new Set<string>(), incidents: 0 };
    causes.set(key, row);
    return row;
  };
  for (const t of ofPeople(period)) {
    const row = of(t.cause);
    row.denials += t.count;
    row.people.add(t.user);
  }
  for (const i of period.incidents) if (i.kind !== 'address' && inPeriod(period, i.opened)) of(i.cause).incidents++;
  return [...causes]
    .map(([cause, r]) => ({ cause, denials: r.denials, people: r.people.size, incidents: r.incidents }))
    .sort((a, b) => b.denials - a.denials || b.people - a.people || (a.cause < b.cause ? -1 : 1));
}

/** Whose turn it is in a state; null when nobody waits. */
function turn(incident: ReportIncident, state: State, before: number): string | null {
  switch (state) {
    case 'open':
      return 'a diagnosis';
    case 'proposed': {
      const serial = incident.serials?.findLast(s => Date.parse(s.at) < before)?.serial ?? incident.plan?.serial;
      const yes = incident.votes
        .filter(v => v.decision === 'approve' && v.serial === serial && Date.parse(v.at) < before)
        .map(v => v.by);
      return yes.length
        ? `another administrator's vote (${[...new Set(yes)].join(', ')} approved)`
        : "an administrator's vote";
    }
    case 'advised':
      return incident.kind === 'user' ? `${incident.key}: only they can do it` : 'an administrator: advice was given';
    case 'approved':
    case 'running':
      return 'the executor';
    case 'propagating':
      return 'the change to reach everybody';
    case 'verifying':
      return 'the proof that it works';
    case 'stale':
      return 'a new plan';
    case 'escalated':
      return 'an administrator: no plan fits';
    case 'not-effective':
      return 'an administrator: the change did not help';
    case 'failed':
      return 'an administrator: the change failed';
    case 'denied':
    case 'resolved':
    case 'expired':
    case 'undone':
      return null;
    default:
      return state satisfies never;
  }
}

/** Whether a greater incident explained this one just before that instant. */
const isExplained = (incident: ReportIncident, at: number): boolean =>
  (incident.explained ?? []).some(e => Date.parse(e.from) < at && (e.to === null || Date.parse(e.to) >= at));

/** Who waited for whom when the period ended, longest first. */
export function waitingOf(period: Period): Waiting[] {
  return period.incidents
    .flatMap(i => {
      const state = stateAt(i, period.to);
      const waitsFor = turn(i, state, period.to);
      if (i.kind === 'address' || isExplained(i, period.to) || isEnded(state) || waitsFor === null) return [];
      const { key, kind, host, cause, users } = i;
      return [
        {
          incident: i.id,
          key,
          kind,
          host,
          cause,
          users,
          state,
          waitsFor,
          since: i.opened,
          ms: period.to - Date.parse(i.opened),
        },
      ];
    })
    .sort((a, b) => b.ms - a.ms);
}

/** Access that ends within two weeks after the period, and access that should have ended and did not. */
export function expiringOf(period: Period): Expiring[] {
  return period.input.grants
    .filter(g => g.until !== null && Date.parse(g.since) < period.to && Date.parse(g.until) < period.to + SOON)
    .filter(g => g.ended === null || Date.parse(g.ended) >= period.to)
    .map(g => ({
      user: g.user,
      group: g.group,
      host: g.host,
      until: g.until!,
      overdue: Date.parse(g.until!) < period.to,
    }))
    .sort((a, b) => Date.parse(a.until) - Date.parse(b.until));
}

/**
 * Denials that we brought about: people refused for their access after we took it away (and had not given it back), and
 * service incidents that opened within half an hour after we changed a config or restarted a service on that host. An hour
 * counts whole: the one in which access ended is not counted.
 */
export function ownDenialsOf(period: Period): OwnDenial[] {
  return [...afterTaking(period), ...afterServiceChange(period)].sort((a, b) => Date.parse(a.at) - Date.parse(b.at));
}

function afterTaking(period: Period): OwnDenial[] {
  const where = (of: { user: string; host?: string }): string => `${of.host} ${of.user}`;
  const denied = Map.groupBy(ofPeople(period), where);
  const incidents = new Map(period.input.incidents.map(i => [i.id, i]));
  return [...Map.groupBy(period.input.grants, where)].flatMap(([place, grants]) => {
    const taken = new Map<ReportGrant, HourTally[]>();
    for (const t of denied.get(place) ?? []) {
      const grant = takenBefore(grants, Date.parse(t.hour));
      if (grant && isOfAccess(t, grant, incidents, period.to)) taken.set(grant, [...(taken.get(grant) ?? []), t]);
    }
    return [...taken].map(([{ user, host, group }, rows]) => ({
      at: rows.map(t => t.hour).sort()[0]!,
      host,
      who: user,
      count: rows.reduce((n, t) => n + t.count, 0),
      because: `we took ${group} back`,
    }));
  });
}

/** The access of a person on a host that ended last before that hour, if we took it and they had no other. */
function takenBefore(grants: readonly ReportGrant[], hour: number): ReportGrant | null {
  const given = grants.filter(g => Date.parse(g.since) < hour);
  if (given.some(g => g.ended === null || Date.parse(g.ended) > hour)) return null;
  const last = given.sort((a, b) => Date.parse(a.ended!) - Date.parse(b.ended!)).at(-1);
  return last?.endedBy === 'us' ? last : null;
}

/** Refused for what a grant gives, as far as it is known: not for a fault of the service, nor for what only they can mend. */
function isOfAccess(
  { cause, incident }: HourTally,
  grant: ReportGrant,
  incidents: ReadonlyMap<string, ReportIncident>,
  before: number,
): boolean {
  if (cause === null || cause === incidents.get(grant.incident)?.cause) return true;
  const of = incidents.get(incident ?? '');
  return of?.kind === 'user' && !of.moves.some(m => m.to === 'advised' && Date.parse(m.at) < before);
}

const CHANGED: readonly unknown[] = [null, 'done', 'failed', 'unknown'];

function afterServiceChange(period: Period): OwnDenial[] {
  const changes = period.input.runs.filter(
    r => CHANGED.includes(r.result) && r.actions.some(a => a.startsWith('config.') || a.startsWith('service.')),
  );
  return period.incidents
    .filter(i => i.kind === 'service' && inPeriod(period, i.opened))
    .flatMap(i => {
      const after = (at: string): number => Date.parse(i.opened) - Date.parse(at);
      const by = changes.find(
        c => c.incident !== i.id && c.host === i.host && after(c.at) >= 0 && after(c.at) <= AFTERMATH,
      );
      const count = period.deniedIn.get(i.id);
      return by && count
        ? [{ at: i.opened, host: i.host, who: i.key, count, because: `the change of incident ${by.incident}` }]
        : [];
    });
}

/**
 * What a report is made from: plain rows as the store has them, filled in by the role that owns the store. More rows
 * than the period needs do no harm; what lies outside it is left out here.
 */
import type { Grant } from '../desk.ts';
import type { Account, EventName, IncidentKind, State } from '../incident.ts';
import type { Decision, Outcome, Step, Tier } from '../plan.ts';

/** Observations of one hour that share user, address, event and cause. */
export interface HourTally {
  /** ISO time of the start of the hour. */
  hour: string;
  user: string | null;
  ip: string | null;
  event: EventName;
  cause: string | null;
  count: number;
  host?: string;
  /** The incident that explains it. */
  incident?: string | null;
  /** What the passwd database said of the name; absent: taken for a person. */
  account?: Account;
}

export interface ReportIncident {
  id: string;
  kind: IncidentKind;
  key: string;
  host: string;
  cause: string | null;
  opened: string;
  /** As it is now; the report goes by `moves`, so that an old week stays as it was. */
  state: State;
  ended: string | null;
  users: number;
  count: number;
  tier: Tier | null;
  moves: { at: string; who: string; from: State | null; to: State; what: string }[];
  votes: {
    by: string;
    roles: string[];
    at: string;
    decision: Decision;
    reason: string;
    proof: 'key' | 'passkey' | 'session';
    /** Of the plan it is on: it says nothing of another. */
    serial: number;
    digest?: string;
  }[];
  /** Since when each of its plans stood, oldest first; absent: only `plan`. */
  serials?: { serial: number; at: string }[];
  plan: {
    serial: number;
    digest: string;
    summary: string;
    steps: Step[];
    gains: string[];
    entitlement: string | null;
    subject: { user: string; uid: number } | null;
  } | null;
  outcome: Outcome | null;
  /** When a greater incident explained this one: nobody waited for it by itself then. `to: null`: it still does. */
  explained?: { by: string; from: string; to: string | null }[];
}

/** One execution of a plan, or of taking it back. */
export interface ReportRun {
  incident: string;
  serial: number;
  what: 'plan' | 'undo';
  host: string;
  tier: Tier;
  /** When it was ordered, ISO. */
  at: string;
  /** null: no answer yet. */
  result: Outcome['result'] | null;
  /** Whose votes it ran under. */
  by: string[];
  /** The names of its steps. */
  actions: Step['action'][];
}

export interface ReportGrant extends Grant {
  /** When the person's access was seen to work; null: not seen. */
  effective: string | null;
  /** Who ran it: the executor's host and key, in words. */
  executor?: string;
  /** Who took it: we, in an undo, or somebody else; null: it has not ended. */
  endedBy: 'us' | 'others' | null;
  /** Of the plan that gave it: an incident can have had others since. Missing where the run is not known. */
  made?: { digest: string; before: string; after: string };
}

export interface GroupHistory {
  host: string;
  group: string;
  /** Members at the start and at the end; null: nobody was looking then. */
  start: string[] | null;
  end: string[] | null;
  changes: { at: string; user: string; change: 'added' | 'removed'; byUs: boolean }[];
}

/** A time in which a source could not be read. `to: null`: it still can't. */
export interface BlindTime {
  host: string;
  source: string;
  from: string;
  to: string | null;
  why: string;
}

export interface ReportInput {
  title: string;
  /** `2026-W47`; null for any other period. */
  week: string | null;
  /** ISO; `to` is not included. */
  range: { from: string; to: string };
  timezone: string;
  /** When the report is made, ISO. */
  made: string;
  hosts: string[];
  tallies: HourTally[];
  incidents: ReportIncident[];
  /** What was ordered, oldest first, long before the period too. */
  runs: ReportRun[];
  grants: ReportGrant[];
  groups: GroupHistory[];
  blind: BlindTime[];
  /** Head of the audit chain when the report is made. */
  audit: { seq: number; digest: string } | null;
  /** What the reader should know of the policy: `tier 2 needs one vote at this site`. */
  policyNotes: string[];
  /** What went wrong that no row above tells: undos that failed, orders that were refused. */
  exceptions?: { at: string; incident: string | null; what: string }[];
  /** `weekNumbers` of the period before. */
  previous: WeekNumbers | null;
}

/** The numbers of a period, for the first page and to compare with the period before. Times are milliseconds. */
export interface WeekNumbers {
  denials: number;
  /** Those of people: not of names that exist nowhere, of system accounts, or of what a scanner tried. */
  peopleDenials: number;
  /** Different people who were refused. */
  people: number;
  addresses: number;
  opened: number;
  /** Incidents of people or services that ended with access, and how long that took from the first denial. */
  resolved: number;
  medianMs: number | null;
  p90Ms: number | null;
  waiting: number;
  waitingLong: number;
  granted: number;
  taken: number;
  votedDown: number;
  failed: number;
  probing: number;
  ownDenials: number;
  blindMs: number;
}

/**
 * The nouns of Readmit and the one table of states and transitions. What was found out of an incident stands in
 * `diagnosis.ts`, what is done about it in `plan.ts`.
 * Everything here is plain data: stages share these words and nothing else. What crosses a process boundary is
 * parsed again on arrival (`messages.ts`).
 */
import type { Diagnosis } from './diagnosis.ts';
import type { Plan, Tier } from './plan.ts';

// ---------------------------------------------------------------- observation

/** What a passwd lookup says of a name seen in a log: `user` may be acted on, the others never are. */
export type Account = 'user' | 'system' | 'unknown';

/** What a log line says happened. `denied` is the one we are here for; the rest are its neighbours. */
export const EVENTS = [
  'denied',
  'succeeded',
  'auth-failed',
  'job-invalid',
  'queue-full',
  'unavailable',
  'error',
] as const;
export type EventName = (typeof EVENTS)[number];

/**
 * What an event is to the detector; a pack's `detect.yaml` says it. `denial` counts for its user, its address and the
 * service; `trouble` is something else a known user met; `outage` is about the service; `nothing` opens nothing.
 */
export const MEANINGS = ['denial', 'trouble', 'outage', 'nothing'] as const;
export type Meaning = (typeof MEANINGS)[number];

/** `server`: the scheduler wrote it. `client`: a user's own program wrote it, so it may speak for its owner only. */
export type SourceKind = 'server' | 'client';

/**
 * One line that a pattern took whole. `start` and `end` are byte offsets in the chunk it was read from; the line's own
 * newline is not part of it. `time` is null when the line carries none.
 */
export interface ParsedLine {
  event: EventName;
  user: string | null;
  ip: string | null;
  endpoint: string | null;
  time: number | null;
  selfReported: boolean;
  start: number;
  end: number;
}

/** What a chunk of complete lines held beside the parsed ones. `bad`: broken encoding or a hostile field. */
export interface ChunkCount {
  lines: number;
  unparsed: number;
  bad: number;
  /** The first line that was not understood, a broken one before others: `bytes[start, end)`, without its newline. */
  strange?: { start: number; end: number; bad: boolean };
}

/**
 * Parses the complete lines in `bytes[from, to)` (each ends in a newline) and hands each match to `sink`.
 * `kind: null` tries every pattern (a scan); a client log may speak for `owner` only.
 */
export type ParseChunk = (
  bytes: Buffer,
  from: number,
  to: number,
  source: { kind: SourceKind | null; owner: string | null },
  sink: (line: ParsedLine) => void,
) => ChunkCount;

/**
 * Observations of one batch that share event, user, address, endpoint and the hour they are of, counted.
 * Times are epoch milliseconds; `approximate` when the line carried none and was not read live.
 */
export interface Tally {
  event: EventName;
  user: string | null;
  ip: string | null;
  endpoint: string | null;
  /** Where a large batch speaks of several in one: how often of each; `endpoint` is then the latest. */
  endpoints?: [endpoint: string | null, count: number][];
  account: Account;
  count: number;
  first: number;
  last: number;
  approximate: boolean;
  /** The user's own log said it (`client`), the server did not. */
  selfReported: boolean;
  /** One raw line, redacted, at most 500 characters, and its byte offset in the source. */
  sample: string;
  offset: number;
}

// ---------------------------------------------------------------- incident

export const INCIDENT_KINDS = ['user', 'address', 'service'] as const;
export type IncidentKind = (typeof INCIDENT_KINDS)[number];

export const STATES = [
  'open',
  'proposed',
  'advised',
  'approved',
  'running',
  'propagating',
  'verifying',
  'resolved',
  'not-effective',
  'failed',
  'denied',
  'expired',
  'stale',
  'undone',
  'escalated',
] as const;
export type State = (typeof STATES)[number];

/**
 * The only way from state to state. What is not listed here is refused by the one door (`store/incidents.ts`, `move`).
 * `proposed → proposed` is a new serial; ended states (`resolved`, `expired`, `undone`) open again only as a new
 * incident, except that our own change can always be taken back.
 */
const TRANSITIONS: Record<State, readonly State[]> = {
  open: ['proposed', 'advised', 'escalated', 'verifying', 'resolved', 'expired'],
  proposed: ['proposed', 'approved', 'denied', 'advised', 'escalated', 'verifying', 'resolved', 'expired', 'stale'],
  advised: ['proposed', 'escalated', 'verifying', 'resolved', 'expired'],
  approved: ['running', 'stale', 'failed', 'expired'],
  running: ['verifying', 'propagating', 'stale', 'failed', 'not-effective'],
  propagating: ['verifying', 'resolved', 'not-effective', 'failed', 'undone'],
  verifying: ['propagating', 'resolved', 'not-effective', 'failed', 'open', 'undone'],
  'not-effective': ['open', 'undone', 'proposed', 'verifying', 'resolved', 'escalated', 'expired'],
  failed: ['open', 'undone', 'proposed', 'verifying', 'resolved', 'escalated', 'expired'],
  denied: ['proposed', 'resolved', 'expired'],
  stale: ['proposed', 'advised', 'escalated', 'verifying', 'resolved', 'expired'],
  escalated: ['proposed', 'advised', 'denied', 'verifying', 'resolved', 'expired'],
  resolved: ['undone'],
  expired: [],
  undone: [],
};

/** States in which nobody waits any more. */
const ENDED: readonly State[] = ['resolved', 'expired', 'undone'];
export const isEnded = (state: State): boolean => ENDED.includes(state);
export const mayMove = (from: State, to: State): boolean => TRANSITIONS[from].includes(to);

export interface Incident {
  id: string;
  kind: IncidentKind;
  /** user name, address, or service name */
  key: string;
  host: string;
  state: State;
  cause: string | null;
  /** Denials counted into it, and how many different users they hit. */
  count: number;
  users: number;
  opened: string;
  updated: string;
  tier: Tier | null;
  serial: number;
  inhibitedBy: string | null;
  silencedUntil: string | null;
  held: boolean;
  diagnosis: Diagnosis | null;
  plan: Plan | null;
}

// ---------------------------------------------------------------- errors: the class says what the caller should do

/** A rule says no; the message names it. 409 on the page, exit 1 on the command line. */
export class Refused extends Error {
  override name = 'Refused';
}
/** What was asked for can't be, whatever happens to the rest: 422 over the API, as any refusal elsewhere. */
export class Unfit extends Refused {}
/** There is no such thing, or not for you. 404. */
export class NotFound extends Error {
  override name = 'NotFound';
}
/** The world answered badly this time (a dead Redis, a lock held): try again later. */
export class Retry extends Error {
  override name = 'Retry';
}
/** It said no, and nobody can tell whether to this or to everything: try again, and give up in the end. */
export class Doubtful extends Retry {
  override name = 'Doubtful';
}
/** Wrong usage or config; the message says what would be right. Exit 2. */
export class Usage extends Error {
  override name = 'Usage';
}

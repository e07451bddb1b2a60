/**
 * The nouns of Readmit and the one table of states and transitions.
 * Everything here is plain data: stages share these words and nothing else. What crosses a process boundary is
 * parsed again on arrival (`messages.ts`, `execute/order.ts`).
 */

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
 * Observations of one batch that share event, user, address and endpoint, counted.
 * Times are epoch milliseconds; `approximate` when the line carried none and was not read live.
 */
export interface Tally {
  event: EventName;
  user: string | null;
  ip: string | null;
  endpoint: string | null;
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

// ---------------------------------------------------------------- facts and diagnosis

export type FactValue = string | number | boolean | string[] | null;

/** The answer of one read-only probe. A probe that could not answer has `known: false` and says why in `source`. */
export interface Fact {
  fact: string;
  value: FactValue;
  known: boolean;
  /** The command or file it came from, as a person would check it. */
  source: string;
  /** ISO 8601 time of the answer. */
  at: string;
}

export interface Evidence {
  fact: string;
  value: FactValue;
  source: string;
  at: string;
}

export interface Diagnosis {
  user: string;
  /** Pack and cause, e.g. `openclaw/missing-group`; null when none holds. The first that must be mended. */
  cause: string | null;
  title: string;
  also: { cause: string; evidence: Evidence[] }[];
  /** 0..1: the share of the facts the cause asks for that were known. */
  confidence: number;
  evidence: Evidence[];
  ruledOut: { cause: string; because: string }[];
  /** What couldn't be asked, each with the reason. */
  unknown: { fact: string; because: string }[];
  remedy: Remedy;
}

/** What a cause rule asks for. `none`: never healed, a human looks (probing, access removed on purpose). */
export type Remedy =
  | { kind: 'plan'; actions: ActionRequest[]; advice?: Advice }
  | { kind: 'tell'; advice: Advice }
  | { kind: 'advice'; advice: Advice }
  | { kind: 'none'; why: string };

/** Commands to copy, and the check afterwards. Readmit never runs advice. */
export interface Advice {
  /** For whom: the person concerned, or the administrators. */
  to: 'user' | 'administrator';
  text: string;
  commands: string[];
  check: string;
}

/** An action by name with the parameters a cause rule gave it, before it became steps. */
export interface ActionRequest {
  action: string;
  params: Record<string, string>;
}

// ---------------------------------------------------------------- plan

/** Tier 0 needs no approval, 1 one vote, 2 two people. */
export type Tier = 0 | 1 | 2;

/**
 * One step as it will be run. Everything the executor needs to check it by itself stands in it.
 * The digest covers it whole, so counts and times have no place here.
 */
export type Step =
  | { action: 'group.add'; user: string; uid: number; group: string; gid: number; until: string | null; argv: string[] }
  | { action: 'group.remove'; user: string; uid: number; group: string; gid: number; argv: string[] }
  | ({ action: 'directory.group-add'; until: string | null } & DirectoryChange)
  | ({ action: 'directory.group-remove' } & DirectoryChange)
  | {
      action: 'config.authorize-group';
      file: string;
      group: string;
      /** sha256 of the whole file, before and after. */
      before: string;
      after: string;
      /** The splice: at byte `at`, `insert` goes in (nothing is removed). */
      at: number;
      insert: string;
      diff: string;
    }
  | {
      action: 'config.restore';
      file: string;
      group: string;
      before: string;
      after: string;
      at: number;
      insert: string;
      diff: string;
    }
  | { action: 'service.restart'; unit: string; argv: string[] }
  | { action: 'service.start'; unit: string; argv: string[] };

/** One value of one group's entry in a directory. */
export interface DirectoryChange {
  user: string;
  uid: number;
  group: string;
  gid: number;
  /** The entry of the group; whoever makes the change looks it up again. */
  dn: string;
  attribute: 'memberUid' | 'member' | 'uniqueMember';
  /** The user's name, or the distinguished name of the person's entry. */
  value: string;
  /** The change as LDIF, as it is shown. */
  diff: string;
}

export interface Plan {
  /** Counts up per incident: a vote is for one serial. */
  serial: number;
  incident: string;
  host: string;
  /** Who it is for; null for a service-wide plan. Votes of this uid are refused. */
  subject: { user: string; uid: number } | null;
  tier: Tier;
  summary: string;
  /** The deed, for a button: `Add alice to claw-users`. */
  deed: string;
  steps: Step[];
  undo: Step[];
  gains: string[];
  loses: string[];
  /** Facts that must still hold when it runs: fact → value. */
  assumes: Record<string, FactValue>;
  /** What shows that this person should have access; null when nothing does. */
  entitlement: string | null;
  /** Why the entitlement is as it is, in words, and what an approver should know (running jobs, other differences). */
  notes: string[];
  digest: string;
  created: string;
  expires: string;
  /** Configuration management owns the target: exported, never run by us. */
  managedBy: string | null;
}

// ---------------------------------------------------------------- approval, run, audit

export type Decision = 'approve' | 'deny';

/** What the browser and the person's device say beside a passkey's signature (WebAuthn); each in base64url. */
export interface Assertion {
  /** The id of the credential that signed. */
  credential: string;
  authenticatorData: string;
  /** The browser's `clientDataJSON`, byte for byte. */
  clientData: string;
}

/** One administrator's vote on one digest. `signature` covers every other field, canonically encoded. */
export interface Vote {
  v: 1;
  id: string;
  host: string;
  incident: string;
  serial: number;
  digest: string;
  decision: Decision;
  /** The approver's name and uid as the approvers file has them. */
  by: string;
  uid: number;
  issued: string;
  expires: string;
  reason: string;
  /**
   * `key`: the person's own ed25519 key. `passkey`: the person's passkey, whose challenge is the SHA-256 of the vote.
   * `session`: serve signed for the signed-in person.
   */
  proof: 'key' | 'passkey' | 'session';
  /** base64 */
  signature: string;
  /** With `passkey`, and only then: what the signature is over, beside the vote. */
  assertion?: Assertion;
}

/** What the executor reports of one run. `refused` and `stale` mean nothing was changed. */
export interface Outcome {
  result: 'done' | 'already' | 'stale' | 'refused' | 'failed' | 'unknown';
  detail: string;
  /** State read back, per step. */
  steps: { action: string; result: string; before: string; after: string }[];
}

export interface AuditEntry {
  seq: number;
  time: string;
  previous: string;
  digest: string;
  actor: string;
  plan: string | null;
  what: string;
  before: unknown;
  after: unknown;
}

// ---------------------------------------------------------------- incident

export type IncidentKind = 'user' | 'address' | 'service';

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
  propagating: ['verifying', 'resolved', 'not-effective', 'undone'],
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
/** There is no such thing, or not for you. 404. */
export class NotFound extends Error {
  override name = 'NotFound';
}
/** The world answered badly this time (a dead Redis, a lock held): try again later. */
export class Retry extends Error {
  override name = 'Retry';
}
/** Wrong usage or config; the message says what would be right. Exit 2. */
export class Usage extends Error {
  override name = 'Usage';
}

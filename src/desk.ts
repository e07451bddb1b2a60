/**
 * What people may read and do, whether they come by the page or by the command line: one interface, one set of rules.
 * `roles/desk/desk.ts` implements it over the store; `web/` shows it; the control socket carries it to the command line.
 * The JSON shapes of `readmit incidents|show|report --json` are these.
 */
import type { Advice, Diagnosis } from './diagnosis.ts';
import type { EventName, IncidentKind, State } from './incident.ts';
import type { Decision, Outcome, Plan, Step, Vote } from './plan.ts';

/** Who is asking: a signed-in person, or the operator of the host at the command line. */
export interface Person {
  name: string;
  uid: number;
  roles: string[];
  /** When they last proved who they are, epoch ms. */
  since: number;
}

export interface IncidentRow {
  id: string;
  kind: IncidentKind;
  key: string;
  host: string;
  state: State;
  cause: string | null;
  count: number;
  users: number;
  opened: string;
  tier: number | null;
  /** On the plan it has now. `lapsed`: it counts no more, and who gave it may vote again. */
  votes: { by: string; at: string; decision: Decision; lapsed?: true }[];
  /** Votes still missing. */
  needs: number;
  /** A sentence: `alice can't submit jobs: she is not in claw-users`. */
  headline: string;
  updated: string;
  marks: ('inhibited' | 'silenced' | 'held')[];
  /** Denials per hour over the last 24 hours, oldest first. */
  spark: number[];
  /** What was seen: `denied`, or another trouble. */
  event?: EventName;
  /** What the plan would do, in words; two incidents of one host with the same deed are mended by one change. */
  deed?: string | null;
  /** Who would newly gain access by the plan that is offered: none of them approves it. */
  gains?: string[];
  /** The person who took it over: nothing is offered while they have it. */
  takenBy?: string | null;
  /** False for a person's incident whose name has no account: nobody is kept from working by it. */
  ofSomebody?: boolean;
}

export interface PlanInShort {
  digest: string;
  summary: string;
  steps: ({ action: string } & ({ argv: string[] } | { diff: string }))[];
  gains: string[];
  loses: string[];
  undo: string;
  expires: string;
  entitlement: string | null;
  notes: string[];
}

export interface IncidentDetail extends IncidentRow {
  diagnosis:
    | (Omit<Diagnosis, 'title' | 'remedy' | 'user'> & {
        user: string;
        title: string;
        advice?: Advice;
        /** The change it asks for, in short, as `readmit why` shows it; all of it stands in `plan` beside the diagnosis. */
        plan?: PlanInShort;
        unknown: { fact: string; because: string }[];
      })
    | null;
  plan:
    | (PlanInShort & {
        serial: number;
        deed: string;
        full: Step[];
        undoSteps: Step[];
        managedBy: string | null;
        subject: { user: string; uid: number } | null;
      })
    | null;
  /** The plan of this incident that was begun last, whatever is offered now: what can be taken back. Null: none was. */
  begun: {
    serial: number;
    deed: string;
    undo: string;
    undoSteps: Step[];
    result: Outcome['result'];
    takenBack: boolean;
  } | null;
  history: { at: string; who: string; what: string }[];
  /** Who was told of it, and what became of that: `sent`, `muted until …`, or why it has not gone out yet. */
  told?: { at: string; to: string; letter: string; state: string }[];
  /** Who and where: counts per user, address and endpoint. */
  pairs: {
    user: string | null;
    ip: string | null;
    endpoint: string | null;
    count: number;
    first: string;
    last: string;
    selfReported: boolean;
  }[];
  samples: { line: string; source: string; offset: number; at: string; trust: 'server' | 'user-written' }[];
  /** What happens next, and when: `the plan expires at …`, `checked again in 5 s`. */
  next: string;
}

export interface Health {
  banner: string[];
  sources: {
    host: string;
    path: string;
    kind: string;
    state: string;
    why: string;
    lag: number;
    lines: number;
    /** Not understood; broken ones among them; too long to be kept whole. */
    unparsed: number;
    bad: number;
    cut: number;
    /** The latest that was not understood: its text, or the bytes of a broken one in hexadecimal. */
    strange: { text: string; bad: boolean; offset: number } | null;
  }[];
  queue: { up: boolean; detail: string };
  mail: { up: boolean; pending: number; detail: string };
  /** Whom routes lead to beside the administrators. `detail` is why the last message did not go out. */
  receivers?: { name: string; type: string; up: boolean; waiting: number; detail: string }[];
  executor: string;
  /** `refused`: logs that are not read, and the agent's own log says why. */
  agents: { host: string; seen: string; files: number; spooled: number; refused: number }[];
  version: string;
  /** What else runs here, by name. */
  versions: Record<string, string>;
  /** Orders and mails that wait to be sent. */
  waiting: { jobs: number; mails: number };
}

/** Denials by hour and cause, for a time line. */
export type Timeline = { hour: string; cause: string; count: number }[];

/** A list that is read in pages. `next` goes on where this page ends; null at the end. */
export interface Page<Row> {
  rows: Row[];
  next: string | null;
}

export interface PersonRow {
  name: string;
  /** `user`: somebody with an account; the others are names nobody has, and system accounts. */
  account: string;
  /** Denials and different addresses in the last 30 days. */
  denials: number;
  addresses: number;
  first: string;
  last: string;
  /** Their open incident, when they can't work now. */
  blocked: string | null;
  grants: number;
}

export interface PersonDetail {
  name: string;
  /** Null for somebody who was never denied. */
  account: string | null;
  denials: number;
  first: string | null;
  last: string | null;
  timeline: Timeline;
  places: { ip: string; count: number; last: string }[];
  incidents: IncidentRow[];
  grants: Grant[];
  /** Groups that count here, as far back as they were watched. `by`: who changed it; null where nobody saw. */
  groups: {
    group: string;
    host: string;
    since: string;
    addedBy: 'readmit' | 'others' | null;
    until: string | null;
    removedBy: 'readmit' | 'others' | null;
  }[];
  told: { at: string; cause: string }[];
}

export interface AddressRow {
  ip: string;
  /** What its incident would be about: an IPv6 address counts with its /64. */
  key: string;
  denials: number;
  /** Different names in the last 30 days, counted up to a thousand. */
  names: number;
  first: string;
  last: string;
  /** A login node or gateway that many honest people share. */
  shared: boolean;
}

export interface AddressDetail {
  ip: string;
  denials: number;
  first: string | null;
  last: string | null;
  shared: boolean;
  timeline: Timeline;
  people: { name: string; account: string; count: number; last: string }[];
  incidents: IncidentRow[];
}

/** What the rules took in the last 30 days. */
export interface Hits {
  /** Lines by what they say and whose log they stand in. */
  lines: { event: string; log: 'server' | 'client'; lines: number; last: string }[];
  causes: { cause: string; incidents: number; open: number; last: string }[];
}

/** What `next` of a list of people or addresses looks like: when, epoch ms, and the name to go on below. */
export const PAGE_MARK = /^(\d{1,15})\.(.+)$/s;

export interface AuditRow {
  seq: number;
  time: string;
  actor: string;
  what: string;
  digest: string;
  incident: string | null;
}

/** How far the chain was walked since this process started, and whether it held. */
export interface ChainState {
  entries: number;
  head: string | null;
  verified: number;
  at: string | null;
  bad: { seq: number; why: string } | null;
}

export interface Grant {
  id: string;
  user: string;
  uid: number;
  group: string;
  host: string;
  incident: string;
  by: string[];
  reason: string;
  entitlement: string | null;
  since: string;
  until: string | null;
  ended: string | null;
}

export interface Desk {
  /** Newest first. `all: false` leaves out what has ended. */
  incidents(filter?: {
    state?: string;
    all?: boolean;
    kind?: IncidentKind;
    key?: string;
    limit?: number;
    /** Goes on below this id. */
    before?: number;
  }): IncidentRow[];
  show(id: string): IncidentDetail;
  /** Records a vote. @throws Refused naming the rule; NotFound */
  vote(vote: Vote): IncidentRow;
  /** Signs and records a vote for a signed-in person (`policy.proof: session`). `digest` is the plan they saw. */
  voteAs(person: Person, id: string, digest: string, decision: Decision, reason: string): IncidentRow;
  /** Takes back what the last run changed, under the votes it ran with; with `grant`, what gave that access, whatever ran since. The journal keeps why. */
  undo(person: Person, id: string, grant?: string, reason?: string): IncidentRow;
  /** What was tried and failed, or did not help, is looked at anew and may be offered again, to be voted on anew. */
  retry(person: Person, id: string): IncidentRow;
  /** Gives the access that is proposed an end (ISO), or none (null): a new plan, so votes on the old one lapse. */
  endBy(person: Person, id: string, until: string | null): IncidentDetail;
  silence(person: Person, id: string, until: string, reason: string): IncidentRow;
  /** Leaves it to somebody by name, or (`to: null`) back to Readmit. @throws Refused where the state doesn't allow it */
  handOver(person: Person, id: string, to: string | null, note: string): IncidentRow;
  /** People who can't work now, each once; those a waiting plan would help, and how many different changes that takes. */
  blocked(): { people: number; helped: number; changes: number };
  /** The newest first; `before` is the last grant of the page before. */
  grants(filter?: { ended?: boolean; before?: Pick<Grant, 'since' | 'id'>; limit?: number }): Grant[];
  grantCounts(): { people: number; inForce: number; ending: number; ended: number };
  health(): Health;
  /** Denials per hour and cause since `from` (epoch ms), for the time line. */
  timeline(from: number): Timeline;
  /** Denials per user and address since `from`. */
  matrix(from: number): { user: string; ip: string; count: number; account?: string }[];
  /** How many were denied since `from`: people with an account, other names, addresses. */
  seen(from: number): { people: number; names: number; addresses: number };
  /** The last denied first; `q` takes names that begin so, `after` is a `next`. */
  people(filter: { account: 'user' | 'other'; q?: string; after?: string | null; limit: number }): Page<PersonRow>;
  /** @throws NotFound for a name nothing is known of */
  person(name: string): PersonDetail;
  addresses(filter: { after?: string | null; limit: number }): Page<AddressRow>;
  /** @throws NotFound for an address nothing is known of */
  address(ip: string): AddressDetail;
  hits(): Hits;
  /** From the newest on with `from` below zero, else forward from that entry. */
  audit(from?: number, limit?: number): AuditRow[];
  /** Entries below `before` (null: all) that hold this text, or are of incidents of this person or address; the newest first. */
  searchAudit(text: string, before: number | null, limit: number): AuditRow[];
  chain(): ChainState;
  /** How many changes were told since the start: a page made at this number has missed none before it. */
  told(): number;
  /** Calls back after every change, with the ids of the incidents that changed. Returns the way to stop it. */
  onChange(listener: (ids: string[]) => void): () => void;
}

/** The plan that an incident shows was carried out, whether or not it was seen to help. */
export const wasDone = ({ plan, begun }: Pick<IncidentDetail, 'plan' | 'begun'>): boolean =>
  plan !== null && begun?.serial === plan.serial && (begun.result === 'done' || begun.result === 'already');

/** Who can work again, once an incident is resolved. */
export function workAgain({ kind, key, users, host }: Pick<IncidentRow, 'kind' | 'key' | 'users' | 'host'>): string {
  if (kind === 'user') return `${key} can work again`;
  if (kind === 'address') return `${key} is quiet again`;
  return `${users === 1 ? '1 person' : `${users} people`} can work again on ${host}`;
}

/**
 * The sentence on top of an incident: what is so now. Of one that is resolved the headline says what was the matter, or,
 * where no cause was found, nothing that is worth a sentence.
 */
export function saidNow(incident: IncidentRow): { now: string; was: string | null } {
  const { state, cause, headline } = incident;
  if (state !== 'resolved') return { now: headline, was: null };
  return { now: workAgain(incident), was: cause === null ? null : headline.replace(/\.$/, '') };
}

/** In these a plan is offered or under way, or its effect is awaited. */
const AHEAD: readonly State[] = ['proposed', 'approved', 'running', 'propagating', 'verifying'];

/** What stands above the advice of a diagnosis, on the page and on the command line. */
export function adviceHeading(incident: IncidentDetail): string {
  const { diagnosis, plan, state } = incident;
  if (diagnosis?.advice?.to !== 'user') return 'What an administrator has to do';
  if (!plan) return `What ${diagnosis.user} has to do`;
  if (wasDone(incident)) return `What ${diagnosis.user} was told when it was done`;
  return AHEAD.includes(state)
    ? `What ${diagnosis.user} is told when it is done`
    : `What ${diagnosis.user} would be told if it were done`;
}

/** What a plan does and to whom, as commands and diffs. */
export const planInShort = (plan: Plan): PlanInShort => ({
  digest: plan.digest,
  summary: plan.summary,
  steps: plan.steps.map(s => ('diff' in s ? { action: s.action, diff: s.diff } : { action: s.action, argv: s.argv })),
  gains: plan.gains,
  loses: plan.loses,
  undo: undoText(plan),
  expires: plan.expires,
  entitlement: plan.entitlement,
  notes: plan.notes,
});

/** How it is taken back, as somebody reads it. */
export const undoText = ({ undo }: Plan): string => undo.map(stepText).join('; ');

/** A step as a person reads it. */
const stepText = (step: Step): string =>
  'argv' in step ? step.argv.join(' ') : `${step.action} ${step.group} in ${'file' in step ? step.file : step.dn}`;

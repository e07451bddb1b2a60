/**
 * What people may read and do, whether they come by the page or by the command line: one interface, one set of rules.
 * `roles/desk.ts` implements it over the store; `web/` shows it; the control socket carries it to the command line.
 * The JSON shapes of `readmit incidents|show|report --json` are these.
 */
import type { Advice, Decision, Diagnosis, IncidentKind, State, Step, Vote } from './incident.ts';

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
  votes: { by: string; at: string; decision: Decision }[];
  /** Votes still missing. */
  needs: number;
  /** A sentence: `alice can't submit jobs: she is not in claw-users`. */
  headline: string;
  updated: string;
  marks: ('inhibited' | 'silenced' | 'held')[];
  /** Denials per hour over the last 24 hours, oldest first. */
  spark: number[];
}

export interface IncidentDetail extends IncidentRow {
  diagnosis:
    | (Omit<Diagnosis, 'title' | 'remedy' | 'user'> & {
        user: string;
        title: string;
        advice?: Advice;
        unknown: { fact: string; because: string }[];
      })
    | null;
  plan: {
    serial: number;
    digest: string;
    summary: string;
    deed: string;
    steps: ({ action: string } & ({ argv: string[] } | { diff: string }))[];
    full: Step[];
    gains: string[];
    loses: string[];
    undo: string;
    undoSteps: Step[];
    expires: string;
    entitlement: string | null;
    notes: string[];
    managedBy: string | null;
    subject: { user: string; uid: number } | null;
  } | null;
  history: { at: string; who: string; what: string }[];
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
    unparsed: number;
  }[];
  queue: { up: boolean; detail: string };
  mail: { up: boolean; pending: number; detail: string };
  executor: string;
  agents: { host: string; seen: string; files: number; spooled: number }[];
  version: string;
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
  incidents(filter?: { state?: string; all?: boolean }): IncidentRow[];
  show(id: string): IncidentDetail;
  /** Records a vote. @throws Refused naming the rule; NotFound */
  vote(vote: Vote): IncidentRow;
  /** Signs and records a vote for a signed-in person (`policy.proof: session`). `digest` is the plan they saw. */
  voteAs(person: Person, id: string, digest: string, decision: Decision, reason: string): IncidentRow;
  /** Takes back what a run changed, under the votes it ran with. */
  undo(person: Person, id: string): IncidentRow;
  silence(person: Person, id: string, until: string, reason: string): IncidentRow;
  grants(): Grant[];
  health(): Health;
  /** Denials per hour and cause since `from` (epoch ms), for the time line. */
  timeline(from: number): { hour: string; cause: string; count: number }[];
  /** Denials per user and address since `from`. */
  matrix(from: number): { user: string; ip: string; count: number }[];
  audit(
    from?: number,
    limit?: number,
  ): { seq: number; time: string; actor: string; what: string; digest: string; incident: string | null }[];
  /** Calls back after every change, with the ids of the incidents that changed. Returns the way to stop it. */
  onChange(listener: (ids: string[]) => void): () => void;
}

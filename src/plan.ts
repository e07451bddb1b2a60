/**
 * What is to be done and what came of it: the plan with its steps, the votes on it, the outcome of its run, and the audit
 * entry. Plain data; what crosses a process boundary is parsed again on arrival (`messages.ts`).
 */
import type { FactValue } from './diagnosis.ts';

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

/** Somebody would be let in, and nothing shows that they should be: whoever approves says why. */
export const lacksEntitlement = (plan: Pick<Plan, 'subject' | 'gains' | 'entitlement'>): boolean =>
  !plan.entitlement && (plan.subject !== null || plan.gains.length > 0);

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

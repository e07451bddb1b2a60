/**
 * What crosses from process to process through BullMQ, each with its schema; a message that does not fit is refused with
 * the reason. Every message may arrive twice or late: the receiver decides by content, never by count.
 *
 *   agent → serve   queue `serve`:       hello, batch, facts, snapshot, outcome, verified, health
 *   serve → agent   queue `host-<host>`: positions, ack, refused, probe, execute, verify
 */
import { z } from 'zod';
import { EVENTS } from './incident.ts';
import { isPacked, LATEST, LONGEST, MOST_COUNTED, MOST_ENDPOINTS, type PackedTallies } from './tally-pack.ts';

const iso = z.string().max(40);
const text = z.string().max(4096);
const digest = z.string().regex(/^[0-9a-f]{64}$/);
/** Epoch milliseconds, of a time that has a date. */
const time = z.number().min(0).max(LATEST);
const lines = z.number().int().nonnegative().max(MOST_COUNTED);

const FactSchema = z.strictObject({
  fact: z.string().max(80),
  value: z.union([text, z.number(), z.boolean(), z.array(text).max(2000), z.null()]),
  known: z.boolean(),
  source: text,
  at: iso,
});

const EndpointSchema = z.string().max(LONGEST.endpoint).nullable();
export const TallySchema = z.strictObject({
  event: z.enum(EVENTS),
  user: z.string().max(LONGEST.user).nullable(),
  ip: z.string().max(LONGEST.ip).nullable(),
  endpoint: EndpointSchema,
  endpoints: z
    .array(z.tuple([EndpointSchema, lines.positive()]))
    .max(MOST_ENDPOINTS)
    .optional(),
  account: z.enum(['user', 'system', 'unknown']),
  count: lines.positive(),
  first: time,
  last: time,
  approximate: z.boolean(),
  selfReported: z.boolean(),
  sample: z.string().max(LONGEST.sample),
  offset: z.number().int().nonnegative(),
});

/** One generation of one file: the same content at the same place has the same id, after any crash. */
export const SourceRef = z.strictObject({
  id: z.string().max(200),
  path: z.string().max(4096),
  kind: z.enum(['server', 'client']),
  owner: z.string().max(64).nullable(),
});
export type SourceRef = z.infer<typeof SourceRef>;

/** A line that was not understood: its text without secrets, or the bytes of a broken one in hexadecimal; where it begins. */
export const StrangeLine = z.strictObject({
  text: z.string().max(LONGEST.strange),
  bad: z.boolean(),
  offset: z.number().int().nonnegative(),
});
export type StrangeLine = z.infer<typeof StrangeLine>;

const MOST_TALLIES = 2000;

/** The lines of one file from byte `from` (inclusive) to byte `to` (exclusive), parsed and merged by key. */
export const Batch = z
  .strictObject({
    v: z.literal(1),
    host: z.string(),
    source: SourceRef,
    from: z.number().int().nonnegative(),
    to: z.number().int().nonnegative(),
    lines,
    unparsed: lines,
    /** Lines cut, lines with broken encoding, hostile names rejected. */
    cut: lines,
    bad: lines,
    /** The first of those that were not understood. */
    strange: StrangeLine.optional(),
    readAt: time,
    /** Read while catching up: line times are not arrival times. */
    approximate: z.boolean(),
    tallies: z.array(TallySchema).max(MOST_TALLIES),
    /** What did not fit was left out: it was refused before. */
    stripped: z.literal(true).optional(),
    /** A part's tallies, as they travel; until it is counted, it is kept so. */
    packed: z.custom<PackedTallies>(it => isPacked(it, MOST_TALLIES), 'not packed tallies').optional(),
    /** A batch of many tallies comes in parts: each has its share of them, and the rest is said of the whole. */
    part: z.strictObject({ n: z.number().int().positive(), of: z.number().int().positive().max(1000) }).optional(),
  })
  .refine(({ packed, part, tallies }) => packed === undefined || (part !== undefined && tallies.length === 0), {
    path: ['packed'],
    message: 'only instead of the tallies of a part',
  });
export type Batch = z.infer<typeof Batch>;

/** The state of config and groups as the agent saw it: what the history of both is made of. No secrets. */
export const Snapshot = z.strictObject({
  v: z.literal(1),
  host: z.string(),
  at: iso,
  config: z
    .strictObject({
      path: text,
      hash: z.string(),
      valid: z.boolean(),
      problem: text.nullable(),
      mtime: iso,
      mode: z.string().nullable(),
      authorizedGroups: z.array(z.string().max(64)).max(500),
    })
    .nullable(),
  /** Members of each authorised, standard and elevated group. */
  groups: z.record(z.string(), z.array(z.string().max(64)).max(100_000)),
});
export type Snapshot = z.infer<typeof Snapshot>;

const VoteFields = z.strictObject({
  v: z.literal(1),
  id: z.string().max(64),
  host: z.string().max(64),
  incident: z.string().max(64),
  serial: z.number().int(),
  digest,
  decision: z.enum(['approve', 'deny']),
  by: z.string().max(64),
  uid: z.number().int(),
  issued: iso,
  expires: iso,
  reason: z.string().max(2000),
  proof: z.enum(['key', 'passkey', 'session']),
  /** 64 bytes of ed25519, or what a passkey makes: an RSA signature is as long as its key. */
  signature: z.string().max(1400),
  assertion: z
    .strictObject({
      credential: z.string().max(1400),
      authenticatorData: z.string().max(2000),
      clientData: z.string().max(4000),
    })
    .optional(),
});
const VoteSchema = VoteFields.refine(vote => (vote.proof === 'passkey') === (vote.assertion !== undefined), {
  path: ['assertion'],
  message: 'a vote by a passkey has one, and no other vote has',
});

export { VoteSchema };

const named = {
  user: z.string().max(64),
  uid: z.number().int(),
  group: z.string().max(64),
  gid: z.number().int(),
  argv: z.array(text).max(16),
};
const directory = {
  user: z.string().max(64),
  uid: z.number().int(),
  group: z.string().max(64),
  gid: z.number().int(),
  dn: z.string().max(1000),
  attribute: z.enum(['memberUid', 'member', 'uniqueMember']),
  value: z.string().min(1).max(1000),
  diff: z.string().max(8192),
};
const splice = {
  file: text,
  group: z.string().max(64),
  before: digest,
  after: digest,
  at: z.number().int().nonnegative(),
  insert: text,
  diff: z.string().max(65536),
};
export const StepSchema = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('group.add'), ...named, until: iso.nullable() }),
  z.strictObject({ action: z.literal('group.remove'), ...named }),
  z.strictObject({ action: z.literal('directory.group-add'), ...directory, until: iso.nullable() }),
  z.strictObject({ action: z.literal('directory.group-remove'), ...directory }),
  z.strictObject({ action: z.literal('config.authorize-group'), ...splice }),
  z.strictObject({ action: z.literal('config.restore'), ...splice }),
  z.strictObject({ action: z.literal('service.restart'), unit: z.string().max(128), argv: z.array(text).max(16) }),
  z.strictObject({ action: z.literal('service.start'), unit: z.string().max(128), argv: z.array(text).max(16) }),
]);

/**
 * An order to the executor: the plan's own content and the votes on it. The executor recomputes the digest from it.
 * `what: undo` runs `undo` under the same votes, and only against its own earlier change.
 */
export const Order = z.strictObject({
  v: z.literal(1),
  kind: z.literal('run'),
  run: z.string().max(80),
  what: z.enum(['plan', 'undo']),
  incident: z.string().max(64),
  serial: z.number().int(),
  host: z.string().max(64),
  subject: z.strictObject({ user: z.string().max(64), uid: z.number().int() }).nullable(),
  tier: z.union([z.literal(0), z.literal(1), z.literal(2)]),
  steps: z.array(StepSchema).min(1).max(8),
  undo: z.array(StepSchema).max(8),
  assumes: z.record(z.string(), FactSchema.shape.value),
  digest,
  votes: z.array(VoteSchema).max(20),
});
export type Order = z.infer<typeof Order>;

export const OutcomeSchema = z.strictObject({
  result: z.enum(['done', 'already', 'stale', 'refused', 'failed', 'unknown']),
  detail: text,
  steps: z.array(z.strictObject({ action: z.string(), result: text, before: text, after: text })).max(16),
});

/** One canary round: what each step of the verification answered. */
export const CanaryResult = z.strictObject({
  user: z.string().max(64),
  ran: z.boolean(),
  passed: z.boolean(),
  detail: text,
  /** Milliseconds per submit. */
  latencies: z.array(z.number()).max(100),
});
export type CanaryResult = z.infer<typeof CanaryResult>;

export const SourceHealth = z.strictObject({
  path: z.string().max(4096),
  kind: z.enum(['server', 'client']),
  state: z.enum(['ok', 'missing', 'refused', 'unreadable', 'catching-up']),
  why: text,
  lag: z.number(),
});

/** agent → serve */
export const ToServe = {
  hello: z.strictObject({ v: z.literal(1), host: z.string(), boot: z.string() }),
  batch: Batch,
  facts: z.strictObject({
    v: z.literal(1),
    host: z.string(),
    request: z.string(),
    user: z.string().nullable(),
    facts: z.array(FactSchema).max(400),
    snapshot: Snapshot.nullable(),
  }),
  snapshot: Snapshot,
  outcome: z.strictObject({
    v: z.literal(1),
    host: z.string(),
    run: z.string(),
    incident: z.string(),
    started: iso,
    outcome: OutcomeSchema,
  }),
  verified: z.strictObject({
    v: z.literal(1),
    host: z.string(),
    request: z.string(),
    incident: z.string(),
    /** Facts taken after the change, for each user asked about. */
    facts: z.record(z.string(), z.array(FactSchema).max(400)),
    canary: z.array(CanaryResult).max(50),
    /** The scheduler wrote or answered since the change. */
    alive: z.boolean(),
  }),
  health: z.strictObject({
    v: z.literal(1),
    host: z.string(),
    at: iso,
    sources: z.array(SourceHealth).max(500),
    files: z.number().int(),
    spooled: z.number().int(),
    refused: z.number().int(),
    executor: z.string().max(200),
  }),
} as const;

/** serve → agent */
export const ToAgent = {
  /** Answer to hello: what is committed of each source of that host. */
  positions: z.strictObject({
    v: z.literal(1),
    sources: z.array(z.strictObject({ id: z.string(), committed: z.number() })),
  }),
  /** Committed so far. When it differs from the batch's end, the agent goes on from here. */
  ack: z.strictObject({ v: z.literal(1), source: z.string(), committed: z.number() }),
  /** A batch did not fit, and is not counted as it is. */
  refused: z.strictObject({
    v: z.literal(1),
    source: z.string(),
    from: z.number(),
    to: z.number(),
    stripped: z.boolean(),
    reason: text,
  }),
  probe: z.strictObject({ v: z.literal(1), request: z.string(), user: z.string().nullable(), until: z.number() }),
  execute: z.strictObject({ v: z.literal(1), order: Order }),
  verify: z.strictObject({
    v: z.literal(1),
    request: z.string(),
    incident: z.string(),
    users: z.array(z.string()).max(500),
    /** Of these, for whom the canary is run. */
    canary: z.array(z.string()).max(5),
    since: z.number(),
  }),
} as const;

export type ServeMessage = {
  [K in keyof typeof ToServe]: { name: K; data: z.infer<(typeof ToServe)[K]> };
}[keyof typeof ToServe];
export type AgentMessage = {
  [K in keyof typeof ToAgent]: { name: K; data: z.infer<(typeof ToAgent)[K]> };
}[keyof typeof ToAgent];

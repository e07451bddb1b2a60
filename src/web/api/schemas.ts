/**
 * What the API says, as schemas: the OpenAPI document is made of them. They are the desk's own shapes; the compiler holds
 * the two together where a route answers.
 */
import { z } from '@hono/zod-openapi';
import { EVENTS, STATES } from '../../incident.ts';
import { StepSchema } from '../../messages.ts';

const time = z.string().describe('ISO 8601');
const decision = z.enum(['approve', 'deny']);
const value = z.union([z.string(), z.number(), z.boolean(), z.array(z.string()), z.null()]);

export const Problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    detail: z.string().describe('the rule that said no, in its own words'),
    instance: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

const row = {
  id: z.string(),
  kind: z.enum(['user', 'address', 'service']),
  key: z.string().describe('user name, address, or name of the service'),
  host: z.string(),
  state: z.enum(STATES),
  cause: z.string().nullable(),
  count: z.number().describe('denials counted into it'),
  users: z.number().describe('how many different people they hit'),
  opened: time,
  tier: z.number().nullable(),
  votes: z.array(
    z.object({ by: z.string(), at: time, decision, lapsed: z.literal(true).optional().describe('it counts no more') }),
  ),
  needs: z.number().describe('votes still missing'),
  headline: z.string(),
  updated: time,
  marks: z.array(z.enum(['inhibited', 'silenced', 'held'])),
  spark: z.array(z.number()).describe('denials per hour over the last 24 hours, oldest first'),
  event: z.enum(EVENTS).optional(),
  deed: z.string().nullable().optional().describe('what the plan would do'),
  gains: z.array(z.string()).optional().describe('who would newly gain access by the plan that is offered'),
  takenBy: z.string().nullable().optional().describe('the person who took it over'),
  ofSomebody: z.boolean().optional().describe('false where the name has no account'),
};
export const IncidentRow = z.object(row).openapi('Incident');

const Evidence = z.object({ fact: z.string(), value, source: z.string(), at: time }).openapi('Evidence');
const Advice = z.object({
  to: z.enum(['user', 'administrator']),
  text: z.string(),
  commands: z.array(z.string()),
  check: z.string(),
});
const step = z.object({ action: z.string() });
const PlanInShort = z
  .object({
    digest: z.string().describe('what a vote is for'),
    summary: z.string(),
    steps: z.array(z.union([step.extend({ argv: z.array(z.string()) }), step.extend({ diff: z.string() })])),
    gains: z.array(z.string()),
    loses: z.array(z.string()),
    undo: z.string(),
    expires: time,
    entitlement: z.string().nullable(),
    notes: z.array(z.string()),
  })
  .openapi('PlanInShort');
const Diagnosis = z
  .object({
    user: z.string(),
    title: z.string(),
    cause: z.string().nullable(),
    also: z.array(z.object({ cause: z.string(), title: z.string().optional(), evidence: z.array(Evidence) })),
    confidence: z.number(),
    evidence: z.array(Evidence),
    ruledOut: z.array(z.object({ cause: z.string(), because: z.string() })),
    unknown: z.array(z.object({ fact: z.string(), because: z.string() })),
    advice: Advice.optional(),
    plan: PlanInShort.optional(),
  })
  .openapi('Diagnosis');

const Plan = z
  .object({
    ...PlanInShort.shape,
    serial: z.number(),
    deed: z.string(),
    full: z.array(StepSchema),
    undoSteps: z.array(StepSchema),
    managedBy: z.string().nullable(),
    subject: z.object({ user: z.string(), uid: z.number() }).nullable(),
  })
  .openapi('Plan');

export const IncidentDetail = z
  .object({
    ...row,
    diagnosis: Diagnosis.nullable(),
    plan: Plan.nullable(),
    begun: z
      .object({
        serial: z.number(),
        deed: z.string(),
        undo: z.string(),
        undoSteps: z.array(StepSchema),
        result: z.enum(['done', 'already', 'stale', 'refused', 'failed', 'unknown']),
        takenBack: z.boolean(),
      })
      .nullable()
      .describe('the plan that was begun last, whatever is offered now: what can be taken back'),
    history: z.array(z.object({ at: time, who: z.string(), what: z.string() })),
    told: z.array(z.object({ at: time, to: z.string(), letter: z.string(), state: z.string() })).optional(),
    pairs: z.array(
      z.object({
        user: z.string().nullable(),
        ip: z.string().nullable(),
        endpoint: z.string().nullable(),
        count: z.number(),
        first: time,
        last: time,
        selfReported: z.boolean(),
      }),
    ),
    samples: z.array(
      z.object({
        line: z.string(),
        source: z.string(),
        offset: z.number(),
        at: time,
        trust: z.enum(['server', 'user-written']),
      }),
    ),
    next: z.string(),
  })
  .openapi('IncidentDetail');

export const Grant = z
  .object({
    id: z.string(),
    user: z.string(),
    uid: z.number(),
    group: z.string(),
    host: z.string(),
    incident: z.string(),
    by: z.array(z.string()),
    reason: z.string(),
    entitlement: z.string().nullable(),
    since: time,
    until: time.nullable(),
    ended: time.nullable(),
  })
  .openapi('Grant');

const upDown = { up: z.boolean(), detail: z.string() };
export const Health = z
  .object({
    banner: z.array(z.string()).describe('what is not well, a sentence each'),
    sources: z.array(
      z.object({
        host: z.string(),
        path: z.string(),
        kind: z.string(),
        state: z.string(),
        why: z.string(),
        lag: z.number().describe('bytes not yet counted'),
        lines: z.number(),
        unparsed: z.number().describe('lines not understood'),
        bad: z.number().describe('broken ones among them'),
        cut: z.number().describe('too long to be kept whole'),
        strange: z
          .object({ text: z.string(), bad: z.boolean(), offset: z.number() })
          .nullable()
          .describe('the latest not understood: its text, or the bytes of a broken one in hexadecimal'),
      }),
    ),
    queue: z.object(upDown),
    mail: z.object({ ...upDown, pending: z.number() }),
    receivers: z
      .array(z.object({ name: z.string(), type: z.string(), ...upDown, waiting: z.number() }))
      .optional()
      .describe('whom routes lead to beside the administrators'),
    executor: z.string(),
    agents: z.array(
      z.object({ host: z.string(), seen: time, files: z.number(), spooled: z.number(), refused: z.number() }),
    ),
    version: z.string(),
    versions: z.record(z.string(), z.string()),
    waiting: z.object({ jobs: z.number(), mails: z.number() }),
  })
  .openapi('Health');

export const AuditEntry = z
  .object({
    seq: z.number(),
    time,
    actor: z.string(),
    what: z.string(),
    digest: z.string(),
    incident: z.string().nullable(),
  })
  .openapi('AuditEntry');

export const Chain = z
  .object({
    entries: z.number(),
    head: z.string().nullable(),
    verified: z.number().describe('entries walked since the program started'),
    at: time.nullable(),
    bad: z.object({ seq: z.number(), why: z.string() }).nullable(),
  })
  .openapi('Chain');

export const TimelinePoint = z.object({ hour: time, cause: z.string(), count: z.number() }).openapi('TimelinePoint');
export const MatrixCell = z.object({
  user: z.string(),
  ip: z.string(),
  count: z.number(),
  account: z.string().optional().describe('user: somebody with an account; unknown, system: of nobody'),
});

const page = <S extends z.ZodType>(rows: S) =>
  z.object({ rows: z.array(rows), next: z.string().nullable().describe('`after` of the next page; null at the end') });

export const People = page(
  z.object({
    name: z.string(),
    account: z.string().describe('user: somebody with an account'),
    denials: z.number().describe('in the last 30 days'),
    addresses: z.number(),
    first: time,
    last: time,
    blocked: z.string().nullable().describe("their open incident, when they can't work now"),
    grants: z.number(),
  }),
).openapi('People');

const changer = z.enum(['readmit', 'others']).nullable();
export const Person = z
  .object({
    name: z.string(),
    account: z.string().nullable(),
    denials: z.number(),
    first: time.nullable(),
    last: time.nullable(),
    timeline: z.array(TimelinePoint),
    places: z.array(z.object({ ip: z.string(), count: z.number(), last: time })),
    incidents: z.array(IncidentRow),
    grants: z.array(Grant),
    groups: z.array(
      z.object({
        group: z.string(),
        host: z.string(),
        since: time,
        addedBy: changer,
        until: time.nullable(),
        removedBy: changer,
      }),
    ),
    told: z.array(z.object({ at: time, cause: z.string() })),
  })
  .openapi('Person');

export const Addresses = page(
  z.object({
    ip: z.string(),
    key: z.string().describe('what its incident would be about: an IPv6 address counts with its /64'),
    denials: z.number(),
    names: z.number(),
    first: time,
    last: time,
    shared: z.boolean().describe('a login node or gateway that many honest people share'),
  }),
).openapi('Addresses');

export const Address = z
  .object({
    ip: z.string(),
    denials: z.number(),
    first: time.nullable(),
    last: time.nullable(),
    shared: z.boolean(),
    timeline: z.array(TimelinePoint),
    people: z.array(z.object({ name: z.string(), account: z.string(), count: z.number(), last: time })),
    incidents: z.array(IncidentRow),
  })
  .openapi('Address');

export const Rules = z
  .object({
    packs: z.array(
      z.object({
        name: z.string(),
        patterns: z.array(
          z.object({ name: z.string(), log: z.enum(['server', 'client']), event: z.string(), line: z.string() }),
        ),
        causes: z.array(
          z.object({ name: z.string(), title: z.string(), remedy: z.enum(['plan', 'tell', 'advice', 'none']) }),
        ),
      }),
    ),
    lines: z.array(z.object({ event: z.string(), log: z.enum(['server', 'client']), lines: z.number(), last: time })),
    causes: z.array(z.object({ cause: z.string(), incidents: z.number(), open: z.number(), last: time })),
  })
  .openapi('Rules');

export const Explained = z
  .union([
    z.object({
      kind: z.literal('taken'),
      rule: z.string(),
      event: z.string(),
      log: z.string(),
      fields: z.record(z.string(), z.string()),
    }),
    z.object({
      kind: z.literal('stopped'),
      rule: z.string(),
      column: z.number(),
      expected: z.string(),
      found: z.string(),
    }),
  ])
  .openapi('Explained');

export const Me = z
  .object({
    name: z.string(),
    roles: z.array(z.string()),
    through: z.enum(['token', 'session']),
    actsFor: z.string().nullable().describe('whose votes this caller can give; null: it only reads'),
    csrf: z.string().optional().describe('what a session sends in x-csrf-token'),
  })
  .openapi('Me');

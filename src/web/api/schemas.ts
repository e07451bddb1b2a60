/**
 * What the API says and takes, as schemas: the OpenAPI document is made of them, and what comes in is parsed by them.
 * The answers are the desk's own shapes; the compiler holds the two together where a route answers.
 */
import { z } from '@hono/zod-openapi';
import { STATES } from '../../incident.ts';
import { StepSchema, VoteSchema } from '../../messages.ts';
import { WEEK } from '../pages/report.ts';

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
  votes: z.array(z.object({ by: z.string(), at: time, decision })),
  needs: z.number().describe('votes still missing'),
  headline: z.string(),
  updated: time,
  marks: z.array(z.enum(['inhibited', 'silenced', 'held'])),
  spark: z.array(z.number()).describe('denials per hour over the last 24 hours, oldest first'),
};
export const IncidentRow = z.object(row).openapi('Incident');

const Evidence = z.object({ fact: z.string(), value, source: z.string(), at: time }).openapi('Evidence');
const Advice = z.object({
  to: z.enum(['user', 'administrator']),
  text: z.string(),
  commands: z.array(z.string()),
  check: z.string(),
});
const Diagnosis = z
  .object({
    user: z.string(),
    title: z.string(),
    cause: z.string().nullable(),
    also: z.array(z.object({ cause: z.string(), evidence: z.array(Evidence) })),
    confidence: z.number(),
    evidence: z.array(Evidence),
    ruledOut: z.array(z.object({ cause: z.string(), because: z.string() })),
    unknown: z.array(z.object({ fact: z.string(), because: z.string() })),
    advice: Advice.optional(),
  })
  .openapi('Diagnosis');

const step = z.object({ action: z.string() });
const Plan = z
  .object({
    serial: z.number(),
    digest: z.string().describe('what a vote is for'),
    summary: z.string(),
    deed: z.string(),
    steps: z.array(z.union([step.extend({ argv: z.array(z.string()) }), step.extend({ diff: z.string() })])),
    full: z.array(StepSchema),
    gains: z.array(z.string()),
    loses: z.array(z.string()),
    undo: z.string(),
    undoSteps: z.array(StepSchema),
    expires: time,
    entitlement: z.string().nullable(),
    notes: z.array(z.string()),
    managedBy: z.string().nullable(),
    subject: z.object({ user: z.string(), uid: z.number() }).nullable(),
  })
  .openapi('Plan');

export const IncidentDetail = z
  .object({
    ...row,
    diagnosis: Diagnosis.nullable(),
    plan: Plan.nullable(),
    history: z.array(z.object({ at: time, who: z.string(), what: z.string() })),
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
        unparsed: z.number(),
      }),
    ),
    queue: z.object(upDown),
    mail: z.object({ ...upDown, pending: z.number() }),
    executor: z.string(),
    agents: z.array(z.object({ host: z.string(), seen: time, files: z.number(), spooled: z.number() })),
    version: z.string(),
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

export const TimelinePoint = z.object({ hour: time, cause: z.string(), count: z.number() });
export const MatrixCell = z.object({ user: z.string(), ip: z.string(), count: z.number() });

export const Me = z
  .object({
    name: z.string(),
    roles: z.array(z.string()),
    through: z.enum(['token', 'session']),
    actsFor: z.string().nullable().describe('whose votes this caller can give; null: it only reads'),
    csrf: z.string().optional().describe('what a session sends in x-csrf-token'),
  })
  .openapi('Me');

// ---------------------------------------------------------------- what comes in

export const IncidentId = z.object({
  id: z.string().max(64).openapi({ param: { name: 'id', in: 'path' }, example: '41' }),
});

const flag = z.enum(['true', 'false', '1', '0']).transform(text => text === 'true' || text === '1');
export const IncidentQuery = z.object({
  state: z.enum(STATES).optional(),
  all: flag.optional().describe('false: only those where somebody still waits'),
  kind: z.enum(['user', 'address', 'service']).optional(),
  key: z.string().max(200).optional().describe('exactly this user, address or service'),
});

const whole = (text: string) =>
  z
    .string()
    .regex(/^-?\d{1,12}$/, 'a whole number')
    .transform(Number)
    .describe(text);
export const AuditQuery = z.object({
  from: whole('the first entry; left out: the newest ones, newest first').optional(),
  limit: whole('how many, at most 1000')
    .refine(n => n >= 1 && n <= 1000, 'from 1 to 1000')
    .optional(),
});

export const SinceQuery = z.object({
  from: z.iso.datetime({ offset: true }).optional().describe('since when; left out: 24 hours'),
});

export const ReportQuery = z.object({
  week: z.string().regex(WEEK, 'an ISO week, e.g. 2026-W47').optional().describe('left out: this week so far'),
  format: z.enum(['json', 'csv', 'text']).default('json'),
});

const reason = z.string().trim().max(500);
export const SessionVote = z
  .strictObject({
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'the digest of the plan that was seen')
      .describe('of the plan that was seen'),
    reason: reason.default(''),
  })
  .openapi('SessionVote');
export const SignedVote = VoteSchema.openapi('SignedVote');
export const VoteBody = z
  .union([SessionVote, SignedVote])
  .describe("a vote signed with the person's own key; or, where the page may sign for people, the digest they saw");

export const SilenceBody = z
  .strictObject({
    until: z.iso.datetime({ offset: true }).optional(),
    for: z
      .string()
      .regex(/^\d{1,4}[mhd]$/, 'a number with m, h or d, e.g. 8h')
      .optional(),
    reason: reason.min(1, 'a silence needs a reason'),
  })
  .refine(body => (body.until === undefined) !== (body.for === undefined), 'one of `until` and `for`')
  .openapi('Silence');

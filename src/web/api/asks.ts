/**
 * What the API takes: parameters and bodies, each parsed by a strict schema before anything is done with it. The OpenAPI
 * document is made of the same.
 */
import { z } from '@hono/zod-openapi';
import { PAGE_MARK } from '../../desk.ts';
import { STATES } from '../../incident.ts';
import { VoteSchema } from '../../messages.ts';
import { isWeek, NO_WEEK } from '../../week.ts';
import { LINE_LIMIT } from '../pages/rules.ts';

export const IncidentId = z.object({
  id: z
    .string()
    .max(64)
    .openapi({ param: { name: 'id', in: 'path' }, example: '41' }),
});

export const GrantId = z.object({
  id: z
    .string()
    .max(200)
    .openapi({ param: { name: 'id', in: 'path' }, example: '41.1.1b2c.claw-users' }),
});

/** What takes no parameter. One that would be passed over in silence is a mistake of whoever asks: a narrower answer was meant. */
export const NoQuery = z.strictObject({});

const flag = z.enum(['true', 'false', '1', '0']).transform(text => text === 'true' || text === '1');
const whole = (text: string) =>
  z
    .string()
    .regex(/^-?\d{1,12}$/, 'a whole number')
    .transform(Number)
    .describe(text);
export const IncidentQuery = z.strictObject({
  state: z.enum(STATES).optional(),
  all: flag.optional().describe('false: only those where somebody still waits'),
  kind: z.enum(['user', 'address', 'service']).optional(),
  key: z.string().max(200).optional().describe('exactly this user, address or service'),
  limit: whole('how many, at most 1000; left out: all of them')
    .refine(n => n >= 1 && n <= 1000, 'from 1 to 1000')
    .optional(),
  before: whole(
    'only those with a smaller id than this: the next page begins below the last id of the one before',
  ).optional(),
});

export const AuditQuery = z
  .strictObject({
    from: whole('the first entry, and on from there; left out: the newest ones, newest first').optional(),
    limit: whole('how many, at most 1000')
      .refine(n => n >= 1 && n <= 1000, 'from 1 to 1000')
      .optional(),
    q: z.string().max(100).optional().describe('only entries that hold this text, the newest first'),
    before: whole('only entries below this one, the newest first').optional(),
  })
  .refine(({ from, q, before }) => from === undefined || from < 0 || (!q && before === undefined), {
    path: ['from'],
    message: '`from` reads forward, `q` and `before` read back: one or the other',
  });

const limit = whole('how many, at most 500')
  .refine(n => n >= 1 && n <= 500, 'from 1 to 500')
  .optional();
const afterPage = z
  .string()
  .max(500)
  .regex(PAGE_MARK, 'no `next` of a page looks like that')
  .optional()
  .describe('`next` of the page before');
export const PeopleQuery = z.strictObject({
  account: z.enum(['user', 'other']).default('user').describe('other: names nobody has, and system accounts'),
  q: z.string().max(64).optional().describe('names that begin so'),
  after: afterPage,
  limit,
});
export const PersonName = z.object({ name: z.string().max(200) });
export const AddressesQuery = z.strictObject({ after: afterPage, limit });
export const AddressIp = z.object({ ip: z.string().max(64) });

export const SinceQuery = z.strictObject({
  from: z.iso.datetime({ offset: true }).optional().describe('since when; left out: 24 hours'),
});

const week = z.string().refine(isWeek, NO_WEEK).openapi({ example: '2026-W47' });
export const ReportQuery = z.strictObject({
  week: week.optional().describe('left out: this week so far'),
  format: z.enum(['json', 'csv', 'text']).default('json'),
});

const reason = z.string().trim().max(500);
const SessionVote = z
  .strictObject({
    digest: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'the digest of the plan that was seen')
      .describe('of the plan that was seen'),
    reason: reason.default(''),
  })
  .openapi('SessionVote');
// Made anew: a schema that is older than the library's extension of zod has no `openapi`.
const SignedVote = z.strictObject(VoteSchema.shape).openapi('SignedVote');
export const VoteBody = z
  .union([SessionVote, SignedVote])
  .describe("a vote signed with the person's own key; or, where the page may sign for people, the digest they saw");

export const EndsBody = z
  .strictObject({ until: z.iso.datetime({ offset: true }).nullable().describe('when it ends; null: not by itself') })
  .openapi('Ends');

export const HandOverBody = z
  .strictObject({
    to: z.string().min(1).max(64).nullable().describe('who takes it over; null: back to Readmit'),
    note: reason.default(''),
  })
  .refine(body => body.to === null || body.note !== '', 'say in `note` why it is handed over')
  .openapi('HandOver');

export const SendBody = z
  .strictObject({
    week,
    to: z.enum(['me', 'all']).describe('me: whoever asks; all: everybody who gets the weekly mail'),
  })
  .openapi('SendReport');
export const Sent = z.object({ week: z.string(), to: z.enum(['me', 'all']) });

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

export const LineBody = z.strictObject({ line: z.string().max(LINE_LIMIT) }).openapi('Line');

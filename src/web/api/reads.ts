/** What the API shows: the same answers as the page and the command line, as JSON. None of these changes anything. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { type Ask, incidentOf, type Web } from '../ask.ts';
import { maskedToken } from '../csrf.ts';
import { newest } from '../pages/audit.ts';
import { waitsFor } from '../rights.ts';
import * as ask from './asks.ts';
import type { ApiEnv } from './caller.ts';
import { Problem } from './problem.ts';
import { answer, body, deedRefusals, deedSecurity, refusals, security, shows } from './routes.ts';
import * as s from './schemas.ts';

const DAY = 86_400_000;
const PAGE = 100;

const me = shows('/me', 'Who asks, and what they may', s.Me);
const incidents = shows(
  '/incidents',
  'Every incident, newest first, as `readmit incidents --json`',
  z.array(s.IncidentRow),
  {
    query: ask.IncidentQuery,
  },
);
const incident = shows(
  '/incidents/{id}',
  'Diagnosis, plan and history, as `readmit show ID --json`',
  s.IncidentDetail,
  {
    params: ask.IncidentId,
  },
);
const approvals = shows('/approvals', 'What waits for the vote of whoever asks, oldest first', z.array(s.IncidentRow));
const people = shows('/people', 'Who was denied in the last 30 days, the last first', s.People, {
  query: ask.PeopleQuery,
});
const person = shows('/people/{name}', 'All that is known of one person', s.Person, { params: ask.PersonName });
const addresses = shows('/addresses', 'Where denials came from in the last 30 days', s.Addresses, {
  query: ask.AddressesQuery,
});
const address = shows('/addresses/{ip}', 'All that is known of one address', s.Address, { params: ask.AddressIp });
const access = shows('/access', 'Every grant made through Readmit, as `readmit access --json`', z.array(s.Grant));
const rules = shows('/rules', 'The packs as they are loaded, and what they took in the last 30 days', s.Rules);
// Asking changes nothing; it is a POST because a line of a log does not belong into an address.
const explain = createRoute({
  method: 'post',
  path: '/rules/explain',
  summary: 'Which pattern takes a line, or where the nearest one stopped',
  security: deedSecurity,
  request: { query: ask.NoQuery, body: body(ask.LineBody) },
  responses: { 200: answer(s.Explained, 'as `readmit rules explain`'), ...deedRefusals },
});
const audit = shows('/audit', 'The journal: every transition and every act of a person', z.array(s.AuditEntry), {
  query: ask.AuditQuery,
});
const chain = shows('/audit/chain', 'How far the chain of the journal was walked, and whether it held', s.Chain);
const health = shows('/health', 'Whether Readmit sees, reaches and can act', s.Health);
const timeline = shows('/timeline', 'Denials per hour and cause', z.array(s.TimelinePoint), { query: ask.SinceQuery });
const matrix = shows('/matrix', 'Denials per user and address', z.array(s.MatrixCell), { query: ask.SinceQuery });
const report = createRoute({
  method: 'get',
  path: '/report',
  summary: 'The access report of a week',
  security,
  request: { query: ask.ReportQuery },
  responses: {
    200: {
      description: 'as `readmit report --json`, `--csv`, or as text',
      content: {
        'application/json': { schema: z.looseObject({ title: z.string(), week: z.string().nullable() }) },
        'text/csv': { schema: z.string() },
        'text/plain': { schema: z.string() },
      },
    },
    ...refusals,
  },
});

export function reads(api: OpenAPIHono<ApiEnv>, web: Web): void {
  const { desk } = web;
  api.openapi(me, c => {
    const caller = c.get('caller');
    const { name, roles } = caller.person;
    return caller.kind === 'token'
      ? c.json({ name, roles, through: 'token' as const, actsFor: caller.token.actsFor }, 200)
      : c.json({ name, roles, through: 'session' as const, actsFor: name, csrf: maskedToken(caller.csrf) }, 200);
  });
  api.openapi(incidents, c => {
    const { all = true, ...filter } = c.req.valid('query');
    return c.json(desk.incidents({ ...filter, all }), 200);
  });
  api.openapi(incident, c => c.json(incidentOf(web, c.req.valid('param').id), 200));
  api.openapi(approvals, c => {
    const { person } = c.get('caller');
    const rows = desk.incidents({ state: 'proposed' }).filter(row => waitsFor(person, row, web.config));
    return c.json(
      rows.sort((a, b) => Date.parse(a.opened) - Date.parse(b.opened)),
      200,
    );
  });
  api.openapi(people, c => c.json(desk.people({ limit: PAGE, ...c.req.valid('query') }), 200));
  api.openapi(person, c => c.json(desk.person(c.req.valid('param').name), 200));
  api.openapi(addresses, c => c.json(desk.addresses({ limit: PAGE, ...c.req.valid('query') }), 200));
  api.openapi(address, c => c.json(desk.address(c.req.valid('param').ip), 200));
  records(api, web);
}

/** What was granted, written down and counted. */
function records(api: OpenAPIHono<ApiEnv>, web: Web): void {
  const { desk } = web;
  const since = (from: string | undefined): number => (from ? Date.parse(from) : web.now() - DAY);
  api.openapi(access, c => c.json(desk.grants(), 200));
  api.openapi(rules, c => c.json({ packs: web.extra.rules?.list() ?? [], ...desk.hits() }, 200));
  api.openapi(explain, c => {
    if (!web.extra.rules) throw new Problem(404, 'no rules are loaded here');
    return c.json(web.extra.rules.explain(c.req.valid('json').line), 200);
  });
  api.openapi(audit, c => {
    const { from, limit = 200, q, before = null } = c.req.valid('query');
    if (from !== undefined && from >= 0) return c.json(desk.audit(from, limit), 200);
    return c.json(q ? desk.searchAudit(q, before, limit) : newest(desk, before, limit), 200);
  });
  api.openapi(chain, c => c.json(desk.chain(), 200));
  api.openapi(health, c => c.json(desk.health(), 200));
  api.openapi(timeline, c => c.json(desk.timeline(since(c.req.valid('query').from)), 200));
  api.openapi(matrix, c => c.json(desk.matrix(since(c.req.valid('query').from)), 200));
  api.openapi(report, c => reportAnswer(web, c as unknown as Ask, c.req.valid('query')) as never);
}

const TYPES = { json: 'application/json', csv: 'text/csv; charset=utf-8', text: 'text/plain; charset=utf-8' } as const;

function reportAnswer(web: Web, c: Ask, { week, format }: { week?: string; format: keyof typeof TYPES }): Response {
  const made = web.extra.api?.report(week ?? null, format);
  if (!made) throw new Problem(404, 'no report is made here');
  const headers: Record<string, string> = { 'content-type': TYPES[format] };
  if (format === 'csv') headers['content-disposition'] = `attachment; filename="readmit-${made.week}.csv"`;
  return c.body(made.body, 200, headers);
}

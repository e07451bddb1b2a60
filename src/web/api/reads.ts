/** What the API shows: the same answers as the page and the command line, as JSON. None of these changes anything. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { type Ask, incidentOf, type Web } from '../ask.ts';
import { waitsFor } from '../rights.ts';
import type { ApiEnv } from './caller.ts';
import { Problem } from './problem.ts';
import { answer, refusals, security } from './routes.ts';
import * as s from './schemas.ts';

const DAY = 86_400_000;

const me = createRoute({
  method: 'get',
  path: '/me',
  summary: 'Who asks, and what they may',
  security,
  responses: { 200: answer(s.Me, 'who asks'), ...refusals },
});
const incidents = createRoute({
  method: 'get',
  path: '/incidents',
  summary: 'Every incident, newest first',
  security,
  request: { query: s.IncidentQuery },
  responses: { 200: answer(z.array(s.IncidentRow), 'as `readmit incidents --json`'), ...refusals },
});
const incident = createRoute({
  method: 'get',
  path: '/incidents/{id}',
  summary: 'One incident: diagnosis, plan, history',
  security,
  request: { params: s.IncidentId },
  responses: { 200: answer(s.IncidentDetail, 'as `readmit show ID --json`'), ...refusals },
});
const approvals = createRoute({
  method: 'get',
  path: '/approvals',
  summary: 'What waits for the vote of whoever asks, oldest first',
  security,
  responses: { 200: answer(z.array(s.IncidentRow), 'what waits'), ...refusals },
});
const access = createRoute({
  method: 'get',
  path: '/access',
  summary: 'Every grant made through Readmit',
  security,
  responses: { 200: answer(z.array(s.Grant), 'as `readmit access --json`'), ...refusals },
});
const audit = createRoute({
  method: 'get',
  path: '/audit',
  summary: 'The journal: every transition and every act of a person',
  security,
  request: { query: s.AuditQuery },
  responses: { 200: answer(z.array(s.AuditEntry), 'entries of the chain'), ...refusals },
});
const health = createRoute({
  method: 'get',
  path: '/health',
  summary: 'Whether Readmit sees, reaches and can act',
  security,
  responses: { 200: answer(s.Health, 'the state of the parts'), ...refusals },
});
const timeline = createRoute({
  method: 'get',
  path: '/timeline',
  summary: 'Denials per hour and cause',
  security,
  request: { query: s.SinceQuery },
  responses: { 200: answer(z.array(s.TimelinePoint), 'one row per hour and cause'), ...refusals },
});
const matrix = createRoute({
  method: 'get',
  path: '/matrix',
  summary: 'Denials per user and address',
  security,
  request: { query: s.SinceQuery },
  responses: { 200: answer(z.array(s.MatrixCell), 'one row per pair'), ...refusals },
});
const report = createRoute({
  method: 'get',
  path: '/report',
  summary: 'The access report of a week',
  security,
  request: { query: s.ReportQuery },
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

const since = (web: Web, from: string | undefined): number => (from ? Date.parse(from) : web.now() - DAY);

export function reads(api: OpenAPIHono<ApiEnv>, web: Web): void {
  const { desk } = web;
  api.openapi(me, c => {
    const caller = c.get('caller');
    const { name, roles } = caller.person;
    return caller.kind === 'token'
      ? c.json({ name, roles, through: 'token' as const, actsFor: caller.token.actsFor }, 200)
      : c.json({ name, roles, through: 'session' as const, actsFor: name, csrf: caller.csrf }, 200);
  });
  api.openapi(incidents, c => {
    const { state, all = true, kind, key } = c.req.valid('query');
    const rows = desk
      .incidents(state ? { state, all } : { all })
      .filter(row => (!kind || row.kind === kind) && (key === undefined || row.key === key));
    return c.json(rows, 200);
  });
  api.openapi(incident, c => c.json(incidentOf(web, c.req.valid('param').id), 200));
  api.openapi(approvals, c => {
    const { person } = c.get('caller');
    const rows = desk.incidents({ state: 'proposed' }).filter(row => waitsFor(person, row, web.config));
    return c.json(rows.sort((a, b) => Date.parse(a.opened) - Date.parse(b.opened)), 200);
  });
  api.openapi(access, c => c.json(desk.grants(), 200));
  api.openapi(audit, c => {
    const { from, limit } = c.req.valid('query');
    return c.json(desk.audit(from ?? -1, limit ?? 200), 200);
  });
  api.openapi(health, c => c.json(desk.health(), 200));
  api.openapi(timeline, c => c.json(desk.timeline(since(web, c.req.valid('query').from)), 200));
  api.openapi(matrix, c => c.json(desk.matrix(since(web, c.req.valid('query').from)), 200));
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

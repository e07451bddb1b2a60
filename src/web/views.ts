/**
 * Everything that is read: each address, and the page made for it. None of these changes anything.
 */
import type { Hono } from 'hono';
import { NotFound } from '../incident.ts';
import { type Ask, type Env, frameOf, incidentOf, type Web } from './ask.ts';
import { accessPage } from './pages/access.ts';
import { addressesPage, addressPage } from './pages/addresses.ts';
import { approvalsPage } from './pages/approvals.ts';
import { auditPage } from './pages/audit.ts';
import { healthPage } from './pages/health.ts';
import { incidentPage } from './pages/incident.ts';
import { noticeOf } from './pages/notices.ts';
import { nowPage } from './pages/now.ts';
import { peoplePage, personPage } from './pages/people.ts';
import { reportPage, WEEK } from './pages/report.ts';
import { RANGES, type Range } from './pages/timeline.ts';

const rangeOf = (text: string | undefined): Range => (text && Object.hasOwn(RANGES, text) ? (text as Range) : '24h');

export function views(app: Hono<Env>, web: Web): void {
  const { desk } = web;
  const frame = (c: Ask) => frameOf(web, c);

  app.get('/', c => c.html(nowPage(frame(c), rangeOf(c.req.query('range')))));
  app.get('/incidents/:id', c =>
    c.html(incidentPage(frame(c), incidentOf(web, c.req.param('id')), noticeOf(c.req.query('done')))),
  );
  app.get('/approvals', c => c.html(approvalsPage(frame(c))));
  app.get('/people', c => c.html(peoplePage(frame(c))));
  app.get('/people/:name', c => c.html(personPage(frame(c), c.req.param('name'))));
  app.get('/addresses', c => c.html(addressesPage(frame(c))));
  app.get('/addresses/:ip', c => c.html(addressPage(frame(c), c.req.param('ip'))));
  app.get('/access', c => c.html(accessPage(frame(c))));
  app.get('/access.json', c => download(c, 'access.json', desk.grants()));
  app.get('/audit', c =>
    c.html(auditPage(frame(c), (c.req.query('q') ?? '').slice(0, 100), numberOf(c.req.query('before')))),
  );
  app.get('/audit.json', c => download(c, 'audit.json', desk.audit(0, 100_000)));
  app.get('/health', c => c.html(healthPage(frame(c))));
  app.get('/report', c => report(web, c));
  app.get('/live', c => live(web, c));
}

const numberOf = (text: string | undefined): number | null =>
  text && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;

const download = (c: Ask, name: string, value: unknown): Response =>
  c.body(`${JSON.stringify(value, null, 1)}\n`, 200, {
    'content-type': 'application/json',
    'content-disposition': `attachment; filename="readmit-${name}"`,
  });

function report(web: Web, c: Ask): Response | Promise<Response> {
  const week = c.req.query('week') ?? null;
  const found = week === null || WEEK.test(week) ? (web.extra.report?.(week) ?? null) : null;
  if (!found) throw new NotFound('no such report');
  c.set('styleAttributes', true);
  return c.html(reportPage(frameOf(web, c), found));
}

function live(web: Web, c: Ask): Response {
  const stream = web.live.stream(c.get('signedIn').id);
  if (!stream) return c.text('too many streams\n', 429, { 'retry-after': '60' });
  return c.body(stream, 200, { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
}

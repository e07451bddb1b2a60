/**
 * Everything that is read: each address, and the page made for it. None of these changes anything.
 */
import type { Hono } from 'hono';
import { csvRow, csvTable } from '../csv.ts';
import type { AuditRow, Desk } from '../desk.ts';
import { NotFound } from '../incident.ts';
import { isWeek } from '../week.ts';
import { type Ask, type Env, frameOf, incidentOf, type Web } from './ask.ts';
import { accessPage, grantCells } from './pages/access.ts';
import { addressesPage, addressPage } from './pages/addresses.ts';
import { approvalsPage } from './pages/approvals.ts';
import { auditCells, auditPage } from './pages/audit.ts';
import { healthPage } from './pages/health.ts';
import { incidentPage } from './pages/incident.ts';
import { type IncidentsQuery, incidentsPage, KINDS } from './pages/incidents.ts';
import { STATE_WORDS } from './pages/marks.ts';
import { noticeOf } from './pages/notices.ts';
import { nowPage } from './pages/now.ts';
import { peoplePage, personPage } from './pages/people.ts';
import { reportPage } from './pages/report.ts';
import { LINE_LIMIT, type RulesParts, rulesPage } from './pages/rules.ts';
import { RANGES, type Range } from './pages/timeline.ts';
import { standing } from './rights.ts';
import { remember } from './sign-in.ts';

const rangeOf = (text: string | undefined): Range => (text && Object.hasOwn(RANGES, text) ? (text as Range) : '24h');

export function views(app: Hono<Env>, web: Web): void {
  const { desk } = web;
  const frame = (c: Ask) => frameOf(web, c);

  app.get('/', c => c.html(nowPage(frame(c), rangeOf(c.req.query('range')))));
  app.get('/incidents', c => c.html(incidentsPage(frame(c), incidentsQuery(c))));
  app.get('/incidents/:id', c => {
    const incident = incidentOf(web, c.req.param('id'));
    // Whoever is asked to sign in again comes back here afterwards.
    if (standing(c.get('signedIn').person, incident, web.config, web.now()) === 'stale-sign-in') remember(c, web);
    return c.html(incidentPage(frame(c), incident, noticeOf(c.req.query('done'))));
  });
  app.get('/approvals', c => c.html(approvalsPage(frame(c))));
  app.get('/people', c =>
    c.html(
      peoplePage(frame(c), {
        account: c.req.query('names') === 'other' ? 'other' : 'user',
        q: (c.req.query('q') ?? '').slice(0, 64),
        after: markOf(c.req.query('after')),
      }),
    ),
  );
  app.get('/people/:name', c => c.html(personPage(frame(c), c.req.param('name'))));
  app.get('/addresses', c => c.html(addressesPage(frame(c), markOf(c.req.query('after')))));
  app.get('/addresses/:ip', c => c.html(addressPage(frame(c), c.req.param('ip'))));
  app.get('/access', c => {
    const since = timeOf(c.req.query('before'));
    const before = since === null ? null : { since, id: markOf(c.req.query('id')) ?? '' };
    return c.html(accessPage(frame(c), { ended: c.req.query('show') === 'ended', before }));
  });
  app.get('/access.json', c => file(c, 'access.json', [`${JSON.stringify(desk.grants(), null, 1)}\n`]));
  app.get('/access.csv', c => {
    const { head, rows } = grantCells(desk.grants());
    return file(c, 'access.csv', [csvTable(head, rows)]);
  });
  app.get('/audit', c =>
    c.html(auditPage(frame(c), (c.req.query('q') ?? '').trim().slice(0, 100), numberOf(c.req.query('before')))),
  );
  app.get('/audit.json', c => file(c, 'audit.json', jsonOf(entriesOf(desk))));
  app.get('/audit.csv', c => file(c, 'audit.csv', csvOf(entriesOf(desk))));
  app.get('/health', c => c.html(healthPage(frame(c))));
  app.get('/report', c => report(web, c));
  app.get('/report.csv', c => reportFile(web, c, 'csv'));
  app.get('/report.json', c => reportFile(web, c, 'json'));
  app.get('/rules', c => c.html(rulesPage(frame(c), rulesOf(web).list())));
  // Asking changes nothing; it is a POST because a line of a log does not belong into an address.
  app.post('/rules/explain', c => {
    const line = String(c.get('form').line ?? '').slice(0, LINE_LIMIT);
    const rules = rulesOf(web);
    return c.html(rulesPage(frame(c), rules.list(), { line, answer: rules.explain(line) }));
  });
  app.get('/live', c => live(web, c));
}

/** What is no state or kind of ours narrows nothing. */
function incidentsQuery(c: Ask): IncidentsQuery {
  const { state = '', kind = '', key = '', before } = c.req.query();
  return {
    state: Object.hasOwn(STATE_WORDS, state) ? (state as IncidentsQuery['state']) : null,
    kind: Object.hasOwn(KINDS, kind) ? (kind as IncidentsQuery['kind']) : null,
    key: key.trim().slice(0, 128),
    before: numberOf(before),
  };
}

const rulesOf = ({ extra }: Web): RulesParts => {
  if (!extra.rules) throw new NotFound('no rules here');
  return extra.rules;
};

/** Where a list goes on; what a desk would not have written is nothing. */
const markOf = (text: string | undefined): string | null => (text && text.length <= 200 ? text : null);
const timeOf = (text: string | undefined): string | null => (text && !Number.isNaN(Date.parse(text)) ? text : null);
const numberOf = (text: string | undefined): number | null =>
  text && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : null;

/** Entries that are read at once when all of them are wanted. */
const READ = 2000;

/** The whole chain, oldest first, a piece at a time. */
function* entriesOf(desk: Desk): Generator<AuditRow[]> {
  for (let from = 1; ; ) {
    const entries = desk.audit(from, READ);
    const last = entries.at(-1);
    if (!last) return;
    yield entries;
    from = last.seq + 1;
  }
}

function* jsonOf(pieces: Iterable<AuditRow[]>): Generator<string> {
  let before = '[\n';
  for (const entries of pieces) {
    yield before + entries.map(e => JSON.stringify(e)).join(',\n');
    before = ',\n';
  }
  yield before === '[\n' ? '[]\n' : '\n]\n';
}

function* csvOf(pieces: Iterable<AuditRow[]>): Generator<string> {
  yield csvTable(auditCells([]).head, []);
  for (const entries of pieces)
    yield auditCells(entries)
      .rows.map(row => csvRow(row))
      .join('');
}

const TYPES = { json: 'application/json', csv: 'text/csv; charset=utf-8' } as const;

/** A file to keep. Its pieces are made as they are taken, so that a long one keeps nobody waiting. */
function file(c: Ask, name: string, pieces: Iterable<string>): Response {
  const encoder = new TextEncoder();
  const left = pieces[Symbol.iterator]();
  const body = new ReadableStream<Uint8Array>({
    pull(out) {
      const { done, value } = left.next();
      if (done) out.close();
      else out.enqueue(encoder.encode(value));
    },
  });
  return c.body(body, 200, {
    'content-type': TYPES[name.endsWith('.csv') ? 'csv' : 'json'],
    'content-disposition': `attachment; filename="readmit-${name}"`,
  });
}

async function reportFile(web: Web, c: Ask, format: 'csv' | 'json'): Promise<Response> {
  const week = c.req.query('week') ?? '';
  if (!isWeek(week) || !web.extra.reportFile) throw new NotFound('no such report');
  return file(c, `${week}.${format}`, [await web.extra.reportFile(week, format)]);
}

async function report(web: Web, c: Ask): Promise<Response> {
  const week = c.req.query('week') ?? null;
  const found = week === null || isWeek(week) ? ((await web.extra.report?.(week)) ?? null) : null;
  if (!found) throw new NotFound('no such report');
  c.set('styleAttributes', true);
  return c.html(reportPage(frameOf(web, c), found, c.req.query('sent') ?? null));
}

const STREAM = { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' };

function live(web: Web, c: Ask): Response {
  // Of a stream that is made for a HEAD nobody would ever read, nor end it.
  if (c.req.method === 'HEAD') return c.body(null, 200, STREAM);
  const stream = web.live.stream(c.get('signedIn').id);
  if (!stream) return c.text('too many streams\n', 429, { 'retry-after': '60' });
  return c.body(stream, 200, STREAM);
}

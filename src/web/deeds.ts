/**
 * Everything a person can do on the page: approve, deny, silence, take back. A form is parsed by a schema that keeps
 * only what it knows, so nothing else in it can matter; the desk applies the rules again.
 */
import type { Hono } from 'hono';
import { z } from 'zod';
import type { IncidentDetail } from '../desk.ts';
import { isEnded, NotFound, Refused } from '../incident.ts';
import { type Decision, lacksEntitlement } from '../plan.ts';
import { isWeek } from '../week.ts';
import { type Ask, bareOf, type Env, frameOf, incidentOf, pageOf, type Web } from './ask.ts';
import { ENDS, SILENCES } from './pages/decision.ts';
import { incidentPage, type Notice } from './pages/incident.ts';
import { type Done, moved } from './pages/notices.ts';
import { problemPage } from './pages/sign-in.ts';
import { mayAct, mayDecide, mayVote, standing } from './rights.ts';
import { remember } from './sign-in.ts';

const reason = z.string().trim().max(500);
const Vote = z.object({ digest: z.string().regex(/^[0-9a-f]{64}$/), reason: reason.default('') });
const HandOver = z.object({ to: z.string().trim().max(64), note: reason.default('') });
const SendReport = z.object({ week: z.string().refine(isWeek), to: z.enum(['me', 'all']) });
const Ends = z.object({ after: z.enum(Object.keys(ENDS) as (keyof typeof ENDS)[]) });
const Undo = z.object({ grant: z.string().max(200).optional(), reason: reason.default('') });
const Silence = z.object({ for: z.enum(Object.keys(SILENCES) as (keyof typeof SILENCES)[]), reason: reason.min(1) });

export function deeds(app: Hono<Env>, web: Web): void {
  app.post('/incidents/:id/approve', c => vote(web, c, c.req.param('id'), 'approve'));
  app.post('/incidents/:id/deny', c => vote(web, c, c.req.param('id'), 'deny'));

  app.post('/incidents/:id/silence', c => {
    const incident = incidentOf(web, c.req.param('id'));
    if (!mayAct(c.get('signedIn').person, web.config)) return notAllowed(web, c);
    const form = Silence.safeParse(c.get('form'));
    if (!form.success) return again(web, c, incident, 'A silence needs a reason and a time.');
    if (isEnded(incident.state))
      return again(web, c, incident, 'This incident has ended; there is nothing to silence.');
    const until = new Date(web.now() + SILENCES[form.data.for] * 3_600_000).toISOString();
    return attempt(web, c, incident, 'silenced', () =>
      web.desk.silence(c.get('signedIn').person, incident.id, until, form.data.reason),
    );
  });

  app.post('/incidents/:id/hand-over', c => {
    const incident = incidentOf(web, c.req.param('id'));
    if (!mayAct(c.get('signedIn').person, web.config)) return notAllowed(web, c);
    const form = HandOver.safeParse(c.get('form'));
    if (!form.success) return again(web, c, incident, 'Say who takes it over, and why.');
    const to = form.data.to || null;
    if (to !== null && !form.data.note) return again(web, c, incident, 'Say why it is handed over.');
    return attempt(web, c, incident, to === null ? 'given-back' : 'handed-over', () =>
      web.desk.handOver(c.get('signedIn').person, incident.id, to, form.data.note),
    );
  });

  app.post('/report/send', c => {
    const { person } = c.get('signedIn');
    if (!mayAct(person, web.config)) return notAllowed(web, c);
    const form = SendReport.safeParse(c.get('form'));
    const { sendReport } = web.extra;
    if (!form.success || !sendReport) throw new NotFound('no such report');
    sendReport(person, form.data.week, form.data.to);
    return c.redirect(`/report?week=${form.data.week}&sent=${form.data.to}`, 303);
  });

  app.post('/incidents/:id/retry', c => {
    const incident = incidentOf(web, c.req.param('id'));
    if (!mayAct(c.get('signedIn').person, web.config)) return notAllowed(web, c);
    return attempt(web, c, incident, 'retried', () => web.desk.retry(c.get('signedIn').person, incident.id));
  });

  app.post('/incidents/:id/ends', c => {
    const incident = incidentOf(web, c.req.param('id'));
    if (!mayDecide(c.get('signedIn').person, web.config)) return notAllowed(web, c);
    const form = Ends.safeParse(c.get('form'));
    if (!form.success) return again(web, c, incident, 'Say when the access is to end.');
    const days = ENDS[form.data.after];
    const until = days === null ? null : new Date(web.now() + days * 86_400_000).toISOString();
    return attempt(web, c, incident, 'ends', () => web.desk.endBy(c.get('signedIn').person, incident.id, until));
  });

  app.post('/incidents/:id/undo', c => {
    const incident = incidentOf(web, c.req.param('id'));
    if (!mayDecide(c.get('signedIn').person, web.config)) return notAllowed(web, c);
    const form = Undo.safeParse(c.get('form'));
    if (!form.success) return again(web, c, incident, 'That is no grant of this incident.');
    const { grant, reason } = form.data;
    return attempt(web, c, incident, 'undone', () =>
      web.desk.undo(c.get('signedIn').person, incident.id, grant, reason),
    );
  });
}

function vote(web: Web, c: Ask, id: string, decision: Decision): Response | Promise<Response> {
  const { person } = c.get('signedIn');
  const incident = incidentOf(web, id);
  if (!mayVote(person, incident.tier ?? 1, web.config)) return notAllowed(web, c);
  const form = Vote.safeParse(c.get('form'));
  if (!form.success) return again(web, c, incident, 'The form was not complete.');
  const { digest, reason } = form.data;
  const change = moved(incident, person, digest, decision);
  if (change) return sameForm(web, c, incident, change);
  switch (standing(person, incident, web.config, web.now())) {
    case 'stale-sign-in':
      remember(c, web);
      return c.html(
        incidentPage(frameOf(web, c), incident, {
          tone: 'act',
          title: 'Sign in again.',
          text: 'This plan asks for a fresh sign-in. Nothing was recorded.',
        }),
        403,
      );
    case 'own':
      return again(web, c, incident, 'This plan is for you; somebody else has to decide.');
    case 'gains':
      if (decision === 'deny') break;
      return again(web, c, incident, 'You would gain access by this plan; somebody else has to approve it.');
    case 'managed':
      return again(web, c, incident, 'Configuration management makes this change; there is nothing to vote on.');
    case 'observing':
      return again(web, c, incident, 'Readmit only observes here; there is nothing to vote on.');
    case 'inhibited':
      return again(web, c, incident, 'A greater incident explains this one: decide there.');
    case 'key-only':
      return again(web, c, incident, 'Votes here are signed with your own key, on the host.');
    case 'passkey':
      return again(
        web,
        c,
        incident,
        `Votes here are signed by your passkey, which needs JavaScript; or on the host: readmit ${decision} ${id} --as ${person.name}`,
      );
    case 'may':
    case 'no-role':
    case 'voted':
    case 'not-proposed':
      break;
  }
  if (!reason && decision === 'deny') return again(web, c, incident, 'Say why you deny it.');
  if (!reason && decision === 'approve' && incident.plan && lacksEntitlement(incident.plan))
    return again(web, c, incident, 'Nothing shows that this access is meant to be, so approving it needs a reason.');
  return attempt(web, c, incident, decision === 'approve' ? 'approved' : 'denied', () =>
    web.desk.voteAs(person, id, digest, decision, reason),
  );
}

const notAllowed = (web: Web, c: Ask): Response | Promise<Response> =>
  c.html(problemPage(bareOf(web, c), 'Your roles do not allow this.', 'Nothing was changed.', pageOf(c.req.path)), 403);

/** The same page once more, saying why nothing happened. */
const again = (web: Web, c: Ask, incident: IncidentDetail, text: string): Response | Promise<Response> =>
  sameForm(web, c, incident, { tone: 'act', title: 'Nothing was done.', text });

/** What was typed stands in its form again, where there still is one. */
const sameForm = (web: Web, c: Ask, incident: IncidentDetail, notice: Notice): Response | Promise<Response> => {
  const typed = { deed: c.req.path.split('/').at(-1)!, fields: c.get('form') };
  return c.html(incidentPage(frameOf(web, c), incident, notice, typed), 409);
};

/** Does it and leads back to the page, so that a reload does not do it twice. */
function attempt(
  web: Web,
  c: Ask,
  before: IncidentDetail,
  done: Done,
  deed: () => unknown,
): Response | Promise<Response> {
  try {
    deed();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return again(web, c, web.desk.show(before.id), error.message);
  }
  return c.redirect(`/incidents/${encodeURIComponent(before.id)}?done=${done}`, 303);
}

/**
 * What the API does: votes, silences, undos, by the same rules as the page and in the same words. A vote is the signed
 * vote of the person who asks; or, where the page may sign for people, the digest they saw. A token is no fresh sign-in.
 */
import { createRoute, type OpenAPIHono, type RouteConfig } from '@hono/zod-openapi';
import type { IncidentDetail, IncidentRow } from '../../desk.ts';
import { isEnded, Refused } from '../../incident.ts';
import type { Decision, Vote } from '../../plan.ts';
import { incidentOf, type Web } from '../ask.ts';
import { mayAct, standing } from '../rights.ts';
import * as ask from './asks.ts';
import type { ApiEnv, Caller } from './caller.ts';
import { Problem } from './problem.ts';
import { answer, body, deedRefusals, deedSecurity } from './routes.ts';
import * as s from './schemas.ts';

const after = { 200: answer(s.IncidentRow, 'the incident afterwards'), ...deedRefusals };

/** A route that changes something. */
const deed = <P extends string, R extends RouteConfig['request'], A extends RouteConfig['responses']>(
  path: P,
  summary: string,
  request: R,
  responses: A,
) =>
  createRoute({
    method: 'post',
    path,
    summary,
    security: deedSecurity,
    request: { query: ask.NoQuery, ...request } as R,
    responses,
  });

const params = ask.IncidentId;
const ballot = { params, body: body(ask.VoteBody) };
const approve = deed('/incidents/{id}/approve', 'Vote for the plan of an incident', ballot, after);
const deny = deed('/incidents/{id}/deny', 'Vote against it: final for this plan', ballot, after);
const silence = deed(
  '/incidents/{id}/silence',
  'No mail of this incident until a time; it stays in every list',
  { params, body: body(ask.SilenceBody) },
  after,
);
const undo = deed(
  '/incidents/{id}/undo',
  'Take back what Readmit changed, under the votes it ran with',
  { params },
  after,
);
const revoke = deed(
  '/access/{id}/revoke',
  'Take back one access that was granted, whatever was done since, as `readmit access revoke`',
  { params: ask.GrantId },
  { 200: answer(s.IncidentRow, 'the incident it was granted for'), ...deedRefusals },
);
const retry = deed(
  '/incidents/{id}/retry',
  'Look anew at what failed or did not help, and offer again what would',
  { params },
  after,
);
const ends = deed(
  '/incidents/{id}/ends',
  'Give the proposed access an end, or none: a new plan, to be voted on anew',
  { params, body: body(ask.EndsBody) },
  { 200: answer(s.IncidentDetail, 'the incident with the new plan'), ...deedRefusals },
);
const handOver = deed(
  '/incidents/{id}/hand-over',
  'Leave it to somebody by name, or back to Readmit',
  { params, body: body(ask.HandOverBody) },
  after,
);
const send = deed(
  '/report/send',
  'Have the report of a week mailed',
  { body: body(ask.SendBody) },
  { 200: answer(ask.Sent, 'it is on its way'), ...deedRefusals },
);

export function deeds(api: OpenAPIHono<ApiEnv>, web: Web): void {
  api.openapi(approve, c =>
    c.json(vote(web, c.get('caller'), c.req.valid('param').id, 'approve', c.req.valid('json')), 200),
  );
  api.openapi(deny, c => c.json(vote(web, c.get('caller'), c.req.valid('param').id, 'deny', c.req.valid('json')), 200));
  api.openapi(silence, c => {
    const caller = c.get('caller');
    const incident = actable(web, caller, c.req.valid('param').id);
    if (isEnded(incident.state)) throw new Refused('this incident has ended; there is nothing to silence');
    const { until, reason, ...rest } = c.req.valid('json');
    const end = until ? new Date(until).toISOString() : new Date(web.now() + durationMs(rest.for!)).toISOString();
    return c.json(
      done(web, caller, incident, 'silence', () => web.desk.silence(caller.person, incident.id, end, reason)),
      200,
    );
  });
  api.openapi(handOver, c => {
    const caller = c.get('caller');
    const incident = actable(web, caller, c.req.valid('param').id);
    const { to, note } = c.req.valid('json');
    return c.json(
      done(web, caller, incident, 'hand-over', () => web.desk.handOver(caller.person, incident.id, to, note)),
      200,
    );
  });
  api.openapi(send, c => {
    const caller = c.get('caller');
    mustAct(web, caller);
    const { week, to } = c.req.valid('json');
    const { sendReport } = web.extra;
    if (!sendReport) throw new Problem(404, 'no report is made here');
    done(web, caller, null, 'report', () => sendReport(caller.person, week, to));
    return c.json({ week, to }, 200);
  });
  api.openapi(retry, c => {
    const caller = c.get('caller');
    const incident = actable(web, caller, c.req.valid('param').id);
    return c.json(
      done(web, caller, incident, 'retry', () => web.desk.retry(caller.person, incident.id)),
      200,
    );
  });
  api.openapi(ends, c => {
    const caller = c.get('caller');
    const incident = actable(web, caller, c.req.valid('param').id);
    const { until } = c.req.valid('json');
    return c.json(
      done(web, caller, incident, 'ends', () => web.desk.endBy(caller.person, incident.id, until)),
      200,
    );
  });
  api.openapi(undo, c => {
    const caller = c.get('caller');
    const incident = actable(web, caller, c.req.valid('param').id);
    return c.json(
      done(web, caller, incident, 'undo', () => web.desk.undo(caller.person, incident.id)),
      200,
    );
  });
  api.openapi(revoke, c => {
    const caller = c.get('caller');
    mustAct(web, caller);
    const grant = web.desk.grants().find(g => g.id === c.req.valid('param').id);
    if (!grant) throw new Problem(404, 'there is no such grant');
    const incident = actable(web, caller, grant.incident);
    return c.json(
      done(web, caller, incident, 'undo', () => web.desk.undo(caller.person, incident.id, grant.id)),
      200,
    );
  });
}

const UNITS: Record<string, number> = { m: 60_000, h: 3_600_000, d: 86_400_000 };
const durationMs = (text: string): number => Number(text.slice(0, -1)) * UNITS[text.slice(-1)]!;

/** For somebody who may act at all: a person, by a role that may vote on something. */
function mustAct(web: Web, caller: Caller): void {
  if (caller.kind === 'token' && caller.token.actsFor === null)
    throw new Problem(403, 'this token acts for nobody: make one with --as PERSON');
  if (!mayAct(caller.person, web.config)) throw new Problem(403, 'your roles do not allow this');
}

function actable(web: Web, caller: Caller, id: string): IncidentDetail {
  const incident = incidentOf(web, id);
  mustAct(web, caller);
  return incident;
}

/** Does it; what came by a token is written down with the token's name. */
function done<T>(web: Web, caller: Caller, incident: IncidentDetail | null, what: string, deed: () => T): T {
  if (caller.kind === 'session') return deed();
  const result = web.extra.api!.throughToken(caller.token, incident?.id ?? null, what, deed);
  web.log.info({ through: caller.token.name, by: caller.person.name, incident: incident?.id, what }, 'api deed');
  return result;
}

function vote(
  web: Web,
  caller: Caller,
  id: string,
  decision: Decision,
  given: Vote | { digest: string; reason: string },
): IncidentRow {
  const incident = actable(web, caller, id);
  if ('signature' in given) {
    ownVote(caller, incident, decision, given);
    return done(web, caller, incident, decision, () => web.desk.vote(given));
  }
  maySignFor(web, caller, incident);
  const { digest, reason } = given;
  return done(web, caller, incident, decision, () => web.desk.voteAs(caller.person, id, digest, decision, reason));
}

/** A request acts for one person, and so does the vote it carries. Whether it counts is the policy's to say. */
function ownVote(caller: Caller, incident: IncidentDetail, decision: Decision, given: Vote): void {
  if (given.incident !== incident.id) throw new Problem(422, `the vote is for incident ${given.incident}`);
  if (given.decision !== decision) throw new Problem(422, `the vote says ${given.decision}`);
  if (given.proof !== 'key') throw new Problem(403, "a vote that is brought here is signed with the person's own key");
  const { name, uid } = caller.person;
  if (given.by !== name || given.uid !== uid)
    throw new Problem(403, `this request acts for ${name}, and the vote is another person's`);
}

/** May the page sign for this person here? What the desk refuses by itself is left to it. */
function maySignFor(web: Web, caller: Caller, incident: IncidentDetail): void {
  const where = standing(caller.person, incident, web.config, web.now());
  switch (where) {
    case 'no-role':
      throw new Problem(403, 'your roles do not allow a vote on this plan');
    case 'own':
      throw new Refused('this plan is for you; somebody else has to decide');
    case 'managed':
      throw new Refused(`${incident.plan?.managedBy} owns the target: there is nothing to vote on`);
    case 'key-only':
    case 'passkey':
      throw new Refused(`policy.proof is ${web.config.policy.proof}: send a vote signed with the person's own key`);
    case 'stale-sign-in':
      throw new Problem(
        403,
        caller.kind === 'token'
          ? "a change of this weight asks for a fresh sign-in, and a token is none: send a vote signed with the person's own key"
          : 'sign in again: a change of this weight asks for a fresh sign-in',
      );
    // The desk says no to these in its own words.
    case 'gains':
    case 'observing':
    case 'inhibited':
    case 'may':
    case 'voted':
    case 'not-proposed':
      return;
    default:
      where satisfies never;
  }
}

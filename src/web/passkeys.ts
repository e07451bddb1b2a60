/**
 * Passkeys at work: signing in with one, and signing a vote. The page's script asks here for what is to be signed and
 * brings back what the person's device made of it; every answer is a few words of JSON.
 */
import type { Hono } from 'hono';
import { z } from 'zod';
import { NotFound, Refused } from '../incident.ts';
import { VoteSchema } from '../messages.ts';
import { type Decision, lacksEntitlement } from '../plan.ts';
import { addressOf } from './api/caller.ts';
import { Limit, RATES } from './api/limit.ts';
import { type Ask, type Env, incidentOf, type Web } from './ask.ts';
import { moved } from './pages/notices.ts';
import { standing } from './rights.ts';
import { beginSession, welcome } from './sign-in.ts';
import type { PasskeyParts } from './ways.ts';

const bytes = z.string().max(4000);
const Answer = z.object({ credential: bytes, authenticatorData: bytes, clientData: bytes, signature: bytes });
const Wanted = z.object({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  decision: z.enum(['approve', 'deny']),
  reason: z.string().trim().max(500).default(''),
});

/** Before anybody is known. */
export function passkeySignIn(app: Hono<Env>, web: Web): void {
  const strangers = new Limit(RATES.stranger, web.now);
  const notTooOften = (c: Ask): void => {
    const wait = strangers.take(addressOf(web, c));
    if (wait) throw new Refused(`too many tries; wait ${wait} s`);
  };
  app.post('/sign-in/passkey/challenge', c =>
    answered(c, () => {
      notTooOften(c);
      return partsOf(web).challenge();
    }),
  );
  app.post('/sign-in/passkey', c =>
    answered(c, () => {
      notTooOften(c);
      const name = partsOf(web).signIn(answerOf(c));
      const done = beginSession(c, web, { name, way: 'passkey' });
      if (!done) throw new Refused('this passkey does not sign anybody in here');
      return { to: welcome(c, web, done) };
    }),
  );
}

/** For somebody who is signed in and may see incidents. */
export function passkeyVotes(app: Hono<Env>, web: Web): void {
  app.post('/incidents/:id/to-sign', c =>
    answered(c, () => {
      const { person } = c.get('signedIn');
      const form = Wanted.safeParse(c.get('form'));
      if (!form.success) throw new Refused('the form was not complete');
      const { digest, decision, reason } = form.data;
      mayBeSigned(web, c, digest, decision, reason);
      return partsOf(web).toSign(person, c.req.param('id'), digest, decision, reason);
    }),
  );
  app.post('/incidents/:id/signed', c =>
    answered(c, () => {
      const vote = VoteSchema.safeParse({ ...jsonOf(c.get('form').vote), ...answerOf(c) });
      if (!vote.success) throw new Refused('this is no vote');
      if (vote.data.incident !== c.req.param('id')) throw new Refused('the vote is for another incident');
      partsOf(web).vote(c.get('signedIn').person, vote.data);
      const done = vote.data.decision === 'approve' ? 'approved' : 'denied';
      return { to: `/incidents/${encodeURIComponent(vote.data.incident)}?done=${done}` };
    }),
  );
}

/** What the page says before a vote, said before a passkey is asked for it. @throws Refused */
function mayBeSigned(web: Web, c: Ask, digest: string, decision: Decision, reason: string): void {
  const { person } = c.get('signedIn');
  const incident = incidentOf(web, c.req.param('id')!);
  const change = moved(incident, person, digest, decision);
  if (change) throw new Refused(`${change.title} Open the page again.`);
  if (standing(person, incident, web.config, web.now()) !== 'passkey')
    throw new Refused('a passkey of yours can’t sign a vote on this plan');
  if (!reason && decision === 'deny') throw new Refused('Say why you deny it.');
  if (!reason && incident.plan && lacksEntitlement(incident.plan))
    throw new Refused('Nothing shows that this access is meant to be, so approving it needs a reason.');
}

const partsOf = (web: Web): PasskeyParts => {
  const { passkeys } = web.extra.ways ?? {};
  if (!passkeys) throw new NotFound('no passkeys here');
  return passkeys;
};

function answerOf(c: Ask): { assertion: Omit<z.infer<typeof Answer>, 'signature'>; signature: string } {
  const form = Answer.safeParse(c.get('form'));
  if (!form.success) throw new Refused('the browser did not answer as it should');
  const { signature, ...assertion } = form.data;
  return { assertion, signature };
}

export function jsonOf(text: unknown): Record<string, unknown> {
  try {
    const value = JSON.parse(String(text)) as unknown;
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {}
  throw new Refused('the browser did not answer as it should');
}

/** Says yes or no in words the script can show. What is no refusal is a fault, and answered as any other. */
export async function answered(c: Ask, deed: () => object | Promise<object>): Promise<Response> {
  try {
    return c.json(await deed());
  } catch (error) {
    if (!(error instanceof Refused || error instanceof NotFound)) throw error;
    return c.json({ refused: error.message }, error instanceof Refused ? 409 : 404);
  }
}

/**
 * A person's own sign-in: the passkeys they have, the browsers they are signed in with, and the way to end all of it.
 * Whoever changes something here has signed in lately: a session somebody took over adds no passkey.
 */
import type { Hono } from 'hono';
import { z } from 'zod';
import { NotFound, Refused } from '../incident.ts';
import { type Ask, bareOf, type Env, frameOf, type Web } from './ask.ts';
import { mePage } from './pages/me.ts';
import { problemPage } from './pages/sign-in.ts';
import { answered, jsonOf } from './passkeys.ts';
import { needsFresh } from './rights.ts';
import { remember } from './sign-in.ts';

const Label = z.string().trim().max(80).default('');

export function me(app: Hono<Env>, web: Web): void {
  const isFresh = (c: Ask): boolean => !needsFresh(c.get('signedIn').person, 2, web.config, web.now());
  const fresh = (c: Ask): void => {
    if (!isFresh(c)) throw new Refused('Sign in again first: adding a passkey asks for a fresh sign-in.');
  };
  const passkeys = () => {
    const parts = web.extra.ways?.passkeys;
    if (!parts) throw new NotFound('no passkeys here');
    return parts;
  };

  app.get('/me', c => {
    const { id, person } = c.get('signedIn');
    if (!isFresh(c)) remember(c, web);
    const parts = web.extra.ways?.passkeys;
    return c.html(
      mePage(frameOf(web, c), {
        here: id,
        fresh: isFresh(c),
        sessions: web.sessions.list(person.name),
        passkeys: parts ? { unusable: parts.unusable, list: parts.list(person.name) } : null,
      }),
    );
  });

  app.post('/me/passkeys/begin', c =>
    answered(c, async () => {
      fresh(c);
      return (await passkeys().registration(c.get('signedIn').person)) as object;
    }),
  );
  app.post('/me/passkeys', c =>
    answered(c, async () => {
      fresh(c);
      const form = c.get('form');
      await passkeys().register(c.get('signedIn').person, jsonOf(form.answer), Label.catch('').parse(form.label));
      return { to: '/me' };
    }),
  );
  app.post('/me/passkeys/remove', c => {
    if (!isFresh(c))
      return c.html(
        problemPage(bareOf(web, c), 'Sign in again.', 'Removing a passkey asks for a fresh sign-in.', '/me'),
        403,
      );
    passkeys().remove(c.get('signedIn').person, String(c.get('form').id ?? ''));
    return c.redirect('/me', 303);
  });
  app.post('/me/sessions/end', c => {
    web.sessions.signOutOne(c.get('signedIn').person.name, String(c.get('form').id ?? ''));
    return c.redirect('/me', 303);
  });
}

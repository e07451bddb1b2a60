/**
 * Signing in with what the site has already: its identity provider, which sends the browser back here, or its directory,
 * by name and password. Both answer strangers, so both count how often they are asked.
 */
import type { Hono, MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { Refused, Retry } from '../incident.ts';
import { addressOf } from './api/caller.ts';
import { Limit, RATES } from './api/limit.ts';
import type { Ask, Env, Web } from './ask.ts';
import { cookieName, isHttps } from './security.ts';
import { askToSignIn, beginSession, welcome } from './sign-in.ts';
import type { VouchedPerson } from './ways.ts';

/** Passwords one address, or anybody for one name, may try at once, and how fast more come back. */
const TRIES = { burst: 8, perSecond: 1 / 15 };
/** How long a browser may be away at the provider (seconds). */
const AWAY = 300;

/** Before anybody is known. */
export function providers(app: Hono<Env>, web: Web): void {
  const { provider, directory } = web.extra.ways ?? {};
  const strangers = new Limit(RATES.stranger, web.now);
  const tooOften = (c: Ask, wait: number) => askToSignIn(web, c, 429, { why: `Too many tries. Wait ${wait} seconds.` });
  const cookie = `${cookieName(web.config)}-provider`;
  const place = { path: '/', secure: isHttps(web.config) };

  if (provider) {
    app.get('/sign-in/provider', async c => {
      const wait = strangers.take(addressOf(web, c));
      if (wait) return tooOften(c, wait);
      return trying(web, c, async () => {
        const { url, mine } = await provider.begin();
        setCookie(c, cookie, mine, { ...place, httpOnly: true, sameSite: 'Lax', maxAge: AWAY });
        return c.redirect(url, 303);
      });
    });
    app.get('/sign-in/provider/callback', async c => {
      const wait = strangers.take(addressOf(web, c));
      if (wait) return tooOften(c, wait);
      const mine = getCookie(c, cookie) ?? null;
      deleteCookie(c, cookie, place);
      return trying(web, c, async () => begin(web, c, await provider.finish(new URL(c.req.url).search.slice(1), mine)));
    });
  }

  if (directory) {
    const addresses = new Limit(TRIES, web.now);
    const names = new Limit(TRIES, web.now);
    app.post('/sign-in/directory', async c => {
      const text = (field: unknown): string => (typeof field === 'string' ? field : '');
      const name = text(c.get('form').name).slice(0, 100);
      const wait = addresses.take(addressOf(web, c)) || names.take(name.toLowerCase());
      if (wait) return tooOften(c, wait);
      return trying(web, c, async () => {
        const who = await directory.check(name, text(c.get('form').password));
        if (who) return begin(web, c, who);
        // Without the name: people type their password into the wrong field.
        web.log.warn({ from: addressOf(web, c) }, 'name and password not taken');
        return askToSignIn(web, c, 403, { why: 'This name and password do not fit.', name });
      });
    });
  }
}

/** Whoever came with a directory has the rights it gives them now, not those it gave them then. */
export const lookAgain =
  (web: Web): MiddlewareHandler<Env> =>
  async (c, next) => {
    const { directory } = web.extra.ways ?? {};
    const found = directory ? web.sessions.vouchedFor(getCookie(c, cookieName(web.config))) : null;
    if (found?.vouched.way === 'ldap') await directory!.lookAgain(found.name);
    return next();
  };

function begin(web: Web, c: Ask, { name, vouched, since }: VouchedPerson): Response {
  const done = beginSession(c, web, { name, way: vouched.way, vouched, since });
  if (!done) throw new Refused('nobody here knows you');
  return c.redirect(welcome(c, web, done), 303);
}

/** A refusal is said on the page where one tries again; so is a provider that does not answer. */
async function trying(web: Web, c: Ask, deed: () => Promise<Response>): Promise<Response> {
  try {
    return await deed();
  } catch (error) {
    const { name, message } = error as Error;
    if (!(error instanceof Refused || error instanceof Retry)) throw error;
    web.log.warn({ reason: message, kind: name }, 'sign-in failed');
    return error instanceof Refused
      ? askToSignIn(web, c, 403, { why: `You are not signed in: ${message}.` })
      : askToSignIn(web, c, 503, { why: 'What would vouch for you does not answer. Try again, or take a link.' });
  }
}

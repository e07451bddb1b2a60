/**
 * The web console as one function from its parts to an app. Read it top to bottom: headers, host, what needs no
 * sign-in, who is asking, where a POST came from, and then the pages and the deeds. What is not listed here is refused.
 */
import { Hono, type MiddlewareHandler } from 'hono';
import { compress } from 'hono/compress';
import { getCookie } from 'hono/cookie';
import { NotFound, Refused, Retry, Usage } from '../incident.ts';
import { mountApi } from './api/api.ts';
import { type Ask, bareOf, type Env, frameOf, pageOf, type Web, type WebParts } from './ask.ts';
import { loadAssets } from './assets.ts';
import { sameToken } from './csrf.ts';
import { deeds } from './deeds.ts';
import { Live } from './live.ts';
import { me } from './me.ts';
import { lostPage, problemPage } from './pages/sign-in.ts';
import { passkeySignIn, passkeyVotes } from './passkeys.ts';
import { lookAgain, providers } from './providers.ts';
import { maySee } from './rights.ts';
import { BODY_LIMIT, cookieName, headers, hostOf, isForm, knownHost, sameOrigin } from './security.ts';
import type { SignedIn } from './session.ts';
import { askToSignIn, remember, signingIn, signingOut } from './sign-in.ts';
import { takeBody } from './small-body.ts';
import { views } from './views.ts';

export type { Extra, WebParts } from './ask.ts';

/** Makes the console. Nothing listens yet: `startWeb` does that, tests call `app.request()`. */
export function makeApp(parts: WebParts): Hono<Env> {
  const { config, sessions } = parts;
  const stillSees = (id: string): boolean => {
    const found = sessions.byId(id);
    return found !== null && maySee(found.person, config);
  };
  const web: Web = { ...parts, extra: parts.extra ?? {}, assets: loadAssets(), live: new Live(parts.desk, stillSees) };
  const app = new Hono<Env>();

  app.use(accessLog(web));
  app.use(compress());
  app.use(headers(config));
  app.onError((error, c) => answerFault(web, c, error));

  app.get('/healthz', c => c.text('ok\n'));
  app.get('/readyz', c => ((web.extra.notReady?.() ?? []).length ? c.text('not ready\n', 503) : c.text('ready\n')));
  app.get('/public/*', c => asset(web, c));
  app.use(lookAgain(web));
  mountApi(app, web);

  app.use(ourHost(web));
  app.use(ourPost(web));
  passkeySignIn(app, web);
  providers(app, web);
  signingIn(app, web);
  app.use(signedIn(web));
  app.use(ourToken(web));
  signingOut(app, web);
  app.use(mayLook(web));
  me(app, web);
  views(app, web);
  passkeyVotes(app, web);
  deeds(app, web);
  app.notFound(c => c.html(lostPage(frameOf(web, c)), 404));
  return app;
}

/** One line a request: no query, no cookie, and of a sign-in link only that it was one. */
function accessLog({ log, now }: Web): MiddlewareHandler<Env> {
  return async (c, next) => {
    const start = now();
    await next();
    const path = c.req.path.replace(/^\/sign-in\/.*/, '/sign-in/*').slice(0, 200);
    const from = c.env?.incoming?.socket?.remoteAddress ?? null;
    const by = (c.get('signedIn') as SignedIn | undefined)?.person.name ?? null;
    log.info({ method: c.req.method, path, status: c.res.status, ms: now() - start, from, by }, 'web request');
  };
}

function asset(web: Web, c: Ask): Response {
  const found = web.assets.get(c.req.path);
  if (!found) return c.text('not found\n', 404);
  return c.body(found.body, 200, {
    'content-type': found.type,
    'cache-control': 'public, max-age=31536000, immutable',
  });
}

/** A page that was made to ask us under its own name (DNS rebinding) gets nothing. */
const ourHost =
  (web: Web): MiddlewareHandler<Env> =>
  async (c, next) => {
    if (knownHost(web.config, hostOf(c))) return next();
    return c.html(
      problemPage(
        bareOf(web, c),
        'Wrong address.',
        'Readmit is not known by this name; `web.origin` says by which.',
        null,
      ),
      421,
    );
  };

const reads = (c: Ask): boolean => c.req.method === 'GET' || c.req.method === 'HEAD';

/** A request that is no plain reading comes from a form of our own page and is small, or goes no further. */
function ourPost(web: Web): MiddlewareHandler<Env> {
  const refuse = (c: Ask, text: string) =>
    c.html(problemPage(bareOf(web, c), 'Not accepted.', text, pageOf(c.req.path)), 403);
  return async (c, next) => {
    if (reads(c)) return next();
    if (c.req.method !== 'POST') return c.text('method not allowed\n', 405, { allow: 'GET, HEAD, POST' });
    if (!sameOrigin(c, web.config)) return refuse(c, 'This request came from another site.');
    if (!isForm(c)) return refuse(c, 'Only forms are accepted.');
    if ((await takeBody(c, BODY_LIMIT)) === 'too large')
      return c.html(problemPage(bareOf(web, c), 'Too large.', 'No form of ours is that long.'), 413, {
        connection: 'close',
      });
    const form = await c.req.parseBody().catch(() => null);
    if (!form) return c.html(problemPage(bareOf(web, c), 'Not readable.', 'This is no form as browsers send it.'), 400);
    c.set('form', form);
    return next();
  };
}

/** From here on somebody is signed in. */
const signedIn =
  (web: Web): MiddlewareHandler<Env> =>
  async (c, next) => {
    const session = web.sessions.find(getCookie(c, cookieName(web.config)));
    if (!session) {
      if (reads(c)) {
        remember(c, web);
        return askToSignIn(web, c, 401);
      }
      remember(c, web, pageOf(c.req.path));
      return askToSignIn(web, c, 401, {
        why: 'Nothing was done: you are not signed in any more. Sign in and do it again.',
      });
    }
    c.set('signedIn', session);
    return next();
  };

const ourToken =
  (web: Web): MiddlewareHandler<Env> =>
  async (c, next) => {
    if (reads(c) || sameToken(c.get('form').csrf, c.get('signedIn').csrf)) return next();
    return c.html(
      problemPage(
        bareOf(web, c),
        'Not accepted.',
        'The form is from another session. Open the page again and repeat it.',
        pageOf(c.req.path),
      ),
      403,
    );
  };

/** Somebody whom a mail was forwarded to may be known, and still learns nothing of incidents and plans. */
const mayLook =
  (web: Web): MiddlewareHandler<Env> =>
  async (c, next) => {
    if (maySee(c.get('signedIn').person, web.config)) return next();
    return c.html(
      problemPage(
        bareOf(web, c),
        'This is for administrators.',
        'You are signed in, but none of your roles may see this.',
        null,
      ),
      403,
    );
  };

/** An error's class says what to answer; what it holds is shown only where it was meant for people. */
function answerFault(web: Web, c: Ask, error: Error): Response | Promise<Response> {
  const bare = bareOf(web, c);
  if (error instanceof NotFound) return c.html(lostPage(frameOf(web, c), error.message), 404);
  const back = reads(c) ? '/' : pageOf(c.req.path);
  if (error instanceof Refused) return c.html(problemPage(bare, 'Refused.', error.message, back), 409);
  if (error instanceof Retry)
    return c.html(
      problemPage(bare, 'Not now.', 'Something Readmit needs does not answer. Try again in a minute.', back),
      503,
      { 'retry-after': '30' },
    );
  if (error instanceof Usage) {
    // A file of the site's own that is broken by now: approvers, rules. Whoever is here can say which, or mend it.
    web.log.error({ error: error.message, path: c.req.routePath }, 'a file of the configuration is broken');
    const [what = ''] = error.message.split('\n');
    return c.html(problemPage(bare, 'A file can’t be used.', `${what} \`readmit doctor\` tells more.`, back), 503);
  }
  web.log.error({ error: error.message, stack: error.stack, path: c.req.routePath }, 'web request failed');
  return c.html(
    problemPage(
      bare,
      'Something went wrong here.',
      'It has been written to the log. Nothing was changed unless the history says so.',
      back,
    ),
    500,
  );
}

/**
 * Signing in and out. A link shows a button and the button signs in: a mail scanner or a preview that opens the link
 * uses nothing up. Every sign-in starts a session of its own and ends the one this browser had.
 */
import type { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { type Ask, bareOf, type Env, type Web } from './ask.ts';
import { confirmPage, signedOutPage, usedLinkPage } from './pages/sign-in.ts';
import { cookieName, isHttps } from './security.ts';

/** Before anybody is known. */
export function signingIn(app: Hono<Env>, web: Web): void {
  const { sessions, config, log } = web;
  const cookie = cookieName(config);

  app.get('/sign-in/:token', c => {
    const name = sessions.whose(c.req.param('token'));
    return name ? c.html(confirmPage(bareOf(web, c), name, c.req.path)) : c.html(usedLinkPage(bareOf(web, c)), 410);
  });

  app.post('/sign-in/:token', c => {
    const done = sessions.signIn(c.req.param('token'), getCookie(c, cookie) ?? null);
    if (!done) return c.html(usedLinkPage(bareOf(web, c)), 410);
    setCookie(c, cookie, done.secret, {
      path: '/',
      httpOnly: true,
      sameSite: 'Lax',
      secure: isHttps(config),
      maxAge: Math.floor(config.web.session),
    });
    log.info({ by: done.session.person.name }, 'signed in');
    return c.redirect('/', 303);
  });
}

/** For whoever is signed in, with a role or without. */
export function signingOut(app: Hono<Env>, web: Web): void {
  const leave = (c: Ask): Response | Promise<Response> => {
    deleteCookie(c, cookieName(web.config), { path: '/', secure: isHttps(web.config) });
    return c.html(signedOutPage(bareOf(web, c)));
  };
  app.post('/sign-out', c => {
    web.sessions.signOut(c.get('signedIn').id);
    return leave(c);
  });
  app.post('/sign-out-everywhere', c => {
    web.sessions.signOutEverywhere(c.get('signedIn').person.name);
    web.log.info({ by: c.get('signedIn').person.name }, 'signed out everywhere');
    return leave(c);
  });
}

/**
 * Signing in and out. A link shows a button and the button signs in: a mail scanner or a preview that opens the link
 * uses nothing up. Every sign-in starts a session of its own and ends the one this browser had.
 */
import type { Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { type Ask, bareOf, type Env, type Web } from './ask.ts';
import { confirmPage, type Offered, signedOutPage, signInPage, type Tried, usedLinkPage } from './pages/sign-in.ts';
import { cookieName, isHttps } from './security.ts';
import type { Beginning, Begun } from './session.ts';

/** Before anybody is known. */
export function signingIn(app: Hono<Env>, web: Web): void {
  const { sessions, config } = web;
  const cookie = cookieName(config);
  const usedLink = (c: Ask) => {
    const here = sessions.find(getCookie(c, cookie));
    return c.html(usedLinkPage(bareOf(web, c), here?.person.name ?? null), 410);
  };

  app.get('/sign-in', c => askToSignIn(web, c, 200));

  app.get('/sign-in/:token', c => {
    const name = sessions.whose(c.req.param('token'));
    return name ? c.html(confirmPage(bareOf(web, c), name, c.req.path)) : usedLink(c);
  });

  app.post('/sign-in/:token', c => {
    const done = sessions.signIn(c.req.param('token'), getCookie(c, cookie) ?? null, c.req.header('user-agent'));
    if (!done) return usedLink(c);
    return c.redirect(welcome(c, web, done), 303);
  });
}

/** The page that says how to sign in here. */
export function askToSignIn(web: Web, c: Ask, status: 200 | 401 | 403 | 429 | 503, tried: Tried | null = null) {
  const { passkeys, provider, directory } = web.extra.ways ?? {};
  const offered: Offered = {
    provider: provider?.label ?? null,
    directory: directory !== undefined,
    passkeys: passkeys?.unusable === null,
  };
  return c.html(signInPage(bareOf(web, c), offered, tried), status);
}

/** Begins a session for somebody who has proved who they are; null when nobody here knows them. */
export const beginSession = (c: Ask, web: Web, who: Omit<Beginning, 'previous' | 'browser'>): Begun | null =>
  web.sessions.begin({
    ...who,
    previous: getCookie(c, cookieName(web.config)) ?? null,
    browser: c.req.header('user-agent') ?? '',
  });

/** Gives the browser its session. Returns the page to go to. */
export function welcome(c: Ask, web: Web, done: Begun): string {
  setCookie(c, cookieName(web.config), done.secret, {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure: isHttps(web.config),
    maxAge: Math.floor(web.config.web.session),
  });
  web.log.info({ by: done.session.person.name }, 'signed in');
  return wanted(c, web);
}

/** How long a page is remembered for somebody who goes to the host for a link (seconds). */
const REMEMBERED = 1800;

const wantedCookie = (web: Web): string => `${cookieName(web.config)}-to`;

/** Keeps the page that was asked for, or this one, so that signing in leads there. */
export function remember(c: Ask, web: Web, page?: string): void {
  const { pathname, search } = new URL(c.req.url);
  const path = page ?? pathname + search;
  if (!isOurPage(path) || (c.req.header('sec-fetch-dest') ?? 'document') !== 'document') return;
  setCookie(c, wantedCookie(web), path, {
    path: '/',
    httpOnly: true,
    sameSite: 'Lax',
    secure: isHttps(web.config),
    maxAge: REMEMBERED,
  });
}

/** Where somebody wanted to go before they had to sign in; `/` when nothing sound is remembered. */
function wanted(c: Ask, web: Web): string {
  const path = getCookie(c, wantedCookie(web));
  if (path === undefined) return '/';
  deleteCookie(c, wantedCookie(web), { path: '/', secure: isHttps(web.config) });
  return isOurPage(path) ? path : '/';
}

/**
 * A path of a page of ours and nothing else: a cookie may have been put there by a neighbour, so it leads to no other
 * origin (`//host`, `/\\host`) and to nothing that is no page.
 */
const isOurPage = (path: string): boolean =>
  path.length <= 500 &&
  /^\/(?:$|\?|(?:incidents|approvals|people|addresses|access|report|rules|audit|health|me)(?:[/?]|$))[!-[\]-~]*$/.test(
    path,
  ) &&
  !path.includes('//');

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

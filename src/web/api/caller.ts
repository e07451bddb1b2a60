/**
 * Who asks the API: a token in the `Authorization` header, or the page's own session. A request that carries a token is
 * judged by it alone and no cookie is read; a session that changes something must show the page's token and origin.
 */
import { isIP } from 'node:net';
import type { MiddlewareHandler } from 'hono';
import { getCookie } from 'hono/cookie';
import { addressKey, canonicalAddress } from '../../addresses.ts';
import type { Person } from '../../desk.ts';
import type { Ask, Env, Web } from '../ask.ts';
import { sameToken } from '../csrf.ts';
import { maySee } from '../rights.ts';
import { cookieName, hostOf, knownHost, sameOrigin } from '../security.ts';
import { Limit, RATES, type Rates } from './limit.ts';
import type { TokenCaller } from './parts.ts';
import { Problem } from './problem.ts';

export type Caller =
  | { kind: 'token'; key: string; person: Person; token: TokenCaller }
  | { kind: 'session'; key: string; person: Person; csrf: string };

export interface ApiEnv {
  Bindings: Env['Bindings'];
  Variables: Env['Variables'] & { caller: Caller };
}

/** The header in which a session sends the token of its forms. */
export const CSRF_HEADER = 'x-csrf-token';

/** The counters of all callers. */
export type Limits = Record<keyof Rates, Limit>;
export const makeLimits = (now: () => number, rates: Rates = RATES): Limits => ({
  caller: new Limit(rates.caller, now),
  deed: new Limit(rates.deed, now),
  stranger: new Limit(rates.stranger, now),
});

/** @throws Problem 429 when there are seconds to wait */
export const orWait = (seconds: number): void => {
  if (seconds)
    throw new Problem(429, `too many requests; wait ${seconds} s`, { headers: { 'retry-after': String(seconds) } });
};

/** The address a request came from; behind a proxy the one the proxy names. An IPv6 site (/64) counts as one. */
export function addressOf(web: Web, c: Ask): string {
  const remote = c.env?.incoming?.socket?.remoteAddress ?? '';
  const told = web.config.web.behindProxy.length
    ? c.req.header('x-forwarded-for')?.split(',').at(-1)?.trim()
    : undefined;
  const [address = ''] = (told && isIP(told) ? told : remote).split('%');
  const ip = canonicalAddress(address);
  return ip === null ? address.slice(0, 64) : addressKey(ip);
}

/** Nobody in particular asks: few requests, counted by address. */
export const stranger = (web: Web, limits: Limits, c: Ask): void =>
  orWait(limits.stranger.take(`address ${addressOf(web, c)}`));

/** The token a request carries: `none` when it carries nothing. @throws Problem 401 or 429 */
export function tokenOf(web: Web, limits: Limits, c: Ask): Caller | 'none' {
  const header = c.req.header('authorization');
  if (header === undefined) return 'none';
  const secret = /^Bearer +([^\s]+)$/i.exec(header)?.[1];
  const token = secret ? (web.extra.api?.token(secret) ?? null) : null;
  if (!token) {
    stranger(web, limits, c);
    throw new Problem(401, 'this token is not known here, or it has expired or was revoked', {
      headers: { 'www-authenticate': 'Bearer realm="readmit", error="invalid_token"' },
    });
  }
  return { kind: 'token', key: `token ${token.id}`, person: token.person, token };
}

function sessionOf(web: Web, limits: Limits, c: Ask): Caller {
  if (!knownHost(web.config, hostOf(c)))
    throw new Problem(421, 'Readmit is not known by this name; web.origin says by which');
  const session = web.sessions.find(getCookie(c, cookieName(web.config)));
  if (session) return { kind: 'session', key: `session ${session.id}`, person: session.person, csrf: session.csrf };
  stranger(web, limits, c);
  throw new Problem(401, 'send a token: Authorization: Bearer rdm_…, made with `readmit token create`', {
    headers: { 'www-authenticate': 'Bearer realm="readmit"' },
  });
}

const reads = (c: Ask): boolean => c.req.method === 'GET' || c.req.method === 'HEAD' || c.req.method === 'OPTIONS';

/** From here on somebody is known, may see incidents, and has not asked too often. */
export const knownCaller =
  (web: Web, limits: Limits): MiddlewareHandler<ApiEnv> =>
  async (context, next) => {
    const c = context as unknown as Ask;
    const byToken = tokenOf(web, limits, c);
    const caller = byToken === 'none' ? sessionOf(web, limits, c) : byToken;
    context.set('caller', caller);
    context.set('signedIn', { id: caller.key, person: caller.person, csrf: '' });
    orWait(limits.caller.take(caller.key));
    if (!maySee(caller.person, web.config)) throw new Problem(403, 'none of your roles may see this');
    if (!reads(c)) {
      if (caller.kind === 'session') ownPage(web, c, caller.csrf);
      orWait(limits.deed.take(caller.key));
    }
    return next();
  };

/** A browser's cookie is not enough to change something: the request has to come from our own page. */
function ownPage(web: Web, c: Ask, csrf: string): void {
  if (!sameOrigin(c, web.config)) throw new Problem(403, 'this request came from another site');
  if (!sameToken(c.req.header(CSRF_HEADER), csrf))
    throw new Problem(403, `a session sends the token of its page in ${CSRF_HEADER}; GET /api/v1/me names it`);
}

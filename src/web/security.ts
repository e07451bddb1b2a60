/**
 * What stands before every page: headers, the host that was asked for, and where a POST came from.
 * Deny by default: what is not let through here by name needs a signed-in person.
 */
import { randomBytes } from 'node:crypto';
import type { Context, MiddlewareHandler } from 'hono';
import { type Config, originOf } from '../config/config.ts';
import type { Env } from './ask.ts';

export const BODY_LIMIT = 64 * 1024;
const FORM = /^(application\/x-www-form-urlencoded|multipart\/form-data)\s*(;|$)/i;
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]']);

export const isHttps = (config: Config): boolean => originOf(config).startsWith('https:');
/** `__Host-` ties the cookie to this origin; browsers take that prefix over https only. */
export const cookieName = (config: Config): string => (isHttps(config) ? '__Host-readmit' : 'readmit');

/** Sets the headers of every answer, errors included. Nothing we send may be framed, sniffed, cached or passed on. */
export function headers(config: Config): MiddlewareHandler<Env> {
  const https = isHttps(config);
  return async (c, next) => {
    const nonce = randomBytes(16).toString('base64');
    c.set('nonce', nonce);
    c.set('styleAttributes', false);
    await next();
    const set = (name: string, value: string) => c.res.headers.set(name, value);
    set(
      'content-security-policy',
      [
        "default-src 'none'",
        `script-src 'nonce-${nonce}'`,
        `style-src 'self' 'nonce-${nonce}'`,
        // The report is the mail's own markup, which has to carry its style in attributes; no other page may.
        ...(c.get('styleAttributes') ? ["style-src-attr 'unsafe-inline'"] : []),
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ].join('; '),
    );
    set('x-content-type-options', 'nosniff');
    set('x-frame-options', 'DENY');
    set('referrer-policy', 'no-referrer');
    set('cross-origin-opener-policy', 'same-origin');
    set('cross-origin-resource-policy', 'same-origin');
    set('permissions-policy', 'camera=(), geolocation=(), microphone=()');
    if (!c.res.headers.has('cache-control')) set('cache-control', 'no-store');
    if (https) set('strict-transport-security', 'max-age=31536000');
  };
}

/** Is this the host we are known by? Over plain http that is any name of the loopback, and so a tunnel's port too. */
export function knownHost(config: Config, host: string): boolean {
  const own = new URL(originOf(config));
  if (host.toLowerCase() === own.host) return true;
  return own.protocol === 'http:' && LOOPBACK.has(nameOf(host));
}

const nameOf = (host: string): string => host.toLowerCase().replace(/:\d+$/, '');

/** The host that was asked for; in-process requests carry it in the URL only. */
export const hostOf = (c: Context): string => c.req.header('host') ?? new URL(c.req.url).host;

/**
 * Did our own page send this? With `no-referrer` browsers write `Origin: null` on forms, so `Sec-Fetch-Site` decides
 * where it is there. A caller that sends neither header is no browser with somebody's cookies; the token still decides.
 */
export function sameOrigin(c: Context, config: Config): boolean {
  const site = c.req.header('sec-fetch-site');
  const origin = c.req.header('origin');
  const ours = origin === undefined || isOurs(origin, hostOf(c), config);
  if (site !== undefined) return site === 'same-origin' && (ours || origin === 'null');
  return ours;
}

function isOurs(origin: string, host: string, config: Config): boolean {
  const own = new URL(originOf(config));
  if (origin === own.origin) return true;
  return own.protocol === 'http:' && origin === `http://${host}` && knownHost(config, host);
}

export const isForm = (c: Context): boolean => FORM.test(c.req.header('content-type') ?? '');

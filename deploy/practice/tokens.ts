/**
 * The practice scheduler's tokens: JWTs with HS256 (RFC 7515, 7519) and the three claims that the article shows, `user`,
 * `groups` and `exp`. 24 hours long, as `clw login` gives them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';

export const TOKEN_SECONDS = 86_400;

export interface Claims {
  user: string;
  groups: string[];
  /** Seconds since 1970. */
  exp: number;
}

/** What is wrong with a token, or nothing. `forged`: its signature is not ours, or is not whole. */
export type TokenVerdict = 'valid' | 'expired' | 'forged' | 'unreadable';

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const sign = (body: string, key: string): Buffer => createHmac('sha256', key).update(body).digest();

export function issue(claims: Claims, key: string): string {
  const body = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${body}.${sign(body, key).toString('base64url')}`;
}

/** The claims as written, whoever signed them: for logging and for the client's own display. */
export function claimsOf(token: string): Claims | null {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8')) as Partial<Claims>;
    if (typeof claims.user !== 'string' || typeof claims.exp !== 'number') return null;
    const groups = Array.isArray(claims.groups) ? claims.groups.filter(g => typeof g === 'string') : [];
    return { user: claims.user, groups, exp: claims.exp };
  } catch {
    return null;
  }
}

/** @param now milliseconds, by the clock of whoever checks */
export function check(token: string, key: string, now: number): TokenVerdict {
  const claims = claimsOf(token);
  if (!claims) return 'unreadable';
  const [head, payload, signature = ''] = token.split('.');
  const given = Buffer.from(signature, 'base64url');
  const right = sign(`${head}.${payload}`, key);
  if (given.length !== right.length || !timingSafeEqual(given, right)) return 'forged';
  return claims.exp * 1000 <= now ? 'expired' : 'valid';
}

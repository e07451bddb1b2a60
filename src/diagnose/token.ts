/**
 * The claims of a cached token, read without being verified: what the token says about itself is all that is wanted.
 * The token's text never leaves this file; what is returned holds a user, group names and a time.
 */
import { isGroupName, type UserNames } from '../names.ts';
import { readYaml } from '../yaml-text.ts';
import { type System, valueAt } from './system.ts';

export type Claims =
  | { state: 'none' }
  | { state: 'malformed'; why: string }
  | { state: 'read'; user: string | null; groups: string[] | null; expires: number | null; intact: boolean | null };

/** Length of a signature in base64url, by algorithm (RFC 7518): a token that was cut off has another one. */
const SIGNATURE: Record<string, number> = {
  HS256: 43,
  HS384: 64,
  HS512: 86,
  ES256: 86,
  ES384: 128,
  EdDSA: 86,
  RS256: 342,
};

function intact([head, , signature]: string[]): boolean | null {
  try {
    const header: unknown = JSON.parse(Buffer.from(head!, 'base64url').toString('utf8'));
    const length = SIGNATURE[String(valueAt(header, 'alg'))];
    // RSA keys have several sizes, so only a signature shorter than the smallest is surely broken.
    if (length === undefined) return null;
    return length === 342
      ? signature!.length >= length
      : signature!.length === length && /^[A-Za-z0-9_-]+$/.test(signature!);
  } catch {
    return false;
  }
}

/** @param text the file the client caches its token in. `expires` is epoch milliseconds. */
export function claimsOf(text: string, system: System['token'], names: UserNames): Claims {
  const read = readYaml(text, { aliases: 0, tags: 'of another program' });
  if ('faults' in read) return { state: 'malformed', why: 'the file is not valid YAML' };
  const token = valueAt(read.value, system.key);
  if (token === undefined || token === null || token === '') return { state: 'none' };
  const parts = typeof token === 'string' ? token.split('.') : [];
  if (parts.length !== 3) return { state: 'malformed', why: 'what is cached is not a token' };
  let claims: unknown;
  try {
    claims = JSON.parse(Buffer.from(parts[1]!, 'base64url').toString('utf8'));
  } catch {
    return { state: 'malformed', why: 'its claims are not readable' };
  }
  if (claims === null || typeof claims !== 'object') return { state: 'malformed', why: 'its claims are not readable' };
  const user = valueAt(claims, system.user);
  const groups = valueAt(claims, system.groups);
  const expires = valueAt(claims, system.expires);
  // A token is its user's own text: only names go on from here, so that nothing else can be shown as a fact.
  const isName = (value: unknown): value is string =>
    typeof value === 'string' && (names.fits(value) || isGroupName(value));
  return {
    state: 'read',
    user: isName(user) ? user : null,
    intact: intact(parts),
    groups: Array.isArray(groups) && groups.length <= 1000 && groups.every(isName) ? groups : null,
    expires: typeof expires === 'number' && Math.abs(expires) < 1e11 ? expires * 1000 : null,
  };
}

/** The token of a session as its forms carry it: masked anew on each page, and compared when it comes back. */
import { randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * The token as a form carries it: under a pad of its own each time, since pages are compressed and what is the same on
 * two of them could be guessed from their sizes (BREACH).
 */
export function maskedToken(token: string): string {
  const plain = Buffer.from(token);
  const pad = randomBytes(plain.length);
  return Buffer.concat([pad, plain.map((byte, i) => byte ^ pad[i]!)]).toString('base64url');
}

/** Compares in constant time what a form sent with the token of the session; a missing one is a wrong one. */
export function sameToken(given: unknown, expected: string): boolean {
  if (typeof given !== 'string' || given.length > 1000) return false;
  const masked = Buffer.from(given, 'base64url');
  const half = masked.length / 2;
  const plain = Buffer.from(masked.subarray(half).map((byte, i) => byte ^ masked[i]!));
  const wanted = Buffer.from(expected);
  return masked.length % 2 === 0 && plain.length === wanted.length && timingSafeEqual(plain, wanted);
}

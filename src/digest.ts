/**
 * Canonical JSON and the digests made of it: of a plan, of a vote, of a link in a hash chain.
 * Canonical: keys sorted by code unit, no white space, no undefined; so equal values have equal bytes (RFC 8785 for
 * the plain strings, integers, booleans, arrays and objects that are used here).
 */
import { createHash } from 'node:crypto';
import type { Plan, Vote } from './plan.ts';

export function canonical(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null';
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  const entries = Object.entries(value)
    .filter(([, v]) => v !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonical(v)}`).join(',')}}`;
}

/** Lower-case hexadecimal sha256. */
export const sha256 = (bytes: string | Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The part of a plan that an approval is for: what will be done, to whom, on which host, and how it is taken back. */
export type PlanCore = Pick<Plan, 'host' | 'subject' | 'steps' | 'undo' | 'tier' | 'assumes'>;

export const planDigest = ({ host, subject, steps, undo, tier, assumes }: PlanCore): string =>
  sha256(canonical({ host, subject, steps, undo, tier, assumes }));

/** The bytes a vote's signature covers: what the vote says, without what proves it. */
export function voteBytes(vote: Omit<Vote, 'signature'> | Vote): Buffer {
  const { signature: _, assertion: __, ...rest } = vote as Vote;
  return Buffer.from(canonical(rest));
}

/** What a passkey is asked to sign for a vote. */
export const voteChallenge = (vote: Omit<Vote, 'signature'> | Vote): Buffer =>
  createHash('sha256').update(voteBytes(vote)).digest();

/** The digest of one entry of a hash chain: sha256 over the entry without its own digest, `previous` included. */
export const chainDigest = (entry: { digest?: string; previous: string }): string => {
  const { digest: _, ...rest } = entry;
  return sha256(canonical(rest));
};

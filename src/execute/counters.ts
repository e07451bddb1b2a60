/**
 * Passkeys count their signatures, where they count at all. Two devices with the same key give themselves away: their
 * counters do not rise together. Votes may reach the executor in another order than they were made in, so a counter that
 * is not the greatest of all is compared with those of votes issued before and after it. One that is needs no clock, which
 * may have been set back since.
 */
import type { Vote } from '../plan.ts';

/** A use of a passkey: when its vote was issued (epoch ms), and the device's counter then. */
export interface PasskeyUse {
  credential: string;
  issued: number;
  count: number;
}

/** Where the counter stands in the authenticator data (WebAuthn 6.1): four bytes, big-endian. */
const COUNTER_AT = 33;

/** The use a vote shows; null for a vote by no passkey, and for a device that does not count. */
export function useOf({ assertion, issued }: Vote): PasskeyUse | null {
  if (!assertion) return null;
  const data = Buffer.from(assertion.authenticatorData, 'base64url');
  const count = data.length < COUNTER_AT + 4 ? 0 : data.readUInt32BE(COUNTER_AT);
  return count === 0 ? null : { credential: assertion.credential, issued: Date.parse(issued), count };
}

/** Does this use fit to the earlier ones of the same passkey? The greatest count of all does; else later means greater. */
export const fits = (use: PasskeyUse, earlier: readonly Omit<PasskeyUse, 'credential'>[]): boolean =>
  earlier.every(({ count }) => count < use.count) ||
  earlier.every(({ issued, count }) => (issued < use.issued ? count < use.count : count > use.count));

/**
 * Passkeys count their signatures, where they count at all. Two devices with the same key give themselves away: their
 * counters do not rise together. Votes may reach the executor in another order than they were made in, so a counter is
 * compared with those of votes issued before and after it.
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

/** Does this use fit to the earlier ones of the same passkey: later means a greater count? */
export const fits = (use: PasskeyUse, earlier: readonly Omit<PasskeyUse, 'credential'>[]): boolean =>
  earlier.every(({ issued, count }) => (issued < use.issued ? count < use.count : count > use.count));

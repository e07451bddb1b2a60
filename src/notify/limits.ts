/**
 * How much mail is too much: decisions over what was sent when, without a clock or a store of their own. Nothing that is
 * over a limit is lost: it is folded into a digest that says how many there were.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** At most one digest per administrator in this time. */
export const DIGEST_EVERY = 15 * MINUTE;
/** At most so many calls to the second channel per hour. */
const PAGES_PER_HOUR = 4;

export type Verdict =
  | { verdict: 'send'; reason: 'within-limit' | 'first-time' | 'interval-over' }
  | { verdict: 'fold'; reason: 'over-hourly-limit' | 'digest-too-soon'; until: number }
  | { verdict: 'drop'; reason: 'told-recently' | 'over-hourly-limit'; until: number };

/** The times of `sent` that lie less than `span` before `now`. A time in the future (a clock set back) counts too. */
const within = (sent: readonly number[], now: number, span: number): number[] =>
  sent.filter(at => at > now - span).sort((a, b) => a - b);

/** When so many of these have aged out that one more fits. Never later than one span from now. */
const freeAt = (recent: readonly number[], now: number, span: number, limit: number): number =>
  Math.min((recent[recent.length - limit] ?? now) + span, now + span);

/**
 * May one more letter about incidents go out to the administrators, or is it folded?
 * @param sent when such letters went out, epoch ms, in any order
 */
export function judgeAlert(now: number, sent: readonly number[], perHour: number): Verdict {
  const recent = within(sent, now, HOUR);
  if (recent.length < perHour) return { verdict: 'send', reason: 'within-limit' };
  return {
    verdict: 'fold',
    reason: 'over-hourly-limit',
    until: perHour > 0 ? freeAt(recent, now, HOUR, perHour) : now + HOUR,
  };
}

/** May a digest of what was folded go out now, or does it wait and take in more? `sent`: when digests went out. */
export function judgeDigest(now: number, sent: readonly number[]): Verdict {
  const recent = within(sent, now, DIGEST_EVERY);
  if (recent.length === 0) return { verdict: 'send', reason: 'within-limit' };
  return { verdict: 'fold', reason: 'digest-too-soon', until: freeAt(recent, now, DIGEST_EVERY, 1) };
}

/**
 * May this person be told this thing now? What isn't said again is dropped: they have been told.
 * @param told what this person was told, and when
 * @param interval `mail.userInterval` in seconds
 */
export function judgeTell(
  now: number,
  told: readonly { cause: string; at: number }[],
  cause: string,
  interval: number,
): Verdict {
  const same = told.filter(t => t.cause === cause).map(t => t.at);
  if (same.length === 0) return { verdict: 'send', reason: 'first-time' };
  const last = Math.max(...same);
  if (now - last >= interval * 1000) return { verdict: 'send', reason: 'interval-over' };
  return { verdict: 'drop', reason: 'told-recently', until: Math.min(last, now) + interval * 1000 };
}

/** May the second channel be called once more? What is over the limit is folded into one call later. */
export function judgePage(now: number, sent: readonly number[]): Verdict {
  const recent = within(sent, now, HOUR);
  if (recent.length < PAGES_PER_HOUR) return { verdict: 'send', reason: 'within-limit' };
  return { verdict: 'drop', reason: 'over-hourly-limit', until: freeAt(recent, now, HOUR, PAGES_PER_HOUR) };
}

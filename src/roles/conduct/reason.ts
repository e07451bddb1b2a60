/** A reason stands in the journal, in mails and in reports for years: no place for a password, a token or an escape. */
import { Refused } from '../../incident.ts';
import { redact } from '../../rules/redact.ts';

/** What moves, colours or reorders the text it is read in: C0, DEL, C1, line separators, direction overrides and isolates. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/;

/**
 * The same text; `what` names it where it is no reason.
 * @throws Refused when it holds what looks like a secret, or is more than a line of plain text
 */
export function plainReason(text: string, what = 'the reason'): string {
  if (CONTROL.test(text)) throw new Refused(`${what} holds control characters: one line of plain text`);
  if (redact(text) !== text)
    throw new Refused(`${what} holds what looks like a password or a token: say it without that`);
  return text;
}

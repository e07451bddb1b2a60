/** A reason stands in the journal, in mails and in reports for years: no place for a password, a token or an escape. */
import { Refused } from '../../incident.ts';
import { redact } from '../../rules/redact.ts';

/** The same text. @throws Refused when it holds what looks like a secret */
export function plainReason(text: string): string {
  if (redact(text) !== text)
    throw new Refused('the reason holds what looks like a password or a token: say it without that');
  return text;
}

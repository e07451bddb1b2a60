/**
 * What may stand in a header: recipients, subjects, message ids. Each has a positive grammar, and what doesn't fit is
 * refused rather than repaired, so that no text from a log can add a recipient or a header line.
 */
import type { Config } from '../config/config.ts';
import { sha256 } from '../digest.ts';
import { Refused } from '../incident.ts';
import { type UserNameSettings, userNames } from '../names.ts';

const LOCAL = String.raw`[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+)*`;
const DOMAIN = String.raw`[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*`;
const ADDRESS = new RegExp(`^${LOCAL}@${DOMAIN}$`);
const NAMED = new RegExp(`^([^\\x00-\\x1f\\x7f"<>@,;:\\\\()\\[\\]]+) <(${LOCAL}@${DOMAIN})>$`);
const MAILED = /^[A-Za-z0-9_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*$/;
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
/** Our own words and checked names, with the marks a site's names may have (`DOM\alice`, `alice@site.example`, `node7$`). */
const PLAIN = /^[A-Za-z0-9 .,:;'’()/_%+=!?…@\\$-]+$/;
const HEADER = /^[\x20-\x7e]{1,900}$/;

export interface Mailbox {
  name: string;
  address: string;
}

/**
 * `a@b` or `Some Name <a@b>`: exactly one mailbox, never a list or a group.
 * @throws Refused
 */
export function mailbox(text: string): Mailbox {
  const named = NAMED.exec(text);
  if (named) return { name: named[1]!.trim(), address: named[2]! };
  if (ADDRESS.test(text) && text.length <= 254) return { name: '', address: text };
  throw new Refused(`not one mail address: ${JSON.stringify(text)}`);
}

/** What says where people are written to. */
export interface MailSite {
  mail: Pick<Config['mail'], 'userDomain'>;
  userNames: UserNameSettings;
}

/**
 * Where a person is written to: their checked name at the site's domain, and nowhere else. A name that is an address of
 * that domain already is the address; of one with any other mark (`DOM\\alice`) nobody knows whose mailbox it would be.
 * @returns null when the site writes to nobody, or the name can't be an address
 */
export function userAddress(user: string, { mail, userNames: settings }: MailSite): string | null {
  if (mail.userDomain === null || !userNames(settings).fits(user)) return null;
  const at = `@${mail.userDomain}`;
  const local = user.endsWith(at) ? user.slice(0, -at.length) : user;
  const address = local + at;
  return MAILED.test(local) && ADDRESS.test(address) ? address : null;
}

/**
 * A subject of ours. The text may hold checked names only; one with any other character gives way to `otherwise`.
 * A mail program shows about 100 characters of it.
 */
export function subjectLine(text: string, otherwise: string): string {
  const short = text.replace(/\.$/, '').replace(/: (?:she|he|they) (?:is|are) /, ': ');
  const fits = PLAIN.test(short) && !short.includes('//') && !/www\.|mailto:/i.test(short);
  const line = fits ? short : otherwise;
  return `[readmit] ${line.length > 120 ? `${line.slice(0, 119)}…` : line}`;
}

/** An incident's id as it may stand in a link and a header. @throws Refused */
export function checkedId(id: string): string {
  if (ID.test(id)) return id;
  throw new Refused(`not an incident id: ${JSON.stringify(id)}`);
}

/** One line of printable ASCII. @throws Refused, so that CR and LF can't get into a header */
export function headerValue(name: string, value: string): string {
  if (HEADER.test(value)) return value;
  throw new Refused(`not fit for the header ${name}: ${JSON.stringify(value).slice(0, 200)}`);
}

/** The same key always gives the same id: a mail that is sent again after a crash is recognised as the same one. */
export const messageId = (key: string, from: string): string => `<${sha256(key).slice(0, 40)}@${domainOf(from)}>`;

/** The first mail of an incident has this id; every later one refers to it, which is what makes them one thread. */
export const threadRoot = (incident: string, from: string): string => messageId(`incident/${incident}`, from);

export const domainOf = (from: string): string => mailbox(from).address.split('@')[1]!;

/** What is wrong with the addresses in the configuration, in words; empty when nothing is. */
export function addressProblems(
  mail: Config['mail'],
  report: Pick<Config['report'], 'to'>,
  receivers: Config['notify']['receivers'] = [],
): string[] {
  const problems: string[] = [];
  const check = (key: string, text: string): void => {
    try {
      mailbox(text);
    } catch {
      problems.push(`${key}: ${JSON.stringify(text)} is not one mail address (name@domain, or Name <name@domain>)`);
    }
  };
  check('mail.from', mail.from);
  for (const to of mail.to) check('mail.to', to);
  for (const to of report.to) check('report.to', to);
  for (const r of receivers) if (r.type === 'mail') for (const to of r.to) check(`notify.receivers ${r.name}`, to);
  if (mail.userDomain !== null && !ADDRESS.test(`someone@${mail.userDomain}`))
    problems.push(`mail.userDomain: ${JSON.stringify(mail.userDomain)} is not a domain`);
  if (mail.host !== null && mail.to.length === 0) problems.push('mail.to: nobody gets the alerts');
  return problems;
}

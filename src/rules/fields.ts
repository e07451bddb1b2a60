/**
 * The types a field of a template may have. Each is a set of bytes, a greatest length and, where that does not say it
 * all, a reader that gives the canonical value or refuses. A new type is one entry in `fieldTypes`.
 */

import { canonicalAddress } from '../addresses.ts';
import { USUAL_NAMES, type UserNames, userNames } from '../names.ts';

export interface FieldType {
  /** For `rules explain`: what would have been right. */
  expects: string;
  /** 1 for each byte the field may hold. The field ends where this ends; nothing is tried twice. */
  holds: Uint8Array;
  max: number;
  /** The canonical value, '' for a right field that names nobody, null when refused. No reader: the bytes are the value. */
  read: ((text: string) => string | null) | null;
  /** `tail` runs to the end of the line or to the last literal; `time` has a shape of its own. */
  shape: 'run' | 'tail' | 'time';
}

function bytes(test: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (test(code) ? 1 : 0));
}
const of = (pattern: RegExp): Uint8Array => bytes(code => code < 128 && pattern.test(String.fromCharCode(code)));

const DOMAIN = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*$/;
// What mail-address protection makes of an address on its way through a web page (the article shows one).
const MASKED = /^\[email[ \u00a0]protected\]$/;
const PLAUSIBLE = /^[A-Za-z0-9._%+-]{1,64}(?:@[A-Za-z0-9.-]{1,253})?$/;

/**
 * Whom a program calls the user: a name, or an e-mail address whose local part is one. A masked or otherwise plausible
 * address names nobody (''); anything else is refused.
 */
const accountBy =
  (names: UserNames) =>
  (text: string): string | null => {
    // Where names hold an @, the whole of it is the name.
    if (names.fits(text)) return text;
    const at = text.indexOf('@');
    const local = text.slice(0, Math.max(0, at));
    if (names.fits(local) && DOMAIN.test(text.slice(at + 1))) return local;
    return MASKED.test(text) || PLAUSIBLE.test(text) ? '' : null;
  };

const FIXED = {
  ip: {
    expects: 'an IPv4 or IPv6 address, without leading zeros or a zone',
    holds: of(/[0-9a-fA-F:.]/),
    max: 45,
    read: canonicalAddress,
    shape: 'run',
  },
  path: {
    expects: 'a path: / first, then printable ASCII without spaces, at most 1024 characters',
    holds: of(/[\x21-\x7e]/),
    max: 1024,
    read: text => (text[0] === '/' ? text : null),
    shape: 'run',
  },
  int: { expects: 'a whole number', holds: of(/[0-9]/), max: 15, read: null, shape: 'run' },
  word: {
    expects: 'printable ASCII without spaces, at most 256 characters',
    holds: of(/[\x21-\x7e]/),
    max: 256,
    read: null,
    shape: 'run',
  },
  time: {
    expects: 'a time with its zone, such as 2024-09-18T10:30:15Z',
    holds: of(/[0-9TZ:.+-]/),
    max: 40,
    read: null,
    shape: 'time',
  },
  json: {
    expects: 'one strict JSON value: no key twice, at most 32 levels, plain quotes',
    holds: bytes(code => code >= 0x20 && code !== 0x7f),
    max: 65536,
    read: null,
    shape: 'tail',
  },
  rest: {
    expects: 'text without control characters',
    holds: bytes(code => code >= 0x20 && code !== 0x7f),
    max: 65536,
    read: null,
    shape: 'tail',
  },
} satisfies Record<string, FieldType>;

export type FieldTypeName = 'user' | 'account' | keyof typeof FIXED;
export type FieldTypes = Record<FieldTypeName, FieldType>;

/** The types of fields where people are called by this grammar. */
export const fieldTypes = (names: UserNames): FieldTypes => ({
  user: {
    expects: names.expects,
    holds: bytes(code => code < 128 && names.holds(String.fromCharCode(code))),
    max: names.longest,
    read: text => (names.fits(text) ? text : null),
    shape: 'run',
  },
  account: {
    expects: 'a user name or the e-mail address of one',
    holds: bytes(() => true),
    max: 400,
    read: accountBy(names),
    shape: 'tail',
  },
  ...FIXED,
});

/** Where a site says nothing about its names. */
export const USUAL_TYPES: FieldTypes = fieldTypes(userNames(USUAL_NAMES));

export const isFieldType = (name: string): name is FieldTypeName => Object.hasOwn(USUAL_TYPES, name);

/**
 * An ISO 8601 time with seconds and a zone, as epoch milliseconds; NaN when the bytes are none, or no day of the calendar.
 * A time without a zone could mean any hour of a day, so it is refused.
 */
export function isoTime(b: Uint8Array, from: number, to: number): number {
  const two = (at: number): number => {
    const high = b[at]! - 48;
    const low = b[at + 1]! - 48;
    return high >= 0 && high <= 9 && low >= 0 && low <= 9 ? high * 10 + low : Number.NaN;
  };
  if (
    to - from < 20 ||
    b[from + 4] !== 45 ||
    b[from + 7] !== 45 ||
    b[from + 10] !== 84 ||
    b[from + 13] !== 58 ||
    b[from + 16] !== 58
  )
    return Number.NaN;
  const day = epochDay(two(from) * 100 + two(from + 2), two(from + 5), two(from + 8));
  const [hour, minute, second] = [two(from + 11), two(from + 14), two(from + 17)];
  if (!(hour < 24 && minute < 60 && second < 61)) return Number.NaN;
  let at = from + 19;
  let millis = 0;
  if (b[at] === 46) {
    let scale = 100;
    for (at++; at < to && b[at]! >= 48 && b[at]! <= 57; at++, scale /= 10) millis += (b[at]! - 48) * scale;
    if (scale === 100) return Number.NaN;
  }
  const zone = zoneMinutes(b, at, to, two);
  return ((day * 24 + hour) * 60 + minute - zone) * 60_000 + Math.min(second, 59) * 1000 + Math.floor(millis);
}

function zoneMinutes(b: Uint8Array, at: number, to: number, two: (at: number) => number): number {
  if (b[at] === 90) return at + 1 === to ? 0 : Number.NaN;
  const sign = b[at] === 43 ? 1 : b[at] === 45 ? -1 : Number.NaN;
  const colon = b[at + 3] === 58 ? 1 : 0;
  if (at + 5 + colon !== to) return Number.NaN;
  const [hours, minutes] = [two(at + 1), two(at + 3 + colon)];
  return hours < 24 && minutes < 60 ? sign * (hours * 60 + minutes) : Number.NaN;
}

const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days since 1970-01-01 of a day of the Gregorian calendar (the usual count of days from a civil date). */
function epochDay(year: number, month: number, day: number): number {
  if (!(day >= 1 && day <= (MONTH_DAYS[month - 1] ?? 0))) return Number.NaN;
  if (month === 2 && day === 29 && (year % 4 !== 0 || (year % 100 === 0 && year % 400 !== 0))) return Number.NaN;
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return era * 146097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719468;
}

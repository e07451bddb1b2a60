/**
 * Tallies as numbers in one list and texts in another, each different text once: what the parts of a large batch travel
 * as, and wait as, in a quarter of the room that objects with names take.
 */
import { type Account, EVENTS, type EventName, type Tally } from './incident.ts';

export interface PackedTallies {
  /** Events, names, addresses, endpoints and lines; a number below speaks of the one before it, and 0 of none. */
  texts: string[];
  /** The earliest time, epoch ms; the others are told from it. */
  since: number;
  /**
   * Of each tally: marks, event, user, address, first, last, offset, line, how many endpoints; of each of these: text,
   * count.
   */
  numbers: number[];
}

/** What is kept outlives an update of the program, so their order stays; events, which a site's rules name, go by name. */
const ACCOUNTS: readonly Account[] = ['user', 'system', 'unknown'];
/** Marks: two of one bit each, and the account above them. */
const [SELF_REPORTED, APPROXIMATE, MARKS] = [1, 2, 4];
/** Numbers of a tally before its endpoints. */
const HEAD = 9;

/** The longest texts, in characters. What takes secrets out of a text can make it longer. */
export const LONGEST = { user: 64, ip: 64, endpoint: 1024, sample: 600, strange: 1000 };
export const MOST_ENDPOINTS = 100;
/** Lines of one kind in a batch, which is of two gigabytes. What is added up of them is to stay a number that can be read. */
export const MOST_COUNTED = 1e9;
/** The end of the year 9999, epoch ms: what is later is no time that can be written down. */
export const LATEST = Date.UTC(10_000, 0) - 1;

/** Times are rounded to whole milliseconds. */
export function pack(tallies: readonly Tally[]): PackedTallies {
  const since = Math.round(tallies.reduce((least, t) => Math.min(least, t.first), tallies[0]?.first ?? 0));
  const numbers: number[] = [];
  const known = new Map<string | null, number>([[null, 0]]);
  const texts: string[] = [];
  const number = (text: string | null): number => {
    let n = known.get(text);
    if (n === undefined) {
      n = texts.push(text!);
      known.set(text, n);
    }
    return n;
  };
  for (const t of tallies) {
    const endpoints = t.endpoints ?? [[t.endpoint, t.count]];
    numbers.push(
      marksOf(t),
      number(t.event),
      number(t.user),
      number(t.ip),
      Math.round(t.first) - since,
      Math.round(t.last) - since,
      t.offset,
      number(t.sample || null),
      endpoints.length,
    );
    // The latest first.
    const latest = Math.max(
      0,
      endpoints.findIndex(([endpoint]) => endpoint === t.endpoint),
    );
    for (let n = 0; n < endpoints.length; n++) {
      const [endpoint, count] = endpoints[n === 0 ? latest : n <= latest ? n - 1 : n]!;
      numbers.push(number(endpoint), count);
    }
  }
  return { texts, since, numbers };
}

/** A part as it is sent. */
export const packed = <B extends { tallies: Tally[] }>(part: B): B & { packed: PackedTallies } => ({
  ...part,
  tallies: [],
  packed: pack(part.tallies),
});

/** @param it of which `isPacked` is true */
export function unpack({ texts, since, numbers }: PackedTallies): Tally[] {
  const tallies: Tally[] = [];
  let at = 0;
  const next = (): number => numbers[at++]!;
  const text = (): string | null => {
    const n = next();
    return n === 0 ? null : texts[n - 1]!;
  };
  while (at < numbers.length) {
    const marks = next();
    const tally: Tally = {
      event: text() as EventName,
      user: text(),
      ip: text(),
      endpoint: null,
      account: ACCOUNTS[Math.floor(marks / MARKS)]!,
      count: 0,
      first: since + next(),
      last: since + next(),
      approximate: (marks & APPROXIMATE) !== 0,
      selfReported: (marks & SELF_REPORTED) !== 0,
      offset: next(),
      sample: text() ?? '',
    };
    const endpoints = next();
    for (let n = 0; n < endpoints; n++) {
      const endpoint = text();
      const count = next();
      if (n === 0) tally.endpoint = endpoint;
      if (endpoints > 1) {
        tally.endpoints ??= [];
        tally.endpoints.push([endpoint, count]);
      }
      tally.count += count;
    }
    tallies.push(tally);
  }
  return tallies;
}

const marksOf = (t: Tally): number =>
  ACCOUNTS.indexOf(t.account) * MARKS + (t.approximate ? APPROXIMATE : 0) + (t.selfReported ? SELF_REPORTED : 0);

/** Whether this can be unpacked, to no more than so many rows, and to no longer texts than they may have. */
export function isPacked(it: unknown, mostRows: number): it is PackedTallies {
  if (typeof it !== 'object' || it === null || Object.keys(it).length !== 3) return false;
  const { texts, since, numbers } = it as PackedTallies;
  if (!Number.isSafeInteger(since) || since < 0 || since > LATEST || !Array.isArray(texts) || !Array.isArray(numbers))
    return false;
  // A row has no more of either, so nothing comes along that no row speaks of.
  if (numbers.length > mostRows * (HEAD + 2) || texts.length > mostRows * 5) return false;
  if (!texts.every(text => typeof text === 'string' && text.length <= LONGEST.endpoint)) return false;
  if (!numbers.every(n => Number.isSafeInteger(n) && n >= 0)) return false;
  const fits = (at: number, longest: number): boolean => {
    const n = numbers[at]!;
    return n === 0 || (n <= texts.length && texts[n - 1]!.length <= longest);
  };
  const events = new Set(texts.flatMap((text, n) => ((EVENTS as readonly string[]).includes(text) ? [n + 1] : [])));
  let rows = 0;
  let at = 0;
  while (at + HEAD <= numbers.length) {
    const endpoints = numbers[at + HEAD - 1]!;
    const end = at + HEAD + 2 * endpoints;
    if (numbers[at]! >= ACCOUNTS.length * MARKS || endpoints < 1 || endpoints > MOST_ENDPOINTS || end > numbers.length)
      return false;
    if (!events.has(numbers[at + 1]!)) return false;
    if (!fits(at + 2, LONGEST.user) || !fits(at + 3, LONGEST.ip) || !fits(at + 7, LONGEST.sample)) return false;
    // First and last stand behind marks, event, user and address.
    if (since + numbers[at + 4]! > LATEST || since + numbers[at + 5]! > LATEST) return false;
    for (at += HEAD; at < end; at += 2)
      if (!fits(at, LONGEST.endpoint) || numbers[at + 1]! < 1 || numbers[at + 1]! > MOST_COUNTED) return false;
    rows += endpoints;
  }
  return at === numbers.length && rows <= mostRows;
}

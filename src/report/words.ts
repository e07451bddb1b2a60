/** How the report says numbers, spans of time and instants. */
import { wallClock } from './iso-week.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const plural = (n: number, one: string, many = `${one}s`): string => `${n} ${n === 1 ? one : many}`;

/** `42 s`, `22 min`, `3 h 10 min`, `4 d 2 h`; null is a dash. */
export function duration(ms: number | null): string {
  if (ms === null) return '–';
  if (ms < MINUTE) return `${Math.round(ms / 1000)} s`;
  const minutes = Math.round(ms / MINUTE);
  if (minutes < 60) return `${minutes} min`;
  if (ms < DAY) return `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
  const hours = Math.round(ms / HOUR);
  return `${Math.floor(hours / 24)} d${hours % 24 ? ` ${hours % 24} h` : ''}`;
}

const WEEKDAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** `2026-11-23 09:14`, by the report's own zone, which it names once. */
export function clock(iso: string | null, timezone: string): string {
  if (iso === null) return '–';
  const at = Date.parse(iso);
  return Number.isNaN(at) ? iso : new Date(wallClock(at, timezone)).toISOString().slice(0, 16).replace('T', ' ');
}

/** `Mon 23 Nov` of `2026-11-23`. */
export function dayName(day: string): string {
  const at = new Date(`${day}T00:00:00Z`);
  return `${WEEKDAYS[at.getUTCDay()]} ${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}

/** `a`, `a and b`, `a, b and 3 more`. */
export function among(names: readonly string[], most = 8): string {
  if (names.length > most) return `${names.slice(0, most).join(', ')} and ${names.length - most} more`;
  return names.length < 2 ? (names[0] ?? '–') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}

/** Stands for the cause of denials of names that exist nowhere or belong to the system. */
export const NO_PERSON = '-';

/** A cause without its pack, for people: `missing-group`. */
export const causeName = (cause: string | null): string =>
  cause === NO_PERSON ? 'unknown or system names' : cause ? cause.replace(/^[^/]*\//, '') : 'not known';

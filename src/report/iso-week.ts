/**
 * ISO 8601 weeks and days in a time zone: Monday to Sunday by the local calendar, whatever the clock does in between.
 * Only `Intl` knows the zones; nothing here assumes that a day has 24 hours or that midnight exists.
 */
import { Usage } from '../incident.ts';
import { mondayOf, weekOfDay } from '../week.ts';

const DAY = 86_400_000;
const formatters = new Map<string, Intl.DateTimeFormat>();

function formatter(timezone: string): Intl.DateTimeFormat {
  let format = formatters.get(timezone);
  if (!format) {
    try {
      format = new Intl.DateTimeFormat('en-US', {
        timeZone: timezone,
        calendar: 'gregory',
        year: 'numeric',
        month: 'numeric',
        day: 'numeric',
        hour: 'numeric',
        minute: 'numeric',
        second: 'numeric',
        hourCycle: 'h23',
      });
    } catch {
      throw new Usage(
        `report.timezone: ${JSON.stringify(timezone)} is no time zone; write one like UTC or Europe/Berlin`,
      );
    }
    formatters.set(timezone, format);
  }
  return format;
}

/** What a clock on the wall shows at that instant, as if it were UTC: epoch milliseconds. */
export function wallClock(instant: number, timezone: string): number {
  const of: Record<string, number> = {};
  for (const part of formatter(timezone).formatToParts(instant)) of[part.type] = Number(part.value);
  return Date.UTC(of.year!, of.month! - 1, of.day, of.hour, of.minute, of.second);
}

/**
 * The first instant at which the wall clock shows that time. Where the clock jumps over it, the instant
 * at which it would have shown it without the jump (of a midnight: the jump itself); where it shows it twice, the earlier.
 */
export function instantOf(wall: number, timezone: string): number {
  const before = wallClock(wall - DAY, timezone) - (wall - DAY);
  const after = wallClock(wall + DAY, timezone) - (wall + DAY);
  const right = [wall - before, wall - after].filter(t => wallClock(t, timezone) === wall);
  return right.length ? Math.min(...right) : wall - before;
}

/** The local calendar day of an instant, `2026-11-23`. */
export const dayOf = (instant: number, timezone: string): string =>
  new Date(wallClock(instant, timezone)).toISOString().slice(0, 10);

/** The first instant of a local calendar day. */
export const startOfDay = (day: string, timezone: string): number =>
  instantOf(Date.parse(`${day}T00:00:00Z`), timezone);

/** The local days that begin before `to` and end after `from`, in order. */
export function daysBetween(from: number, to: number, timezone: string): string[] {
  const days: string[] = [];
  for (let day = Date.parse(`${dayOf(from, timezone)}T00:00:00Z`); instantOf(day, timezone) < to; day += DAY)
    days.push(new Date(day).toISOString().slice(0, 10));
  return days;
}

/** Monday of a week, as UTC. @throws Usage when there is no such week */
function mondayIn(label: string): number {
  const monday = mondayOf(label);
  if (monday === null)
    throw new Usage(
      `${JSON.stringify(label)} is no ISO week; write YEAR-Wnn, like 2026-W47 (only some years have a W53)`,
    );
  return monday;
}

/** The ISO week an instant lies in, by the local calendar: `2026-W47`. */
export const isoWeek = (at: Date | number, timezone: string): string =>
  weekOfDay(Math.floor(wallClock(Number(at), timezone) / DAY) * DAY);

/** The first instant of a week, and of the next: ISO 8601 in UTC, `to` not included. @throws Usage */
export function weekRange(label: string, timezone: string): { from: string; to: string } {
  const monday = mondayIn(label);
  const iso = (wall: number): string => new Date(instantOf(wall, timezone)).toISOString();
  return { from: iso(monday), to: iso(monday + 7 * DAY) };
}

/** Why there is no report of a week yet, in a sentence; null when it has begun. @throws Usage for a week that is none */
export function notBegun(label: string, timezone: string, now: number): string | null {
  const { from } = weekRange(label, timezone);
  return Date.parse(from) <= now ? null : `${label} has not begun: it begins on ${dayOf(Date.parse(from), timezone)}`;
}

export const nextWeek = (label: string): string => weekOfDay(mondayIn(label) + 7 * DAY);
export const previousWeek = (label: string): string => weekOfDay(mondayIn(label) - 7 * DAY);

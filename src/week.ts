/** ISO weeks by name, `2026-W47`, and the calendar days they begin with. Pure: where a day begins, a time zone says (`report/iso-week.ts`). */

const DAY = 86_400_000;
const NAME = /^(\d{4})-W(\d{2})$/;

/** The week a calendar day (as UTC, epoch ms) lies in: the year is that of its Thursday. */
export function weekOfDay(day: number): string {
  const weekday = new Date(day).getUTCDay() || 7;
  const thursday = day + (4 - weekday) * DAY;
  const year = new Date(thursday).getUTCFullYear();
  const week = 1 + Math.floor((thursday - Date.UTC(year, 0, 1)) / (7 * DAY));
  return `${String(year).padStart(4, '0')}-W${String(week).padStart(2, '0')}`;
}

/** Monday of a week, as UTC; null when there is no such week. */
export function mondayOf(label: string): number | null {
  const match = NAME.exec(label);
  if (!match) return null;
  const fourth = Date.UTC(Number(match[1]), 0, 4);
  const monday = fourth - ((new Date(fourth).getUTCDay() || 7) - 1) * DAY + (Number(match[2]) - 1) * 7 * DAY;
  return weekOfDay(monday) === label ? monday : null;
}

/** May a report be asked for of it? Only some years have a W53, and the week before it must have a name, too. */
export const isWeek = (label: string): boolean => /^[1-9]/.test(label) && mondayOf(label) !== null;

/** What is wrong with a week that is none. */
export const NO_WEEK = 'an ISO week is YEAR-Wnn, like 2026-W47 (only some years have a W53)';

/**
 * When the weekly report is due: exactly once per ISO week, through crashes, restarts and clock changes. What is due is
 * a pure function of the stored last week; node-cron and an hourly look only wake it, so a time that was missed (the
 * machine was off, the clock jumped over it) is made up.
 */
import { createTask, parse, schedule, validate } from 'node-cron';
import { Usage } from '../incident.ts';
import { instantOf, isoWeek, previousWeek, wallClock, weekRange } from './iso-week.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;
/** How many weeks back are made up: a `serve` that was off for months doesn't send a pile of old reports. */
const MADE_UP = 4;
/** No expression is followed further back. */
const MOST_WEEKS = 54;

export interface Due {
  cron: string;
  timezone: string;
  now: number;
  /** The weeks whose report was queued, in any order. */
  sent: readonly string[];
  /** When this installation first ran: a report that was to be sent before is not its business. */
  since: number;
}

/**
 * The weeks whose report is due and not yet sent, oldest first. A week's report is due at the first time the cron
 * expression names after that week has ended.
 * @throws Usage for an expression or a zone that is none
 */
export function dueWeeks({ cron, timezone, now, sent, since }: Due): string[] {
  checkCron(cron);
  const first = [...sent].sort()[0];
  const due: string[] = [];
  // What came due last is whole, however many weeks a rare report (monthly: five) has to tell of.
  let last: number | null = null;
  let week = previousWeek(isoWeek(now, timezone));
  for (let back = 0; back < MOST_WEEKS; back++, week = previousWeek(week)) {
    const at = sendTime(week, cron, timezone);
    const isDue = at !== null && at <= now;
    if (isDue) last ??= at;
    if (back >= MADE_UP && last !== null && at !== last) break;
    if (isDue && !sent.includes(week) && (first === undefined ? at > since : week > first)) due.unshift(week);
  }
  return due;
}

/** The first time after the end of a week that the expression names; null when there is none within a year. */
export function sendTime(week: string, cron: string, timezone: string): number | null {
  checkCron(cron);
  const { second, minute, hour } = parse(cron);
  const from = Date.parse(weekRange(week, timezone).to);
  // node-cron decides what matches, asked about the time on the wall: so one that the clock jumps over counts too.
  const wall = createTask(cron, () => {}, { timezone: 'UTC' });
  try {
    const first = Math.floor(wallClock(from, timezone) / DAY) * DAY;
    for (let day = first; day < first + 366 * DAY; day += DAY)
      for (const h of hour)
        for (const m of minute) {
          const shown = day + (h * 3600 + m * 60 + second[0]!) * 1000;
          if (!wall.match(new Date(shown))) continue;
          const at = instantOf(shown, timezone);
          if (at >= from) return at;
        }
    return null;
  } finally {
    void wall.destroy();
  }
}

/** @throws Usage */
function checkCron(cron: string): void {
  if (!validate(cron))
    throw new Usage(`report.cron: ${JSON.stringify(cron)} is no cron expression; write one like "0 7 * * 1"`);
}

export interface Schedule {
  cron: string;
  timezone: string;
  now: () => number;
  /** The weeks whose report was queued, as the store remembers them. */
  sent: () => readonly string[];
  /** When this installation first ran, epoch ms; absent: now. */
  since?: number;
  /** Queues one week's report and remembers the week, in one transaction. A throw means: not sent, ask again later. */
  send: (week: string) => void | Promise<void>;
  failed: (error: unknown) => void;
}

/** Looks at once, whenever cron says, and every hour. Returns the way to stop; `look` is for whoever doesn't want to wait. */
export function startSchedule(options: Schedule): { look: () => Promise<void>; stop: () => void } {
  const { cron, timezone, now, since = now() } = options;
  checkCron(cron);
  /** Sent by this process, for a store that forgets. */
  const own = new Set<string>();
  let looking: Promise<void> = Promise.resolve();
  const lookNow = async (): Promise<void> => {
    try {
      for (const week of dueWeeks({ cron, timezone, now: now(), sent: [...options.sent(), ...own], since })) {
        await options.send(week);
        own.add(week);
      }
    } catch (error) {
      options.failed(error);
    }
  };
  // One after the other: two wake-ups at once must not send one week twice.
  const look = (): Promise<void> => {
    looking = looking.then(lookNow);
    return looking;
  };
  const task = schedule(cron, look, { timezone, noOverlap: true });
  const hourly = setInterval(look, HOUR);
  void look();
  return {
    look,
    stop() {
      clearInterval(hourly);
      void task.destroy();
    },
  };
}

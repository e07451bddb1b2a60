/**
 * The report of a week, for whoever asks: as a mail with pictures, as a page, as a file; and one mail for each ISO week. The
 * row in `report` makes it once; node-cron only wakes.
 */
import { type Config, originOf } from '../config/config.ts';
import { NotFound, Unfit } from '../incident.ts';
import type { Logger } from '../log.ts';
import type { Rendered } from '../notify/letters/weekly.ts';
import { isoWeek, nextWeek, notBegun, previousWeek, weekRange } from '../report/iso-week.ts';
import { contentIds, drawPictures } from '../report/pictures.ts';
import { renderCsv, renderHtml, renderJson, renderMail, renderText } from '../report/render.ts';
import { startSchedule } from '../report/schedule.ts';
import { headline, type WeekReport, weekNumbers, weekReport } from '../report/week.ts';
import { claimWeek, installedAt, weeksQueued } from '../store/desk-rows.ts';
import { record } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import { enqueue } from '../store/outbox.ts';

import { reportIncidents } from './report-incidents.ts';
import { reportInput } from './report-input.ts';

/** The week before the one that `now` lies in. */
const lastWholeWeek = (config: Config, now: number): string => previousWeek(isoWeek(now, config.report.timezone));

/** @throws Usage for a week that is none */
export function weekReportOf(store: Store, config: Config, now: number, week: string | null): WeekReport {
  const label = week ?? lastWholeWeek(config, now);
  const { timezone } = config.report;
  const before = previousWeek(label);
  const [earlier, range] = [weekRange(before, timezone), weekRange(label, timezone)];
  const incidents = reportIncidents(store, config, { from: earlier.from, to: range.to });
  const previous = weekNumbers(reportInput(store, config, now, earlier, before, incidents));
  return weekReport({ ...reportInput(store, config, now, range, label, incidents), previous });
}

/** The week as a mail, with pictures where they can be drawn. */
export async function renderedWeek(
  store: Store,
  config: Config,
  now: number,
  week: string,
  log: Pick<Logger, 'warn'>,
): Promise<Rendered> {
  const report = weekReportOf(store, config, now, week);
  const drawn = await drawPictures(report);
  if (drawn.kind === 'cannot') log.warn({ reason: drawn.why }, 'pictures of the report can not be drawn');
  const pictures = drawn.kind === 'drawn' ? drawn.pictures : [];
  const mail = renderMail(report, `${originOf(config)}/report?week=${week}`, contentIds(pictures));
  return {
    week,
    headline: headline(report),
    text: mail.text,
    html: mail.html,
    csv: renderCsv(report),
    json: renderJson(report),
    pictures,
  };
}

/** A week as the page shows it; by default the one we are in, so that what was done a minute ago is there. */
export interface ReportPage {
  week: string;
  title: string;
  html: string;
  previous: string | null;
  next: string | null;
}

/** @throws NotFound for a week that has not begun: of what is to come there is neither a page nor a file */
export function mustHaveBegun(config: Config, now: number, week: string): void {
  const why = notBegun(week, config.report.timezone, now);
  if (why !== null) throw new NotFound(why);
}

export function reportPageOf(store: Store, config: Config, now: number, week: string | null): ReportPage {
  const current = isoWeek(now, config.report.timezone);
  const label = week ?? current;
  const report = weekReportOf(store, config, now, label);
  return {
    week: label,
    title: report.title,
    html: renderHtml(report, { dress: 'document' }),
    previous: previousWeek(label),
    next: label < current ? nextWeek(label) : null,
  };
}

/**
 * A week for programs; by default the one we are in. The same bytes as `readmit report --json`, `--csv` and plain.
 * @throws Unfit for a week that has not begun
 */
export function reportFor(
  store: Store,
  config: Config,
  now: number,
  week: string | null,
  format: 'json' | 'csv' | 'text',
): { week: string; body: string } {
  const label = week ?? isoWeek(now, config.report.timezone);
  const why = notBegun(label, config.report.timezone, now);
  if (why !== null) throw new Unfit(why);
  const report = weekReportOf(store, config, now, label);
  return {
    week: label,
    body: format === 'json' ? renderJson(report) : format === 'csv' ? renderCsv(report) : renderText(report),
  };
}

/** The report of a week as a file for the auditor. */
export function reportFileOf(store: Store, config: Config, now: number, week: string, format: 'csv' | 'json'): string {
  const report = weekReportOf(store, config, now, week);
  return format === 'csv' ? renderCsv(report) : renderJson(report);
}

/** Where a day begins first. */
const EARLIEST = 'Pacific/Kiritimati';

/**
 * Has a week's report mailed now, beside the one that goes out by itself.
 * @param to null: to everybody who gets it
 * @param timezone the site's; without it a week has begun when it has anywhere
 * @throws Usage for a week that is none, Unfit for one that has not begun
 */
export function askForReport(
  store: Store,
  now: number,
  by: string,
  week: string,
  to: string | null,
  timezone: string = EARLIEST,
): void {
  const why = notBegun(week, timezone, now);
  if (why !== null) throw new Unfit(why);
  store.tx(() => {
    const payload = { letter: 'report', week, ...(to === null ? {} : { to: [to] }) };
    enqueue(store, now, { key: `report-${week}-${to ?? 'all'}-${now}`, channel: 'mail', payload });
    record(store, now, {
      actor: by,
      what: `asked for the report of ${week} by mail${to === null ? '' : `, to ${to}`}`,
    });
  });
}

export function startReports(store: Store, config: Config, now: () => number, log: Logger): { stop(): void } {
  return startSchedule({
    cron: config.report.cron,
    timezone: config.report.timezone,
    now,
    since: installedAt(store),
    failed: error => log.error({ err: error }, 'weekly report could not be made'),
    sent: () => weeksQueued(store),
    send: week => {
      const claimed = store.tx(() => {
        if (!claimWeek(store, now(), week)) return false;
        const empty = !config.report.sendEmpty && weekReportOf(store, config, now(), week).empty;
        if (!empty)
          enqueue(store, now(), { key: `report-${week}`, channel: 'mail', payload: { letter: 'report', week } });
        return true;
      });
      if (claimed) log.info({ week }, 'weekly report queued');
    },
  });
}

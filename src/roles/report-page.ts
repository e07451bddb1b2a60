/**
 * The report as the page shows it. A small store's is made while somebody waits. A large one's takes seconds: it is made
 * in a thread of its own, kept, and shown as it was made a moment ago while the next one is made.
 */
import { once } from 'node:events';
import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Config } from '../config/config.ts';
import type { Logger } from '../log.ts';
import { isoWeek, previousWeek, weekRange } from '../report/iso-week.ts';
import type { Store } from '../store/open.ts';
import type { Wanted } from './report-worker.ts';
import { mustHaveBegun, type ReportPage, reportFileOf, reportPageOf } from './reporting.ts';

/** Rows of two weeks up to which a page is made at once: about a twentieth of a second. */
const SMALL = { hours: 5000, incidents: 300 };
/** A kept page is shown for so long before another is made, and that many weeks are kept. */
const KEPT_MS = 60_000;
const KEPT_WEEKS = 8;

interface Kept {
  page: ReportPage;
  made: number;
  writes: number;
}

export class ReportPages {
  readonly #store: Store;
  readonly #file: string;
  readonly #config: Config;
  readonly #now: () => number;
  readonly #log: Logger;
  readonly #kept = new Map<string, Kept>();
  readonly #making = new Map<string, Promise<ReportPage>>();

  /** @param file the database that `store` has open */
  constructor(store: Store, file: string, config: Config, now: () => number, log: Logger) {
    this.#store = store;
    this.#file = file;
    this.#config = config;
    this.#now = now;
    this.#log = log;
  }

  /** The page of a week; null: the one we are in. @throws NotFound for one that has not begun */
  async page(week: string | null): Promise<ReportPage> {
    const label = week ?? isoWeek(this.#now(), this.#config.report.timezone);
    mustHaveBegun(this.#config, this.#now(), label);
    const kept = this.#kept.get(label);
    if (kept?.writes === this.#store.writes) return kept.page;
    if (this.#isSmall(label))
      return this.#keep(label, this.#store.writes, reportPageOf(this.#store, this.#config, this.#now(), label));
    if (!kept) return await this.#make(label);
    if (this.#now() - kept.made > KEPT_MS)
      this.#make(label).catch(error => this.#log.warn({ err: error, week: label }, 'report page could not be made'));
    return kept.page;
  }

  /** Makes this week's page beforehand where that takes long, so that the first who asks need not wait. */
  warm(): void {
    const label = isoWeek(this.#now(), this.#config.report.timezone);
    if (!this.#isSmall(label))
      this.#make(label).catch(error => this.#log.warn({ err: error, week: label }, 'report page could not be made'));
  }

  /** The report of a week as a file. @throws NotFound for one that has not begun */
  async file(week: string, format: 'csv' | 'json'): Promise<string> {
    mustHaveBegun(this.#config, this.#now(), week);
    if (this.#isSmall(week)) return reportFileOf(this.#store, this.#config, this.#now(), week, format);
    return (await this.#beside(format, week)) as string;
  }

  #isSmall(label: string): boolean {
    const { timezone } = this.#config.report;
    const from = Date.parse(weekRange(previousWeek(label), timezone).from);
    const to = Date.parse(weekRange(label, timezone).to);
    const more = (sql: string, most: number, ...values: number[]): boolean =>
      Number(this.#store.get<{ n: number }>(`SELECT count(*) AS n FROM (${sql} LIMIT ?)`, ...values, most + 1)!.n) >
      most;
    return (
      !more('SELECT 1 FROM hour WHERE hour >= ? AND hour < ?', SMALL.hours, from, to) &&
      !more('SELECT 1 FROM incident WHERE updated >= ?', SMALL.incidents, from)
    );
  }

  #keep(label: string, writes: number, page: ReportPage): ReportPage {
    this.#kept.delete(label);
    this.#kept.set(label, { page, made: this.#now(), writes });
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > KEPT_WEEKS && oldest !== undefined) this.#kept.delete(oldest);
    return page;
  }

  /** One thread per week at a time; whoever asks meanwhile waits for the same one. */
  #make(label: string): Promise<ReportPage> {
    const under = this.#making.get(label);
    if (under) return under;
    const { writes } = this.#store;
    const made = this.#beside('page', label)
      .then(page => this.#keep(label, writes, page as ReportPage))
      .finally(() => this.#making.delete(label));
    this.#making.set(label, made);
    return made;
  }

  async #beside(as: Wanted['as'], week: string): Promise<unknown> {
    const wanted: Wanted = { as, file: this.#file, config: this.#config, now: this.#now(), week };
    const worker = new Worker(new URL(`./report-worker${extname(import.meta.url)}`, import.meta.url), {
      workerData: wanted,
    });
    try {
      const [made] = (await once(worker, 'message')) as [unknown];
      return made;
    } finally {
      await worker.terminate();
    }
  }
}

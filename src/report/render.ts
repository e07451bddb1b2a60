/**
 * The four ways a report is written down, behind one door, and how it goes into a mail: the first page as text and HTML
 * that say the same, the rest attached.
 */
import { type HtmlOptions, renderHtml as html } from './html.ts';
import { renderText } from './text.ts';
import type { WeekReport } from './week.ts';

export { renderCsv } from './csv.ts';
export { renderJson } from './json.ts';
export { renderText };

/** A whole page by default, charts included. */
export const renderHtml = (report: WeekReport, options: HtmlOptions = { dress: 'document' }): string =>
  html(report, options);

/**
 * The first page for a mail. `pictures` names the charts' content ids where the site can draw them.
 * @param link where the whole report is on our page
 */
export const renderMail = (
  report: WeekReport,
  link: string,
  pictures?: HtmlOptions['pictures'],
): { text: string; html: string } => ({
  text: `${renderText(report, 'first')}\nThe whole report, with the tables for the auditor (also attached):\n${link}\n`,
  html: html(report, { dress: 'mail', pages: 'first', link, ...(pictures ? { pictures } : {}) }),
});

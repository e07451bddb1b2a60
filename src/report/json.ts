/** The report as JSON, whole: what other programs and the auditor's own scripts read. */
import type { WeekReport } from './week.ts';

/** What JSON lets stand but a terminal would obey: C1 controls, direction marks, separators, invisible characters. */
const UNSAFE =
  /[\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\udb40][\udc00-\udfff]/g;

/** The same value with every such character written as `\u…`. */
export const renderJson = (report: WeekReport): string =>
  `${JSON.stringify(report, null, 2).replace(UNSAFE, chars =>
    chars
      .split('')
      .map(c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
      .join(''),
  )}\n`;

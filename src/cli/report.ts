/** `readmit report`: the access report of any week, as text, page, CSV or JSON, or by mail. */
import { inState, loadConfig } from '../config/config.ts';
import { Usage } from '../incident.ts';
import { isoWeek, notBegun } from '../report/iso-week.ts';
import { renderCsv, renderHtml, renderJson, renderText } from '../report/render.ts';
import { askServe, controlSocket } from '../roles/control.ts';
import { weekReportOf } from '../roles/reporting.ts';
import { openStoreToRead } from '../store/open.ts';
import { print, printFile } from './print.ts';

export async function report(o: {
  config?: string;
  week?: string;
  html?: boolean;
  csv?: boolean;
  json?: boolean;
  send?: boolean;
}): Promise<void> {
  const config = loadConfig(o.config);
  const why = o.week === undefined ? null : notBegun(o.week, config.report.timezone, Date.now());
  if (why !== null) throw new Usage(`--week: ${why}`);
  if ([o.html, o.csv, o.json].filter(Boolean).length > 1) throw new Usage('one of --html, --csv and --json');
  const week = o.week ?? isoWeek(Date.now(), config.report.timezone);
  if (o.send) {
    await askServe(controlSocket(config), 'send-report', { week });
    process.stderr.write(
      `readmit: the report of ${week} is on its way to ${(config.report.to.length ? config.report.to : config.mail.to).join(', ')}\n`,
    );
    if (!o.html && !o.csv && !o.json) return;
  }
  const store = openStoreToRead(inState(config, 'serve', 'readmit.db'));
  try {
    const made = weekReportOf(store, config, Date.now(), week);
    if (o.html || o.csv || o.json) printFile(o.html ? renderHtml(made) : o.csv ? renderCsv(made) : renderJson(made));
    else print(renderText(made));
  } finally {
    store.close();
  }
}

/** The report as plain text, for terminals and for mail programs that show nothing else. Bars are rows of `#`. */
import { visible } from '../visible.ts';
import { auditPages, chain } from './audit-pages.ts';
import { bucketsOf } from './charts.ts';
import { firstPage, periodLine, type Section, summary } from './first-page.ts';
import type { WeekReport } from './week.ts';
import { causeName, dayName, duration } from './words.ts';

/** `first`: what decides, and the head of the audit chain; `all`: the auditor's tables too. */
export type Pages = 'first' | 'all';

const WIDTH = 78;
const BAR = 40;

const wrap = (text: string, indent = ''): string => {
  const lines = [''];
  for (const word of visible(text).split(' ')) {
    const last = lines.at(-1)!;
    if (last && indent.length + last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last ? `${last} ${word}` : word;
  }
  return lines.map(l => indent + l).join('\n');
};

function table({ head, rows, numbers = [] }: NonNullable<Section['table']>): string {
  const cells = [head, ...rows].map(row => row.map(visible));
  const widths = head.map((_, i) => Math.max(...cells.map(row => row[i]!.length)));
  const line = (row: string[]): string =>
    row
      .map((cell, i) => (numbers.includes(i) ? cell.padStart(widths[i]!) : cell.padEnd(widths[i]!)))
      .join('  ')
      .trimEnd();
  if (widths.reduce((a, b) => a + b + 2, 0) > 120) return records({ head, rows });
  return cells.map(row => `  ${line(row)}`).join('\n');
}

/** One block of lines per row, for tables too wide for a page. */
const records = ({ head, rows }: NonNullable<Section['table']>): string =>
  rows
    .map(row => row.map((cell, i) => wrap(`${head[i] || '-'}: ${cell}`, i === 0 ? '  ' : '      ')).join('\n'))
    .join('\n\n');

function bars(rows: readonly { label: string; count: number; note?: string }[]): string {
  const most = Math.max(1, ...rows.map(r => r.count));
  const wide = Math.max(...rows.map(r => r.label.length));
  const digits = String(most).length;
  return rows
    .map(r =>
      `  ${r.label.padEnd(wide)}  ${String(r.count).padStart(digits)}  ${'#'.repeat(r.count ? Math.max(1, Math.round((r.count / most) * BAR)) : 0)}${r.note ? `  ${visible(r.note)}` : ''}`.trimEnd(),
    )
    .join('\n');
}

function chart(section: Section, report: WeekReport): string[] {
  if (section.chart === 'denials')
    return [
      bars(
        report.days.map(d => ({
          label: dayName(d.day),
          count: d.total,
          note: Object.entries(d.byCause)
            .sort((a, b) => b[1] - a[1])
            .slice(0, 3)
            .map(([cause, n]) => `${causeName(cause)} ${n}`)
            .join(', '),
        })),
      ),
    ];
  if (section.chart === 'time-to-access')
    return report.numbers.resolved
      ? [
          `${wrap(`Median ${duration(report.numbers.medianMs)}, 90 % within ${duration(report.numbers.p90Ms)}.`)}`,
          bars(bucketsOf(report)),
        ]
      : ['No case ended with access.'];
  return [];
}

const sectionText = (section: Section, report: WeekReport): string =>
  [
    `${section.title}\n${'-'.repeat(section.title.length)}`,
    ...section.say.map(s => wrap(s)),
    ...(section.table ? [section.wide ? records(section.table) : table(section.table)] : []),
    ...chart(section, report),
  ].join('\n');

export function renderText(report: WeekReport, pages: Pages = 'all'): string {
  const title = visible(report.title);
  const sections = [...firstPage(report), ...(pages === 'all' ? auditPages(report) : [chain(report)])];
  return `${[
    `${title}\n${'='.repeat(title.length)}\n${wrap(periodLine(report))}`,
    summary(report)
      .map(s => wrap(s))
      .join('\n'),
    ...sections.map(s => sectionText(s, report)),
  ].join('\n\n')}\n`;
}

/**
 * The report as HTML, in three dresses made of one table of styles: `mail` (inline styles, tables for bars, because mail
 * programs show neither style sheets nor SVG), `document` (a page of its own) and `fragment` (for our page, which brings
 * `reportCss` under its own content policy).
 */
import { type Markup, markup, trusted } from '../markup.ts';
import { auditPages, chain } from './audit-pages.ts';
import { bucketsOf, denialsChart, layersOf, stackOf, timeToAccessChart } from './charts.ts';
import { firstPage, periodLine, type Section, summary } from './first-page.ts';
import type { Pages } from './text.ts';
import type { WeekReport } from './week.ts';
import { dayName, duration } from './words.ts';

type Dress = 'mail' | 'document' | 'fragment';

export interface HtmlOptions {
  dress: Dress;
  pages?: Pages;
  /** In a mail: the content ids of the charts as pictures, for a site that can draw them; else bars made of cells. */
  pictures?: { denials?: string; 'time-to-access'?: string };
  /** Where the same report is on our page: the one link of the mail. */
  link?: string;
}

const FONT = "font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif";
const STYLES = {
  report: `${FONT};font-size:15px;line-height:22px;color:#1c2430`,
  h1: `margin:0 0 4px;${FONT};font-size:22px;line-height:30px;font-weight:600;color:#1c2430`,
  period: `margin:0 0 20px;${FONT};font-size:13px;line-height:19px;color:#5b6675`,
  lead: `margin:0 0 6px;${FONT};font-size:17px;line-height:26px;color:#1c2430`,
  h2: `margin:32px 0 8px;${FONT};font-size:16px;line-height:22px;font-weight:600;color:#1c2430`,
  say: `margin:0 0 10px;${FONT};font-size:15px;line-height:22px;color:#1c2430;word-break:break-word`,
  scroll: 'overflow-x:auto',
  table: 'width:100%;border-collapse:collapse',
  th: `padding:6px 14px 6px 0;${FONT};font-size:13px;line-height:18px;font-weight:600;color:#5b6675;text-align:left;vertical-align:bottom;border-bottom:1px solid #c9d0d8`,
  td: `padding:7px 14px 7px 0;${FONT};font-size:14px;line-height:20px;color:#1c2430;text-align:left;vertical-align:top;border-bottom:1px solid #e3e7ec`,
  number: 'text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap',
  whole: 'white-space:nowrap',
  breaks: 'word-break:break-word',
  last: 'padding-right:0',
  card: 'margin:0 0 20px',
  key: 'vertical-align:top;font-weight:normal;border-bottom:1px solid #e3e7ec',
  label: `padding:3px 12px 3px 0;${FONT};font-size:13px;line-height:18px;color:#5b6675;white-space:nowrap`,
  figure: `padding:3px 10px 3px 0;${FONT};font-size:13px;line-height:18px;color:#1c2430;text-align:right;white-space:nowrap`,
  legend: `margin:10px 0 0;${FONT};font-size:13px;line-height:20px;color:#5b6675`,
  axis: `padding:6px 2px 0;${FONT};font-size:12px;line-height:16px;color:#5b6675;text-align:center;vertical-align:top;border-top:1px solid #c9d0d8`,
  swatch: 'display:inline-block;width:10px;height:10px;border-radius:2px;font-size:1px;line-height:10px',
  link: 'color:#0b5cad',
} as const;
type Name = keyof typeof STYLES;

const DARK = `@media (prefers-color-scheme:dark){.r-document{background:#14181d}.r-report,.r-h1,.r-h2,.r-lead,.r-say,.r-td,.r-figure{color:#e6eaef}.r-period,.r-th,.r-label,.r-legend{color:#a3adb8}.r-td,.r-scroll tr{border-color:#2b323a}.r-th{border-color:#47515c}.r-scroll td:not(:first-child)::before{color:#a3adb8}.r-key{border-color:#2b323a}.r-link{color:#7db8f0}.r-report svg text{fill:#a3adb8}.r-report svg .value{fill:#e6eaef}.r-report svg .grid{stroke:#2b323a}}`;

/** On a phone a row is a block: its first cell on top, the others behind the names of their columns. */
const NARROW = `@media (max-width:38rem){.r-scroll thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}.r-scroll table,.r-scroll tbody{display:block}.r-scroll tr{display:flex;flex-wrap:wrap;gap:2px 16px;padding:8px 0;border-bottom:1px solid #e3e7ec}.r-scroll td{padding:0;border:0;max-width:100%;text-align:left;white-space:normal;overflow-wrap:anywhere}.r-scroll td:first-child{flex-basis:100%;font-weight:600}.r-scroll td:not(:first-child)::before{content:attr(data-name) " ";font-size:13px;color:#5b6675}}`;

/** The style sheet of `document` and `fragment`. */
export const reportCss = `${Object.entries(STYLES)
  .map(([name, css]) => `.r-${name}{${css}}`)
  .join('\n')}
.r-number{text-align:right}
.r-report svg{max-width:100%;height:auto}
${NARROW}
${DARK}
`;

/** The style of these names, as the dress wants it: inline, or as classes. */
const look = (dress: Dress, ...names: Name[]): Markup =>
  trusted(
    dress === 'mail'
      ? ` style="${names.map(n => STYLES[n]).join(';')}"`
      : ` class="${names.map(n => `r-${n}`).join(' ')}"`,
  );

/** Holds a word that alone could make a table wider than a phone. */
const isLong = (text: string): boolean => text.split(/[\s-]/).some(word => word.length > 14);

function tableHtml({ head, rows, numbers = [] }: NonNullable<Section['table']>, dress: Dress, title: string): Markup {
  // A phone's mail program can't scroll sideways: there a long word may break (a short one never does), and the last
  // column ends where the table does.
  const cell = (i: number, name: 'th' | 'td', text = ''): Markup =>
    look(
      dress,
      name,
      ...(numbers.includes(i) ? (['number'] as const) : dress === 'mail' && isLong(text) ? (['breaks'] as const) : []),
      ...(dress === 'mail' && i === head.length - 1 ? (['last'] as const) : []),
      ...(dress !== 'mail' && text.length < 24 ? (['whole'] as const) : []),
    );
  // Where it scrolls, the keyboard must reach it.
  const reached = dress === 'document' ? markup` tabindex="0" role="group" aria-label="${title}"` : null;
  return markup`<div${look(dress, 'scroll')}${reached}><table${look(dress, 'table')}>
<thead><tr>${head.map((h, i) => markup`<th scope="col"${cell(i, 'th')}>${h}</th>`)}</tr></thead>
<tbody>${rows.map(row => markup`<tr>${row.map((c, i) => markup`<td${cell(i, 'td', c)}${dress === 'mail' ? null : markup` data-name="${head[i]}"`}>${c}</td>`)}</tr>\n`)}</tbody>
</table></div>`;
}

/** One small table per row, for what has too many columns to lie side by side. */
const cardsHtml = ({ head, rows }: NonNullable<Section['table']>, dress: Dress): Markup =>
  markup`${rows.map(
    row =>
      markup`<table${look(dress, 'table', 'card')}>${row.map(
        (c, i) =>
          markup`<tr><th scope="row" width="${dress === 'mail' ? '34%' : '180'}"${look(dress, 'th', 'key')}>${head[i]}</th><td${look(dress, 'td', ...(dress === 'mail' ? (['breaks', 'last'] as const) : []))}>${c}</td></tr>\n`,
      )}</table>`,
  )}`;

/** Bars of table cells: what every mail program can show. */
function barTable(
  rows: { label: string; count: number; parts: { count: number; colour: string }[] }[],
  dress: Dress,
): Markup {
  const most = Math.max(1, ...rows.map(r => r.count));
  return markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0">${rows.map(row => {
    const parts = row.parts.filter(p => p.count > 0);
    const rest = 100 - parts.reduce((n, p) => n + percent(p.count, most), 0);
    return markup`<tr><td width="96"${look(dress, 'label')}>${row.label}</td><td width="40"${look(dress, 'figure')}>${row.count}</td><td><table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr>${parts.map(
      p =>
        markup`<td width="${percent(p.count, most)}%" bgcolor="${p.colour}" height="14" style="font-size:1px;line-height:14px">&nbsp;</td>`,
    )}${rest > 0 ? markup`<td width="${rest}%" height="14" style="font-size:1px;line-height:14px">&nbsp;</td>` : null}</tr></table></td></tr>\n`;
  })}</table>`;
}

const percent = (count: number, most: number): number => Math.max(1, Math.floor((count / most) * 100));

const legend = (report: WeekReport, dress: Dress): Markup =>
  markup`<p${look(dress, 'legend')}>${layersOf(report).map(
    l =>
      markup`<span${look(dress, 'whole')}><svg width="10" height="10" aria-hidden="true"><rect width="10" height="10" rx="2" fill="${l.colour}"/></svg> ${l.label} ${l.total}</span> &#160; `,
  )}</p>`;

/** The same for mail: a coloured cell instead of a drawing. */
const mailLegend = (report: WeekReport): Markup =>
  markup`<p${look('mail', 'legend')}>${layersOf(report).map(
    l =>
      markup`<span style="white-space:nowrap"><span style="${trusted(STYLES.swatch)};vertical-align:4px;background:${l.colour}">&nbsp;</span> ${l.label} ${l.total}</span> &#160; `,
  )}</p>`;

/** More columns than this leave no room for what is said below each. */
const MOST_COLUMNS = 14;

/** A picture that has no words, and below each of its columns what it shows: read with pictures switched off, too. */
const pictureTable = (cid: string, alt: string, columns: { label: string; count: number }[]): Markup =>
  markup`<table role="presentation" width="100%" cellpadding="0" cellspacing="0" style="table-layout:fixed"><tr><td colspan="${columns.length}"><img src="cid:${cid}" width="640" alt="${alt}" style="display:block;width:100%;height:auto;border:0"></td></tr>
<tr>${columns.map(({ label, count }) => markup`<td${look('mail', 'axis')}><b style="color:#1c2430;font-size:14px">${count}</b><br>${label}</td>`)}</tr></table>`;

function chartHtml(section: Section, report: WeekReport, { dress, pictures }: HtmlOptions): Markup | null {
  const kind = section.chart;
  if (!kind) return null;
  if (kind === 'time-to-access' && report.numbers.resolved === 0)
    return markup`<p${look(dress, 'say')}>No case ended with access.</p>`;
  const says =
    kind === 'time-to-access'
      ? markup`<p${look(dress, 'say')}>Median ${duration(report.numbers.medianMs)}, 90 % within ${duration(report.numbers.p90Ms)}.</p>`
      : null;
  if (dress !== 'mail')
    return kind === 'denials'
      ? markup`${trusted(denialsChart(report))}${legend(report, dress)}`
      : markup`${says}${trusted(timeToAccessChart(report))}`;
  const cid = pictures?.[kind];
  if (cid && kind === 'denials' && report.days.length <= MOST_COLUMNS)
    return markup`${pictureTable(
      cid,
      'Bars of the denials of each day, stacked by cause',
      report.days.map(d => ({ label: dayName(d.day), count: d.total })),
    )}${mailLegend(report)}`;
  if (cid && kind === 'time-to-access')
    return markup`${says}${pictureTable(cid, 'Bars of the cases by how long they took', bucketsOf(report))}`;
  if (kind === 'denials') {
    const layers = layersOf(report);
    const rows = report.days.map(d => ({
      label: dayName(d.day),
      count: d.total,
      parts: stackOf(d, layers).map((count, i) => ({ count, colour: layers[i]!.colour })),
    }));
    return markup`${barTable(rows, dress)}${mailLegend(report)}`;
  }
  return markup`${says}${barTable(
    bucketsOf(report).map(b => ({ ...b, parts: [{ count: b.count, colour: '#0b5cad' }] })),
    dress,
  )}`;
}

/** A table of more columns than this is shown row by row; a mail is read on a phone. */
const MAIL_COLUMNS = 4;
const PAGE_COLUMNS = 9;

const sectionHtml = (section: Section, report: WeekReport, options: HtmlOptions): Markup => markup`
<section><h2${look(options.dress, 'h2')}>${section.title}</h2>
${section.say.map(s => markup`<p${look(options.dress, 'say')}>${s}</p>\n`)}${section.table ? (section.table.head.length > (options.dress === 'mail' ? MAIL_COLUMNS : PAGE_COLUMNS) ? cardsHtml(section.table, options.dress) : tableHtml(section.table, options.dress, section.title)) : null}${chartHtml(section, report, options)}</section>`;

export function renderHtml(report: WeekReport, options: HtmlOptions): string {
  const { dress, pages = 'all', link } = options;
  const sections = [...firstPage(report), ...(pages === 'all' ? auditPages(report) : [chain(report)])];
  const body = markup`<div${look(dress, 'report')}><h1${look(dress, 'h1')}>${report.title}</h1>
<p${look(dress, 'period')}>${periodLine(report)}</p>
${summary(report).map(s => markup`<p${look(dress, 'lead')}>${s}</p>\n`)}${sections.map(s => sectionHtml(s, report, options))}
${link ? markup`<p${look(dress, 'say')}><a href="${link}"${look(dress, 'link')}>The whole report, with the tables for the auditor (also attached)</a></p>` : null}</div>`;
  if (dress === 'fragment') return body.text;
  const head = markup`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>${report.title}${report.week ? ` ${report.week}` : ''}</title>`;
  if (dress === 'document')
    return markup`${head}<style>${trusted(`.r-document{margin:0 auto;padding:32px 20px 64px;max-width:960px;background:#ffffff}\n${reportCss}`)}</style></head>
<body class="r-document">${body}</body></html>
`.text;
  return markup`${head}</head>
<body style="margin:0;padding:0;background:#eef1f4"><table role="presentation" width="100%" cellpadding="0" cellspacing="0" bgcolor="#eef1f4"><tr><td align="center" style="padding:24px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" bgcolor="#ffffff" style="max-width:720px;border-radius:8px"><tr><td style="padding:28px 24px;text-align:left">${body}</td></tr></table>
</td></tr></table></body></html>
`.text;
}

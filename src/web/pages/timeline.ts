/**
 * Denials over time, stacked by cause: drawn on the server as plain SVG rectangles, with the same numbers as a table
 * behind a fold. Labels stand in HTML beside the drawing, so that it may be any width.
 */
import { counted, type Html, html, ownMarkup } from '../html.ts';
import { causeWords, moment } from './marks.ts';
import { table } from './table.ts';

export type Range = '24h' | '7d' | '30d';
const HOUR = 3_600_000;
/** How far a range goes back, how many hours one bar is wide, and after how many hours each time stands below them. */
export const RANGES: Record<Range, { hours: number; bar: number; ticks: number[]; words: string }> = {
  '24h': { hours: 24, bar: 1, ticks: [0, 6, 12, 18], words: '24 hours' },
  '7d': { hours: 168, bar: 6, ticks: [0, 48, 96], words: '7 days' },
  '30d': { hours: 720, bar: 24, ticks: [0, 240, 480], words: '30 days' },
};
const SHADES = 6;

export type Point = { hour: string; cause: string; count: number };

/** The first hour that belongs to a range, epoch ms. */
export const startOf = (range: Range, now: number): number =>
  Math.floor(now / HOUR) * HOUR - (RANGES[range].hours - 1) * HOUR;

/** Bars from old to new; each has a count per cause, causes in order of their total, the sixth and later as one. */
function stack(
  points: Point[],
  range: Range,
  now: number,
): { causes: [string, number][]; bars: { at: number; counts: number[] }[] } {
  const { hours, bar } = RANGES[range];
  const from = startOf(range, now);
  const totals = new Map<string, number>();
  for (const p of points) totals.set(p.cause, (totals.get(p.cause) ?? 0) + p.count);
  const ordered = [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const rest = ordered.slice(SHADES - 1);
  const causes: [string, number][] =
    rest.length > 1
      ? [...ordered.slice(0, SHADES - 1), ['other causes', rest.reduce((n, [, c]) => n + c, 0)]]
      : ordered;
  const place = new Map(ordered.map(([cause], i) => [cause, Math.min(i, causes.length - 1)]));
  const bars = Array.from({ length: Math.ceil(hours / bar) }, (_, i) => ({
    at: from + i * bar * HOUR,
    counts: causes.map(() => 0),
  }));
  for (const p of points) {
    const at = bars[Math.floor((Date.parse(p.hour) - from) / (bar * HOUR))];
    if (at) at.counts[place.get(p.cause)!]! += p.count;
  }
  return { causes, bars };
}

export function timeline(points: Point[], range: Range, now: number): Html {
  const { causes, bars } = stack(points, range, now);
  const sums = bars.map(b => b.counts.reduce((x, y) => x + y, 0));
  const most = Math.max(1, ...sums);
  const total = sums.reduce((a, b) => a + b, 0);
  const width = 100 / bars.length;
  const rects = bars.flatMap((bar, i) => {
    let base = 100;
    return bar.counts.map((n, c) => {
      if (n === 0) return '';
      const height = (n / most) * 96;
      base -= height;
      return `<rect class="shade-${c}" x="${(i * width + width * 0.14).toFixed(2)}" y="${base.toFixed(2)}" width="${(width * 0.72).toFixed(2)}" height="${height.toFixed(2)}"/>`;
    });
  });
  const ticks = RANGES[range].ticks.map(hour => bars[0]!.at + hour * HOUR);
  const form = range === '24h' ? 'hour' : 'day';
  return html`<figure class="timeline">
<div class="plot"><span class="most" aria-hidden="true">${most.toLocaleString('en')}</span>
<svg viewBox="0 0 100 100" preserveAspectRatio="none" role="img" aria-label="${`${counted(total, 'denial')} in the last ${RANGES[range].words}, at most ${most} in one bar; the numbers are in the table below`}">${ownMarkup(`<path class="rule" d="M0 4H100M0 52H100"/>${rects.join('')}`)}</svg></div>
<div class="ticks range-${range}" aria-hidden="true">${ticks.map(at => moment(at, form))}<span>now</span></div>
<figcaption><ul class="legend">${causes.map(([cause, n], i) => html`<li><span class="swatch shade-${i}"></span>${causeWords(cause)} <span class="faint">${n.toLocaleString('en')}</span></li>`)}</ul></figcaption>
<details><summary>The same as a table</summary>${table(
    'Denials over time as a table',
    ['From', ...causes.map(([cause]): [string, 'number'] => [causeWords(cause), 'number'])],
    bars.flatMap((bar, i) =>
      sums[i]! > 0 ? [[moment(bar.at), ...bar.counts.map(n => (n ? n.toLocaleString('en') : '–'))]] : [],
    ),
  )}</details>
</figure>`;
}

/**
 * The two pictures of the report as plain SVG, made on the server: denials per day stacked by cause, and how long it took
 * until people could work. Each has a title and a description for those who can't see it; colours are attributes, so that
 * a strict content policy lets them stand and a style sheet can change them.
 */
import { type Markup, markup, trusted } from '../markup.ts';
import type { WeekReport } from './week.ts';
import { causeName, dayName, duration, NO_PERSON, plural } from './words.ts';

/** Told apart by people who don't see red and green alike; each at 3:1 on white at least. */
const COLOURS = ['#0b5cad', '#c2571a', '#2f7d4f', '#8a4fa3', '#9c7416', '#3d7f8c'] as const;
const OTHER = '#5c4a40';
const GREY = '#77828e';

/** Stands for the causes that got no colour of their own. */
const REST = '*';

export interface Layer {
  cause: string;
  label: string;
  colour: string;
  total: number;
}

/** The causes in the order they are stacked: the greatest first, what is past the sixth as one, what is no person's last. */
export function layersOf(report: WeekReport): Layer[] {
  const totals = new Map<string, number>();
  for (const day of report.days)
    for (const [cause, n] of Object.entries(day.byCause)) totals.set(cause, (totals.get(cause) ?? 0) + n);
  const strangers = totals.get(NO_PERSON) ?? 0;
  totals.delete(NO_PERSON);
  const sorted = [...totals].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
  const most = sorted.length > COLOURS.length ? COLOURS.length - 1 : sorted.length;
  const layers: Layer[] = sorted
    .slice(0, most)
    .map(([cause, total], i) => ({ cause, label: causeName(cause), colour: COLOURS[i]!, total }));
  const rest = sorted.slice(most).reduce((n, [, total]) => n + total, 0);
  if (rest) layers.push({ cause: REST, label: 'other causes', colour: OTHER, total: rest });
  if (strangers) layers.push({ cause: NO_PERSON, label: causeName(NO_PERSON), colour: GREY, total: strangers });
  return layers;
}

/** How many of a day's denials belong to each layer. */
export function stackOf(day: WeekReport['days'][number], layers: readonly Layer[]): number[] {
  const named = layers.map(l => (l.cause === REST ? 0 : (day.byCause[l.cause] ?? 0)));
  const rest = day.total - named.reduce((a, b) => a + b, 0);
  return layers.map((l, i) => (l.cause === REST ? rest : named[i]!));
}

const BUCKETS: readonly [label: string, below: number][] = [
  ['under 5 min', 5 * 60_000],
  ['5–15 min', 15 * 60_000],
  ['15–60 min', 3_600_000],
  ['1–4 h', 4 * 3_600_000],
  ['4–24 h', 24 * 3_600_000],
  ['1–3 days', 72 * 3_600_000],
  ['longer', Number.POSITIVE_INFINITY],
];

/** Cases by how long they took. */
export function bucketsOf(report: WeekReport): { label: string; count: number }[] {
  return BUCKETS.map(([label, below], i) => ({
    label,
    count: report.timeToAccess.filter(t => t.ms < below && t.ms >= (BUCKETS[i - 1]?.[1] ?? 0)).length,
  }));
}

const WIDTH = 640;
const HEIGHT = 220;
const LEFT = 44;
const TOP = 22;
const BOTTOM = 34;
const PLOT = HEIGHT - TOP - BOTTOM;

/** The least of 1, 2, 5, 10, 20, 50 … that is not smaller: the top of the scale ends on a whole tick. */
function scaleTop(most: number): { top: number; step: number } {
  for (let step = 1; ; step *= 10)
    for (const s of [step, 2 * step, 5 * step])
      if (s * 4 >= most) return { top: s * Math.max(1, Math.ceil(most / s)), step: s };
}

const y = (value: number, top: number): number => Math.round((TOP + PLOT - (value / top) * PLOT) * 10) / 10;

const grid = (top: number, step: number): Markup[] =>
  Array.from({ length: top / step + 1 }, (_, i) => i * step).map(
    v =>
      markup`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y(v, top)}" y2="${y(v, top)}" stroke="#e3e7ec"/><text class="tick" x="${LEFT - 8}" y="${y(v, top) + 4}" text-anchor="end" fill="#5b6675">${v}</text>`,
  );

const frame = (id: string, title: string, describe: string, inside: Markup[]): string =>
  markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-labelledby="${id}-title ${id}-desc" font-family="system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif" font-size="12"><title id="${id}-title">${title}</title><desc id="${id}-desc">${describe}</desc>${inside}</svg>`
    .text;

/** Denials per day, stacked by cause. */
export function denialsChart(report: WeekReport): string {
  const layers = layersOf(report);
  const { days } = report;
  const { top, step } = scaleTop(Math.max(1, ...days.map(d => d.total)));
  const slot = (WIDTH - LEFT) / Math.max(1, days.length);
  const bar = Math.min(56, slot * 0.66);
  const every = Math.ceil(days.length / 10);
  const bars = days.map((day, n) => {
    const x = Math.round((LEFT + slot * n + (slot - bar) / 2) * 10) / 10;
    let below = 0;
    const parts = stackOf(day, layers).map((count, i) => {
      const from = y(below, top);
      below += count;
      const to = y(below, top);
      return count === 0
        ? null
        : markup`<rect x="${x}" y="${to}" width="${Math.round(bar * 10) / 10}" height="${Math.max(1, Math.round((from - to) * 10) / 10)}" fill="${layers[i]!.colour}"><title>${dayName(day.day)}, ${layers[i]!.label}: ${count}</title></rect>`;
    });
    const label =
      n % every === 0
        ? markup`<text class="tick" x="${x + bar / 2}" y="${HEIGHT - 12}" text-anchor="middle" fill="#5b6675">${dayName(day.day)}</text>`
        : null;
    const total =
      day.total && days.length <= 14
        ? markup`<text class="value" x="${x + bar / 2}" y="${y(day.total, top) - 6}" text-anchor="middle" fill="#1c2430">${day.total}</text>`
        : null;
    return markup`${parts}${total}${label}`;
  });
  const describe = days.length
    ? `${days.map(d => `${dayName(d.day)}: ${d.total}`).join('; ')}. By cause: ${layers.map(l => `${l.label} ${l.total}`).join(', ') || 'none'}.`
    : 'No days.';
  return frame('denials', 'Denials per day, stacked by cause', describe, [...grid(top, step), ...bars]);
}

/** How many cases ended with access after how long. */
export function timeToAccessChart(report: WeekReport): string {
  const buckets = bucketsOf(report);
  const { top, step } = scaleTop(Math.max(1, ...buckets.map(b => b.count)));
  const slot = (WIDTH - LEFT) / buckets.length;
  const bar = slot * 0.66;
  const bars = buckets.map((b, n) => {
    const x = Math.round((LEFT + slot * n + (slot - bar) / 2) * 10) / 10;
    const rect = b.count
      ? markup`<rect x="${x}" y="${y(b.count, top)}" width="${Math.round(bar * 10) / 10}" height="${Math.round((PLOT + TOP - y(b.count, top)) * 10) / 10}" fill="${trusted(COLOURS[0])}"><title>${b.label}: ${b.count}</title></rect><text class="value" x="${x + bar / 2}" y="${y(b.count, top) - 6}" text-anchor="middle" fill="#1c2430">${b.count}</text>`
      : null;
    return markup`${rect}<text class="tick" x="${x + bar / 2}" y="${HEIGHT - 12}" text-anchor="middle" fill="#5b6675">${b.label}</text>`;
  });
  const n = report.numbers;
  const describe = `${plural(n.resolved, 'case')}; median ${duration(n.medianMs)}, 90 % within ${duration(n.p90Ms)}. ${buckets.map(b => `${b.label}: ${b.count}`).join('; ')}.`;
  return frame('time-to-access', 'Cases by the time until people had access', describe, [...grid(top, step), ...bars]);
}

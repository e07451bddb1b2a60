/**
 * The two pictures of the report as plain SVG, made on the server: denials per day stacked by cause, and how long it took
 * until people could work. Each has a title and a description for those who can't see it; colours are attributes, so that
 * a strict content policy lets them stand and a style sheet can change them.
 */
import { type Markup, markup, type Part } from '../markup.ts';
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

/** `inside`: with a scale, values and labels. `beside`: bars only, for a picture whose words stand in the HTML around it. */
export type Words = 'inside' | 'beside';

const WIDTH = 640;
const ROOM = {
  inside: { height: 220, left: 44, top: 22, bottom: 34 },
  beside: { height: 150, left: 0, top: 4, bottom: 1 },
} as const;

/** The least of 1, 2, 5, 10, 20, 50 … that is not smaller: the top of the scale ends on a whole tick. */
function scaleTop(most: number): { top: number; step: number } {
  for (let step = 1; ; step *= 10)
    for (const s of [step, 2 * step, 5 * step])
      if (s * 4 >= most) return { top: s * Math.max(1, Math.ceil(most / s)), step: s };
}

const tenth = (n: number): number => Math.round(n * 10) / 10;

/** Where things lie: `slots` columns of equal width under a scale that reaches to `most`. */
class Sheet {
  readonly words: Words;
  readonly bar: number;
  readonly height: number;
  readonly #slot: number;
  readonly #scale: { top: number; step: number };

  constructor(words: Words, slots: number, most: number) {
    this.words = words;
    this.height = ROOM[words].height;
    this.#slot = (WIDTH - ROOM[words].left) / Math.max(1, slots);
    this.bar = tenth(Math.min(56, this.#slot * 0.66));
    this.#scale = scaleTop(Math.max(1, most));
  }
  x(column: number): number {
    return tenth(ROOM[this.words].left + this.#slot * column + (this.#slot - this.bar) / 2);
  }
  middle(column: number): number {
    return tenth(this.x(column) + this.bar / 2);
  }
  y(value: number): number {
    const { top, bottom } = ROOM[this.words];
    const plot = this.height - top - bottom;
    return tenth(top + plot - (value / this.#scale.top) * plot);
  }
  tick(column: number, text: string): Markup | null {
    if (this.words === 'beside') return null;
    return markup`<text class="tick" x="${this.middle(column)}" y="${this.height - 12}" text-anchor="middle" fill="#5b6675">${text}</text>`;
  }
  value(column: number, value: number): Markup | null {
    if (this.words === 'beside' || value === 0) return null;
    return markup`<text class="value" x="${this.middle(column)}" y="${this.y(value) - 6}" text-anchor="middle" fill="#1c2430">${value}</text>`;
  }
  grid(): Markup[] {
    const { top, step } = this.#scale;
    const { left } = ROOM[this.words];
    // The HTML around a picture draws the ground itself.
    const from = this.words === 'beside' ? 1 : 0;
    return Array.from({ length: top / step + 1 - from }, (_, i) => (i + from) * step).map(v => {
      const line = markup`<line class="grid" x1="${left}" x2="${WIDTH}" y1="${this.y(v)}" y2="${this.y(v)}" stroke="#e3e7ec"/>`;
      if (this.words === 'beside') return line;
      return markup`${line}<text class="tick" x="${left - 8}" y="${this.y(v) + 4}" text-anchor="end" fill="#5b6675">${v}</text>`;
    });
  }
  drawn(id: string, title: string, describe: string, inside: Part[]): string {
    return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${this.height}" width="${WIDTH}" height="${this.height}" role="img" aria-labelledby="${id}-title ${id}-desc" font-family="system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif" font-size="12"><title id="${id}-title">${title}</title><desc id="${id}-desc">${describe}</desc>${this.grid()}${inside}</svg>`
      .text;
  }
}

/** Denials per day, stacked by cause. */
export function denialsChart(report: WeekReport, words: Words = 'inside'): string {
  const layers = layersOf(report);
  const { days } = report;
  const sheet = new Sheet(words, days.length, Math.max(...days.map(d => d.total), 1));
  const every = Math.ceil(days.length / 10);
  const bars = days.map((day, n) => {
    let below = 0;
    const parts = stackOf(day, layers).map((count, i) => {
      const from = sheet.y(below);
      below += count;
      const to = sheet.y(below);
      return count === 0
        ? null
        : markup`<rect x="${sheet.x(n)}" y="${to}" width="${sheet.bar}" height="${Math.max(1, tenth(from - to))}" fill="${layers[i]!.colour}"><title>${dayName(day.day)}, ${layers[i]!.label}: ${count}</title></rect>`;
    });
    return markup`${parts}${days.length <= 14 ? sheet.value(n, day.total) : null}${n % every === 0 ? sheet.tick(n, dayName(day.day)) : null}`;
  });
  return sheet.drawn('denials', 'Denials per day, stacked by cause', describeDenials(report), bars);
}

/** The same in words, for those who can't see it. */
function describeDenials(report: WeekReport): string {
  const { days } = report;
  if (!days.length) return 'No days.';
  const causes = layersOf(report).map(l => `${l.label} ${l.total}`);
  return `${days.map(d => `${dayName(d.day)}: ${d.total}`).join('; ')}. By cause: ${causes.join(', ') || 'none'}.`;
}

/** How many cases ended with access after how long. */
export function timeToAccessChart(report: WeekReport, words: Words = 'inside'): string {
  const buckets = bucketsOf(report);
  const sheet = new Sheet(words, buckets.length, Math.max(...buckets.map(b => b.count)));
  const bars = buckets.map((b, n) => {
    const top = sheet.y(b.count);
    const rect = b.count
      ? markup`<rect x="${sheet.x(n)}" y="${top}" width="${sheet.bar}" height="${tenth(sheet.y(0) - top)}" fill="${COLOURS[0]}"><title>${b.label}: ${b.count}</title></rect>`
      : null;
    return markup`${rect}${sheet.value(n, b.count)}${sheet.tick(n, b.label)}`;
  });
  return sheet.drawn('time-to-access', 'Cases by the time until people had access', describeTimes(report), bars);
}

/** The same in words. */
function describeTimes(report: WeekReport): string {
  const n = report.numbers;
  const cases = bucketsOf(report).map(b => `${b.label}: ${b.count}`);
  return `${plural(n.resolved, 'case')}; median ${duration(n.medianMs)}, 90 % within ${duration(n.p90Ms)}. ${cases.join('; ')}.`;
}

/** One picture of growth: time and memory against size, both axes doubling, with the line that "linear" would be. */

export interface Point {
  size: number;
  seconds: number;
  megabytes: number;
}

const [WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM] = [560, 320, 64, 40, 64, 48];
const TIME = '#0b5cad';
const MEMORY = '#b3541e';

/** @returns an SVG; `what` grows */
export function growthPlot(title: string, what: string, points: readonly Point[]): string {
  const sizes = points.map(p => p.size);
  const x = scale(sizes, LEFT, WIDTH - RIGHT);
  const seconds = range(points.map(p => p.seconds));
  const megabytes = range(points.map(p => p.megabytes));
  const left = scale(seconds, HEIGHT - BOTTOM, TOP);
  const right = scale(megabytes, HEIGHT - BOTTOM, TOP);
  const linear = points
    .map(p => ({ x: x(p.size), y: left((points[0]!.seconds * p.size) / points[0]!.size) }))
    .filter(p => p.y >= TOP);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="11" role="img">`,
    `<title>${title}</title><rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    `<text x="${LEFT}" y="20" font-size="14" fill="#1a1a1a">${title}</text>`,
    ...sizes.map(size => label(x(size), HEIGHT - BOTTOM + 16, short(size), 'middle', '#444')),
    label((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, what, 'middle', '#444'),
    ...marks(seconds).map(s => `${grid(left(s))}${label(LEFT - 6, left(s) + 4, `${short(s)} s`, 'end', TIME)}`),
    ...marks(megabytes).map(m => label(WIDTH - RIGHT + 6, right(m) + 4, `${short(m)} MB`, 'start', MEMORY)),
    line(linear, '#999', '4 4'),
    line(
      points.map(p => ({ x: x(p.size), y: left(p.seconds) })),
      TIME,
    ),
    line(
      points.map(p => ({ x: x(p.size), y: right(p.megabytes) })),
      MEMORY,
    ),
    label(WIDTH - RIGHT, 34, 'time (left), memory (right), dashed: linear time', 'end', '#444'),
    '</svg>\n',
  ].join('\n');
}

/** From the power of two below the least to the one above the most, at least two doublings. */
function range(values: readonly number[]): number[] {
  const low = 2 ** Math.floor(Math.log2(Math.min(...values)));
  const high = 2 ** Math.ceil(Math.log2(Math.max(...values)));
  return [low, Math.max(high, low * 4)];
}
const marks = ([low, high]: number[]): number[] => {
  const step = Math.max(1, Math.round(Math.log2(high! / low!) / 5));
  const all: number[] = [];
  for (let value = low!; value <= high! * 1.001; value *= 2 ** step) all.push(value);
  return all;
};
const scale =
  (values: readonly number[], from: number, to: number) =>
  (value: number): number => {
    const [low, high] = [Math.log2(Math.min(...values)), Math.log2(Math.max(...values))];
    return Math.round((from + ((Math.log2(value) - low) / (high - low)) * (to - from)) * 10) / 10;
  };
const short = (n: number): string =>
  n >= 1e6
    ? `${+(n / 1e6).toFixed(2)} M`
    : n >= 10_000
      ? `${+(n / 1000).toFixed(1)} k`
      : `${+n.toPrecision(n < 1000 ? 3 : 4)}`;
const label = (x: number, y: number, text: string, anchor: string, fill: string): string =>
  `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${fill}">${text}</text>`;
const grid = (y: number): string => `<path d="M${LEFT} ${y}H${WIDTH - RIGHT}" stroke="#e4e4e4"/>`;
const line = (points: readonly { x: number; y: number }[], stroke: string, dash = ''): string =>
  `<polyline fill="none" stroke="${stroke}" stroke-width="2"${dash && ` stroke-dasharray="${dash}"`} points="${points.map(p => `${p.x},${p.y}`).join(' ')}"/>`;

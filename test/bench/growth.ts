/**
 * `node test/bench/growth.ts [lines|users|addresses|homes|incidents|agents …]`: doubles one thing at a time, notes time and
 * memory, and draws a picture of each into docs/growth/. The table it prints is for docs/growth.md.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { homesFigures } from './homes.ts';
import { compiled, load, middle, run, three } from './measure.ts';
import { growthPlot, type Point } from './plot.ts';
import { counted, pagesFigures } from './store.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const OUT = join(ROOT, 'docs/growth');
const dir = mkdtempSync(join(tmpdir(), 'readmit-growth-'));
const measure = compiled(dir, 'measure');
if (!measure) throw new Error('the accounting needs a C compiler: sh test/bench/install-peers.sh');

/** From the first by doubling. */
const doubling = (first: number, times: number): number[] => Array.from({ length: times }, (_, n) => first * 2 ** n);

/** Scans a generated log three times. */
function scanned(size: number, options: Record<string, number>): Point {
  const name = join(dir, 'log');
  const argv = Object.entries({ denials: 0.1, ...options }).flatMap(([key, value]) => [`--${key}`, `${value}`]);
  execFileSync(process.execPath, ['generate.mjs', '--out', name, ...argv], {
    cwd: import.meta.dirname,
    stdio: 'ignore',
  });
  const command = [join(ROOT, 'deploy/readmit'), 'scan', '--json', `${name}.log`];
  const { cpu, megabytes } = middle(Array.from({ length: 3 }, () => run(measure!, command, join(dir, 'out'))));
  return { size, seconds: cpu, megabytes };
}

const KINDS: Record<string, { title: string; what: string; points: () => Promise<Point[]> | Point[] }> = {
  lines: {
    title: 'Scan: lines (processor time)',
    what: 'lines, 10 % denials',
    points: () => doubling(625_000, 5).map(lines => scanned(lines, { lines })),
  },
  users: {
    title: 'Scan: users (processor time)',
    what: 'users, 1 million lines',
    points: () => doubling(500, 8).map(users => scanned(users, { lines: 1e6, users })),
  },
  addresses: {
    title: 'Scan: addresses (processor time)',
    what: 'addresses, 1 million lines',
    points: () => doubling(200, 8).map(ips => scanned(ips, { lines: 1e6, ips })),
  },
  homes: {
    title: 'Many files: from the start to ready',
    what: 'homes with a client log',
    points: () =>
      doubling(1250, 5).map(homes => {
        const { readyMs, kilobytesPerFile } = Object.values(homesFigures([homes], 0))[0] as Record<string, number>;
        return { size: homes, seconds: readyMs! / 1000, megabytes: (kilobytesPerFile! * homes) / 1024 };
      }),
  },
  incidents: {
    title: 'First page: the slowest of five requests',
    what: 'incidents, ten denials each',
    points: async () => {
      const points: Point[] = [];
      for (const incidents of doubling(1250, 4)) {
        const { milliseconds, megabytes } = await pagesFigures(
          { incidents, denials: incidents * 10, users: incidents * 5 },
          ['/'],
        );
        points.push({ size: incidents, seconds: milliseconds['/']!.most / 1000, megabytes });
      }
      return points;
    },
  },
  agents: {
    title: 'Intake: agents that send to one serve (processor time)',
    what: 'agents, 200,000 lines each',
    points: async () => {
      const points: Point[] = [];
      for (const agents of doubling(1, 5)) {
        const { microseconds, megabytes } = await counted(join(dir, `agents-${agents}`), agents, 200_000);
        points.push({ size: agents, seconds: microseconds / 1e6, megabytes });
      }
      return points;
    },
  },
};

try {
  mkdirSync(OUT, { recursive: true });
  const asked = process.argv.slice(2);
  for (const [name, { title, what, points }] of Object.entries(KINDS)) {
    if (asked.length > 0 && !asked.includes(name)) continue;
    const before = load();
    const all = await points();
    writeFileSync(join(OUT, `${name}.svg`), growthPlot(title, what, all));
    const rows = all.map(p => `| ${p.size} | ${three(p.seconds)} | ${Math.round(p.megabytes)} |`);
    process.stdout.write(
      `${title}; load ${before} to ${load()}\n| ${what} | s | MB |\n|---|---|---|\n${rows.join('\n')}\n\n`,
    );
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}

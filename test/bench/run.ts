/**
 * `npm run bench [-- --json] [-- --lines N] [-- --pairs N] [-- --only scan|latency]`: us and the yardsticks on the same
 * file in turns, answers compared before any time is taken, minimum and median of the ratio; then the waiting times of
 * the running program. A benchmark, not a test: nothing here passes or fails by a clock.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { latencies } from './latency.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const HERE = import.meta.dirname;

interface Timed {
  out: string;
  wall: number;
  cpu: number;
  rss: number;
}

/** One run of a whole process, with the operating system's own account of it. */
function timed(argv: string[]): Timed {
  const script =
    'import resource,subprocess,sys,time\nt=time.perf_counter()\np=subprocess.run(sys.argv[1:],stdout=subprocess.PIPE)\nw=time.perf_counter()-t\nu=resource.getrusage(resource.RUSAGE_CHILDREN)\nsys.stderr.write(f"{w} {u.ru_utime+u.ru_stime} {u.ru_maxrss}")\nsys.stdout.buffer.write(p.stdout)\nsys.exit(p.returncode)';
  const run = spawnSync('python3', ['-c', script, ...argv], { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (run.status !== 0) throw new Error(`${argv.join(' ')}: ${run.stderr}`);
  const [wall, cpu, rss] = run.stderr.trim().split('\n').at(-1)!.split(' ').map(Number);
  return { out: run.stdout, wall: wall!, cpu: cpu!, rss: rss! };
}

interface Scan {
  lines: number;
  users: { user: string; count: number }[];
  addresses: { ip: string; count: number }[];
  pairs: { user: string; ip: string; endpoints: Record<string, number> }[];
}

/** Our answer in the yardsticks' form: sorted rows. */
function rowsOf(json: string): string {
  const scan = JSON.parse(json) as Scan;
  return [
    ...scan.users.map(u => `U\t${u.user}\t${u.count}`),
    ...scan.addresses.map(a => `I\t${a.ip}\t${a.count}`),
    ...scan.pairs.flatMap(p => Object.entries(p.endpoints).map(([e, n]) => `T\t${p.user}|${p.ip}|${e}\t${n}`)),
    `L\t${scan.lines}`,
  ]
    .sort()
    .join('\n');
}
const sorted = (out: string): string => out.trim().split('\n').sort().join('\n');
const median = (values: number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
const two = (n: number): number => Math.round(n * 100) / 100;

function scanBench(dir: string, lines: number, pairs: number, denials: string): Record<string, unknown> {
  const name = join(dir, `sched-${denials}`);
  execFileSync(
    process.execPath,
    [join(HERE, 'generate.mjs'), '--out', name, '--lines', String(lines), '--denials', denials],
    { stdio: 'ignore' },
  );
  const log = `${name}.log`;
  const limit = join(dir, 'limit');
  const yardsticks: Record<string, string[]> = {};
  if (spawnSync('gcc', ['-O3', '-march=native', '-o', limit, join(HERE, 'limit.c')]).status === 0)
    yardsticks.c = [limit, log];
  if (existsSync('/usr/bin/mawk')) yardsticks.mawk = ['mawk', '-f', join(HERE, 'count.awk'), log];
  const ours = [process.execPath, join(ROOT, 'src/main.ts'), 'scan', log, '--json'];
  const answer = `${readFileSync(`${name}.answer.tsv`, 'utf8').trim()}\nL\t${lines}`;
  const agrees: Record<string, boolean> = { readmit: rowsOf(timed(ours).out) === sorted(answer) };
  for (const [who, argv] of Object.entries(yardsticks)) agrees[who] = sorted(timed(argv).out) === sorted(answer);
  const ratios: Record<string, number[]> = Object.fromEntries(Object.keys(yardsticks).map(k => [k, []]));
  const own: Timed[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const mine = timed(ours);
    own.push(mine);
    for (const [who, argv] of Object.entries(yardsticks)) ratios[who]!.push(mine.wall / timed(argv).wall);
  }
  return {
    lines,
    denials: Number(denials),
    agrees,
    readmit: {
      wall: two(median(own.map(o => o.wall))),
      cpu: two(median(own.map(o => o.cpu))),
      megabytes: Math.round(Math.max(...own.map(o => o.rss)) / 1024),
    },
    ratios: Object.fromEntries(
      Object.entries(ratios).map(([who, r]) => [who, { min: two(Math.min(...r)), median: two(median(r)) }]),
    ),
  };
}

const args = process.argv.slice(2);
const option = (name: string, fallback: string): string =>
  args.includes(name) ? (args[args.indexOf(name) + 1] ?? fallback) : fallback;
const only = option('--only', '');
const dir = mkdtempSync(join(tmpdir(), 'readmit-bench-'));
const result: Record<string, unknown> = {};
try {
  if (only !== 'latency') {
    const lines = Number(option('--lines', '5000000'));
    const pairs = Number(option('--pairs', '7'));
    for (const denials of ['0.10', '0.90'])
      result[`scan, ${Number(denials) * 100} % denials`] = scanBench(dir, lines, pairs, denials);
  }
  if (only !== 'scan') result.waiting = await latencies(Number(option('--rounds', '60')));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.stdout.write(args.includes('--json') ? `${JSON.stringify(result)}\n` : `${JSON.stringify(result, null, 2)}\n`);

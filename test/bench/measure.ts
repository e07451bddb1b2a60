/**
 * What the benchmarks measure with: whole processes by the operating system's own account, two of them in turns, and the
 * numbers that are quoted of many: least, median, quantiles.
 */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { join } from 'node:path';

export interface Timed {
  /** Seconds. */
  wall: number;
  cpu: number;
  megabytes: number;
}

export interface Ratio {
  least: number;
  median: number;
}

export interface Quantiles {
  n: number;
  p50: number;
  p90: number;
  p99: number;
}

/** Builds one of our C programs. @returns its path, or null without a compiler */
export function compiled(dir: string, name: string): string | null {
  const program = join(dir, name);
  const argv = ['-O3', '-march=native', '-o', program, join(import.meta.dirname, `${name}.c`)];
  return spawnSync('gcc', argv).status === 0 ? program : null;
}

/** One run of a whole process; what it prints goes into `file`. @throws Error when it fails */
export function run(measure: string, argv: readonly string[], file: string): Timed {
  const out = openSync(file, 'w');
  const said = `${file}.took`;
  const { status, stderr } = spawnSync(measure, [said, ...argv], { stdio: ['ignore', out, 'pipe'] });
  closeSync(out);
  if (status !== 0) throw new Error(`${argv.join(' ')}: exit ${status}: ${stderr}`);
  const [wall, user, system, kilobytes] = readFileSync(said, 'utf8').split(' ').map(Number);
  return { wall: wall!, cpu: user! + system!, megabytes: kilobytes! / 1024 };
}

/** A and B in turns; of each pair A / B. */
export function inTurns(
  pairs: number,
  a: () => Timed,
  b: () => Timed,
): { a: Timed; b: Timed; wall: Ratio; cpu: Ratio } {
  const taken = Array.from({ length: pairs }, () => [a(), b()] as const);
  const ratio = (of: (t: Timed) => number): Ratio => {
    const all = taken.map(([mine, theirs]) => of(mine) / of(theirs));
    return { least: two(Math.min(...all)), median: two(median(all)) };
  };
  return {
    a: middle(taken.map(([mine]) => mine)),
    b: middle(taken.map(([, theirs]) => theirs)),
    wall: ratio(t => t.wall),
    cpu: ratio(t => t.cpu),
  };
}

/** Medians, and of the memory the most. */
export const middle = (runs: readonly Timed[]): Timed => ({
  wall: three(median(runs.map(r => r.wall))),
  cpu: three(median(runs.map(r => r.cpu))),
  megabytes: Math.round(Math.max(...runs.map(r => r.megabytes))),
});

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1]!;
export const two = (n: number): number => Math.round(n * 100) / 100;
export const three = (n: number): number => Math.round(n * 1000) / 1000;

export function quantiles(values: readonly number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]! * 10) / 10;
  return { n: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

/** Seconds of processor time that a process has used so far; its threads included. */
export function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** Resident bytes of a process. */
export const residentOf = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;

/** Bytes of several processes of one program together: its own pages, which they share, counted once, by the larger part. */
export function residentTogether(pids: readonly number[]): number {
  const of = (pid: number, what: string): number =>
    Number(new RegExp(`^${what}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024;
  const own = pids.reduce((sum, pid) => sum + of(pid, 'RssAnon'), 0);
  return own + Math.max(...pids.map(pid => of(pid, 'RssFile')));
}

/** How busy the machine is: said beside every figure. */
export const load = (): number => two(loadavg()[0]!);

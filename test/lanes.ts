/**
 * Runs test files with vitest in lanes: two for what takes the processor, files that start daemons one by one, the quick
 * ones together; and one for files that mostly wait (for a lock, a retry, a lost answer). More lanes made no run shorter
 * on two cores, and probes late.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Shown } from './reporter.ts';

const ROOT = resolve(import.meta.dirname, '..');
const LANES = Number(process.env.READMIT_LANES ?? 2);
/** Each starts daemons of its own, for seconds or minutes. */
const SLOW = /^test\/(faults|e2e|browser|practice)\//;
/** These wait more than they work. */
const WAITING = /^test\/faults\/(lock|kill|disk|channel|votes|redis)\./;
/** Started first, since they take longest. */
const LONGEST = ['e2e/causes', 'e2e/pairs', 'faults/lock', 'faults/kill', 'e2e/ldap', 'browser/real', 'faults/storm'];
/** What these print is the table that people want to see. */
const TELLING = /e2e\/(causes|pairs)/;

/** All test files, as paths from the root of the project. */
export const testFiles = (): string[] =>
  readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
    .filter(f => f.endsWith('.test.ts'))
    .map(f => join('test', f))
    .sort();

/** Runs them all and says on standard error how it goes; returns what every test said. */
export async function runInLanes(files: readonly string[]): Promise<Shown[]> {
  const rank = (file: string): number => {
    const at = LONGEST.findIndex(l => file.includes(l));
    return at < 0 ? LONGEST.length : at;
  };
  const slow = files.filter(f => SLOW.test(f)).sort((a, b) => rank(a) - rank(b));
  const quick = files.filter(f => !SLOW.test(f));
  const one = (list: string[]): string[][] => list.map(file => [file]);
  const working = slow.filter(f => !WAITING.test(f));
  const first = working.filter(f => rank(f) < LONGEST.length);
  const jobs = [...one(first), ...(quick.length ? [quick] : []), ...one(working.slice(first.length))];
  const waiting = one(slow.filter(f => WAITING.test(f)));
  const started = performance.now();
  const dir = mkdtempSync(join(tmpdir(), 'readmit-tests-'));
  const shown: Shown[] = [];
  /** Takes from its own list, and helps the other one out when that is empty. */
  const lane = async (own: string[][], other: string[][]): Promise<void> => {
    const next = (): string[] | undefined => own.shift() ?? other.shift();
    for (let job = next(); job; job = next()) {
      const began = performance.now();
      const of = await vitest(job, dir);
      shown.push(...of);
      const bad = of.filter(t => !t.passed).length;
      const seconds = (since: number): string => `${Math.round((performance.now() - since) / 1000)} s`;
      const what = job.length > 1 ? `${job.length} files` : job[0];
      const came = `${of.length - bad} passed${bad ? `, ${bad} FAILED` : ''}`;
      process.stderr.write(`${seconds(started).padStart(6)}  ${what}: ${came} in ${seconds(began)}\n`);
    }
  };
  const lanes = Array.from({ length: LANES }, () => lane(jobs, waiting));
  await Promise.all(LANES > 1 ? [...lanes, lane(waiting, [])] : lanes);
  rmSync(dir, { recursive: true, force: true });
  return shown;
}

/** Runs some files with vitest; what it printed is shown when it gave no answer, or is worth reading. */
async function vitest(files: readonly string[], dir: string): Promise<Shown[]> {
  const answer = join(dir, `${files[0]!.replaceAll('/', '-')}.json`);
  const child = spawn(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...files,
      `--reporter=${join(ROOT, 'test/reporter.ts')}`,
      '--disableConsoleIntercept',
    ],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, READMIT_SHOWN: answer } },
  );
  let said = '';
  child.stdout.on('data', d => (said = (said + d).slice(-20_000)));
  child.stderr.on('data', d => (said = (said + d).slice(-20_000)));
  const code = await new Promise<number | null>(done => child.on('close', done));
  const failed = (why: string): Shown[] =>
    files.map(file => ({ file, name: '', passed: false, why: `${why}:\n${said}` }));
  let shown: Shown[];
  try {
    shown = JSON.parse(readFileSync(answer, 'utf8')) as Shown[];
  } catch {
    return failed('vitest gave no answer');
  }
  if (files.some(f => TELLING.test(f))) process.stdout.write(said);
  // Nothing it told of failed, and yet it did.
  return code !== 0 && shown.every(t => t.passed) ? [...shown, ...failed(`vitest ended with ${code}`)] : shown;
}

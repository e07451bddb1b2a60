/**
 * `npm run test:faults`: runs every test that shows a row of the fault matrix and prints one line per row. A row without a
 * test, and a row of which any test failed or did not run, is a failure. Files in several lanes: most of them wait.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { MATRIX, type RowId, rowsOf } from './matrix.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LANES = Number(process.env.READMIT_LANES ?? 3);
/** The inner loop's tests, in one go; whatever starts daemons, file by file. */
const SLOW = /^test\/(faults|e2e|browser|practice)\//;
/** Started first, since they take longest. */
const LONGEST = ['test/faults/kill.test.ts', 'test/faults/lock.test.ts', 'test/faults/storm.test.ts'];

interface Shown {
  file: string;
  name: string;
  passed: boolean;
  why: string;
}

const testFiles = readdirSync(join(ROOT, 'test'), { recursive: true, encoding: 'utf8' })
  .filter(f => f.endsWith('.test.ts'))
  .map(f => join('test', f))
  .filter(f => /\b[A-H]\d{2}\b/.test(readFileSync(join(ROOT, f), 'utf8')))
  .sort();

interface Assertion {
  ancestorTitles: string[];
  title: string;
  status: string;
  failureMessages?: string[];
}
interface Answer {
  testResults: { name: string; message?: string; assertionResults: Assertion[] }[];
}

/** Runs some files with vitest; what it printed is shown only when it gave no answer. */
async function vitest(files: string[], dir: string): Promise<Shown[]> {
  const answer = join(dir, `${files[0]!.replaceAll('/', '-')}.json`);
  const child = spawn(
    process.execPath,
    [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', ...files, '--reporter=json', `--outputFile=${answer}`],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let said = '';
  child.stdout.on('data', d => (said = (said + d).slice(-20_000)));
  child.stderr.on('data', d => (said = (said + d).slice(-20_000)));
  await new Promise(done => child.on('close', done));
  let parsed: Answer;
  try {
    parsed = JSON.parse(readFileSync(answer, 'utf8')) as Answer;
  } catch {
    return files.map(file => ({ file, name: '', passed: false, why: `vitest gave no answer:\n${said}` }));
  }
  return parsed.testResults.flatMap(({ name, message, assertionResults }) => {
    const file = relative(ROOT, name);
    if (assertionResults.length === 0) return [{ file, name: '', passed: false, why: message ?? 'no test ran' }];
    return assertionResults.map(a => ({
      file,
      name: [...a.ancestorTitles, a.title].join('\n'),
      passed: a.status === 'passed',
      why: a.failureMessages?.[0] ?? `it was ${a.status}`,
    }));
  });
}

async function main(): Promise<number> {
  const only = process.argv.slice(2);
  const wanted = testFiles.filter(f => only.length === 0 || only.some(o => f.includes(o)));
  const quick = wanted.filter(f => !SLOW.test(f));
  const slow = wanted.filter(f => SLOW.test(f));
  const jobs = [
    ...slow.filter(f => LONGEST.includes(f)).map(f => [f]),
    ...(quick.length > 0 ? [quick] : []),
    ...slow.filter(f => !LONGEST.includes(f)).map(f => [f]),
  ];
  const started = performance.now();
  const dir = mkdtempSync(join(tmpdir(), 'readmit-faults-'));
  const shown: Shown[] = [];
  const lane = async (): Promise<void> => {
    for (let job = jobs.shift(); job; job = jobs.shift()) {
      shown.push(...(await vitest(job, dir)));
      process.stderr.write(
        `${Math.round((performance.now() - started) / 1000)} s: ${job.length > 1 ? `${job.length} files` : job[0]}\n`,
      );
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  rmSync(dir, { recursive: true, force: true });
  return print(shown, only.length > 0);
}

/** One line per row, what went wrong beneath the rows that failed, the sum at the end. */
function print(shown: Shown[], partly: boolean): number {
  const tests = new Map<RowId, Shown[]>();
  for (const test of shown)
    for (const id of new Set(test.name.split('\n').flatMap(rowsOf))) tests.set(id, [...(tests.get(id) ?? []), test]);
  let passed = 0;
  let failed = 0;
  const broken = shown.filter(t => t.name === '');
  for (const [id, text] of Object.entries(MATRIX) as [RowId, string][]) {
    const of = tests.get(id) ?? [];
    if (partly && of.length === 0) continue;
    const bad = of.filter(t => !t.passed);
    const ok = of.length > 0 && bad.length === 0;
    if (ok) passed++;
    else failed++;
    const files = [...new Set((bad.length > 0 ? bad : of).map(t => t.file))].join(' ');
    console.log(`${id}  ${ok ? 'ok    ' : 'FAILED'} ${text}   (${files || 'no test'})`);
    for (const t of bad)
      console.log(`     ${t.name.split('\n').join(' › ')}\n     ${t.why.split('\n').slice(0, 4).join('\n     ')}`);
  }
  for (const { file, why } of broken) console.log(`${file}: ${why}`);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed > 0 || broken.length > 0 ? 1 : 0;
}

process.exitCode = await main();

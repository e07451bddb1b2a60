/**
 * `npm test`: types, lint, every test file, the rows of the fault matrix, and one closing line with the sum of the tests.
 * A row of the matrix that no test shows is a failure of its own.
 */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { rowLines } from './faults/rows.ts';
import { runInLanes, testFiles } from './lanes.ts';

const ROOT = resolve(import.meta.dirname, '..');
process.chdir(ROOT);
const CHECKS: [string, string[]][] = [
  ['types', ['node_modules/.bin/tsc', '--noEmit']],
  ['lint', ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.']],
];

let passed = 0;
let failed = 0;
for (const [name, [command, ...args]] of CHECKS) {
  const { status } = spawnSync(join(ROOT, command!), args, { stdio: 'inherit' });
  if (status === 0) passed++;
  else failed++;
  console.log(`${name}: ${status === 0 ? 'ok' : 'FAILED'}`);
}

const shown = await runInLanes(testFiles());
for (const line of ['', ...rowLines(shown).lines, '']) console.log(line);
const bad = shown.filter(t => !t.passed);
for (const t of bad) console.log(`FAILED ${t.file}: ${t.name.split('\n').join(' › ')}\n${t.why}\n`);
passed += shown.length - bad.length;
failed += bad.length + rowLines(shown).lines.filter(l => l.endsWith('(no test)')).length;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed ? 1 : 0;

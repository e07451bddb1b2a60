/** `npm test`: every project of vitest.config.ts, one after the other, and one closing line with the sum of all. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '..');
const CHECKS: [string, string[]][] = [
  ['types', ['node_modules/.bin/tsc', '--noEmit']],
  ['lint', ['node_modules/.bin/biome', 'check', '--error-on-warnings', '.']],
];
const PROJECTS = ['unit', 'system', 'practice', 'e2e'];

let passed = 0;
let failed = 0;
const out = mkdtempSync(join(tmpdir(), 'readmit-test-'));
try {
  for (const [name, [command, ...args]] of CHECKS) {
    const { status } = spawnSync(join(ROOT, command!), args, { cwd: ROOT, stdio: 'inherit' });
    if (status === 0) passed++;
    else failed++;
    process.stdout.write(`${name}: ${status === 0 ? 'ok' : 'FAILED'}\n`);
  }
  for (const project of PROJECTS) {
    const file = join(out, `${project}.json`);
    const args = [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      '--project',
      project,
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${file}`,
    ];
    const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
    try {
      const result = JSON.parse(readFileSync(file, 'utf8')) as {
        numPassedTests: number;
        numFailedTests: number;
        numPendingTests: number;
        success: boolean;
      };
      passed += result.numPassedTests;
      failed += result.numFailedTests;
      // A file that could not be loaded has no tests to fail.
      if (status !== 0 && result.numFailedTests === 0) failed++;
    } catch {
      failed++;
    }
  }
} finally {
  rmSync(out, { recursive: true, force: true });
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exitCode = failed ? 1 : 0;

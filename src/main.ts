#!/usr/bin/env node
/**
 * The command line. Nothing imports it. Each command loads only what it needs: `scan` must be done before a program that
 * loads everything has started.
 */
import { enableCompileCache } from 'node:module';
import { COMPILED } from './compiled.ts';

enableCompileCache(COMPILED);

const [command, ...rest] = process.argv.slice(2);
const plainly = rest.length === 0 || (rest.length === 2 && rest[0] === '--config');

// What is asked for often and must be quick goes past the full command line.
if (command === 'scan') {
  const { scanCommand } = await import('./cli/scan.ts');
  process.exitCode = await scanCommand(rest);
} else if (command === 'exec' && plainly) {
  // Somebody waits whose approval starts it, and the full command line takes 20 ms to load.
  const { execCommand } = await import('./cli/exec.ts');
  process.exitCode = await execCommand(rest[1]).catch(async error => (await import('./cli/run.ts')).explain(error));
} else {
  const { run } = await import('./cli/run.ts');
  process.exitCode = await run(process.argv);
}

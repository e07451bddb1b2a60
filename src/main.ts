#!/usr/bin/env node
/**
 * The command line. Nothing imports it. Each command loads only what it needs: `scan` must be done before a program that
 * loads everything has started.
 */
import { enableCompileCache } from 'node:module';
import { COMPILED } from './compiled.ts';

enableCompileCache(COMPILED);

const [command] = process.argv.slice(2);

// What is asked for often and must be quick goes past the full command line.
if (command === 'scan') {
  const { scanCommand } = await import('./cli/scan.ts');
  process.exitCode = await scanCommand(process.argv.slice(3));
} else {
  const { run } = await import('./cli/run.ts');
  process.exitCode = await run(process.argv);
}

/** `npm run test:faults [NAME…]`: the tests that show a row of the fault matrix, and one line per row. */
import { readFileSync } from 'node:fs';
import { runInLanes, testFiles } from '../lanes.ts';
import { rowLines } from './rows.ts';

const only = process.argv.slice(2);
const wanted = testFiles()
  .filter(f => /\b[A-H]\d{2}\b/.test(readFileSync(f, 'utf8')))
  .filter(f => only.length === 0 || only.some(o => f.includes(o)));
const shown = await runInLanes(wanted);
const { lines, passed, failed } = rowLines(shown, only.length > 0);
const broken = shown.filter(t => t.name === '');
for (const line of [...lines, ...broken.map(b => `${b.file}: ${b.why}`), '', `${passed} passed, ${failed} failed`])
  console.log(line);
process.exitCode = failed > 0 || broken.length > 0 ? 1 : 0;

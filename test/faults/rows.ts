/** The rows of the fault matrix with what the tests said of each: a row without a test, or with one that failed, failed. */
import type { Shown } from '../reporter.ts';
import { MATRIX, type RowId, rowsOf } from './matrix.ts';

/** One line per row, and beneath a row that failed what went wrong. `partly`: rows without a test are left out. */
export function rowLines(shown: readonly Shown[], partly = false): { lines: string[]; passed: number; failed: number } {
  const tests = new Map<RowId, Shown[]>();
  for (const test of shown)
    for (const id of new Set(test.name.split('\n').flatMap(rowsOf))) tests.set(id, [...(tests.get(id) ?? []), test]);
  const lines: string[] = [];
  let passed = 0;
  let failed = 0;
  for (const [id, text] of Object.entries(MATRIX) as [RowId, string][]) {
    const of = tests.get(id) ?? [];
    if (partly && of.length === 0) continue;
    const bad = of.filter(t => !t.passed);
    const ok = of.length > 0 && bad.length === 0;
    if (ok) passed++;
    else failed++;
    const files = [...new Set((bad.length > 0 ? bad : of).map(t => t.file))].join(' ');
    lines.push(`${id}  ${ok ? 'ok    ' : 'FAILED'} ${text}   (${files || 'no test'})`);
    for (const t of bad)
      lines.push(
        `     ${t.name.split('\n').join(' › ')}`,
        ...t.why
          .split('\n')
          .slice(0, 4)
          .map(w => `     ${w}`),
      );
  }
  return { lines, passed, failed };
}

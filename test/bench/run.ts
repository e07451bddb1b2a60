/**
 * `npm run bench [-- --json] [-- --only scan|live|homes|store|catch-up|rest] [-- --lines N] [-- --pairs N] [-- --large]`: us and every peer that is here, in turns,
 * answers compared before any time is taken, least and median of the ratio with processor time beside wall time; then the
 * waiting times of the running program, many files, the store, an hour that was missed, and what it takes at rest. A benchmark, not a test:
 * nothing here passes or fails by a clock. Peers are installed by `install-peers.sh`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compiled, load } from './measure.ts';
import { scanFigures } from './scan.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    large: { type: 'boolean', default: false },
    only: { type: 'string' },
    lines: { type: 'string', default: '5000000' },
    pairs: { type: 'string', default: '7' },
  },
});

/** An hour at 10,000 lines a second; half of it, with `--large` all. */
const HOUR_OF_LINES = 36_000_000;

const dir = mkdtempSync(join(tmpdir(), 'readmit-bench-'));

/** Each part by its name; a part loads what it needs, so that one alone starts at once. */
const PARTS: Record<string, () => Promise<Record<string, unknown>>> = {
  scan: async () => {
    const measure = compiled(dir, 'measure');
    if (!measure) throw new Error('the accounting needs a C compiler: sh test/bench/install-peers.sh');
    return scanFigures({ dir, measure, lines: Number(values.lines), pairs: Number(values.pairs) });
  },
  live: async () => await (await import('./live.ts')).liveFigures(),
  homes: async () => await (await import('./homes.ts')).homesFigures(),
  store: async () => await (await import('./store.ts')).storeFigures(join(dir, 'store'), values.large),
  'catch-up': async () =>
    await (await import('./catch-up.ts')).catchUpFigures(
      join(dir, 'catch-up'),
      values.large ? HOUR_OF_LINES : HOUR_OF_LINES / 2,
    ),
  rest: async () => await (await import('./rest.ts')).restFigures(),
};

const result: Record<string, unknown> = { machine: `${cpus().length} × ${cpus()[0]?.model}`, node: process.version };
try {
  for (const [name, part] of Object.entries(PARTS)) {
    if (values.only && values.only !== name) continue;
    const before = load();
    const started = performance.now();
    process.stderr.write(`bench: ${name} …\n`);
    const figures = await part();
    const tookSeconds = Math.round((performance.now() - started) / 1000);
    result[name] = { ...figures, loadBefore: before, loadAfter: load(), tookSeconds };
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.stdout.write(`${JSON.stringify(result, null, values.json ? 0 : 2)}\n`);

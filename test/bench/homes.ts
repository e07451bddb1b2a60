/**
 * Many files: a feed over thousands of homes in a process of its own, which says how long it took to be ready, what a file
 * costs, what it does at rest, and how late a line in any of them is seen. `node test/bench/homes.ts N` is that process.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync, rmSync } from 'node:fs';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';
import { Farm } from '../watch/farm.ts';
import { quantiles, three } from './measure.ts';

const PER_SECOND = 1000;
const REST_MS = 10_000;
/** As `deploy/readmit` starts an agent. */
const AS_INSTALLED = ['--max-semi-space-size=4', '--max-old-space-size=512'];
const pause = (ms: number): Promise<void> => new Promise(r => setTimeout(r, ms));

/** @param seconds how long lines are written; 0: only ready, memory, rest */
export function homesFigures(sizes: readonly number[] = [5000], seconds = 10): Record<string, unknown> {
  return Object.fromEntries(
    sizes.map(homes => [
      `${homes} homes`,
      JSON.parse(
        execFileSync(
          process.execPath,
          [...AS_INSTALLED, '--expose-gc', import.meta.filename, `${homes}`, `${seconds}`],
          {
            encoding: 'utf8',
          },
        ),
      ),
    ]),
  );
}

async function measured(homes: number, seconds: number): Promise<Record<string, unknown>> {
  const farm = new Farm();
  const names = Array.from({ length: homes }, (_, n) => `u${n}`);
  farm.add(names);
  for (const name of names) appendFileSync(farm.clientLog(name), '[INFO] 2026-01-01T00:00:00Z: clw starts\n');
  appendFileSync(farm.log, '');
  farm.configure();
  const parse = makeParser(loadPacks([new URL('../../rules', import.meta.url).pathname]).flatMap(pack => pack.rules));
  globalThis.gc!();
  const before = process.memoryUsage.rss();
  const begin = performance.now();
  const feed = await farm.start({ parse });
  while (feed.health().files < homes + 1) await pause(25);
  const ready = performance.now() - begin;
  await pause(8000);
  globalThis.gc!();
  const perFile = (process.memoryUsage.rss() - before) / homes;
  const cpu = process.cpuUsage();
  await pause(REST_MS);
  const rested = process.cpuUsage(cpu);
  const late = seconds > 0 ? await lateness(farm, names, seconds) : {};
  await feed.stop();
  rmSync(farm.dir, { recursive: true, force: true });
  return {
    readyMs: Math.round(ready),
    kilobytesPerFile: three(perFile / 1024),
    atRestOfOneCore: three((rested.user + rested.system) / 1000 / REST_MS),
    ...late,
  };
}

/** Denials at a steady rate, each in some home; how long until its batch was handed over. */
async function lateness(farm: Farm, names: readonly string[], seconds: number): Promise<Record<string, unknown>> {
  const written = new Map<string, number[]>();
  const waited: number[] = [];
  const take = farm.serve.take.bind(farm.serve);
  farm.serve.take = batch => {
    const now = performance.now();
    for (const tally of batch.tallies)
      for (const at of written.get(tally.user ?? '')?.splice(0, tally.count) ?? []) waited.push(now - at);
    return take(batch);
  };
  const total = PER_SECOND * seconds;
  const begin = performance.now();
  for (let n = 0; n < total; ) {
    for (const due = ((performance.now() - begin) / 1000) * PER_SECOND; n < due && n < total; n++) {
      const name = names[(n * 7919) % names.length]!;
      const at = new Date().toISOString();
      const body = `{"error":"clw-scheduler-denied","message":"User ${name}@example.com not authorized"}`;
      const times = written.get(name) ?? [];
      written.set(name, [...times, performance.now()]);
      appendFileSync(farm.clientLog(name), `[ERROR] ${at}: HTTP 403 from scheduler: ${body}\n`);
    }
    await pause(1);
  }
  for (const end = performance.now() + 12_000; waited.length < total && performance.now() < end; ) await pause(20);
  return { lines: total, missed: total - waited.length, 'line → handed over (ms)': quantiles(waited) };
}

if (process.argv[1] === import.meta.filename)
  process.stdout.write(JSON.stringify(await measured(Number(process.argv[2]), Number(process.argv[3] ?? 10))));

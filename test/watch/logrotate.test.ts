/** The real logrotate, the real ways: rename and create, copytruncate, packed, dated, while lines are written. */
import { execFile, spawnSync } from 'node:child_process';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { Farm } from './farm.ts';
import { removeDirs, until } from './lab.ts';

let f: Farm;
beforeAll(() => {
  if (spawnSync('logrotate', ['--version']).error) throw new Error('logrotate is missing: apt-get install logrotate');
});
afterEach(async () => {
  await f.end();
  removeDirs();
});
const run = promisify(execFile);

async function rotate(options: string): Promise<void> {
  const conf = join(f.dir, 'rotate.conf');
  const who = process.getuid!() === 0 ? 'su root root\n' : '';
  writeFileSync(conf, `${f.log} {\nrotate 30\nmissingok\n${who}${options}\n}\n`, { mode: 0o644 });
  await run('logrotate', ['--force', '--state', join(f.dir, 'rotate.state'), conf]);
}

describe('logrotate', () => {
  test.each([
    ['A01 renames and creates', 'create 0644', 'while running'],
    ['A01 renames, creates and packs', 'create 0644\ncompress', 'while running'],
    ['A01 packs a day later', 'create 0644\ncompress\ndelaycompress', 'while running'],
    ['A02 copies and truncates', 'copytruncate', 'while running'],
    ['A02 copies, truncates and packs', 'copytruncate\ncompress', 'while running'],
    ['A07 rotated several times while we were stopped', 'create 0644', 'stopped'],
    ['A07 packed several times while we were stopped', 'create 0644\ncompress', 'stopped'],
    ['A07 copied and truncated several times while we were stopped', 'copytruncate', 'stopped'],
    ['A07 dated, several times while we were stopped', 'create 0644\ndateext\ndateformat -%Y%m%d-%s', 'stopped'],
  ])('%s: 1,000 lines are 1,000 lines', async (_what, options, when) => {
    f = new Farm();
    f.add(['alice']);
    writeFileSync(f.log, '');
    await f.start();
    await until('the log is known', () => f.feed!.health().files === 2);
    for (let i = 0; i < 1000; i++) {
      appendFileSync(f.log, `L${i};\n`);
      if (i % 50 === 0) await pause(2);
      if (when === 'stopped' && i === 300) await f.end();
      // Dates tell seconds apart, and copytruncate may lose what is written in its own window: nothing is.
      if (i % 300 === 299) {
        if (options.includes('dateext')) await pause(1100);
        else if (when !== 'stopped') await pause(30);
        await rotate(options);
      }
    }
    if (when === 'stopped') await f.start();
    await until('all is counted', () => f.serve.total >= 1000, 15_000);
    await pause(100);
    expect(f.serve.total).toBe(1000);
    expect(f.serve.twice).toEqual([]);
  });
});

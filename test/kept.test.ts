/** What is kept for the next start: only where nobody else could have laid it, and nothing there is waited for. */
import { execFileSync, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { kept } from '../src/kept.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-kept-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Where a copy lies once it is kept. */
function name(): string {
  kept(['thing'], [], () => 1, dir);
  const [only] = readdirSync(dir);
  rmSync(join(dir, only!));
  return join(dir, only!);
}

test('a FIFO or a link in the place of a copy is passed by', () => {
  const place = name();
  execFileSync('mkfifo', [place]);
  expect(kept(['thing'], [], () => 2, dir)).toBe(2);
  rmSync(place);
  writeFileSync(join(dir, 'other'), '3', { mode: 0o600 });
  symlinkSync(join(dir, 'other'), place);
  expect(kept(['thing'], [], () => 4, dir)).toBe(4);
});

test("in somebody else's home directory nothing is kept, and nothing that lies there is read", () => {
  // Root's own is nobody else's: there another one's is made.
  const isRoot = process.getuid?.() === 0;
  if (isRoot) chownSync(dir, 65_534, 65_534);
  const home = isRoot ? dir : '/';
  const code = `const { kept } = await import(${JSON.stringify(join(import.meta.dirname, '../src/kept.ts'))});
    console.log(kept(['thing'], [], () => 5));`;
  const said = spawnSync(process.execPath, ['--input-type=module', '-e', code], { env: { HOME: home } });
  expect([said.status, String(said.stdout)]).toEqual([0, '5\n']);
  expect(existsSync(join(home, '.cache/readmit'))).toBe(false);
});

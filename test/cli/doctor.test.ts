/** `readmit doctor` on an installation that is not finished: each thing to mend is told once, under its own name. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const dir = mkdtempSync(join(tmpdir(), 'readmit-doctor-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

it('without an approvers file: one problem, whatever rests on it', async () => {
  const config = join(dir, 'readmit.yaml');
  const approvers = join(dir, 'approvers.yaml');
  writeFileSync(
    config,
    `state: ${dir}/state\napprovers: ${approvers}\nredis: {socket: ${dir}/redis.sock}\npolicy: {proof: session}\n`,
  );
  const { code, out } = await new Promise<{ code: unknown; out: string }>(done =>
    execFile(process.execPath, [MAIN, 'doctor', '--json', '--config', config], { timeout: 30_000 }, (error, out) =>
      done({ code: error?.code, out }),
    ),
  );
  expect(code).toBe(1);
  const { problems, findings } = JSON.parse(out) as { problems: number; findings: Record<string, string>[] };
  const about = findings.filter(f => f.what!.includes(approvers));
  expect(about.map(f => [f.check, f.level])).toEqual([['approvers', 'problem']]);
  expect(problems).toBe(findings.filter(f => f.level === 'problem').length);
});

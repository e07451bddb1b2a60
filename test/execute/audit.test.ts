/** The audit file on its own: the chain, what breaks it, what a crash leaves, rotation and the clock. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Audit, AuditUnwritable, auditFiles, verifyAudit } from '../../src/execute/audit.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-audit-'));
  file = join(dir, 'audit.jsonl');
});
afterEach(() => rmSync(dir, { recursive: true }));

const note = (n: number, after: unknown = { n }) => ({
  actor: 'ann',
  plan: null,
  what: 'run.intent',
  before: null,
  after,
});
const write = (count: number, options = {}): void => {
  const audit = new Audit(file, options);
  audit.open();
  for (let n = 0; n < count; n++) audit.append(note(n));
  audit.close();
};
const verify = () => verifyAudit(auditFiles(file));

test('F01 each entry has the digest of the one before, through restarts', () => {
  write(3);
  write(2);
  expect(verify()).toMatchObject({ ok: true, entries: 5, seq: 5 });
});

test('F02 any flipped byte is found, and the first bad entry is named', () => {
  write(5);
  const bytes = readFileSync(file);
  const lines = bytes.toString().split('\n');
  const starts = lines.map((_, n) => lines.slice(0, n).join('\n').length + (n > 0 ? 1 : 0));
  for (let at = 0; at < bytes.length; at += 7) {
    const flipped = Buffer.from(bytes);
    flipped[at] = flipped[at]! ^ 1;
    writeFileSync(file, flipped);
    expect(verify()).toMatchObject({ ok: false, firstBad: starts.findLastIndex(start => start <= at) });
  }
});

test('F02 a removed, doubled or swapped line is found', () => {
  write(4);
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  for (const bad of [
    [0, 2, 3],
    [0, 1, 1, 2, 3],
    [0, 2, 1, 3],
  ]) {
    writeFileSync(file, `${bad.map(n => lines[n]).join('\n')}\n`);
    expect(verify()).toMatchObject({ ok: false });
  }
});

test('a line torn by a crash is kept, accounted for, and the chain goes on', () => {
  write(3);
  truncateSync(file, readFileSync(file).length - 40);
  write(1);
  expect(verify()).toMatchObject({ ok: true, entries: 4 });
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  expect(lines).toHaveLength(5);
  expect(JSON.parse(lines[3]!)).toMatchObject({ seq: 3, what: 'audit.torn-line', before: { bytes: lines[2]!.length } });
  // What stands in the torn line can't be changed afterwards either.
  writeFileSync(file, readFileSync(file, 'utf8').replace(lines[2]!, lines[2]!.replace('ann', 'bob')));
  expect(verify()).toMatchObject({ ok: false, firstBad: 2 });
});

describe('a crash while a torn line is accounted for', () => {
  /** Three entries, the last of them torn; the next start writes so many bytes of its account, and so on. */
  const crashes = (...written: number[]): void => {
    write(3);
    truncateSync(file, readFileSync(file).length - 40);
    for (const bytes of written) {
      const before = readFileSync(file).length;
      write(0);
      const account = readFileSync(file).subarray(before + 1);
      truncateSync(file, before + 1 + Math.min(bytes, account.length - 2));
    }
  };

  test.each([[[50]], [[1]], [[150, 10]], [[300, 1000, 400, 0, 7]]])('after %j bytes: the chain goes on', written => {
    crashes(...written);
    const end = readFileSync(file);
    write(2);
    expect(verify()).toMatchObject({ ok: true, entries: 5 });
    // All that was there stays there, and can't be changed afterwards.
    expect(readFileSync(file).subarray(0, end.length)).toEqual(end);
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at += 5) {
      const flipped = Buffer.from(whole);
      flipped[at] = flipped[at]! ^ 1;
      writeFileSync(file, flipped);
      expect(verify()).toMatchObject({ ok: false });
    }
  });

  test('only its account can follow a torn line: anything else was somebody', () => {
    crashes(60);
    const torn = readFileSync(file, 'utf8').split('\n');
    const bad = [
      (lines: string[]) => [...lines.slice(0, -1), '{"actor":"ann"'],
      (lines: string[]) => [...lines.slice(0, -1), ''],
      (lines: string[]) => lines.with(-1, lines.at(-1)!.replace('readmit-exec', 'readmit-exes')),
      (lines: string[]) => lines.with(-2, lines.at(-2)!.slice(1)),
    ];
    for (const change of bad) {
      writeFileSync(file, `${change(torn).join('\n')}\n`);
      expect(() => write(1)).toThrow(/damaged at its end/);
      expect(verify()).toMatchObject({ ok: false });
    }
  });
});

test('a line torn inside of a letter', () => {
  write(1);
  const audit = new Audit(file);
  audit.append({ ...note(1), actor: 'ä'.repeat(10) });
  audit.close();
  const bytes = readFileSync(file);
  writeFileSync(file, Buffer.concat([bytes.subarray(0, bytes.lastIndexOf(0xa4)), Buffer.from('\n')]));
  write(1);
  expect(verify()).toMatchObject({ ok: true, entries: 3 });
});

test('only the newline was lost, or a crash came while the torn line was closed', () => {
  write(2);
  truncateSync(file, readFileSync(file).length - 1);
  write(1);
  expect(verify()).toMatchObject({ ok: true, entries: 3 });
  appendFileSync(file, '{"actor":"an\n');
  write(1);
  expect(verify()).toMatchObject({ ok: true, entries: 5 });
});

test('a damaged end is not written on', () => {
  write(3);
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('"ann"', '"bob"'));
  expect(() => write(1)).toThrow(AuditUnwritable);
});

test('F09 rotation keeps the chain, and a clock set back keeps the sequence', () => {
  let now = Date.parse('2026-11-23T08:00:00Z');
  write(30, { rotateBytes: 1000, now: () => (now -= 3_600_000) });
  expect(auditFiles(file).length).toBeGreaterThan(3);
  expect(verify()).toMatchObject({ ok: true, entries: 30, seq: 30 });
  expect(verifyAudit(auditFiles(file).toSpliced(1, 1))).toMatchObject({ ok: false });
});

test('F07 tokens and passwords are not kept', () => {
  const audit = new Audit(file);
  const token = 'eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyIjoiYWxpY2UifQ.c2lnbmF0dXJl';
  audit.append(
    note(1, {
      deep: [`Authorization: Bearer ${token}`, `said ${token}`, 'password: hunter2'],
      esc: 'a\u001b]52;c;x\u0007',
    }),
  );
  audit.close();
  const text = readFileSync(file, 'utf8');
  for (const secret of [token, 'eyJ', 'hunter2', '\u001b', '\\u001b]'])
    expect(text.includes(secret) && secret !== '\\u001b]').toBe(false);
  expect(verify()).toMatchObject({ ok: true });
});

/** The audit file on its own: the chain, what breaks it, what a crash leaves, rotation and the clock. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
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

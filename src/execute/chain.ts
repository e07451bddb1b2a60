/**
 * The hash chain of the audit file, as anyone can check it: which files belong to it, what an entry is, and where the
 * first bad one stands.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { canonical, chainDigest, sha256 } from '../digest.ts';
import type { AuditEntry } from '../plan.ts';

/** What `previous` is in the very first entry. */
export const GENESIS = '0'.repeat(64);
/** The entry that accounts for a line a crash tore. */
export const TORN = 'audit.torn-line';

/** The audit file and those put aside, oldest first. */
export function auditFiles(file: string): string[] {
  const name = basename(file);
  const aside = existsSync(dirname(file)) ? readdirSync(dirname(file)) : [];
  const old = aside.filter(f => f.startsWith(`${name}.`) && /^\d{12}$/.test(f.slice(name.length + 1))).sort();
  return [...old.map(f => join(dirname(file), f)), ...(existsSync(file) ? [file] : [])];
}

export type AuditVerdict =
  | { ok: true; entries: number; head: string; seq: number }
  | { ok: false; firstBad: number; seq: number; file: string; line: number; why: string };

/**
 * Walks the whole chain. `files` oldest first, as `auditFiles` lists them. `firstBad` counts entries from 0 over all
 * files; `seq` is the number that entry should have had.
 */
export function verifyAudit(files: readonly string[]): AuditVerdict {
  let head = { seq: 0, digest: GENESIS };
  let entries = 0;
  let torn: { text: Buffer; file: string; line: number } | null = null;
  const bad = (file: string, line: number, why: string): AuditVerdict => ({
    ok: false,
    firstBad: entries,
    seq: head.seq + 1,
    file,
    line,
    why,
  });
  for (const file of files) {
    const lines = splitLines(readFileSync(file));
    for (const [n, raw] of lines.entries()) {
      const entry = entryOf(raw.toString('utf8'));
      if (!entry) {
        if (torn) return bad(torn.file, torn.line, 'the line is not an entry');
        torn = { text: raw, file, line: n + 1 };
        continue;
      }
      if (torn && !accountsFor(entry, torn.text))
        return bad(torn.file, torn.line, 'the line is not an entry, or was changed');
      torn = null;
      if (entry.seq !== head.seq + 1) return bad(file, n + 1, `seq is ${entry.seq}, not ${head.seq + 1}`);
      if (entry.previous !== head.digest) return bad(file, n + 1, 'previous is not the digest of the entry before');
      head = { seq: entry.seq, digest: entry.digest };
      entries++;
    }
  }
  if (torn) return bad(torn.file, torn.line, 'the last line is not an entry');
  return { ok: true, entries, head: head.digest, seq: head.seq };
}

const accountsFor = (entry: AuditEntry, torn: Buffer): boolean =>
  entry.what === TORN && (entry.before as { sha256?: string } | null)?.sha256 === sha256(torn);

/** The entry in one line; null when the line isn't exactly what we would have written, its own digest included. */
export function entryOf(line: string): AuditEntry | null {
  try {
    const entry = JSON.parse(line) as AuditEntry;
    return canonical(entry) === line && entry.digest === chainDigest(entry) && Number.isSafeInteger(entry.seq)
      ? entry
      : null;
  } catch {
    return null;
  }
}

function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  if (from < bytes.length) lines.push(bytes.subarray(from));
  return lines;
}

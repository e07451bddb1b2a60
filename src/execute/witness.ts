/**
 * The ledger as a witness of the audit file: how far it has seen that file go. Kept by the executor beside its runs, read
 * by the command line too.
 */
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { checkRegular } from '../regular-file.ts';
import type { Head, Known } from './chain.ts';

/** Key of the newest entry of the audit file that was on the disk. */
export const AUDIT_HEAD = 'audit-head';

/**
 * What a ledger knows of the audit file: null where there is none. While an executor holds it, a copy is read, which may be
 * a little behind: what it knows is true all the same. 'held' when that can't be read either.
 */
export function auditKnownBy(file: string): Known | null | 'held' {
  if (!existsSync(file)) return null;
  checkRegular(file, 'followed');
  try {
    return knownOf(file);
  } catch (error) {
    if (!/locked|busy/i.test((error as Error).message)) throw error;
  }
  const aside = mkdtempSync(join(tmpdir(), 'readmit-ledger-'));
  try {
    for (const end of ['-wal', ''])
      if (existsSync(file + end)) copyFileSync(file + end, join(aside, `ledger.db${end}`));
    return knownOf(join(aside, 'ledger.db'));
  } catch {
    return 'held';
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

function knownOf(file: string): Known {
  const db = new DatabaseSync(file, { readOnly: true });
  try {
    return knownIn(db);
  } finally {
    db.close();
  }
}

export function knownIn(db: DatabaseSync): Known {
  const head = db.prepare('SELECT value FROM meta WHERE key = ?').get(AUDIT_HEAD)?.value as string | undefined;
  const run = db
    .prepare('SELECT run FROM runs WHERE outcome IS NOT NULL ORDER BY started DESC, rowid DESC LIMIT 1')
    .get()?.run as string | undefined;
  return { head: head ? (JSON.parse(head) as Head) : null, run: run ?? null };
}

/**
 * The hash chain of the audit file, as anyone can check it: which files belong to it, what an entry is, and where the
 * first bad one stands.
 */
import { existsSync, readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { canonical, chainDigest, sha256 } from '../digest.ts';
import type { AuditEntry } from '../plan.ts';
import { readRegular } from '../regular-file.ts';
import { ACTOR } from './record.ts';

/** What `previous` is in the very first entry. */
export const GENESIS = '0'.repeat(64);
/** The entry that accounts for a line a crash tore. */
const TORN = 'audit.torn-line';

/** The entry of an administrator's decision to go on without what was lost. */
export const ACCEPTED = 'audit.accepted';

/** The audit file and those put aside, oldest first. */
export function auditFiles(file: string): string[] {
  const name = basename(file);
  const aside = existsSync(dirname(file)) ? readdirSync(dirname(file)) : [];
  const old = aside.filter(f => f.startsWith(`${name}.`) && /^\d{12}$/.test(f.slice(name.length + 1))).sort();
  return [...old.map(f => join(dirname(file), f)), ...(existsSync(file) ? [file] : [])];
}

/** The end of a chain: the number and the digest of its newest entry. */
export interface Head {
  seq: number;
  digest: string;
}

/** What somebody beside the audit file knows of it. */
export interface Known {
  /** An entry that was on the disk. */
  head: Head | null;
  /** A run that ended, and so has entries; asked where no head is known. */
  run: string | null;
}

/** What the files lack of what is known of them, in words; null when nothing. */
export function lacking(files: readonly string[], { head, run }: Known): string | null {
  if (head) {
    const entry = newestWith(files, `"digest":"${head.digest}"`, e => e.digest === head.digest && e.seq === head.seq);
    return entry ? null : `it lacks entry ${head.seq}, which was on the disk`;
  }
  if (run === null) return null;
  const entry = newestWith(files, JSON.stringify(run), e => (e.after ?? e.before) !== null);
  return entry ? null : `it says nothing of run ${run}, which was done`;
}

/** The newest entry whose line holds this text and that is meant; null when there is none. */
export function newestWith(
  files: readonly string[],
  text: string,
  meant: (entry: AuditEntry) => boolean,
): AuditEntry | null {
  for (const file of [...files].reverse()) {
    const bytes = readRegular(file, 'followed');
    for (let at = bytes.lastIndexOf(text); at >= 0; at = at > 0 ? bytes.lastIndexOf(text, at - 1) : -1) {
      const end = bytes.indexOf(10, at);
      const entry = entryOf(bytes.toString('utf8', bytes.lastIndexOf(10, at) + 1, end < 0 ? bytes.length : end));
      if (entry && meant(entry)) return entry;
    }
  }
  return null;
}

export type AuditVerdict =
  | { ok: true; entries: number; head: string; seq: number }
  | { ok: false; firstBad: number; seq: number; file: string; line: number; why: string };

/**
 * Walks the whole chain. `files` oldest first, as `auditFiles` lists them. `firstBad` counts entries from 0 over all
 * files; `seq` is the number that entry should have had.
 */
export function verifyAudit(files: readonly string[]): AuditVerdict {
  let head: Head = { seq: 0, digest: GENESIS };
  let entries = 0;
  let torn = null as { lines: Buffer; file: string; line: number } | null;
  const bad = (file: string, line: number, why: string): AuditVerdict => ({
    ok: false,
    firstBad: entries,
    seq: head.seq + 1,
    file,
    line,
    why,
  });
  for (const file of files) {
    const lines = splitLines(readRegular(file, 'followed'));
    for (const [n, raw] of lines.entries()) {
      const entry = entryOf(raw.toString('utf8'));
      if (!entry) {
        if (torn && (torn.file !== file || !isTornAccount(raw, torn.lines, head)))
          return bad(torn.file, torn.line, 'the line is not an entry');
        torn = { file, line: torn?.line ?? n + 1, lines: torn ? joined(torn.lines, raw) : raw };
        continue;
      }
      if (torn && !accountsFor(entry, torn.lines))
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

/** The newest decision of an administrator to go on without what was lost; null when there is none. */
export const acceptedIn = (files: readonly string[]): AuditEntry | null =>
  newestWith(files, `"what":"${ACCEPTED}"}`, entry => entry.what === ACCEPTED);

/** Walks the chain of this audit file, and then asks whether it goes as far as others have seen it go. */
export function verifyAgainst(file: string, known: readonly Known[]): AuditVerdict {
  const files = auditFiles(file);
  const verdict = verifyAudit(files);
  if (!verdict.ok) return verdict;
  const why = known.map(k => lacking(files, k)).find(w => w !== null);
  if (why === undefined) return verdict;
  const there = existsSync(file);
  return {
    ok: false,
    firstBad: verdict.entries,
    seq: verdict.seq + 1,
    file,
    line: there ? splitLines(readRegular(file, 'followed')).length + 1 : 1,
    why: there ? why : `the file is missing: ${why}`,
  };
}

/** What accounts for torn lines. */
export const accountOf = (torn: Buffer): Pick<AuditEntry, 'actor' | 'plan' | 'what' | 'before' | 'after'> => ({
  actor: ACTOR,
  plan: null,
  what: TORN,
  before: { bytes: torn.length, sha256: sha256(torn) },
  after: null,
});

const accountsFor = (entry: AuditEntry, torn: Buffer): boolean =>
  entry.what === TORN && (entry.before as { sha256?: string } | null)?.sha256 === sha256(torn);

/**
 * A crash can also tear the very entry that accounts for the line before it, and only that one: nothing else is written
 * there. So what follows a torn line must be the beginning of its account, letter by letter, or it was not a crash.
 */
function isTornAccount(line: Buffer, torn: Buffer, head: Head): boolean {
  const text = line.toString('utf8');
  // Only its own digest and its time can't be known; they are as long as any other.
  const digest = 'd'.repeat(64);
  const time = new Date(0).toISOString();
  const known = { ...accountOf(torn), seq: head.seq + 1, previous: head.digest };
  const whole = canonical({ ...known, digest, time });
  const from = [`"digest":"${digest}`, `"time":"${time}`].map(field => whole.indexOf(field) + field.indexOf(':') + 2);
  const open = [
    { from: from[0]!, to: from[0]! + digest.length, of: /[0-9a-f]/ },
    { from: from[1]!, to: from[1]! + time.length, of: /[0-9TZ:.-]/ },
  ];
  const fits = (character: string, at: number): boolean =>
    open.find(o => at >= o.from && at < o.to)?.of.test(character) ?? character === whole[at];
  return text.length > 0 && text.length < whole.length && [...text].every(fits);
}

const joined = (above: Buffer, below: Buffer): Buffer => Buffer.concat([above, Buffer.from('\n'), below]);

/**
 * The torn lines that a file ends with, as one piece: usually there are none. `head`: the newest entry before them.
 * @throws Error when something else than a crash has been there
 */
export function tornEnd(lines: readonly Buffer[], head: Head): Buffer | null {
  const last = lines.findLastIndex(line => entryOf(line.toString('utf8')) !== null);
  return lines.slice(last + 1).reduce<Buffer | null>((torn, line) => {
    if (torn && !isTornAccount(line, torn, head)) throw new Error(DAMAGED);
    return torn ? joined(torn, line) : line;
  }, null);
}

/** Nothing is written on a file with such an end. */
export const DAMAGED = 'damaged at its end: `readmit audit verify` says where';

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

/** The lines of a file, the last one without an end too. */
export function splitLines(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  let from = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    lines.push(bytes.subarray(from, end));
    from = end + 1;
  }
  if (from < bytes.length) lines.push(bytes.subarray(from));
  return lines;
}

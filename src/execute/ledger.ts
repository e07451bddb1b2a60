/**
 * The executor's own memory, a small SQLite file with full sync that only one process can hold: which runs it took,
 * which votes were used, what each step changed. It is why an order that is delivered twice acts once, why a vote
 * works once, and why only our own change can be taken back.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Refused } from '../incident.ts';
import type { Order } from '../messages.ts';
import type { Outcome } from '../plan.ts';
import type { Head, Known } from './chain.ts';
import type { PasskeyUse } from './counters.ts';
import { targetOf } from './record.ts';
import { AUDIT_HEAD, knownIn } from './witness.ts';

type OrderStep = Order['steps'][number];
export type What = Order['what'];

/**
 * Where a step stands. `waiting`: not begun. `started`: begun, its end not yet seen. `already`: there was nothing to
 * do, so nothing of ours to take back. `not-done`: seen not to have happened, so it may be tried again. `restoring`: done,
 * and being put back because what followed it failed. `undone`: ours no more.
 */
export type Progress =
  | 'waiting'
  | 'started'
  | 'done'
  | 'already'
  | 'failed'
  | 'not-done'
  | 'unknown'
  | 'restoring'
  | 'undone';

export interface LedgerStep {
  n: number;
  step: OrderStep;
  progress: Progress;
  /** Epoch milliseconds at which it was started. */
  at: number | null;
}

export interface LedgerRun {
  run: string;
  what: What;
  incident: string;
  serial: number;
  digest: string;
  started: string;
  /** null while open */
  outcome: Outcome | null;
  steps: LedgerStep[];
  votes: { id: string; hash: string }[];
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS runs (
    run TEXT NOT NULL, what TEXT NOT NULL, incident TEXT NOT NULL, serial INTEGER NOT NULL, digest TEXT NOT NULL,
    started TEXT NOT NULL, outcome TEXT, PRIMARY KEY (run, what)) STRICT;
  CREATE TABLE IF NOT EXISTS steps (
    run TEXT NOT NULL, what TEXT NOT NULL, n INTEGER NOT NULL, step TEXT NOT NULL, action TEXT NOT NULL, target TEXT NOT NULL,
    progress TEXT NOT NULL, at INTEGER, PRIMARY KEY (run, what, n)) STRICT;
  CREATE INDEX IF NOT EXISTS steps_by_time ON steps (action, at);
  CREATE TABLE IF NOT EXISTS votes (id TEXT PRIMARY KEY, run TEXT NOT NULL, hash TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS passkeys (
    vote TEXT PRIMARY KEY, credential TEXT NOT NULL, issued INTEGER NOT NULL, count INTEGER NOT NULL) STRICT;
  CREATE INDEX IF NOT EXISTS passkeys_by_credential ON passkeys (credential);
`;

/** Attempts count, not successes: what was begun may have happened. */
const BEGUN = `progress NOT IN ('waiting', 'already', 'not-done')`;

/** Somebody who only looks may hold the file for a moment. */
const PATIENCE_MS = 1000;

export class Ledger {
  readonly #db: DatabaseSync;

  /** @throws Refused when another executor holds it */
  constructor(file: string) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const umask = process.umask(0o077);
    try {
      this.#db = new DatabaseSync(file, { timeout: PATIENCE_MS });
      this.#db.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON',
      );
      this.#db.exec(`BEGIN EXCLUSIVE; ${SCHEMA} COMMIT`);
    } catch (error) {
      if (/locked|busy/i.test((error as Error).message))
        throw new Refused(`another executor is running: it holds ${file}`);
      throw error;
    } finally {
      process.umask(umask);
    }
  }

  close(): void {
    this.#db.close();
  }

  find(run: string, what: What): LedgerRun | null {
    const row = this.#db.prepare('SELECT * FROM runs WHERE run = ? AND what = ?').get(run, what);
    return row ? this.#runOf(row) : null;
  }

  /** Runs of one plan, oldest first. */
  runsOf(plan: { incident: string; serial: number; digest: string }, what: What): LedgerRun[] {
    return this.#db
      .prepare(
        'SELECT * FROM runs WHERE incident = ? AND serial = ? AND digest = ? AND what = ? ORDER BY started, rowid',
      )
      .all(plan.incident, plan.serial, plan.digest, what)
      .map(row => this.#runOf(row));
  }

  /** Runs whose end isn't recorded: a crash lies between their intent and their outcome. */
  open(): LedgerRun[] {
    return this.#db
      .prepare('SELECT * FROM runs WHERE outcome IS NULL ORDER BY rowid')
      .all()
      .map(row => this.#runOf(row));
  }

  /** The run that used a vote, or null. */
  usedBy(vote: string): string | null {
    return (this.#db.prepare('SELECT run FROM votes WHERE id = ?').get(vote)?.run as string | undefined) ?? null;
  }

  /** Counters of this passkey under votes that were used, but for this one. */
  usesOf(credential: string, butFor: string): Omit<PasskeyUse, 'credential'>[] {
    return this.#db
      .prepare('SELECT issued, count FROM passkeys WHERE credential = ? AND vote <> ?')
      .all(credential, butFor) as unknown as Omit<PasskeyUse, 'credential'>[];
  }

  /**
   * Takes the run and its votes, all or nothing. A run that was seen not to have happened may be taken again; what its
   * earlier attempt did stays recorded.
   * @throws when a vote was used by another run
   */
  claim(
    order: Order,
    steps: { step: OrderStep; progress: Progress }[],
    votes: { id: string; hash: string; use: PasskeyUse | null }[],
    started: string,
  ): void {
    this.#inTransaction(() => {
      this.#db
        .prepare(
          `INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, NULL)
           ON CONFLICT (run, what) DO UPDATE SET outcome = NULL, started = excluded.started`,
        )
        .run(order.run, order.what, order.incident, order.serial, order.digest, started);
      const add = this.#db.prepare(
        `INSERT INTO steps VALUES (?, ?, ?, ?, ?, ?, ?, NULL)
         ON CONFLICT (run, what, n) DO UPDATE SET progress = excluded.progress WHERE progress <> 'done'`,
      );
      for (const [n, { step, progress }] of steps.entries())
        add.run(order.run, order.what, n, JSON.stringify(step), step.action, targetOf(step), progress);
      if (order.what === 'undo') return;
      for (const { id, hash, use } of votes) {
        const owner = this.usedBy(id);
        if (owner !== null && owner !== order.run) throw new Refused(`vote-used: vote ${id} was used by run ${owner}`);
        if (owner !== null) continue;
        this.#db.prepare('INSERT INTO votes VALUES (?, ?, ?)').run(id, order.run, hash);
        if (use)
          this.#db.prepare('INSERT INTO passkeys VALUES (?, ?, ?, ?)').run(id, use.credential, use.issued, use.count);
      }
    });
  }

  /** Takes back a claim whose intent could not be written: all is as it was before, `earlier` being an attempt that ended. */
  release(run: string, what: What, earlier: LedgerRun | null): void {
    this.#inTransaction(() => {
      if (earlier) {
        this.#db
          .prepare('UPDATE runs SET outcome = ?, started = ? WHERE run = ? AND what = ?')
          .run(JSON.stringify(earlier.outcome), earlier.started, run, what);
        for (const { n, progress } of earlier.steps) this.progress(run, what, n, progress);
      } else
        for (const table of ['runs', 'steps'])
          this.#db.prepare(`DELETE FROM ${table} WHERE run = ? AND what = ?`).run(run, what);
      if (what !== 'plan') return;
      const used = JSON.stringify(earlier?.votes.map(v => v.id) ?? []);
      const taken = 'SELECT id FROM votes WHERE run = ? AND id NOT IN (SELECT value FROM json_each(?))';
      this.#db.prepare(`DELETE FROM passkeys WHERE vote IN (${taken})`).run(run, used);
      this.#db.prepare(`DELETE FROM votes WHERE id IN (${taken})`).run(run, used);
    });
  }

  /** Was this step done by an earlier attempt of the same run? Then it is our own change, however it looks now. */
  isDone(run: string, what: What, n: number): boolean {
    const row = this.#db.prepare('SELECT progress FROM steps WHERE run = ? AND what = ? AND n = ?').get(run, what, n);
    return row?.progress === 'done';
  }

  /** Did a later plan make the same change anew, when somebody else had taken it back? Then it is that one's. */
  isMadeAnew(run: string, { n, step }: LedgerStep, same: (later: OrderStep) => boolean): boolean {
    return this.#db
      .prepare(
        `SELECT step FROM steps WHERE what = 'plan' AND progress = 'done' AND action = ?1 AND target = ?2 AND run <> ?3
         AND rowid > (SELECT rowid FROM steps WHERE run = ?3 AND what = 'plan' AND n = ?4)`,
      )
      .all(step.action, targetOf(step), run, n)
      .some(row => same(JSON.parse(row.step as string) as OrderStep));
  }

  progress(run: string, what: What, n: number, progress: Progress, at?: number): void {
    this.#db
      .prepare('UPDATE steps SET progress = ?, at = coalesce(?, at) WHERE run = ? AND what = ? AND n = ?')
      .run(progress, at ?? null, run, what, n);
  }

  /** Marks what a run of this plan changed as taken back: from then on it is nobody's change of ours. */
  takenBack(plan: { incident: string; serial: number; digest: string }, which: (step: OrderStep) => boolean): void {
    for (const { run, steps } of this.runsOf(plan, 'plan'))
      for (const { n, step, progress } of steps)
        if (progress === 'done' && which(step)) this.progress(run, 'plan', n, 'undone');
  }

  finish(run: string, what: What, outcome: Outcome): void {
    this.#db.prepare('UPDATE runs SET outcome = ? WHERE run = ? AND what = ?').run(JSON.stringify(outcome), run, what);
  }

  /** Steps of these actions begun after `since`; later times count too, so a clock set back gives nothing away. */
  begunSince(
    actions: readonly OrderStep['action'][],
    since: number,
    target?: string,
  ): { count: number; last: number | null } {
    const marks = actions.map(() => '?').join(', ');
    const row = this.#db
      .prepare(
        `SELECT count(*) AS count, max(at) AS last FROM steps WHERE action IN (${marks}) AND at > ? AND ${BEGUN} AND (? IS NULL OR target = ?)`,
      )
      .get(...actions, since, target ?? null, target ?? null)!;
    return { count: row.count as number, last: row.last as number | null };
  }

  /** Steps that were begun at a time which is still to come, and the latest of them; null when there are none. */
  begunAfter(at: number): { count: number; last: number } | null {
    const row = this.#db.prepare('SELECT count(*) AS count, max(at) AS last FROM steps WHERE at > ?').get(at)!;
    return row.last === null ? null : { count: row.count as number, last: row.last as number };
  }

  /** From now on those were begun then. */
  setBack(at: number): void {
    this.#db.prepare('UPDATE steps SET at = ?1 WHERE at > ?1').run(at);
  }

  note(key: string, value?: string): string | null {
    if (value !== undefined)
      this.#db
        .prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value')
        .run(key, value);
    return (this.#db.prepare('SELECT value FROM meta WHERE key = ?').get(key)?.value as string | undefined) ?? null;
  }

  /** How far the audit file went, as this ledger has seen it. */
  auditKnown(): Known {
    return knownIn(this.#db);
  }

  /** The disk is not waited for: after a power cut an older head is still a true one. */
  auditWrote(head: Head): void {
    this.#db.exec('PRAGMA synchronous = NORMAL');
    try {
      this.note(AUDIT_HEAD, JSON.stringify(head));
    } finally {
      this.#db.exec('PRAGMA synchronous = FULL');
    }
  }

  #inTransaction(action: () => void): void {
    this.#db.exec('BEGIN IMMEDIATE');
    try {
      action();
      this.#db.exec('COMMIT');
    } catch (error) {
      if (this.#db.isTransaction) this.#db.exec('ROLLBACK');
      throw error;
    }
  }

  #runOf(row: Record<string, unknown>): LedgerRun {
    const { run, what, incident, serial, digest, started, outcome } = row as Record<string, string | number | null>;
    const steps = this.#db
      .prepare('SELECT n, step, progress, at FROM steps WHERE run = ? AND what = ? ORDER BY n')
      .all(run!, what!)
      .map(s => ({
        n: s.n as number,
        step: JSON.parse(s.step as string) as OrderStep,
        progress: s.progress as Progress,
        at: s.at as number | null,
      }));
    const votes = this.#db.prepare('SELECT id, hash FROM votes WHERE run = ? ORDER BY rowid').all(run!) as {
      id: string;
      hash: string;
    }[];
    return {
      run: run as string,
      what: what as What,
      incident: incident as string,
      serial: serial as number,
      digest: digest as string,
      started: started as string,
      outcome: outcome === null ? null : (JSON.parse(outcome as string) as Outcome),
      steps,
      votes,
    };
  }
}

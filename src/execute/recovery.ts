/**
 * After a crash: runs whose end nobody recorded are closed by looking at the world, and votes are no longer believed when
 * the ledger that knew which were used is gone.
 */
import { lstatSync, readFileSync, rmSync } from 'node:fs';
import type { Order } from '../messages.ts';
import type { Outcome } from '../plan.ts';
import { ACCEPTED } from './chain.ts';
import { isInverse } from './checks.ts';
import type { LedgerRun, Progress } from './ledger.ts';
import { ACTOR, brief, nameOf } from './record.ts';
import { type PutBack, putBack } from './rollback.ts';
import type { Room } from './room.ts';
import { happened } from './steps.ts';

/** Key in the ledger's notes: votes issued before this time don't count. */
export const VOTES_AFTER = 'votes-after';

/** Closes runs that a crash left open, by observing the state. Each end goes into the audit file first. */
export async function recover(room: Room): Promise<void> {
  for (const open of room.ledger.open()) {
    const back = await putBack(open, room);
    const run = room.ledger.find(open.run, open.what)!;
    const ends: { n: number; progress: Progress }[] = [];
    for (const step of run.steps) {
      const progress =
        step.progress === 'waiting'
          ? 'not-done'
          : step.progress === 'started'
            ? await happened(step, room)
            : step.progress;
      ends.push({ n: step.n, progress });
    }
    const outcome = recovered(
      run,
      ends.map(e => e.progress),
      back,
    );
    room.audit.append({
      actor: ACTOR,
      plan: run.digest,
      what: 'run.recovered',
      before: { ...nameOf(run), started: run.started, steps: run.steps.map(s => brief(s.step)) },
      after: { result: outcome.result, detail: outcome.detail, steps: ends.map(e => e.progress) },
    });
    for (const { n, progress } of ends) {
      room.ledger.progress(run.run, run.what, n, progress);
      if (run.what === 'undo' && progress === 'done')
        room.ledger.takenBack(run, step => isInverse(run.steps[n]!.step, step));
    }
    room.ledger.finish(run.run, run.what, outcome);
  }
}

/** A crash before the effect: nothing of it failed and nothing is uncertain, something just wasn't done. */
export const mayTryAgain = (ends: readonly Progress[]): boolean =>
  ends.includes('not-done') && ends.every(p => ['not-done', 'done', 'already'].includes(p));

function recovered(run: LedgerRun, ends: Progress[], { reports, notes }: PutBack): Outcome {
  const observed = run.steps.map(({ step }, n) => ({
    action: step.action,
    result: ends[n]!,
    before: '',
    after: 'observed after a crash',
  }));
  const steps = [...observed, ...reports];
  const all = (...allowed: Progress[]): boolean => ends.every(e => allowed.includes(e));
  const words = ends.join(', ');
  if (all('already')) return { result: 'already', detail: 'already satisfied: nothing was run', steps };
  if (all('done', 'already'))
    return { result: 'done', detail: 'done: observed after the executor was interrupted', steps };
  if (ends.includes('unknown'))
    return { result: 'unknown', detail: `interrupted; what came of it could not be observed (${words})`, steps };
  const detail = mayTryAgain(ends)
    ? `not done: the executor was interrupted (${words}); the order may be sent again`
    : [`failed, and the executor was interrupted (${words})`, ...notes].join('; ');
  return { result: 'failed', detail, steps };
}

/**
 * An audit file that tells of a run the ledger has never heard of means that the ledger was lost or is an old copy: what
 * was voted until now can't be told from what was used.
 */
export function distrustOldVotes({ audit, ledger, now }: Pick<Room, 'audit' | 'ledger' | 'now'>): void {
  const intent = audit.newest('run.intent');
  const named = intent?.after as { run?: string; what?: Order['what'] } | null | undefined;
  if (!named?.run || !named.what || ledger.find(named.run, named.what)) return;
  if (ledger.note('distrusted') === intent!.digest) return;
  const after = new Date(now()).toISOString();
  audit.append({
    actor: ACTOR,
    plan: null,
    what: 'ledger.lost',
    before: { newestRun: named.run },
    after: { votesAfter: after },
  });
  ledger.note(VOTES_AFTER, after);
  ledger.note('distrusted', intent!.digest);
}

/** An administrator's answer is as long as a reason may be. */
const MAX_REASON = 2000;

/**
 * An administrator has decided that the audit file goes on without what is missing of it: `decision` is a file with their
 * name and reason, which root puts into the executor's own directory. It is used once; where nothing is missing, it is
 * taken away unused, so that it can't excuse a later loss. Returns what it did, or null.
 * @throws AuditUnwritable
 */
export function acceptAudit({ audit, ledger }: Pick<Room, 'audit' | 'ledger'>, decision: string): string | null {
  if (!lstatSync(decision, { throwIfNoEntry: false })?.isFile()) return null;
  const missing = audit.missing();
  const reason = readFileSync(decision, 'utf8').trim().slice(0, MAX_REASON);
  if (missing && reason !== '')
    audit.accept({
      actor: ACTOR,
      plan: null,
      what: ACCEPTED,
      before: { missing, ...ledger.auditKnown() },
      after: { decision: reason },
    });
  rmSync(decision);
  if (!missing) return 'nothing was missing: the decision was taken away unused';
  return reason === '' ? 'the decision is empty: say in it who decides, and why' : `accepted: ${missing}`;
}

/** Before when votes don't count (ISO time), or null. */
export const votesAfter = ({ ledger }: Pick<Room, 'ledger'>): string | null => ledger.note(VOTES_AFTER);

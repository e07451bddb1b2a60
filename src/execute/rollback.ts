/**
 * A service that did not come up after its configuration was changed: the file as it was, at once, and the service again.
 * Each step of it stands in the ledger, so that a crash in the middle is made up for at the next start.
 */
import type { Outcome } from '../plan.ts';
import type { ConfigStep, ServiceStep } from './checks.ts';
import type { LedgerRun, LedgerStep } from './ledger.ts';
import type { Deed, Look } from './membership.ts';
import { ACTOR, brief, nameOf } from './record.ts';
import type { Room } from './room.ts';
import { act, look } from './steps.ts';

/** What it came to: how each step of it ended, and that in words. Nothing where there was nothing to put back. */
export interface PutBack {
  reports: Outcome['steps'];
  notes: string[];
}

type Own = LedgerStep & { step: ConfigStep };

/** Puts back what this run changed before its service failed, as the ledger has both. */
export async function putBack({ run, what }: Pick<LedgerRun, 'run' | 'what'>, room: Room): Promise<PutBack> {
  const { ledger } = room;
  const ran = what === 'plan' ? ledger.find(run, what) : null;
  const failed = ran?.steps.find(
    (s): s is LedgerStep & { step: ServiceStep } =>
      s.progress === 'failed' && (s.step.action === 'service.restart' || s.step.action === 'service.start'),
  );
  if (!ran || !failed) return { reports: [], notes: [] };
  const own = ran.steps.filter(
    (s): s is Own =>
      s.n < failed.n && s.step.action === 'config.authorize-group' && ['done', 'restoring'].includes(s.progress),
  );
  if (own.length === 0) return { reports: [], notes: [] };
  const reports: PutBack['reports'] = [];
  const notes: string[] = [];
  for (const { step, n, progress } of own.toReversed()) {
    const back: ConfigStep = { ...step, action: 'config.restore', before: step.after, after: step.before };
    if (progress !== 'restoring') {
      room.audit.append({
        actor: ACTOR,
        plan: ran.digest,
        what: 'rollback.intent',
        before: null,
        after: { ...nameOf(ran), step: brief(back) },
      });
      ledger.progress(run, what, n, 'restoring');
    }
    const restored = await restore(back, room);
    reports.push({
      action: back.action,
      result: restored.result,
      before: step.after,
      after: (await seen(back, room)).state,
    });
    notes.push(
      restored.result === 'done' ? `${step.file} was put back` : `${step.file} could NOT be put back: ${restored.note}`,
    );
    own.find(s => s.n === n)!.progress = restored.result === 'done' ? 'undone' : 'done';
  }
  const restart: ServiceStep = { ...failed.step, action: 'service.restart' };
  const again = await act(restart, room, filesOf(room));
  reports.push({
    action: restart.action,
    result: again.result,
    before: 'after the restore',
    after: again.note || 'active',
  });
  // Only now: until the service was started again, the putting back is not over.
  for (const { n, progress } of own) ledger.progress(run, what, n, progress);
  return { reports, notes };
}

/** A crash may have come after the file was put back. */
const restore = async (back: ConfigStep, room: Room): Promise<Deed> =>
  (await seen(back, room)).kind === 'already' ? { result: 'done', note: '' } : await act(back, room, filesOf(room));

/** Where not even a look is possible, the rest goes on all the same: a run that can't be closed would hold up all others. */
async function seen(back: ConfigStep, room: Room): Promise<Pick<Look, 'kind' | 'state'>> {
  try {
    return await look(back, room, 'taking-back');
  } catch (error) {
    return { kind: 'stale', state: `${back.file}: ${(error as Error).message}` };
  }
}

/** Where copies of changed files go, and how this one is named. */
export const filesOf = ({ audit, backups, now }: Room): { backups: string; stamp: string } => ({
  backups,
  stamp: `${String(audit.head.seq).padStart(12, '0')}-${new Date(now()).toISOString().replace(/[:.]/g, '')}`,
});

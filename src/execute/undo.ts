/**
 * Which steps take back what a run of this very plan changed. No new vote is needed for it, so nothing but our own change
 * may be touched, and only under the votes it was made with.
 */
import type { Order } from '../messages.ts';
import { type ConfigStep, isInverse, type OrderStep } from './checks.ts';
import type { Progress } from './ledger.ts';
import { hashOf } from './record.ts';
import { NotRun, type Room } from './room.ts';

const TAKES_BACK: readonly OrderStep['action'][] = ['group.remove', 'directory.group-remove', 'config.restore'];

/** @throws NotRun when nothing of it is ours, or the votes are others */
export function ownChanges(order: Order, { ledger }: Room): OrderStep[] {
  // An undo that a crash interrupted goes on with its own steps: what it took back before is ours no more.
  const begun = ledger.find(order.run, 'undo');
  const ours: readonly Progress[] = begun ? ['done', 'undone'] : ['done'];
  const ran = ledger
    .runsOf(order, 'plan')
    .filter(r => r.steps.some(s => ours.includes(s.progress)))
    .at(-1);
  if (!ran)
    throw new NotRun(
      'refused',
      'not-our-change',
      'no run of this plan changed anything, so there is nothing to take back',
    );
  const same =
    ran.votes.length > 0 && ran.votes.every(v => order.votes.some(o => o.id === v.id && hashOf(o) === v.hash));
  if (!same || order.votes.length !== ran.votes.length)
    throw new NotRun('refused', 'other-votes', 'these are not the votes the change was made under');
  if (begun) return begun.steps.map(s => s.step);
  const steps = order.undo.flatMap((undo): OrderStep[] => {
    if (undo.action === 'service.restart' || undo.action === 'service.start') return [undo];
    const own = ran.steps.find(s => s.progress === 'done' && isInverse(undo, s.step));
    if (!own || ledger.isMadeAnew(ran.run, own, later => isInverse(undo, later))) return [];
    // However the plan wrote its hashes: the way back is from what we made to what was there before.
    return own.step.action === 'config.authorize-group'
      ? [{ ...(undo as ConfigStep), before: own.step.after, after: own.step.before }]
      : [undo];
  });
  // A restart takes nothing back by itself; it only follows what does.
  if (!steps.some(s => TAKES_BACK.includes(s.action)))
    throw new NotRun(
      'refused',
      'not-our-change',
      'what this would take back was not changed by this plan, or anew by a later one',
    );
  return steps;
}

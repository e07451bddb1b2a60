/**
 * How much is done in a time: grants an hour, and the time between two restarts. Counted in the executor's own ledger,
 * attempts too, so that neither a crash nor a clock set back gives anything away.
 */
import type { Order } from '../messages.ts';
import { type Looked, NotRun, type Room } from './room.ts';

const HOUR_MS = 3_600_000;
const GRANTS = ['group.add', 'directory.group-add', 'config.authorize-group'] as const;

/** Taking back is never held up by a limit. @throws NotRun */
export function checkLimits(order: Order, looked: Looked[], { config, ledger, now }: Room): void {
  if (order.what === 'undo') return;
  const todo = looked.filter(l => l.look.kind === 'todo').map(l => l.step);
  const asked = todo.filter(s => (GRANTS as readonly string[]).includes(s.action)).length;
  const { count } = ledger.begunSince(GRANTS, now() - HOUR_MS);
  if (asked > 0 && count + asked > config.policy.grantsPerHour)
    throw new NotRun(
      'refused',
      'grants-per-hour',
      `${count} grants within the hour, ${config.policy.grantsPerHour} are allowed; the executor stops until it is over`,
    );
  for (const step of todo) {
    if (step.action !== 'service.restart' && step.action !== 'service.start') continue;
    const { last } = ledger.begunSince([step.action], now() - config.policy.restartInterval * 1000, step.unit);
    if (last !== null)
      throw new NotRun(
        'refused',
        'restart-interval',
        `${step.unit}: ${step.action} at ${new Date(last).toISOString()}; one in ${config.policy.restartInterval} s is allowed`,
      );
  }
}

export const grantsThisHour = ({ ledger, now }: Pick<Room, 'ledger' | 'now'>): number =>
  ledger.begunSince(GRANTS, now() - HOUR_MS).count;

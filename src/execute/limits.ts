/**
 * How much is done in a time: grants an hour, and the time between two restarts. Counted in the executor's own ledger,
 * attempts too, so that neither a crash nor a clock set back gives anything away.
 */
import type { Order } from '../messages.ts';
import { ACTOR } from './record.ts';
import { VOTES_AFTER } from './recovery.ts';
import { type Looked, NotRun, type Room } from './room.ts';

const HOUR_MS = 3_600_000;
/** A clock is corrected by seconds all the time; then the later time simply counts. */
const SLACK_MS = 60_000;
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

/**
 * A clock that was once far ahead left times that are still to come, and a limit would last until they are over. They count
 * as now, once and on the record: so each limit holds its whole time, and no longer. @throws AuditUnwritable
 */
export function correctTimes({ audit, ledger, now }: Pick<Room, 'audit' | 'ledger' | 'now'>): void {
  const at = now();
  const begun = ledger.begunAfter(at + SLACK_MS);
  const after = ledger.note(VOTES_AFTER);
  const votes = after !== null && Date.parse(after) > at + SLACK_MS ? after : null;
  if (!begun && !votes) return;
  const time = new Date(at).toISOString();
  const latest = begun && new Date(begun.last).toISOString();
  audit.append({
    actor: ACTOR,
    plan: null,
    what: 'clock.was-ahead',
    before: { steps: begun?.count ?? 0, latest, votesAfter: votes },
    after: { countedAs: time },
  });
  if (begun) ledger.setBack(at);
  if (votes) ledger.note(VOTES_AFTER, time);
}

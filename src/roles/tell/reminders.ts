/**
 * What waits too long: the missing vote is asked for, a proposal is reminded of, what nobody acts on goes one step up,
 * and what is over is said to be. Looked for every few seconds and put into the outbox under keys that make each of them
 * once, whatever crashes in between; an incident that is silenced, held, inhibited or taken over is left alone.
 */
import type { Config } from '../../config/config.ts';
import { ADMINISTRATORS } from '../../config/notify.ts';
import type { Logger } from '../../log.ts';
import { receivers, routesFor } from '../../notify/routes.ts';
import { activeSilences } from '../../store/desk-rows.ts';
import { type IncidentLine, incidentLines } from '../../store/incident-lines.ts';
import type { Store } from '../../store/open.ts';
import { hurryEnded, rowsOf } from '../../store/outbox.ts';
import { halfVoted, newlyIn, waiting, waitingSince } from '../../store/waiting.ts';
import { silencedBy } from '../desk/rows.ts';
import { toldAt } from './digests.ts';
import { channelOf, tellReceiver, tellRouted } from './telling.ts';

export interface ReminderParts {
  store: Store;
  config: Config;
  now: () => number;
  log: Logger;
}

const LOOK_EVERY_MS = 2000;
/** Ten thousand that wait are looked at in a minute and a half, and nothing else is held up by it. */
const MOST_AT_ONCE = 200;

/** Looks every two seconds. @returns the way to stop it */
export function startReminders(p: ReminderParts): { stop(): void } {
  const lookOut = new LookOut(p);
  const look = (): void => {
    try {
      lookOut.look();
    } catch (error) {
      p.log.error({ err: error }, 'reminders could not be looked for');
    }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  look();
  return { stop: () => clearInterval(timer) };
}

export class LookOut {
  readonly #p: ReminderParts;
  /** The shortest time after which anything is said again, ms; null: nothing ever is. */
  readonly #shortestMs: number | null;
  /** Where the last look ended. Lost at a restart, all are looked at again. */
  #after = '0';

  constructor(parts: ReminderParts) {
    this.#p = parts;
    const { remindAfter, escalateAfter, routes } = parts.config.notify;
    const times = [remindAfter, escalateAfter, ...routes.map(r => r.repeatInterval)].filter(t => t !== null);
    this.#shortestMs = times.length ? Math.min(...times) * 1000 : null;
  }

  /** Puts into the outbox what is due now. */
  look(): void {
    const { store, config, now } = this.#p;
    store.tx(() => {
      sayWhatIsOver(this.#p);
      hurryEnded(store, now());
      if (config.notify.secondVoteAfter !== null) askForVotes(this.#p, config.notify.secondVoteAfter * 1000);
      if (this.#shortestMs === null) return;
      const ids = waiting(store, now() - this.#shortestMs, this.#after, MOST_AT_ONCE);
      this.#after = ids.length < MOST_AT_ONCE ? '0' : ids.at(-1)!;
      for (const i of notSilenced(this.#p, ids)) remind(this.#p, i);
    });
  }
}

function notSilenced({ store, now }: ReminderParts, ids: string[]): IncidentLine[] {
  if (!ids.length) return [];
  const silences = activeSilences(store, now());
  return incidentLines(store, { ids }).filter(i => silencedBy(silences, i) === null);
}

function sayWhatIsOver(p: ReminderParts): void {
  const { store, config, now } = p;
  const { resolved } = config.notify;
  const over = newlyIn(store, 'resolved');
  if (resolved === 'never') return;
  for (const id of over) {
    if (resolved === 'always') tellRouted(store, config, now(), id, 'resolved', `resolved-${id}`);
    for (const name of toldBefore(p, id)) tellReceiver(store, now(), id, 'resolved', `resolved-${id}`, name);
  }
}

/** Who was to be told of it, wherever the routes lead by now; an Alertmanager hears of the end by itself. */
function toldBefore({ store, config }: ReminderParts, id: string): string[] {
  const rows = [...rowsOf(store, id, `alert-${id}`), ...rowsOf(store, id, `escalate-${id}`)];
  return receivers(config)
    .filter(r => r.type !== 'alertmanager' && rows.some(row => row.channel === channelOf(r.name)))
    .map(r => r.name);
}

/** Once for each number of votes that a plan has: whoever may still vote is asked for the next. */
function askForVotes(p: ReminderParts, afterMs: number): void {
  const { store, config, now } = p;
  const due = halfVoted(store).filter(v => now() - v.last >= afterMs);
  const asked = new Set(
    notSilenced(
      p,
      due.map(v => v.id),
    ).map(i => i.id),
  );
  for (const { id, serial, votes } of due) {
    if (!asked.has(id)) continue;
    const key = `second-vote-${id}-${serial}-${votes}`;
    // They have addresses for mail only; without it, whoever hears of alerts hears of this.
    if (config.mail.host === null) tellRouted(store, config, now(), id, 'second-vote', key);
    else tellReceiver(store, now(), id, 'second-vote', key, ADMINISTRATORS);
  }
}

function remind(p: ReminderParts, i: IncidentLine): void {
  const { store, config, now } = p;
  const { remindAfter, escalateAfter, escalateTo } = config.notify;
  const since = waitingSince(store, i.id);
  if (since === null) return;
  const waited = now() - since;
  if (remindAfter !== null && i.state === 'proposed' && waited >= remindAfter * 1000) {
    const times = Math.floor(waited / (remindAfter * 1000));
    // A late reminder does not bring the next one closer.
    if (lastOf(store, i.id, `remind-${i.id}-`, null) <= now() - remindAfter * 1000)
      tellRouted(store, config, now(), i.id, 'reminder', `remind-${i.id}-${since}-${times}`);
  }
  for (const { receiver, repeatMs } of routesFor(config, i)) {
    if (repeatMs === null || receiver.type === 'alertmanager') continue;
    const channel = channelOf(receiver.name);
    const first = rowsOf(store, i.id, `alert-${i.id}`, channel)
      .map(r => toldAt(r, now()))
      .find(at => at !== null);
    if (first === undefined || now() - first < repeatMs) continue;
    if (lastOf(store, i.id, `repeat-${i.id}-`, channel) > now() - repeatMs) continue;
    const times = Math.floor((now() - first) / repeatMs);
    tellReceiver(store, now(), i.id, 'reminder', `repeat-${i.id}-${times}`, receiver.name);
  }
  if (escalateAfter !== null && escalateTo !== null && waited >= escalateAfter * 1000)
    tellReceiver(store, now(), i.id, 'escalation', `escalate-${i.id}`, escalateTo);
}

const lastOf = (store: Store, id: string, key: string, channel: ReturnType<typeof channelOf> | null): number =>
  Math.max(0, ...rowsOf(store, id, key, channel ?? undefined).map(r => r.created));

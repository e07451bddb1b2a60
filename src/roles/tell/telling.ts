/**
 * Puts what administrators are to be told of an incident into the outbox, one row for each receiver its routes lead to.
 * Call it in the transaction of the change it tells of.
 */
import type { Config } from '../../config/config.ts';
import { ADMINISTRATORS } from '../../config/notify.ts';
import { routesFor } from '../../notify/routes.ts';
import { incident } from '../../store/incidents.ts';
import type { Store } from '../../store/open.ts';
import { type Channel, enqueue } from '../../store/outbox.ts';

/** Letters to administrators, as they are called in the outbox and in `told`. */
export type LetterName = 'alert' | 'failed' | 'reminder' | 'escalation' | 'resolved' | 'second-vote';

/** What a row of the outbox asks for. */
export interface LetterPayload {
  letter: LetterName | 'user-tell' | 'access-restored' | 'access-ends' | 'digest' | 'muted' | 'report';
  incident?: string;
  grant?: string;
  week?: string;
  to?: string[];
  /** The key of the letter that was taken for others and not for whom this row is. */
  of?: string;
  /** Of a digest after a quiet time: when it ended, epoch ms. */
  until?: number;
  /** Of an alert that could not be told at its time: it is told only while it still waits for somebody. */
  heldBack?: boolean;
}

export const channelOf = (receiver: string): Channel => (receiver === ADMINISTRATORS ? 'mail' : `to:${receiver}`);

/** The administrators' row has the plain key, so that a site without routes has the rows it always had. */
export const keyFor = (key: string, receiver: string): string =>
  receiver === ADMINISTRATORS ? key : `${key}-to-${receiver}`;

/** The same where the channel is known. */
export const keyOn = (channel: Channel, key: string): string =>
  channel.startsWith('to:') ? keyFor(key, channel.slice('to:'.length)) : key;

/**
 * An Alertmanager gets the alert only: from then on it is told how the incident stands.
 * @param key the same key is told once, however often it is asked for
 * @param when `late`: only while it still waits for somebody
 */
export function tellRouted(
  store: Store,
  config: Config,
  now: number,
  id: string,
  letter: LetterName,
  key: string,
  when: 'now' | 'late' = 'now',
): void {
  for (const { receiver, groupWaitMs } of routesFor(config, incident(store, id))) {
    if (receiver.type === 'alertmanager' && letter !== 'alert') continue;
    const named = receiver.type === 'alertmanager' ? `alert-${id}` : key;
    tellReceiver(store, now, id, letter, named, receiver.name, letter === 'alert' ? groupWaitMs : 0, when);
  }
}

export const tellReceiver = (
  store: Store,
  now: number,
  id: string,
  letter: LetterName,
  key: string,
  receiver: string,
  waitMs = 0,
  when: 'now' | 'late' = 'now',
): boolean =>
  enqueue(store, now, {
    key: keyFor(key, receiver),
    channel: channelOf(receiver),
    incident: id,
    payload: { letter, incident: id, ...(when === 'late' && letter === 'alert' ? { heldBack: true } : {}) },
    due: now + waitMs,
  });

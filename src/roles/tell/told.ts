/** Who was told what of an incident, and how the receivers stand: read from the outbox, which is where it is decided. */
import type { Config } from '../../config/config.ts';
import { ADMINISTRATORS } from '../../config/notify.ts';
import type { Health, IncidentDetail } from '../../desk.ts';
import { receivers } from '../../notify/routes.ts';
import type { Store } from '../../store/open.ts';
import { type Channel, refusedLast, standing, toldOfIncident } from '../../store/outbox.ts';
import { channelOf, type LetterPayload } from './telling.ts';

const WORDS: Record<LetterPayload['letter'], string> = {
  alert: 'alert',
  failed: 'news of the failure',
  reminder: 'reminder',
  escalation: 'escalation',
  resolved: 'news that it is over',
  'second-vote': 'request for the missing vote',
  'user-tell': 'advice',
  'access-restored': 'news that the way is open again',
  'access-ends': 'news that the access will end',
  digest: 'digest',
  muted: 'digest',
  report: 'report',
};
/** Letters to the person concerned, not to administrators. */
export const TO_PERSONS: readonly LetterPayload['letter'][] = ['user-tell', 'access-restored', 'access-ends'];

function whom(channel: Channel, letter: LetterPayload['letter'] | undefined): string {
  if (channel === 'webhook') return 'the second channel';
  if (channel !== 'mail') return channel.slice('to:'.length);
  if (letter === 'second-vote') return 'who may still vote';
  return letter && TO_PERSONS.includes(letter) ? 'the person' : ADMINISTRATORS;
}

/** Oldest first. `state` is what became of it: `sent`, `muted until …`, `waiting`, or why it has not gone out. */
export function toldRows(store: Store, id: string): NonNullable<IncidentDetail['told']> {
  return toldOfIncident(store, id).map(row => {
    const { letter, of, to: alone } = row.payload as Partial<LetterPayload>;
    const to = of === undefined ? whom(row.channel, letter) : alone!.join();
    const waits = row.attempts > 0 ? `fails, is tried again: ${row.result}` : row.result || 'waiting';
    return {
      at: new Date(row.done ?? row.created).toISOString(),
      to,
      letter: letter ? WORDS[letter] : 'call',
      state: row.done === null ? waits : row.result,
    };
  });
}

/**
 * The administrators' mail: fails when the last letter did, or when their last one was refused for good.
 * @param failing why the last letter did not go out, as the doorbell knows it
 */
export function mailHealth(store: Store, failing: string | null): { up: boolean; detail: string } {
  const why = failing ?? refusedLast(store, 'mail', TO_PERSONS);
  return { up: why === null, detail: why ?? '' };
}

/** The receivers of notify.receivers; the administrators' mail stands on its own. */
export const receiverHealth = (store: Store, config: Config): NonNullable<Health['receivers']> =>
  receivers(config)
    .filter(r => r.name !== ADMINISTRATORS)
    .map(r => {
      const { waiting, failing } = standing(store, channelOf(r.name));
      return { name: r.name, type: r.type, up: failing === null, waiting, detail: failing ?? '' };
    });

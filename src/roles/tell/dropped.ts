/**
 * What waited for a receiver that is not in the configuration any more: nobody carries it, and whom the routes lead to now is
 * told instead, unless they were told already.
 */
import type { Config } from '../../config/config.ts';
import { isEnded } from '../../incident.ts';
import { receivers } from '../../notify/routes.ts';
import { incident } from '../../store/incidents.ts';
import type { Store } from '../../store/open.ts';
import { dropChannels, type OutboxRow, rowsIn } from '../../store/outbox.ts';
import { mutedResult } from './digests.ts';
import { channelOf, keyFor, type LetterName, type LetterPayload, tellRouted } from './telling.ts';

/** Letters that come once. Reminders and escalations come by themselves, by the routes as they are. */
const AGAIN: readonly LetterPayload['letter'][] = ['alert', 'failed', 'second-vote'];

/** Call it at the start, when the configuration has been read. */
export function retellDropped(store: Store, config: Config, now: number): void {
  store.tx(() => {
    const dropped = dropChannels(
      store,
      now,
      receivers(config).map(r => channelOf(r.name)),
    );
    for (const row of dropped.flatMap(d => [d, ...heldBy(store, d)])) {
      const { letter, of } = row.payload as LetterPayload;
      if (row.incident === null || !AGAIN.includes(letter) || isEnded(incident(store, row.incident).state)) continue;
      tellRouted(store, config, now, row.incident, letter as LetterName, baseOf(of ?? row.key, row.channel), 'late');
    }
  });
}

/** What a digest would have told. */
function heldBy(store: Store, row: OutboxRow): OutboxRow[] {
  const { letter, until } = row.payload as LetterPayload;
  if (letter === 'digest') return rowsIn(store, row, 'folded');
  return letter === 'muted' ? rowsIn(store, row, mutedResult(until!)) : [];
}

/** The key without its receiver. */
function baseOf(key: string, channel: string): string {
  const end = keyFor('', channel.slice('to:'.length));
  return key.endsWith(end) ? key.slice(0, -end.length) : key;
}

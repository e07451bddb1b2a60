/** When nobody is told of an incident, and by which name: for letters, chats and an Alertmanager alike. */
import type { Config } from '../../config/config.ts';
import { isEnded } from '../../incident.ts';
import { type Muted, mutedUntil, routesFor } from '../../notify/routes.ts';
import type { IncidentRecord } from '../../store/incidents.ts';
import type { Store } from '../../store/open.ts';
import { WAITS } from '../../store/waiting.ts';
import { silencedUntil } from '../desk/rows.ts';

/** Why nobody is told of it now; null where nothing stands against it. */
export function whyNot(store: Store, now: number, i: IncidentRecord): string | null {
  if (isEnded(i.state)) return 'ended';
  if (i.inhibitedBy) return 'inhibited';
  if (i.held) return 'held';
  if (silencedUntil(store, i, now)) return 'silenced';
  return null;
}

/** Why it is not said again: it does not wait for anybody any more. */
export const whyNotAgain = (i: IncidentRecord): string | null =>
  i.takenBy !== null ? `left to ${i.takenBy}` : WAITS.includes(i.state) ? null : 'somebody acted';

/** Whether the route that leads from this incident to this receiver is muted now. */
export function mutedFor(config: Config, receiver: string, i: IncidentRecord, now: number): Muted | null {
  const route = routesFor(config, i).find(r => r.receiver.name === receiver);
  return mutedUntil(config.notify.timeIntervals, route?.muteTimes ?? [], now);
}

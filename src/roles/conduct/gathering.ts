/**
 * One fault of the service refuses many people: their incidents are gathered under one, so that one plan and one mail
 * serve all of them; and where it shows that they share nothing, each has one of their own again.
 */
import type { State } from '../../incident.ts';
import { type IncidentRecord, liveIncident, liveIncidents, openIncident, update } from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import { adopt, handOver, knownUsersOf } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';

/** States in which nobody has decided anything yet. */
const UNDECIDED: readonly State[] = ['open', 'proposed', 'escalated', 'stale'];

type Explained = Pick<IncidentRecord, 'id' | 'kind' | 'host' | 'state' | 'inhibitedBy'>;

/** The greater incident takes over what the smaller one counted; the smaller one waits for it. */
export function explain(store: Store, now: number, greater: Explained, smaller: Explained): boolean {
  const inhibits = greater.kind === 'service' && smaller.kind === 'user' && greater.host === smaller.host;
  if (!inhibits || smaller.inhibitedBy !== null || !UNDECIDED.includes(smaller.state)) return false;
  adopt(store, now, smaller.id, greater.id);
  update(store, now, smaller.id, { inhibitedBy: greater.id });
  record(store, now, { actor: 'readmit', what: `explained by incident ${greater.id}`, incident: smaller.id });
  return true;
}

/**
 * A person's incident whose cause is the service's: the service's incident of that cause takes it, and a second person
 * is what opens one. Alone it stays what it is.
 * @param unit the key of service incidents
 */
export function gather(store: Store, now: number, i: IncidentRecord, cause: string, unit: string): boolean {
  if (i.kind !== 'user' || i.takenBy !== null) return false;
  const whole = liveIncident(store, 'service', unit, i.host);
  if (whole) return (whole.cause === null || whole.cause === cause) && explain(store, now, whole, i);
  const others = liveIncidents(store).filter(
    o =>
      o.kind === 'user' &&
      o.host === i.host &&
      o.id !== i.id &&
      o.cause === cause &&
      o.inhibitedBy === null &&
      o.takenBy === null &&
      UNDECIDED.includes(o.state),
  );
  if (!others.length) return false;
  const because = 'several people are refused for a cause they share';
  const what = { kind: 'service', key: unit, host: i.host, event: i.event, because, held: i.held } as const;
  const opened = openIncident(store, now, what);
  for (const one of [...others, i]) explain(store, now, opened, one);
  return true;
}

/** Whoever was only counted in an incident of many gets one of their own. */
export function release(store: Store, now: number, i: IncidentRecord): void {
  for (const key of knownUsersOf(store, i.id)) {
    if (liveIncident(store, 'user', key, i.host)) continue;
    const because = 'a person with an account was refused, among others with other causes';
    const own = openIncident(store, now, { kind: 'user', key, host: i.host, event: i.event, because, held: i.held });
    handOver(store, now, i.id, own.id, key);
  }
}

/**
 * One fault of the service refuses many people, one address invents many names: their incidents are gathered under one,
 * so that one plan and one mail serve all of them; and where it shows that they share nothing, each has one of their own.
 */
import { explains, UNDECIDED } from '../../detect/inhibit.ts';
import type { Tally } from '../../incident.ts';
import {
  type IncidentRecord,
  inhibitedBy,
  liveIncident,
  liveIncidents,
  openIncident,
  update,
} from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import { adopt, handOver, knownUsersOf, whence } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';

type Explained = Pick<IncidentRecord, 'id' | 'kind' | 'key' | 'host' | 'state' | 'inhibitedBy'>;

/** People are asked about one after the other, so many milliseconds apart. */
const APART_MS = 50;

/**
 * Does the greater incident explain the smaller one? The store is asked only where the rule wants to know.
 * @param latest what was seen just now and is not counted yet
 */
export function isExplained(
  store: Store,
  greater: Explained,
  smaller: Explained,
  latest?: Pick<Tally, 'account' | 'ip'>,
): boolean {
  const { kind, host, state } = smaller;
  return (
    smaller.inhibitedBy === null &&
    explains(greater, {
      kind,
      host,
      state,
      get account() {
        // Once somebody's name, always somebody's name.
        const known = whence(store, smaller.id).account;
        return known === 'user' ? known : (latest?.account ?? known);
      },
      get addresses() {
        const { addresses } = whence(store, smaller.id);
        return latest?.ip ? [...addresses, latest.ip] : addresses;
      },
    })
  );
}

/** The greater incident takes over what the smaller one counted; the smaller one waits for it. */
export function explain(store: Store, now: number, greater: Explained, smaller: Explained): void {
  adopt(store, now, smaller.id, greater.id);
  holdBack(store, now, greater.id, smaller.id);
}

/** The report of a week reads from the journal what was explained then. */
function holdBack(store: Store, now: number, greater: string, smaller: string): void {
  update(store, now, smaller, { inhibitedBy: greater });
  record(store, now, { actor: 'readmit', what: `explained by incident ${greater}`, incident: smaller });
}

/**
 * A person's incident whose cause is the service's: the service's incident of that cause takes it, and a second person
 * is what opens one. Alone it stays what it is, and one that is decided already makes nobody a second person.
 * @param unit the key of service incidents
 */
export function gather(store: Store, now: number, i: IncidentRecord, cause: string, unit: string): boolean {
  if (i.kind !== 'user' || i.takenBy !== null || !UNDECIDED.includes(i.state)) return false;
  const whole = liveIncident(store, 'service', unit, i.host);
  if (whole) {
    if ((whole.cause !== null && whole.cause !== cause) || !isExplained(store, whole, i)) return false;
    explain(store, now, whole, i);
    return true;
  }
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
  for (const one of [...others, i]) if (isExplained(store, opened, one)) explain(store, now, opened, one);
  return true;
}

/** Whoever was only counted in an incident of many gets one of their own. */
export function release(store: Store, now: number, i: IncidentRecord): void {
  openEachOf(store, now, i, 'a person with an account was refused, among others with other causes');
}

/** What nobody knows the cause of explains nobody: those whom it concerns are asked about one by one. */
export function askEachOf(store: Store, now: number, i: IncidentRecord): void {
  for (const own of openEachOf(store, now, i, 'a person with an account was refused, among others'))
    holdBack(store, now, i.id, own.id);
  for (const [n, held] of inhibitedBy(store, i.id).entries()) update(store, now, held.id, { due: now + n * APART_MS });
}

function openEachOf(store: Store, now: number, i: IncidentRecord, because: string): IncidentRecord[] {
  return knownUsersOf(store, i.id).flatMap(key => {
    if (liveIncident(store, 'user', key, i.host)) return [];
    const own = openIncident(store, now, { kind: 'user', key, host: i.host, event: i.event, because, held: i.held });
    handOver(store, now, i.id, own.id, key);
    return [own];
  });
}

/** May somebody whom this one holds back go their own way, should they have a cause of their own? */
export const explainsNobody = (greater: Pick<IncidentRecord, 'kind' | 'state' | 'cause'>): boolean =>
  greater.kind === 'service' && greater.state === 'escalated' && greater.cause === null;

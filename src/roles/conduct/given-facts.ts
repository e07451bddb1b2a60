/**
 * The facts that stand in the logs, as the store has them: what was refused, to whom, from where, and whether the
 * scheduler and the user's own client both saw it. Diagnosis gets them given; no probe could ask for them.
 */
import type { Config } from '../../config/config.ts';
import type { Fact } from '../../diagnosis.ts';
import { iso } from '../../iso-time.ts';
import { type IncidentRecord, lastIncident } from '../../store/incidents.ts';
import { lastEvent, lastOwnSuccess, lastProof, lastSeen } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';

/** A denial older than this says nothing about now. */
const RECENT_MS = 15 * 60_000;

/** An address counts as where the last denials came from when one came from it so shortly before the last (ms). */
const SAME_TIME_MS = 60_000;

/**
 * @param i the incident in question; null when a person is asked about
 * @param user whose facts they are; null for a service or an address
 */
export function denialFacts(
  store: Store,
  now: number,
  i: IncidentRecord | null,
  user: string | null,
  config: Config,
): Fact[] {
  return [
    ...(i ? incidentFacts(store, now, i, config) : []),
    ...(user === null ? [] : personFacts(store, now, i, user, config)),
  ];
}

const factAt =
  (now: number) =>
  (name: string, value: Fact['value'], source: string): Fact => ({
    fact: name,
    value,
    known: true,
    source,
    at: new Date(now).toISOString(),
  });

function incidentFacts(store: Store, now: number, i: IncidentRecord, config: Config): Fact[] {
  const fact = factAt(now);
  const { log } = config.watch;
  const pairs = store.all<{ user: string; account: string; ip: string; last: number }>(
    'SELECT user, account, ip, last FROM pair WHERE incident = ?',
    Number(i.id),
  );
  const names = new Set(pairs.map(p => p.user).filter(Boolean));
  const unknown = new Set(
    pairs
      .filter(p => p.account === 'unknown')
      .map(p => p.user)
      .filter(Boolean),
  );
  // Where somebody came from yesterday does not explain why they are refused now.
  const newest = pairs.reduce((last, p) => (p.ip ? Math.max(last, Number(p.last)) : last), 0);
  const recent = pairs.filter(p => p.ip && newest - Number(p.last) <= SAME_TIME_MS).map(p => p.ip);
  return [
    fact('denial.kind', i.kind, `incident ${i.id}`),
    fact('denial.event', lastEvent(store, i.id) ?? i.event, `incident ${i.id}`),
    fact('denial.addresses', [...new Set(recent)].slice(0, 100), log),
    fact('denial.names', names.size, log),
    fact('denial.unknown-names', unknown.size, log),
    // Among the names that an address tries it says nothing of how anybody's request came.
    fact('denial.as-root', i.kind !== 'address' && names.has('root'), log),
  ];
}

function personFacts(store: Store, now: number, i: IncidentRecord | null, user: string, config: Config): Fact[] {
  const fact = factAt(now);
  const seen = lastSeen(store, user);
  const recent = (ms: number | null): boolean => ms !== null && now - ms < RECENT_MS;
  const when = (log: string, ms: number | null): string => `${log}: ${ms === null ? 'never' : iso(ms)}`;
  const facts = [
    fact('denial.server', recent(seen.server), when(config.watch.log, seen.server)),
    fact('denial.client', recent(seen.client) && seen.event === 'denied', when('client log', seen.client)),
  ];
  const last = Math.max(seen.server ?? 0, seen.client ?? 0);
  if (last > 0) facts.push(fact('denial.last', iso(last), 'both logs'));
  const own = lastOwnSuccess(store, user);
  if (own !== null) facts.push(fact('success.last', iso(own), 'client log'));
  const proof = lastProof(store, user);
  if (proof !== null) facts.push(fact('success.proved', iso(proof), 'our own test jobs'));
  const opened = i ?? lastIncident(store, 'user', user, config.host);
  if (opened) facts.push(fact('denial.opened', iso(opened.openedMs), `incident ${opened.id}`));
  if (!i && seen.event) facts.push(fact('denial.event', recent(seen.client) ? seen.event : 'denied', 'client log'));
  return facts;
}

/** What is said where no cause holds and the access model lets the person in. */
export const nothingInTheWay = (user: string): string => `nothing stands in ${user}'s way now`;

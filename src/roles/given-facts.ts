/**
 * The facts that stand in the logs, as the store has them: what was refused, to whom, from where, and whether the
 * scheduler and the user's own client both saw it. Diagnosis gets them given; no probe could ask for them.
 */
import type { Config } from '../config.ts';
import type { Fact } from '../incident.ts';
import type { IncidentRecord } from '../store/incidents.ts';
import { lastEvent, lastSeen, lastSuccess } from '../store/observations.ts';
import type { Store } from '../store/open.ts';

/** A denial older than this says nothing about now. */
const RECENT_MS = 15 * 60_000;

export function denialFacts(
  store: Store,
  now: number,
  i: IncidentRecord | null,
  user: string | null,
  config: Config,
): Fact[] {
  const at = new Date(now).toISOString();
  const fact = (name: string, value: Fact['value'], source: string): Fact => ({
    fact: name,
    value,
    known: true,
    source,
    at,
  });
  const facts: Fact[] = [];
  if (i) {
    facts.push(
      fact('denial.kind', i.kind, `incident ${i.id}`),
      fact('denial.event', lastEvent(store, i.id) ?? i.event, `incident ${i.id}`),
    );
    const pairs = store.all<{ user: string; account: string; ip: string }>(
      'SELECT user, account, ip FROM pair WHERE incident = ?',
      Number(i.id),
    );
    const names = new Set(pairs.map(p => p.user).filter(Boolean));
    const unknown = new Set(
      pairs
        .filter(p => p.account === 'unknown')
        .map(p => p.user)
        .filter(Boolean),
    );
    facts.push(
      fact('denial.addresses', [...new Set(pairs.map(p => p.ip).filter(Boolean))].slice(0, 100), `${config.watch.log}`),
      fact('denial.names', names.size, config.watch.log),
      fact('denial.unknown-names', unknown.size, config.watch.log),
      fact('denial.as-root', names.has('root'), config.watch.log),
    );
  }
  if (user !== null) {
    const seen = lastSeen(store, user);
    const recent = (ms: number | null): boolean => ms !== null && now - ms < RECENT_MS;
    facts.push(
      fact(
        'denial.server',
        recent(seen.server),
        seen.server === null
          ? `${config.watch.log}: never`
          : `${config.watch.log}: ${new Date(seen.server).toISOString()}`,
      ),
      fact(
        'denial.client',
        recent(seen.client) && seen.event === 'denied',
        seen.client === null ? 'client log: never' : `client log: ${new Date(seen.client).toISOString()}`,
      ),
    );
    const last = Math.max(seen.server ?? 0, seen.client ?? 0);
    if (last > 0) facts.push(fact('denial.last', new Date(last).toISOString(), 'both logs'));
    const success = lastSuccess(store, user);
    if (success !== null)
      facts.push(fact('success.last', new Date(success).toISOString(), 'the logs and our own test jobs'));
    if (!i && seen.event) facts.push(fact('denial.event', recent(seen.client) ? seen.event : 'denied', 'client log'));
  }
  return facts;
}

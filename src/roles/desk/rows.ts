/** Incidents as lists show them: with votes, marks and the bar of their last 24 hours; ten thousand of them are three questions. */
import type { Grant, IncidentRow, Timeline } from '../../desk.ts';
import { iso } from '../../iso-time.ts';
import { type GrantRow, type StoredVote, votesByIncident } from '../../store/approvals.ts';
import { activeSilences, type SilenceRow } from '../../store/desk-rows.ts';
import type { IncidentLine } from '../../store/incident-lines.ts';
import type { Store } from '../../store/open.ts';
import { hoursByIncident } from '../../store/seen.ts';
import type { DeskActs } from './acts.ts';
import { headlineOf } from './words.ts';

const HOUR = 3_600_000;

export interface RowParts {
  store: Store;
  now: () => number;
  needs: DeskActs['needs'];
  lapsed: DeskActs['lapsed'];
}

/** The bar of an incident without denials in these hours. */
const QUIET = new Array<number>(24).fill(0);

interface Around {
  /** Denials per hour of the last 24, by incident. */
  sparks: Map<string, number[]>;
  silences: SilenceRow[];
  votes: StoredVote[];
}

/** What every row needs is asked once: a list of ten thousand is three questions, not thirty thousand. */
export function rowsOf(parts: RowParts, lines: IncidentLine[]): IncidentRow[] {
  const { store, now } = parts;
  if (!lines.length) return [];
  const ids = lines.length > 1000 ? undefined : lines.map(l => l.id);
  const from = Math.floor(now() / HOUR) * HOUR - 23 * HOUR;
  const sparks = new Map<string, number[]>();
  for (const { incident: id, hour, count } of hoursByIncident(store, from, ids)) {
    const spark = sparks.get(id) ?? new Array<number>(24).fill(0);
    const at = Math.floor((hour - from) / HOUR);
    if (at < 24) spark[at] = count;
    sparks.set(id, spark);
  }
  const votes = votesByIncident(store, ids);
  const silences = activeSilences(store, now());
  return lines.map(line => rowOf(line, { sparks, silences, votes: votes.get(line.id) ?? [] }, parts));
}

function rowOf(i: IncidentLine, around: Around, { needs, lapsed }: RowParts): IncidentRow {
  return {
    id: i.id,
    kind: i.kind,
    key: i.key,
    host: i.host,
    state: i.state,
    cause: i.cause,
    count: i.count,
    users: i.users,
    opened: i.opened,
    tier: i.tier,
    votes: votesOn(around.votes, around.votes.length ? lapsed(i) : null),
    needs: needs(i),
    headline: headlineOf(i),
    updated: i.updated,
    marks: [
      ...(i.inhibitedBy ? ['inhibited' as const] : []),
      ...(silencedBy(around.silences, i) !== null ? ['silenced' as const] : []),
      ...(i.held ? ['held' as const] : []),
    ],
    spark: around.sparks.get(i.id) ?? QUIET,
    event: i.event,
    deed: i.deed,
    takenBy: i.takenBy,
    ofSomebody: i.ofSomebody,
    ...(i.gains ? { gains: i.gains } : {}),
  };
}

const votesOn = (votes: StoredVote[], lapsed: ReadonlySet<string> | null): IncidentRow['votes'] =>
  votes.map(({ id, ...vote }) => (lapsed?.has(id) ? { ...vote, lapsed: true as const } : vote));

type Silenceable = { kind: string; key: string; host: string; cause: string | null };

/** Until when these silences mute it; null when none does. */
export function silencedBy(silences: readonly SilenceRow[], i: Silenceable): number | null {
  const hit = silences.filter(s =>
    (['kind', 'key', 'host', 'cause'] as const).every(k => {
      const wanted = s.matcher[k];
      return (
        wanted === undefined || (wanted.endsWith('*') ? (i[k] ?? '').startsWith(wanted.slice(0, -1)) : i[k] === wanted)
      );
    }),
  );
  return hit.length ? Math.max(...hit.map(s => s.until)) : null;
}

export const silencedUntil = (store: Store, i: Silenceable, now: number): number | null =>
  silencedBy(activeSilences(store, now), i);

/** A grant as people and programs read it. */
export const grantOf = (g: GrantRow): Grant => ({
  id: g.id,
  user: g.user,
  uid: g.uid,
  group: g.group,
  host: g.host,
  incident: g.incident,
  by: g.by,
  reason: g.reason,
  entitlement: g.entitlement,
  since: iso(g.since),
  until: g.until === null ? null : iso(g.until),
  ended: g.ended === null ? null : iso(g.ended),
});

/** Denials by hour and cause; what nobody explained yet has a name too. */
export const timelineOf = (rows: { hour: number; cause: string | null; count: number }[]): Timeline =>
  rows.map(r => ({ hour: iso(Number(r.hour)), cause: r.cause ?? 'unexplained', count: Number(r.count) }));

/**
 * What a report needs of the store, gathered for a period: tallies, incidents with their history, grants, groups, blind times
 * and what the reader should know of how this site decides. Reads only.
 */
import { loadApprovers } from '../approve/approvers.ts';
import type { Config } from '../config/config.ts';
import { type Account, type EventName, type IncidentKind, isEnded, type State } from '../incident.ts';
import type { Outcome, Plan, Tier, Vote } from '../plan.ts';
import type { GroupHistory, ReportGrant, ReportIncident, ReportInput } from '../report/input.ts';
import { type GrantRow, grantRows, runById } from '../store/approvals.ts';
import { blindRows, installedAt } from '../store/desk-rows.ts';
import { membershipRows } from '../store/history.ts';
import { journal } from '../store/journal.ts';
import type { Row, Store } from '../store/open.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** Incidents of this time, and of the hour before it. */
export const incidentsOf = (
  store: Store,
  config: Config,
  { from, to }: { from: string; to: string },
): ReportIncident[] => reportIncidents(store, config, Date.parse(from) - BEFORE, Date.parse(to));

/** A denial is our own change's when it follows so soon: what was changed before the period counts too. */
const BEFORE = 3_600_000;

/** Everything that a report of `range` is made of. @param incidents those of a longer time, when they were read already */
export function reportInput(
  store: Store,
  config: Config,
  now: number,
  range: { from: string; to: string },
  week: string | null,
  incidents = incidentsOf(store, config, range),
): ReportInput {
  const from = Date.parse(range.from);
  const to = Date.parse(range.to);
  const resolved = new Map(
    incidents.flatMap(i => {
      const first = i.moves.find(m => m.to === 'resolved');
      return first ? [[i.id, first.at]] : [];
    }),
  );
  return {
    title: config.report.title,
    week,
    range,
    timezone: config.report.timezone,
    made: iso(now),
    hosts: store.all<{ host: string }>('SELECT DISTINCT host FROM source ORDER BY host').map(r => r.host),
    tallies: hours(store, from, to),
    incidents,
    grants: grantRows(store)
      .filter(g => g.since < to)
      .map(g => ({
        ...g,
        since: iso(g.since),
        until: g.until === null ? null : iso(g.until),
        ended: g.ended === null ? null : iso(g.ended),
        effective: resolved.get(g.incident) ?? null,
        executor: `executor on ${g.host}`,
        ...madeBy(store, g),
      })),
    groups: groupHistories(store, from, to),
    blind: [
      ...beforeUs(installedAt(store), from),
      ...blindRows(store, from, to).map(b => ({
        host: String(b.host),
        source: String(b.path),
        from: iso(Number(b.since)),
        to: b.until === null ? null : iso(Number(b.until)),
        why: String(b.why),
      })),
    ],
    audit: journal(store, -1, 1).map(e => ({ seq: e.seq, digest: e.digest }))[0] ?? null,
    policyNotes: policyNotes(config),
    exceptions: store
      .all<{ time: string; incident: number | null; what: string }>(
        "SELECT time, incident, what FROM journal WHERE time >= ? AND time < ? AND what LIKE 'the undo was %' ORDER BY seq",
        iso(from),
        iso(to),
      )
      .map(e => ({ at: e.time, incident: e.incident === null ? null : String(e.incident), what: e.what })),
    previous: null,
  };
}

/** Nobody read anything before we were there: silence of that time means nothing. */
const beforeUs = (installed: number, from: number): ReportInput['blind'] =>
  installed <= from
    ? []
    : [
        {
          host: 'every host',
          source: 'every log',
          from: iso(from),
          to: iso(installed),
          why: 'Readmit was not installed yet; of that time it knows what the logs still held',
        },
      ];

function hours(store: Store, from: number, to: number): ReportInput['tallies'] {
  const causes = new Map(
    store
      .all<{ id: number; cause: string }>('SELECT id, cause FROM incident WHERE cause IS NOT NULL')
      .map(r => [r.id, r.cause]),
  );
  const times = new Map<number, string>();
  const timeOf = (hour: number): string => {
    const known = times.get(hour) ?? iso(hour);
    times.set(hour, known);
    return known;
  };
  return store
    .all<{
      hour: number;
      host: string;
      event: EventName;
      user: string;
      ip: string;
      account: Account;
      incident: number;
      count: number;
    }>(
      'SELECT hour, host, event, user, ip, account, incident, count FROM hour WHERE hour >= ? AND hour < ?',
      Math.floor(from / 3_600_000) * 3_600_000,
      to,
    )
    .map(r => ({
      hour: timeOf(r.hour),
      user: r.user || null,
      ip: r.ip || null,
      event: r.event,
      cause: causes.get(r.incident) ?? null,
      count: r.count,
      host: r.host,
      incident: r.incident ? String(r.incident) : null,
      account: r.account,
    }));
}

/** What the report needs of one incident, read for many at once. */
interface Told {
  moves: Map<string, ReportIncident['moves']>;
  votes: Map<string, Vote[]>;
  outcomes: Map<string, Outcome>;
}

/**
 * Incidents that were open at some time between `from` and `to`, with their history. `updated` moves with everything that
 * happens to one, so what was still then is left out; what a grant of that time came from is not.
 */
function reportIncidents(store: Store, config: Config, from: number, to: number): ReportIncident[] {
  const roles = rolesOf(config);
  const rows = store.all<Row>(
    `SELECT id, kind, key, host, cause, opened, state, users, count, tier, inhibited_by, ifnull(plan_json,
       (SELECT p.plan_json FROM plan p WHERE p.incident = incident.id AND p.serial = incident.serial)) AS plan_json
     FROM incident WHERE opened < ?1 AND (updated >= ?2 OR state NOT IN ('resolved', 'expired', 'undone')
       OR id IN (SELECT incident FROM access_grant WHERE since >= ?2 OR ended >= ?2)) ORDER BY id DESC`,
    to,
    from,
  );
  const told = toldOfIncidents(
    store,
    rows.map(r => Number(r.id)),
  );
  return rows.map(row => reportIncident(row, told, roles));
}

/** What the run that gave it was, and what it saw before and after. */
function madeBy(store: Store, { run: id, user, group }: GrantRow): Pick<ReportGrant, 'made'> | Record<string, never> {
  const run = runById(store, id);
  if (!run) return {};
  const at = run.order.steps.findIndex(s => 'group' in s && 'user' in s && s.user === user && s.group === group);
  const { before = '', after = '' } = run.outcome?.steps[at] ?? {};
  return { made: { digest: run.order.digest, before, after } };
}

function toldOfIncidents(store: Store, ids: number[]): Told {
  const wanted = JSON.stringify(ids);
  const told: Told = { moves: new Map(), votes: new Map(), outcomes: new Map() };
  const add = <T>(to: Map<string, T[]>, id: unknown, value: T): void => {
    const known = to.get(String(id));
    if (known) known.push(value);
    else to.set(String(id), [value]);
  };
  for (const e of store.all<Row>(
    `SELECT incident, time, actor, what, json_extract(before_json, '$.state') AS was, json_extract(after_json, '$.state') AS is_
     FROM journal WHERE incident IN (SELECT value FROM json_each(?)) AND json_extract(after_json, '$.state') IS NOT NULL ORDER BY seq`,
    wanted,
  ))
    add(told.moves, e.incident, {
      at: String(e.time),
      who: String(e.actor),
      from: e.was as State | null,
      to: e.is_ as State,
      what: String(e.what),
    });
  for (const v of store.all<Row>(
    'SELECT incident, vote_json FROM vote WHERE incident IN (SELECT value FROM json_each(?)) ORDER BY at, rowid',
    wanted,
  ))
    add(told.votes, v.incident, JSON.parse(String(v.vote_json)) as Vote);
  for (const r of store.all<Row>(
    `SELECT incident, outcome_json FROM run WHERE incident IN (SELECT value FROM json_each(?)) AND what = 'plan' ORDER BY created, rowid`,
    wanted,
  ))
    if (r.outcome_json) told.outcomes.set(String(r.incident), JSON.parse(String(r.outcome_json)) as Outcome);
    else told.outcomes.delete(String(r.incident));
  return told;
}

function reportIncident(row: Row, told: Told, roles: (name: string) => string[]): ReportIncident {
  const id = String(row.id);
  const moves = told.moves.get(id) ?? [];
  const plan = row.plan_json ? (JSON.parse(String(row.plan_json)) as Plan) : null;
  const state = row.state as State;
  return {
    id,
    kind: row.kind as IncidentKind,
    key: String(row.key),
    host: String(row.host),
    cause: row.cause as string | null,
    opened: iso(Number(row.opened)),
    state,
    ended: isEnded(state) ? (moves.at(-1)?.at ?? null) : null,
    users: Number(row.users),
    count: Number(row.count),
    tier: row.tier === null ? null : (Number(row.tier) as Tier),
    moves,
    votes: (told.votes.get(id) ?? []).map(v => ({
      by: v.by,
      roles: roles(v.by),
      at: v.issued,
      decision: v.decision,
      reason: v.reason,
      proof: v.proof,
      digest: v.digest,
    })),
    plan: plan && {
      serial: plan.serial,
      digest: plan.digest,
      summary: plan.summary,
      steps: plan.steps,
      gains: plan.gains,
      entitlement: plan.entitlement,
      subject: plan.subject,
    },
    outcome: told.outcomes.get(id) ?? null,
    inhibitedBy: row.inhibited_by === null ? null : String(row.inhibited_by),
  };
}

function rolesOf(config: Config): (name: string) => string[] {
  let known: { name: string; roles: string[] }[] = [];
  try {
    known = loadApprovers(config.approvers).approvers;
  } catch {
    // A report must come out even when the approvers file is broken; `doctor` says that it is.
  }
  return name => known.find(a => a.name === name)?.roles ?? [];
}

function groupHistories(store: Store, from: number, to: number): GroupHistory[] {
  const seen = store.all<{ host: string; group: string; first: number }>(
    'SELECT host, "group" AS "group", first FROM group_seen ORDER BY host, "group"',
  );
  const rows = membershipRows(store);
  return seen.map(({ host, group, first }) => {
    const mine = rows.filter(r => r.host === host && r.group === group);
    const at = (t: number): string[] | null =>
      Number(first) > t
        ? null
        : mine
            .filter(r => r.since <= t && (r.until === null || r.until > t))
            .map(r => r.user)
            .sort();
    return {
      host,
      group,
      start: at(from),
      end: at(to),
      changes: mine
        .flatMap(r => [
          ...(r.initial || r.since < from || r.since >= to
            ? []
            : [{ at: iso(r.since), user: r.user, change: 'added' as const, byUs: r.addedBy !== null }]),
          ...(r.until === null || r.until < from || r.until >= to
            ? []
            : [{ at: iso(r.until), user: r.user, change: 'removed' as const, byUs: r.removedBy !== null }]),
        ])
        .sort((a, b) => a.at.localeCompare(b.at)),
    };
  });
}

/** What the reader should know of how this site decides. */
function policyNotes(config: Config): string[] {
  const { tiers, proof, manager } = config.policy;
  return [
    ...(tiers[2].votes < 2 ? ['Changes of tier 2 need one vote at this site, not two.'] : []),
    ...(proof === 'session' ? ['The page signs votes for the signed-in person (policy.proof: session).'] : []),
    ...(manager ? [`${manager} owns the targets: plans are exported, never run by Readmit.`] : []),
  ];
}

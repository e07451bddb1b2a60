/**
 * What a report needs of the store, gathered for a period: tallies, incidents with their history, grants, groups, blind times
 * and what the reader should know of how this site decides. Reads only.
 */
import type { Config } from '../config/config.ts';
import type { Account, EventName } from '../incident.ts';
import { iso } from '../iso-time.ts';
import type { Tier } from '../plan.ts';
import type { GroupHistory, ReportGrant, ReportInput, ReportRun } from '../report/input.ts';
import { type GrantRow, grantRows, type Run, runById, runsOf } from '../store/approvals.ts';
import { installedAt } from '../store/desk-rows.ts';
import { membershipRows } from '../store/history.ts';
import { journal } from '../store/journal.ts';
import type { Row, Store } from '../store/open.ts';
import { blindTimes, RETIRED_MS } from './blind.ts';
import { reportIncidents } from './report-incidents.ts';

/** Everything that a report of `range` is made of. @param incidents those of a longer time, when they were read already */
export function reportInput(
  store: Store,
  config: Config,
  now: number,
  range: { from: string; to: string },
  week: string | null,
  incidents = reportIncidents(store, config, range),
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
    hosts: hostsOf(store, from),
    tallies: hours(store, from, to),
    incidents,
    runs: runs(store, to),
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
    blind: [...beforeUs(installedAt(store), from), ...blindTimes(store, now, from, to)],
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

/** Hosts with logs, but for those that were no part of the cluster any more. */
const hostsOf = (store: Store, from: number): string[] =>
  store
    .all<{ host: string }>(
      'SELECT DISTINCT s.host FROM source s LEFT JOIN agent a ON a.host = s.host WHERE ifnull(a.seen, ?1) + ?2 > ?1 ORDER BY s.host',
      from,
      RETIRED_MS,
    )
    .map(r => r.host);

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

/** What the run that gave it was, what it saw before and after, and who took it. */
function madeBy(store: Store, grant: GrantRow): Pick<ReportGrant, 'made' | 'endedBy'> {
  const run = runById(store, grant.run);
  const endedBy = grant.ended === null ? null : run && wasUndone(store, run, grant.ended) ? 'us' : 'others';
  if (!run) return { endedBy };
  const at = run.order.steps.findIndex(
    s => 'group' in s && 'user' in s && s.user === grant.user && s.group === grant.group,
  );
  const { before = '', after = '' } = run.outcome?.steps[at] ?? {};
  return { endedBy, made: { digest: run.order.digest, before, after } };
}

/** Whether it was our undo that ended it: what was gone before that began, or when it came, others took. */
const wasUndone = (store: Store, { incident, serial }: Run, ended: number): boolean =>
  runsOf(store, incident).some(
    r => r.what === 'undo' && r.serial === serial && r.outcome?.result === 'done' && r.created <= ended,
  );

/** What was ordered before `to`. */
const runs = (store: Store, to: number): ReportRun[] =>
  store
    .all<Row>(
      `SELECT incident, serial, what, host, created, outcome_json ->> '$.result' AS result, order_json ->> '$.tier' AS tier,
       (SELECT json_group_array(v.value ->> '$.by') FROM json_each(order_json, '$.votes') v) AS by,
       (SELECT json_group_array(s.value ->> '$.action') FROM json_each(order_json, CASE what WHEN 'undo' THEN '$.undo' ELSE '$.steps' END) s) AS actions
       FROM run WHERE created < ? ORDER BY created, rowid`,
      to,
    )
    .map(r => ({
      incident: String(r.incident),
      serial: Number(r.serial),
      what: r.what as ReportRun['what'],
      host: String(r.host),
      tier: Number(r.tier) as Tier,
      at: iso(Number(r.created)),
      result: r.result as ReportRun['result'],
      by: JSON.parse(String(r.by)) as string[],
      actions: JSON.parse(String(r.actions)) as ReportRun['actions'],
    }));

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

/**
 * The auditor's table as CSV (RFC 4180): one table, one row per number, grant, vote, incident, membership, exception and
 * blind time, told apart by the first column. A spreadsheet runs no cell of it as a formula.
 */
import { type Cell, csvTable } from '../csv.ts';
import type { WeekReport } from './week.ts';

const COLUMNS = [
  'record',
  'incident',
  'host',
  'person',
  'uid',
  'group',
  'cause',
  'state',
  'at',
  'until',
  'ended',
  'count',
  'by',
  'roles',
  'reason',
  'entitlement',
  'serial',
  'digest',
  'executor',
  'before',
  'after',
  'effective',
  'what',
] as const;
type Row = Partial<Record<(typeof COLUMNS)[number], Cell>>;

export function renderCsv(report: WeekReport): string {
  const rows: Row[] = [
    { record: 'period', what: report.week, at: report.range.from, until: report.range.to, reason: report.timezone },
    ...Object.entries(report.numbers).map(([what, count]): Row => ({ record: 'number', what, count })),
    ...report.days.flatMap(d =>
      Object.entries(d.byCause).map(([cause, count]): Row => ({ record: 'denials', at: d.day, cause, count })),
    ),
    ...report.grants.map(
      (g): Row => ({
        record: 'grant',
        incident: g.incident,
        host: g.host,
        person: g.user,
        uid: g.uid,
        group: g.group,
        cause: g.cause,
        state: g.ended ? 'ended' : 'in force',
        at: g.since,
        until: g.until,
        ended: g.ended,
        by: g.by.join(' '),
        roles: g.approvers.map(a => `${a.by}: ${a.roles.join(' ')}`).join(' / '),
        reason: g.reason,
        entitlement: g.entitlement,
        digest: g.digest,
        executor: g.executor ?? null,
        before: g.before,
        after: g.after,
        effective: g.effective,
        what: g.endedBy && (g.endedBy === 'us' ? 'ended by readmit' : 'ended by somebody else'),
      }),
    ),
    ...report.votes.map(
      (v): Row => ({
        record: 'vote',
        incident: v.incident,
        at: v.at,
        by: v.by,
        roles: v.roles.join(' '),
        state: v.decision,
        reason: v.reason,
        serial: v.serial,
        digest: v.digest,
        what: v.proof,
      }),
    ),
    ...report.incidents.map(
      (i): Row => ({
        record: 'incident',
        incident: i.id,
        host: i.host,
        person: i.key,
        cause: i.cause,
        state: i.state,
        at: i.opened,
        count: i.denials,
        digest: i.digest,
        what: i.summary,
      }),
    ),
    ...report.waiting.map(
      (w): Row => ({
        record: 'waiting',
        incident: w.incident,
        host: w.host,
        person: w.key,
        cause: w.cause,
        state: w.state,
        at: w.since,
        count: w.users,
        what: w.waitsFor,
      }),
    ),
    ...report.expiring.map(
      (e): Row => ({
        record: 'ends',
        host: e.host,
        person: e.user,
        group: e.group,
        until: e.until,
        state: e.overdue ? 'overdue' : 'in force',
      }),
    ),
    ...report.ownDenials.map(
      (o): Row => ({ record: 'own-denials', host: o.host, person: o.who, at: o.at, count: o.count, what: o.because }),
    ),
    ...report.groups.flatMap(g => [
      ...(g.start ?? []).map((person): Row => ({ record: 'member-at-start', host: g.host, group: g.group, person })),
      ...(g.end ?? []).map((person): Row => ({ record: 'member-at-end', host: g.host, group: g.group, person })),
      ...g.changes.map(
        (c): Row => ({
          record: 'member-change',
          host: g.host,
          group: g.group,
          person: c.user,
          state: c.change,
          at: c.at,
          by: c.byUs ? 'readmit' : 'somebody else',
        }),
      ),
    ]),
    ...report.exceptions.map((e): Row => ({ record: 'exception', incident: e.incident, at: e.at, what: e.what })),
    ...report.blind.map(
      (b): Row => ({
        record: 'blind',
        host: b.host,
        at: b.from,
        until: b.to,
        count: Math.round(b.ms / 1000),
        reason: b.why,
        what: b.source,
      }),
    ),
    ...(report.audit
      ? [{ record: 'audit-head', count: report.audit.seq, digest: report.audit.digest } satisfies Row]
      : []),
  ];
  return csvTable(
    COLUMNS,
    rows.map(row => COLUMNS.map(column => row[column])),
  );
}

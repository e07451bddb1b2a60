/**
 * The auditor's table as CSV (RFC 4180): one table, one row per number, grant, vote, incident, membership, exception and
 * blind time, told apart by the first column. A spreadsheet runs no cell of it as a formula.
 */
import { visible } from '../visible.ts';
import type { WeekReport } from './week.ts';

type Cell = string | number | null;

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
  'count',
  'by',
  'roles',
  'reason',
  'entitlement',
  'digest',
  'executor',
  'before',
  'after',
  'effective',
  'what',
] as const;
type Row = Partial<Record<(typeof COLUMNS)[number], Cell>>;

/**
 * A spreadsheet takes a cell for a formula when it begins with one of these, also after spaces or a quote; the wide forms
 * too. What stands after a separator inside a cell counts as a beginning: in many countries `;` parts cells, not `,`.
 */
const FORMULA = /(^|[;,|\t\r\n])([\s"'\u0000-\u0020]*)(?=[=+\-@\t\r\n\u0000＝＋－＠])/g;

/** One cell: numbers as they are; text with its control characters visible, made harmless, quoted where it must be. */
export function csvCell(value: Cell | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const neutral = visible(
    value.replace(FORMULA, (all, before: string, spaces: string, at: number) =>
      at === 0 && before === '' ? `'${all}` : `${before}${spaces}'`,
    ),
  );
  return /[",;\s']/.test(neutral) ? `"${neutral.replaceAll('"', '""')}"` : neutral;
}

/** Rows as RFC 4180 has them: commas, CRLF, the same number of cells in each. */
export const csvTable = (head: readonly string[], rows: readonly (Cell | undefined)[][]): string =>
  [head, ...rows].map(row => `${row.map(csvCell).join(',')}\r\n`).join('');

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
        until: g.ended ?? g.until,
        by: g.by.join(' '),
        roles: g.approvers.map(a => `${a.by}: ${a.roles.join(' ')}`).join(' / '),
        reason: g.reason,
        entitlement: g.entitlement,
        digest: g.digest,
        executor: g.executor ?? null,
        before: g.before,
        after: g.after,
        effective: g.effective,
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

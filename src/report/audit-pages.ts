/**
 * The tables for the auditor, as sections: who got in, by whose vote, what else changed, what nobody saw, and how to check
 * that nobody has rewritten it.
 */
import { NONE, type Section } from './first-page.ts';
import type { WeekReport } from './week.ts';
import { among, causeName, clock, duration } from './words.ts';

/** For the auditor. */
export function auditPages(report: WeekReport): Section[] {
  const { timezone } = report;
  const at = (iso: string | null): string => clock(iso, timezone);
  const tables: [id: string, title: string, none: string, head: string[], rows: string[][]][] = [
    [
      'grants',
      'Access granted or taken back',
      'No access was granted or taken back.',
      [
        'Who',
        'Group',
        'Host',
        'Incident',
        'Entitlement or reason',
        'Approved by',
        'Run by',
        'Plan',
        'Before',
        'After',
        'Since',
        'Seen to work',
        'Ends',
        'Ended',
      ],
      report.grants.map(g => [
        `${g.user} (uid ${g.uid})`,
        g.group,
        g.host,
        g.incident,
        g.entitlement ?? `nothing showed one; reason: ${g.reason || 'none'}`,
        among(g.approvers.map(a => (a.roles.length ? `${a.by} (${a.roles.join(', ')})` : a.by))),
        g.executor ?? '–',
        g.digest?.slice(0, 16) ?? '–',
        g.before || '–',
        g.after || '–',
        at(g.since),
        at(g.effective),
        g.until ? at(g.until) : 'no end date',
        g.ended ? `${at(g.ended)}, by ${g.endedBy === 'us' ? 'Readmit' : 'others'}` : '–',
      ]),
    ],
    [
      'exceptions',
      'Exceptions',
      'None.',
      ['When', 'Incident', 'What'],
      report.exceptions.map(e => [e.at === null ? 'all along' : at(e.at), e.incident ?? '–', e.what]),
    ],
    [
      'votes',
      'Votes',
      'Nobody voted.',
      ['When', 'Incident', 'By', 'Roles', 'Decision', 'Reason', 'Proof', 'Serial', 'Plan'],
      report.votes.map(v => [
        at(v.at),
        v.incident,
        v.by,
        v.roles.join(', ') || '–',
        v.decision,
        v.reason || '–',
        v.proof,
        String(v.serial),
        v.digest?.slice(0, 16) ?? '–',
      ]),
    ],
    [
      'groups',
      'Members of the authorised groups',
      'No group was looked at.',
      ['Group', 'Host', 'At the start', 'At the end'],
      report.groups.map(g => [g.group, g.host, members(g.start), members(g.end)]),
    ],
    [
      'changes',
      'Changes of those groups, ours and others',
      'No group changed.',
      ['When', 'Who', 'Change', 'Group', 'Host', 'By'],
      report.groups.flatMap(g =>
        g.changes.map(c => [at(c.at), c.user, c.change, g.group, g.host, c.byUs ? 'Readmit' : 'somebody else']),
      ),
    ],
    [
      'incidents',
      'Incidents',
      'None.',
      ['Incident', 'Kind', 'Who', 'Host', 'Cause', 'Opened', 'Stands', 'Denials', 'Plan'],
      report.incidents.map(i => [
        i.id,
        i.kind,
        i.key,
        i.host,
        causeName(i.cause),
        at(i.opened),
        i.state,
        String(i.denials),
        i.summary ?? '–',
      ]),
    ],
    [
      'blind',
      'When logs could not be read',
      'Every source could be read all the time.',
      ['Source', 'Host', 'From', 'To', 'For', 'Why'],
      report.blind.map(b => [b.source, b.host, at(b.from), b.to === null ? 'still' : at(b.to), duration(b.ms), b.why]),
    ],
  ];
  return [
    ...tables.map(
      ([id, title, none, head, rows]): Section =>
        rows.length
          ? { id, title, say: [], table: { head, rows }, ...(head.length > 6 ? { wide: true as const } : {}) }
          : NONE(none, title, id),
    ),
    chain(report),
  ];
}

const members = (names: string[] | null): string =>
  names === null ? 'not known' : names.length ? `${names.length}: ${names.join(', ')}` : 'none';

/** The head of the audit chain, and how to check it: a rewritten file can't have an old head any more. */
export function chain(report: WeekReport): Section {
  const say = report.audit
    ? [
        `Its head was entry ${report.audit.seq} with digest ${report.audit.digest} when this report was made.`,
        `To verify: run "readmit audit verify" on the host, then compare the digest of entry ${report.audit.seq} ("readmit audit show") with the one above. If they differ, the file was rewritten.`,
      ]
    : ['There is no audit entry yet.'];
  return { id: 'audit', title: 'Audit chain', say, table: null };
}

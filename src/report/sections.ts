/**
 * The report as sections, before it is text or HTML: the first page for whoever decides, then the tables for the
 * auditor. Both renderings show these, so they can't say different things.
 */
import type { WeekReport } from './week.ts';
import { among, causeName, clock, duration, plural } from './words.ts';

export interface Section {
  id: string;
  title: string;
  /** Said before the table, or instead of it. */
  say: string[];
  table: { head: string[]; rows: string[][] /** Columns of numbers, set right. */; numbers?: number[] } | null;
  chart?: 'denials' | 'time-to-access';
  /** Many columns: one block of lines per row in plain text. */
  wide?: true;
}

/** The first lines: what happened and how it stands, in sentences. */
export function summary(report: WeekReport): string[] {
  const n = report.numbers;
  const strangers = n.denials - n.peopleDenials;
  return [
    n.people
      ? `${plural(n.people, 'person was', 'people were')} refused access, ${plural(n.peopleDenials, 'time')} in all.`
      : 'Nobody was refused access.',
    ...(strangers ? [`Unknown or system names were refused ${plural(strangers, 'time')}.`] : []),
    ...(n.resolved === 1 ? [`1 case ended with access, after ${duration(n.medianMs)}.`] : []),
    ...(n.resolved > 1
      ? [
          `${n.resolved} cases ended with access: half of them within ${duration(n.medianMs)}, nine in ten within ${duration(n.p90Ms)}.`,
        ]
      : []),
    ...waitingSentence(n),
    ...watchSentence(report),
  ];
}

function waitingSentence(n: WeekReport['numbers']): string[] {
  if (n.waiting === 0) return n.people ? ['Nobody waits any more.'] : [];
  const all = n.waiting === n.waitingLong;
  const long =
    n.waitingLong === 0 ? '' : all ? ', longer than three days' : `, ${n.waitingLong} of them longer than three days`;
  return [`${plural(n.waiting, 'case')} still ${n.waiting === 1 ? 'waits' : 'wait'}${long}.`];
}

/** Whether silence means anything: a source that could not be read saw nothing. */
function watchSentence(report: WeekReport): string[] {
  if (report.numbers.blindMs > 0)
    return [
      `Logs could not be read for ${duration(report.numbers.blindMs)} in all, so what happened then is not in these numbers.`,
    ];
  if (report.hosts.length === 0) return ['No host has reported, so there was nothing to count.'];
  return report.empty ? [`The logs of ${among(report.hosts, 5)} were read without a gap.`] : [];
}

const NONE = (text: string, title: string, id: string): Section => ({ id, title, say: [text], table: null });

function waiting(report: WeekReport): Section {
  const title = 'Who waits for whom';
  if (report.waiting.length === 0) return NONE('Nobody waits.', title, 'waiting');
  const long = report.numbers.waitingLong;
  return {
    id: 'waiting',
    title,
    say: long ? [`${plural(long, 'case')} ${long === 1 ? 'has' : 'have'} waited longer than three days.`] : [],
    table: {
      head: ['Who', 'Waits for', 'Cause', 'Since', 'Waited'],
      rows: report.waiting.map(w => [
        w.kind === 'user' ? w.key : `${plural(w.users, 'person', 'people')} (${w.key})`,
        w.waitsFor,
        causeName(w.cause),
        clock(w.since, report.timezone),
        duration(w.ms),
      ]),
      numbers: [4],
    },
  };
}

const change = (now: number, before: number): string =>
  now === before ? 'same' : now > before ? `+${now - before}` : `−${before - now}`;

function trend(report: WeekReport): Section {
  const { numbers: now, previous } = report;
  const count = (
    label: string,
    key:
      | 'people'
      | 'denials'
      | 'peopleDenials'
      | 'resolved'
      | 'waiting'
      | 'waitingLong'
      | 'granted'
      | 'taken'
      | 'votedDown'
      | 'failed'
      | 'ownDenials'
      | 'probing',
  ): string[] => [
    label,
    String(now[key]),
    ...(previous ? [String(previous[key]), change(now[key], previous[key])] : []),
  ];
  const time = (label: string, key: 'medianMs' | 'p90Ms'): string[] => [
    label,
    duration(now[key]),
    ...(previous ? [duration(previous[key]), slower(now[key], previous[key])] : []),
  ];
  return {
    id: 'numbers',
    title: 'In numbers',
    say: previous ? [] : ['There is no period before to compare with.'],
    table: {
      head: ['', report.week ? 'This week' : 'This period', ...(previous ? ['Before', 'Change'] : [])],
      rows: [
        count('People refused', 'people'),
        count('Denials of people', 'peopleDenials'),
        count('Denials, other names included', 'denials'),
        count('Cases that ended with access', 'resolved'),
        time('Time to access, median', 'medianMs'),
        time('Time to access, 90 %', 'p90Ms'),
        count('Still waiting', 'waiting'),
        count('Waiting longer than three days', 'waitingLong'),
        count('Access granted', 'granted'),
        count('Access taken back', 'taken'),
        count('Plans voted down', 'votedDown'),
        count('Changes that failed or did not help', 'failed'),
        count('Denials our own changes caused', 'ownDenials'),
        count('Addresses that probed', 'probing'),
      ],
      numbers: previous ? [1, 2, 3] : [1],
    },
  };
}

const slower = (now: number | null, before: number | null): string => {
  if (now === null || before === null) return '–';
  return now === before
    ? 'same'
    : now > before
      ? `${duration(now - before)} slower`
      : `${duration(before - now)} faster`;
};

function causes(report: WeekReport): Section {
  const title = 'Causes';
  if (report.causes.length === 0) return NONE('No person was refused, so there is no cause.', title, 'causes');
  return {
    id: 'causes',
    title,
    say: [],
    table: {
      head: ['Cause', 'Denials', 'People', 'Incidents'],
      rows: report.causes
        .slice(0, 10)
        .map(c => [causeName(c.cause), String(c.denials), String(c.people), String(c.incidents)]),
      numbers: [1, 2, 3],
    },
  };
}

function own(report: WeekReport): Section {
  const title = 'Denials our own changes caused';
  if (report.ownDenials.length === 0) return NONE('None.', title, 'own');
  return {
    id: 'own',
    title,
    say: [],
    table: {
      head: ['Who', 'Denials', 'From', 'Because'],
      rows: report.ownDenials.map(o => [o.who, String(o.count), clock(o.at, report.timezone), o.because]),
      numbers: [1],
    },
  };
}

function expiring(report: WeekReport): Section {
  const title = 'What ends soon';
  if (report.expiring.length === 0) return NONE('No access ends within two weeks.', title, 'expiring');
  return {
    id: 'expiring',
    title,
    say: [],
    table: {
      head: ['Who', 'Group', 'Host', 'Ends'],
      rows: report.expiring.map(e => [
        e.user,
        e.group,
        e.host,
        `${clock(e.until, report.timezone)}${e.overdue ? ', overdue' : ''}`,
      ]),
    },
  };
}

/** For whoever decides. */
export const firstPage = (report: WeekReport): Section[] => [
  waiting(report),
  { id: 'denials', title: 'Denials per day, by cause', say: [], table: null, chart: 'denials' },
  causes(report),
  { id: 'time-to-access', title: 'Time to access', say: [], table: null, chart: 'time-to-access' },
  own(report),
  expiring(report),
  trend(report),
];

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
        at(g.ended),
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
      ['When', 'Incident', 'By', 'Roles', 'Decision', 'Reason', 'Proof', 'Plan'],
      report.votes.map(v => [
        at(v.at),
        v.incident,
        v.by,
        v.roles.join(', ') || '–',
        v.decision,
        v.reason || '–',
        v.proof,
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

/** The period in words, and the zone all times are in. */
export const periodLine = (report: WeekReport): string =>
  `${report.week ? `Week ${report.week}: ` : ''}${clock(report.range.from, report.timezone)} to ${clock(report.range.to, report.timezone)}, times in ${report.timezone}` +
  `${Date.parse(report.made) < Date.parse(report.range.to) ? `; it is not over yet (made ${clock(report.made, report.timezone)})` : ''}.`;

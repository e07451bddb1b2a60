/**
 * The report's first page as sections, before it is text or HTML: for whoever decides. Both renderings show these, so
 * they can't say different things.
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
      `Logs could not be read for ${duration(report.numbers.blindMs)} in all: of what happened then, only what they still held later is in these numbers.`,
    ];
  if (report.hosts.length === 0) return ['No host has reported, so there was nothing to count.'];
  return report.empty ? [`The logs of ${among(report.hosts, 5)} were read without a gap.`] : [];
}

/** A section with nothing in it says so. */
export const NONE = (text: string, title: string, id: string): Section => ({ id, title, say: [text], table: null });

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
    say: [...(previous ? [] : ['There is no period before to compare with.']), ...hoursSentence(report)],
    table: {
      head: ['What', report.week ? 'This week' : 'This period', ...(previous ? ['Before', 'Change'] : [])],
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

const HOUR = 3_600_000;

/** Tallies are by the hour of UTC; where days begin within one, whoever compares should know where it went. */
function hoursSentence({ range }: WeekReport): string[] {
  const late = (HOUR - (Date.parse(range.from) % HOUR)) % HOUR;
  return late
    ? [
        `Denials are counted by whole hours of UTC, so those of the first ${duration(late)} of a day are counted with the day before.`,
      ]
    : [];
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

/** The period in words, and the zone all times are in. */
export const periodLine = (report: WeekReport): string =>
  `${report.week ? `Week ${report.week}: ` : ''}${clock(report.range.from, report.timezone)} to ${clock(report.range.to, report.timezone)}, times in ${report.timezone}` +
  `${Date.parse(report.made) < Date.parse(report.range.to) ? `; it is not over yet (made ${clock(report.made, report.timezone)})` : ''}.`;

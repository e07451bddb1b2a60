/** The numbers of a week are those of the raw rows (H02), and an empty week is a report too (H03). */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { renderCsv } from '../../src/report/csv.ts';
import type { HourTally, ReportIncident, ReportInput } from '../../src/report/input.ts';
import { weekRange } from '../../src/report/iso-week.ts';
import { renderText } from '../../src/report/text.ts';
import { headline, median, p90, weekNumbers, weekReport } from '../../src/report/week.ts';
import { weekReportOf } from '../../src/roles/reporting.ts';
import { openStore } from '../../src/store/open.ts';
import { BUSY, EMPTY, grant, incident, move, run, tally } from './a-week.ts';

const HOUR = 3_600_000;

describe('H02: the numbers', () => {
  const report = weekReport(BUSY);
  it('of a week that can be counted by hand', () => {
    expect(report.numbers).toMatchObject({
      denials: 54,
      peopleDenials: 24,
      people: 3,
      addresses: 3,
      opened: 4,
      resolved: 2,
      waiting: 1,
      waitingLong: 1,
      granted: 1,
      taken: 0,
      failed: 0,
      votedDown: 0,
      probing: 1,
      ownDenials: 0,
      blindMs: 2 * HOUR,
    });
    expect(report.numbers.medianMs).toBe((22 * 60_000 + 190 * 60_000) / 2);
    expect(report.numbers.p90Ms).toBe(190 * 60_000);
    expect(report.causes).toEqual([
      { cause: 'openclaw/expired-token', denials: 10, people: 1, incidents: 1 },
      { cause: 'openclaw/missing-group', denials: 9, people: 1, incidents: 1 },
      { cause: 'openclaw/config-too-strict', denials: 5, people: 1, incidents: 1 },
    ]);
  });

  it('are those of a plain recount, for a thousand rows thrown together', () => {
    let seed = 7;
    const pick = <T>(of: readonly T[]): T => {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      return of[seed % of.length]!;
    };
    const start = Date.parse('2026-11-10T00:00:00Z');
    const tallies: HourTally[] = Array.from({ length: 1000 }, () => ({
      hour: new Date(start + pick(Array.from({ length: 480 }, (_, i) => i)) * HOUR).toISOString(),
      user: pick(['alice', 'bob', 'carol', 'dave', null]),
      ip: pick(['10.0.0.1', '10.0.0.2', null]),
      event: pick(['denied', 'denied', 'succeeded', 'auth-failed'] as const),
      cause: pick(['openclaw/a', 'openclaw/b', null]),
      count: pick([1, 2, 3, 40]),
      account: pick(['user', 'user', 'unknown', 'system'] as const),
    }));
    const made = weekReport({ ...EMPTY, tallies });
    const inside = tallies.filter(t => t.event === 'denied' && t.hour >= EMPTY.range.from && t.hour < EMPTY.range.to);
    const persons = inside.filter(t => t.account === 'user' && t.user !== null);
    const total = (rows: HourTally[]): number => rows.reduce((n, t) => n + t.count, 0);
    expect(made.numbers.denials).toBe(total(inside));
    expect(made.numbers.peopleDenials).toBe(total(persons));
    expect(made.numbers.people).toBe(new Set(persons.map(t => t.user)).size);
    expect(made.days).toHaveLength(7);
    for (const day of made.days) {
      const rows = inside.filter(t => t.hour.startsWith(day.day));
      expect(day.total).toBe(total(rows));
      expect(Object.values(day.byCause).reduce((a, b) => a + b, 0)).toBe(day.total);
      expect(day.byCause['openclaw/a'] ?? 0).toBe(
        total(rows.filter(t => persons.includes(t) && t.cause === 'openclaw/a')),
      );
    }
    for (const c of made.causes) expect(c.denials).toBe(total(persons.filter(t => (t.cause ?? '') === c.cause)));
  });

  it('median and p90 of few and of none', () => {
    expect([median([]), median([5]), median([1, 9]), median([9, 1, 5])]).toEqual([null, 5, 5, 5]);
    expect([
      p90([]),
      p90([5]),
      p90([1, 2]),
      p90(Array.from({ length: 10 }, (_, i) => i + 1)),
      p90(Array.from({ length: 11 }, (_, i) => i + 1)),
    ]).toEqual([null, 5, 2, 9, 10]);
  });

  it('stay what they were when the week is looked at again later', () => {
    const later: ReportInput = {
      ...BUSY,
      made: '2027-02-01T00:00:00.000Z',
      tallies: [...BUSY.tallies, tally('2026-11-30T09', 'zoe', 99)],
      incidents: [...BUSY.incidents, incident('9', 'zoe', '2026-11-30T09:00:00.000Z')],
      grants: [...BUSY.grants, grant('zoe', '2026-11-30T10:00:00.000Z')],
    };
    expect(weekReport(later).numbers).toEqual(report.numbers);
    expect(weekReport(later).waiting.map(w => [w.key, w.state])).toEqual([['carol', 'advised']]);
  });

  it('count an hour by the local day', () => {
    const made = weekReport({
      ...EMPTY,
      timezone: 'Europe/Berlin',
      range: { from: '2026-11-15T23:00:00.000Z', to: '2026-11-22T23:00:00.000Z' },
      tallies: [tally('2026-11-15T23', 'alice', 2), tally('2026-11-22T23', 'alice', 9)],
    });
    expect(made.days[0]).toMatchObject({ day: '2026-11-16', total: 2 });
    expect(made.numbers.denials).toBe(2);
  });
});

const vote = (by: string, at: string, serial: number): ReportIncident['votes'][number] => ({
  ...{ by, at, serial },
  ...{ roles: [], decision: 'approve', reason: '', proof: 'key' },
});

it.each([
  ['Asia/Kolkata', 'those of the first 30 min of a day'],
  ['Asia/Kathmandu', 'those of the first 45 min of a day'],
  ['Europe/Berlin', null],
])('where days begin within an hour of UTC (%s) the report says where its denials are counted', (timezone, said) => {
  const range = weekRange('2026-W48', timezone);
  const last = new Date(Math.floor(Date.parse(range.from) / HOUR) * HOUR).toISOString().slice(0, 13);
  const report = weekReport({ ...EMPTY, timezone, range, made: range.to, tallies: [tally(last, 'alice', 3)] });
  expect(report.numbers.denials).toBe(said ? 0 : 3);
  const text = renderText(report).replace(/\s+/g, ' ');
  if (said) expect(text).toContain(said);
  else expect(text).not.toContain('hours of UTC');
});

describe('who waits for whom', () => {
  it.each([
    ['proposed', [], "an administrator's vote"],
    ['proposed', ['root-ann'], "another administrator's vote (root-ann approved)"],
    ['advised', [], 'alice: only they can do it'],
    ['escalated', [], 'an administrator: no plan fits'],
    ['propagating', [], 'the change to reach everybody'],
    ['not-effective', [], 'an administrator: the change did not help'],
  ] as const)('%s %j', (state, by, waitsFor) => {
    const votes = by.map(name => ({
      by: name,
      roles: [],
      at: '2026-11-22T11:00:00.000Z',
      decision: 'approve' as const,
      reason: '',
      proof: 'key' as const,
      serial: 1,
    }));
    const i = incident('1', 'alice', '2026-11-22T10:00:00.000Z', {
      moves: [move('2026-11-22T10:30:00.000Z', 'open', state)],
      votes,
      serials: [{ serial: 1, at: '2026-11-22T10:30:00.000Z' }],
    });
    expect(weekReport({ ...EMPTY, incidents: [i] }).waiting).toMatchObject([{ key: 'alice', waitsFor, ms: 14 * HOUR }]);
  });
  it('nobody, once it is decided or over, or when a greater incident explains it', () => {
    for (const state of ['denied', 'resolved', 'expired', 'undone'] as const)
      expect(
        weekReport({
          ...EMPTY,
          incidents: [
            incident('1', 'alice', '2026-11-20T10:00:00.000Z', {
              moves: [move('2026-11-20T11:00:00.000Z', 'open', state)],
            }),
          ],
        }).waiting,
      ).toEqual([]);
    const explained = (to: string | null) => ({ explained: [{ by: '2', from: '2026-11-20T10:00:00.000Z', to }] });
    for (const [to, waiting] of [
      [null, []],
      ['2026-11-25T00:00:00.000Z', []],
      ['2026-11-22T00:00:00.000Z', ['alice']],
    ] as const)
      expect(
        weekReport({
          ...EMPTY,
          incidents: [incident('1', 'alice', '2026-11-20T10:00:00.000Z', explained(to))],
        }).waiting.map(w => w.key),
      ).toEqual(waiting);
  });
  it('a vote on an earlier plan is none on the one that stands', () => {
    const [first, second, third] = ['2026-11-22T10:30:00.000Z', '2026-11-22T12:00:00.000Z', '2026-11-24T12:00:00.000Z'];
    const i = incident('1', 'alice', '2026-11-22T10:00:00.000Z', {
      moves: [move(first, 'open', 'proposed'), move(second, 'stale', 'proposed')],
      votes: [vote('root-ann', '2026-11-22T11:00:00.000Z', 1), vote('root-ben', '2026-11-22T13:00:00.000Z', 2)],
      serials: [first, second, third].map((at, n) => ({ serial: n + 1, at })),
    });
    const report = weekReport({ ...EMPTY, incidents: [i] });
    expect(report.waiting[0]!.waitsFor).toBe("another administrator's vote (root-ben approved)");
    expect(report.votes.map(v => [v.by, v.serial])).toEqual([
      ['root-ann', 1],
      ['root-ben', 2],
    ]);
    expect(renderCsv(report)).toMatch(/^vote,1,.*root-ben/m);
  });
  it('from week to week, until somebody acts', () => {
    const old = incident('1', 'alice', '2026-10-01T10:00:00.000Z', {
      moves: [move('2026-10-01T10:00:01.000Z', 'open', 'escalated')],
    });
    expect(weekReport({ ...EMPTY, incidents: [old] }).numbers).toMatchObject({ opened: 0, waiting: 1, waitingLong: 1 });
  });
});

/** Why alice and dora were given what they had. */
const GIVEN = [
  incident('1', 'dora', '2026-11-01T00:00:00.000Z', { state: 'resolved', ended: '2026-11-01T00:00:00.000Z' }),
];

describe('denials our own changes caused', () => {
  it('a person refused after we took their access away, not before, and not once they have it again', () => {
    const grants = [
      grant('dora', '2026-11-01T00:00:00.000Z', { ended: '2026-11-18T10:30:00.000Z' }),
      grant('dora', '2026-11-19T12:00:00.000Z', { id: 'again' }),
    ];
    const tallies = [
      tally('2026-11-17T10', 'dora', 1),
      tally('2026-11-18T10', 'dora', 2),
      tally('2026-11-18T12', 'dora', 4),
      tally('2026-11-20T10', 'dora', 8),
      tally('2026-11-18T12', 'alice', 16),
    ];
    expect(weekReport({ ...EMPTY, grants, tallies, incidents: GIVEN }).ownDenials).toMatchObject([
      { who: 'dora', count: 4, because: 'we took claw-users back' },
    ]);
  });

  it.each([
    ['on another host', { host: 'claw-head-02' }, {}],
    ['for what only they can mend', { cause: 'openclaw/expired-token', incident: '3' }, {}],
    ['for a fault of the service', { cause: 'openclaw/scheduler-down', incident: '4' }, {}],
    ['after others took it', {}, { endedBy: 'others' as const }],
  ])('not a person who is refused %s', (_what, denied, given) => {
    const grants = [grant('dora', '2026-11-01T00:00:00.000Z', { ended: '2026-11-17T10:30:00.000Z', ...given })];
    const incidents = [
      ...GIVEN,
      incident('3', 'dora', '2026-11-18T12:00:00.000Z', {
        moves: [move('2026-11-18T12:00:01.000Z', 'open', 'advised')],
      }),
      incident('4', 'claw-scheduler', '2026-11-18T12:00:00.000Z', { kind: 'service' }),
    ];
    const denials = (more: object) =>
      weekReport({ ...EMPTY, grants, incidents, tallies: [tally('2026-11-18T12', 'dora', 4, more)] }).numbers
        .ownDenials;
    expect(denials(denied)).toBe(0);
    if (!('endedBy' in given)) expect(denials({})).toBe(4);
  });

  it('a person refused before they were given it, and taken it again, within one hour is not', () => {
    const day = '2026-11-18T10:20:00.000Z';
    const grants = [grant('alice', day, { ended: '2026-11-18T10:40:00.000Z' })];
    const tallies = [tally('2026-11-18T10', 'alice', 7)];
    expect(weekReport({ ...EMPTY, grants, tallies, incidents: GIVEN }).ownDenials).toEqual([]);
  });

  it('a service that fell over within half an hour of our restart, on the same host', () => {
    const opened = (id: string, at: string, host = 'claw-head-01') =>
      incident(id, 'claw-scheduler', at, { kind: 'service', host, count: 900, moves: [] });
    const incidents = [
      opened('2', '2026-11-18T10:20:00.000Z'),
      opened('3', '2026-11-18T11:00:00.000Z'),
      opened('4', '2026-11-18T10:20:00.000Z', 'other'),
    ];
    const runs = [run('1', '2026-11-18T10:00:00.000Z', ['root-ann', 'root-ben'])];
    const tallies = ['2', '3', '4'].map(id => tally('2026-11-18T11', `user${id}`, 7, { incident: id }));
    const own = (more: Partial<ReportInput> = {}) =>
      weekReport({ ...EMPTY, incidents, runs, tallies, ...more }).ownDenials;
    expect(own()).toMatchObject([{ count: 7, because: 'the change of incident 1' }]);
    expect(own({ runs: [{ ...runs[0]!, result: 'refused' }] })).toEqual([]);
    expect(own({ runs: [{ ...runs[0]!, actions: ['group.add'] }] })).toEqual([]);
  });

  it('H02: as many as were counted in the week, whatever its incidents went on to count', () => {
    const incidents = [incident('9', 'claw-scheduler', '2026-11-22T23:50:00.000Z', { kind: 'service', count: 900 })];
    const runs = [run('8', '2026-11-22T23:40:00.000Z', ['root-ann', 'root-ben'])];
    const tallies = [
      tally('2026-11-22T23', 'alice', 20, { incident: '9' }),
      tally('2026-11-23T00', 'alice', 880, { incident: '9' }),
    ];
    const report = weekReport({ ...EMPTY, incidents, runs, tallies });
    expect([report.numbers.denials, report.numbers.ownDenials, report.incidents[0]!.denials]).toEqual([20, 20, 20]);
  });
});

describe('for the auditor', () => {
  const report = weekReport(BUSY);
  it('each grant has person, uid, entitlement, approvers with roles, digest, before and after, and when it worked', () => {
    expect(report.grants).toMatchObject([
      {
        user: 'alice',
        uid: 1001,
        approvers: [{ by: 'root-ann', roles: ['administrator'] }],
        digest: 'cd'.repeat(32),
        before: 'domain-users',
        after: 'domain-users, claw-users',
        effective: '2026-11-16T09:22:00.000Z',
      },
    ]);
  });
  it('exceptions: a single vote on tier 2, a change not made by us, votes signed by the server, the policy', () => {
    const said = report.exceptions.map(e => e.what).join('\n');
    expect(said).toContain('the single vote of root-ben');
    expect(said).toContain('eve was added to claw-users on claw-head-01, not by Readmit');
    expect(said).toContain('2 votes were signed by the server');
    expect(said).toContain('Changes of tier 2 need one vote');
  });
  it('the single vote stands though the incident offers nothing any more; a run that was refused is none', () => {
    const escalated = incident('1', 'claw-scheduler', '2026-11-17T09:00:00.000Z', { kind: 'service', tier: null });
    const said = (...runs: ReportInput['runs']) =>
      weekReport({ ...EMPTY, incidents: [escalated], runs }).exceptions.map(e => [e.incident, e.what]);
    const at = '2026-11-17T09:10:00.000Z';
    expect(said(run('1', at, ['root-ann']))).toEqual([['1', 'a tier 2 plan ran with the single vote of root-ann']]);
    expect(said(run('1', at, ['root-ann', 'root-ann'], { serial: 2 }))).toHaveLength(1);
    expect(said(run('1', at, ['root-ann', 'root-ben']))).toEqual([]);
    expect(said(run('1', at, ['root-ann'], { result: 'stale' }))).toEqual([]);
    expect(said(run('1', at, ['root-ann'], { tier: 1 }))).toEqual([]);
    expect(said(run('1', '2026-11-24T00:00:00.000Z', ['root-ann']))).toEqual([]);
  });
  it('what ended after the week was in force in it, in every dress; what others took was not taken by us', () => {
    const [since, until] = ['2026-11-18T10:00:00.000Z', '2026-11-30T00:00:00.000Z'];
    const later = { until, effective: '2026-11-24T00:00:00.000Z', ended: '2026-11-25T10:00:00.000Z' };
    const report = weekReport({
      ...EMPTY,
      grants: [
        grant('alice', since, later),
        grant('bob', since, { id: 'b', ended: '2026-11-19T10:00:00.000Z', endedBy: 'others' }),
        grant('carol', since, { id: 'c', ended: '2026-11-20T10:00:00.000Z' }),
      ],
    });
    expect(report.grants.map(g => [g.user, g.ended, g.endedBy, g.effective])).toEqual([
      ['alice', null, null, null],
      ['bob', '2026-11-19T10:00:00.000Z', 'others', since],
      ['carol', '2026-11-20T10:00:00.000Z', 'us', since],
    ]);
    expect(report.numbers).toMatchObject({ granted: 3, taken: 1 });
    const rows = renderCsv(report)
      .split('\r\n')
      .map(row => row.split(',').map(text => text.replaceAll('"', '')));
    const cell = (user: string, column: string) =>
      rows.find(row => row[0] === 'grant' && row.includes(user))![rows[0]!.indexOf(column)];
    expect(['state', 'until', 'ended', 'effective'].map(c => cell('alice', c))).toEqual(['in force', until, '', '']);
    expect(['state', 'until', 'ended', 'what'].map(c => cell('bob', c))).toEqual([
      ...['ended', '', '2026-11-19T10:00:00.000Z', 'ended by somebody else'],
    ]);
    expect(cell('carol', 'what')).toBe('ended by readmit');
    const text = renderText(report).replace(/\s+/g, ' ');
    expect(text).toContain('Ended: 2026-11-19 10:00, by others');
    expect(text).toContain('Ended: 2026-11-20 10:00, by Readmit');
    expect(text).not.toContain('2026-11-25');
  });
  it('an access without entitlement stands with the reason that was given', () => {
    const { exceptions } = weekReport({
      ...EMPTY,
      grants: [grant('bob', '2026-11-18T10:00:00.000Z', { entitlement: null, reason: 'asked by phone' })],
    });
    expect(exceptions[0]!.what).toContain('reason given: asked by phone');
  });
  it('what ends within two weeks, and what should have ended', () => {
    expect(report.expiring.map(e => [e.user, e.overdue])).toEqual([
      ['dora', true],
      ['alice', false],
    ]);
  });
  it('blind times are cut to the week, and one that goes on lasts until its end', () => {
    const blind = [{ host: 'h', source: 's', from: '2026-11-10T00:00:00.000Z', to: null, why: 'x' }];
    expect(weekReport({ ...EMPTY, blind }).numbers.blindMs).toBe(168 * HOUR);
    expect(weekReport({ ...EMPTY, blind, made: '2026-11-17T00:00:00.000Z' }).numbers.blindMs).toBe(24 * HOUR);
  });
});

it('H03: an empty week is a report that says so', () => {
  const report = weekReport(EMPTY);
  expect(report.empty).toBe(true);
  expect(headline(report)).toBe('nobody was refused');
  expect(weekNumbers(EMPTY)).toEqual(report.numbers);
  expect(weekReport(BUSY).empty).toBe(false);
  expect(headline(weekReport(BUSY))).toBe('3 people refused, 2 cases solved, 1 still waits');
});

describe('a time before Readmit was there', () => {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-week-'));
  const store = openStore(join(dir, 'readmit.db'));
  const config = parseConfig(`state: ${dir}\napprovers: ${dir}/none.yaml\n`, 'readmit.yaml');
  store.run("UPDATE meta SET value = ? WHERE key = 'installed'", Date.parse('2026-11-18T00:00:00Z'));
  afterAll(() => {
    store.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const told = (week: string) => weekReportOf(store, config, Date.parse('2026-12-01T00:00:00Z'), week);

  it('is no time in which every log was read', () => {
    const report = told('2026-W40');
    expect(report.numbers.blindMs).toBe(168 * HOUR);
    expect(renderText(report)).toContain('Logs could not be read for 7 d in all');
    expect(renderText(report)).not.toContain('without a gap');
    expect(renderText(report)).not.toContain('Every source could be read all the time.');
  });

  it('counts in the week of its first day up to then, and not after', () => {
    expect(told('2026-W47').numbers.blindMs).toBe(48 * HOUR);
    expect(told('2026-W48').numbers.blindMs).toBe(0);
  });
});

/** ISO weeks at the edges: year ends, W53, clocks that jump, midnights that don't exist. */
import { describe, expect, it } from 'vitest';
import { Usage } from '../../src/incident.ts';
import {
  dayOf,
  daysBetween,
  isoWeek,
  nextWeek,
  notBegun,
  previousWeek,
  startOfDay,
  weekRange,
} from '../../src/report/iso-week.ts';

describe('which week it is', () => {
  it.each([
    ['2026-11-22T23:59:59Z', 'UTC', '2026-W47'],
    ['2026-11-23T00:00:00Z', 'UTC', '2026-W48'],
    ['2026-11-22T23:30:00Z', 'Europe/Berlin', '2026-W48'],
    ['2026-11-23T04:30:00Z', 'America/New_York', '2026-W47'],
    ['2026-12-31T12:00:00Z', 'UTC', '2026-W53'],
    ['2027-01-03T12:00:00Z', 'UTC', '2026-W53'],
    ['2027-01-04T00:00:00Z', 'UTC', '2027-W01'],
    ['2024-12-30T12:00:00Z', 'UTC', '2025-W01'],
    ['2021-01-03T12:00:00Z', 'UTC', '2020-W53'],
    ['2023-01-01T12:00:00Z', 'UTC', '2022-W52'],
    ['2024-12-29T23:00:00Z', 'Pacific/Kiritimati', '2025-W01'],
  ])('%s in %s is in %s', (at, zone, week) => {
    expect(isoWeek(new Date(at), zone)).toBe(week);
  });
});

describe('where a week begins and ends', () => {
  it.each([
    ['2026-W47', 'UTC', '2026-11-16T00:00:00.000Z', '2026-11-23T00:00:00.000Z', 168],
    ['2026-W53', 'UTC', '2026-12-28T00:00:00.000Z', '2027-01-04T00:00:00.000Z', 168],
    ['2026-W13', 'Europe/Berlin', '2026-03-22T23:00:00.000Z', '2026-03-29T22:00:00.000Z', 167],
    ['2026-W43', 'Europe/Berlin', '2026-10-18T22:00:00.000Z', '2026-10-25T23:00:00.000Z', 169],
    ['2026-W01', 'Asia/Kolkata', '2025-12-28T18:30:00.000Z', '2026-01-04T18:30:00.000Z', 168],
    ['2026-W40', 'Australia/Lord_Howe', '2026-09-27T13:30:00.000Z', '2026-10-04T13:00:00.000Z', 167.5],
  ])('%s in %s', (week, zone, from, to, hours) => {
    expect(weekRange(week, zone)).toEqual({ from, to });
    expect((Date.parse(to) - Date.parse(from)) / 3_600_000).toBe(hours);
  });

  it('every instant lies in exactly the week whose range holds it, over six years and seven zones', () => {
    for (const zone of [
      'UTC',
      'Europe/Berlin',
      'America/New_York',
      'Asia/Kolkata',
      'Pacific/Auckland',
      'Africa/Cairo',
      'America/Havana',
    ]) {
      let week = '2020-W40';
      for (let n = 0; n < 320; n++) {
        const { from, to } = weekRange(week, zone);
        expect([
          isoWeek(Date.parse(from), zone),
          isoWeek(Date.parse(to) - 1, zone),
          isoWeek(Date.parse(to), zone),
        ]).toEqual([week, week, nextWeek(week)]);
        expect(weekRange(nextWeek(week), zone).from).toBe(to);
        expect(previousWeek(nextWeek(week))).toBe(week);
        week = nextWeek(week);
      }
    }
  });

  it.each(['2025-W53', '2026-W00', '2026-W54', '2026-47', '2026-W7', 'W47', '', '2026-W47 ', '../etc'])(
    '%j is no week, and the message says what one looks like',
    label => {
      expect(() => weekRange(label, 'UTC')).toThrow(Usage);
      expect(() => weekRange(label, 'UTC')).toThrow(/2026-W47/);
    },
  );
  it('one that begins after now has not begun, by the clock of the site', () => {
    const midnight = Date.parse('2026-11-29T23:00:00Z'); // in Berlin
    expect(notBegun('2026-W49', 'Europe/Berlin', midnight - 1)).toBe('2026-W49 has not begun: it begins on 2026-11-30');
    expect(notBegun('2026-W49', 'Europe/Berlin', midnight)).toBeNull();
    expect(notBegun('2026-W49', 'UTC', midnight)).toMatch(/has not begun/);
  });
  it('a zone that is none is named', () => {
    expect(() => weekRange('2026-W47', 'Mars/Olympus')).toThrow(/report\.timezone: "Mars\/Olympus"/);
  });
});

describe('days', () => {
  it('a week has seven, also when the clock changes, and the change is in the right one', () => {
    const { from, to } = weekRange('2026-W43', 'Europe/Berlin');
    const days = daysBetween(Date.parse(from), Date.parse(to), 'Europe/Berlin');
    expect(days).toEqual([
      '2026-10-19',
      '2026-10-20',
      '2026-10-21',
      '2026-10-22',
      '2026-10-23',
      '2026-10-24',
      '2026-10-25',
    ]);
    expect(dayOf(Date.parse('2026-10-25T22:59:00Z'), 'Europe/Berlin')).toBe('2026-10-25');
  });
  it('where midnight does not exist the day begins when the clock has jumped', () => {
    // Cairo went from 23:59:59 to 01:00 on 28 April 2023.
    expect(new Date(startOfDay('2023-04-28', 'Africa/Cairo')).toISOString()).toBe('2023-04-27T22:00:00.000Z');
    expect(dayOf(Date.parse('2023-04-27T22:00:00Z'), 'Africa/Cairo')).toBe('2023-04-28');
  });
  it('where midnight is twice the day begins at the first', () => {
    // Havana went from 01:00 back to 00:00 on 5 November 2023.
    expect(new Date(startOfDay('2023-11-05', 'America/Havana')).toISOString()).toBe('2023-11-05T04:00:00.000Z');
  });
});

/** One report per ISO week, through restarts, outages and clocks that jump. */
import { afterEach, describe, expect, it } from 'vitest';
import { Usage } from '../../src/incident.ts';
import { dueWeeks, sendTime, startSchedule } from '../../src/report/schedule.ts';

const at = (iso: string): number => Date.parse(iso);
const MONDAY = { cron: '0 7 * * 1', timezone: 'UTC' };
const OLD = at('2020-01-01T00:00:00Z');

describe('when a week is due', () => {
  it.each([
    ['2026-W47', '0 7 * * 1', 'UTC', '2026-11-23T07:00:00.000Z'],
    ['2026-W47', '0 7 * * 1', 'Europe/Berlin', '2026-11-23T06:00:00.000Z'],
    ['2026-W43', '0 7 * * 1', 'Europe/Berlin', '2026-10-26T06:00:00.000Z'],
    ['2026-W47', '30 16 * * 5', 'UTC', '2026-11-27T16:30:00.000Z'],
    ['2026-W47', '*/5 * * * *', 'UTC', '2026-11-23T00:00:00.000Z'],
    ['2026-W47', '0 7 1 * *', 'UTC', '2026-12-01T07:00:00.000Z'],
    ['2026-W53', '0 7 * * 1', 'UTC', '2027-01-04T07:00:00.000Z'],
  ])('%s by %j in %s', (week, cron, zone, time) => {
    expect(new Date(sendTime(week, cron, zone)!).toISOString()).toBe(time);
  });
  it('in an hour that the clock jumps over: that day all the same', () => {
    // 02:30 did not exist in Berlin on Sunday 29 March 2026.
    const time = sendTime('2026-W12', '30 2 * * 0', 'Europe/Berlin')!;
    expect(new Date(time).toISOString()).toBe('2026-03-29T01:30:00.000Z');
  });
  it('a cron that is none is named', () => {
    expect(() => sendTime('2026-W47', 'soon', 'UTC')).toThrow(Usage);
    expect(() =>
      startSchedule({ cron: 'soon', timezone: 'UTC', now: () => 0, sent: () => [], send: () => {}, failed: () => {} }),
    ).toThrow(/report\.cron: "soon"/);
  });
});

describe('what is due and not yet sent', () => {
  it.each([
    ['before seven on Monday nothing', '2026-11-23T06:59:59Z', ['2026-W46'], OLD, []],
    ['at seven the week that ended', '2026-11-23T07:00:00Z', ['2026-W46'], OLD, ['2026-W47']],
    ['later that week it is still due, if it was not sent', '2026-11-27T00:00:00Z', ['2026-W46'], OLD, ['2026-W47']],
    ['once sent, no more', '2026-11-27T00:00:00Z', ['2026-W46', '2026-W47'], OLD, []],
    [
      'an outage of three weeks is made up, oldest first',
      '2026-11-24T00:00:00Z',
      ['2026-W44'],
      OLD,
      ['2026-W45', '2026-W46', '2026-W47'],
    ],
    [
      'an outage of a year is not a pile of mail',
      '2026-11-24T00:00:00Z',
      ['2025-W44'],
      OLD,
      ['2026-W44', '2026-W45', '2026-W46', '2026-W47'],
    ],
    ['the clock was set back: nothing twice', '2026-11-10T00:00:00Z', ['2026-W46', '2026-W47'], OLD, []],
    ['a new installation owes nothing', '2026-11-24T00:00:00Z', [], at('2026-11-24T00:00:00Z'), []],
    ['… until its first Monday', '2026-11-30T07:00:00Z', [], at('2026-11-24T00:00:00Z'), ['2026-W48']],
    ['… which is made up too', '2026-12-02T00:00:00Z', [], at('2026-11-24T00:00:00Z'), ['2026-W48']],
    ['over a year end with a week 53', '2027-01-04T07:00:00Z', ['2026-W52'], OLD, ['2026-W53']],
  ])('%s', (_what, now, sent, since, due) => {
    expect(dueWeeks({ ...MONDAY, now: at(now), sent, since })).toEqual(due);
  });
});

describe('a rarer report', () => {
  const due = (cron: string, now: string, sent: string[]) =>
    dueWeeks({ cron, timezone: 'UTC', now: at(now), sent, since: OLD });
  const NOVEMBER = ['2026-W44', '2026-W45', '2026-W46', '2026-W47', '2026-W48'];
  it('each month tells of every week of it, five of them too', () => {
    const monthly = '0 7 1 * *';
    expect(due(monthly, '2026-11-30T23:00:00Z', ['2026-W43'])).toEqual([]);
    expect(due(monthly, '2026-12-01T07:00:00Z', ['2026-W43'])).toEqual(NOVEMBER);
    expect(due(monthly, '2026-12-20T00:00:00Z', ['2026-W43'])).toEqual(NOVEMBER);
    expect(due(monthly, '2026-12-20T00:00:00Z', ['2026-W43', ...NOVEMBER])).toEqual([]);
    expect(due(monthly, '2026-12-20T00:00:00Z', ['2025-W43'])).toEqual(NOVEMBER);
  });
  it('each quarter: thirteen', () => {
    const quarterly = due('0 7 1 */3 *', '2026-11-20T00:00:00Z', ['2026-W20']);
    expect([quarterly[0], quarterly.at(-1), quarterly.length]).toEqual(['2026-W27', '2026-W39', 13]);
  });
});

describe('the schedule', () => {
  const stops: (() => void)[] = [];
  afterEach(() => {
    for (const stop of stops.splice(0)) stop();
  });
  const start = (sent: string[], now: () => number, more: Partial<Parameters<typeof startSchedule>[0]> = {}) => {
    const errors: unknown[] = [];
    const schedule = startSchedule({
      ...MONDAY,
      now,
      since: OLD,
      sent: () => sent,
      send: async week => void sent.push(week),
      failed: e => errors.push(e),
      ...more,
    });
    stops.push(schedule.stop);
    return { ...schedule, errors };
  };

  it('makes up at start what was missed, and says each week once, however often it wakes', async () => {
    const sent = ['2026-W45'];
    const one = start(sent, () => at('2026-11-23T08:00:00Z'));
    await Promise.all([one.look(), one.look(), one.look()]);
    expect(sent).toEqual(['2026-W45', '2026-W46', '2026-W47']);
    const again = start(sent, () => at('2026-11-23T08:00:01Z'));
    await again.look();
    expect(sent).toEqual(['2026-W45', '2026-W46', '2026-W47']);
  });

  it('tries again what could not be queued, and says that it could not', async () => {
    const sent = ['2026-W46'];
    let full = true;
    const one = start(sent, () => at('2026-11-23T08:00:00Z'), {
      send: week => {
        if (full) throw new Error('disk full');
        sent.push(week);
      },
    });
    await one.look();
    expect(sent).toEqual(['2026-W46']);
    expect(one.errors.length).toBeGreaterThan(0);
    full = false;
    await one.look();
    expect(sent).toEqual(['2026-W46', '2026-W47']);
  });

  it('sends nothing twice even when the store forgets', async () => {
    const calls: string[] = [];
    const one = start([], () => at('2026-11-23T08:00:00Z'), {
      since: at('2026-11-20T00:00:00Z'),
      sent: () => [],
      send: week => void calls.push(week),
    });
    await one.look();
    await one.look();
    expect(calls).toEqual(['2026-W47']);
  });

  it('a week passes: one report more', async () => {
    let now = at('2026-11-23T08:00:00Z');
    const sent = ['2026-W47'];
    const one = start(sent, () => now);
    await one.look();
    now = at('2026-11-30T07:00:00Z');
    await one.look();
    expect(sent).toEqual(['2026-W47', '2026-W48']);
  });
});

/** What a batch holds: every line is counted under its key, few or many, and nothing of it grows without bound. */
import { describe, expect, test } from 'vitest';
import type { ParsedLine, Tally } from '../../src/incident.ts';
import { Merge } from '../../src/watch/merge.ts';
import { sequence } from './sequence.ts';

const HOUR = 3_600_000;
const NOON = 500_000 * HOUR;

interface Said {
  user: string | null;
  ip?: string | null;
  endpoint?: string | null;
  event?: ParsedLine['event'];
  selfReported?: boolean;
  /** Own time; without one the line is of the last hour. */
  at?: number;
}

function merged(said: readonly Said[]): Merge {
  const merge = new Merge();
  said.forEach(({ at, ...rest }, offset) => {
    const line = { ip: null, endpoint: null, event: 'denied' as const, selfReported: false, time: at ?? null, ...rest };
    merge.add(
      { ...line, start: 0, end: 0 },
      at ?? NOON - HOUR,
      at ?? NOON,
      at === undefined,
      offset,
      () => `line ${offset}`,
    );
  });
  return merge;
}

/** As they are sent in parts. */
function joined(said: readonly Said[]): Tally[] {
  const merge = merged(said);
  return merge.joined(merge.ordered());
}

/** Counts by all that makes a key, however the tallies are cut. */
function counts(tallies: readonly Tally[]): Map<string, number> {
  const sum = new Map<string, number>();
  for (const t of tallies)
    for (const [endpoint, count] of t.endpoints ?? [[t.endpoint, t.count] as const]) {
      const key = JSON.stringify([t.user, t.ip, endpoint, t.event, t.selfReported, Math.floor(t.last / HOUR)]);
      sum.set(key, (sum.get(key) ?? 0) + count);
    }
  return sum;
}

describe('lines', () => {
  test('what differs in anything stands apart, each with its line and its place', () => {
    const at = NOON + 5;
    const tallies = merged([
      { user: 'alice', ip: '10.0.0.1', endpoint: '/submit', at },
      { user: 'alice', ip: '10.0.0.1', endpoint: '/jobs', at },
      { user: 'alice', ip: '10.0.0.2', endpoint: '/submit', at },
      { user: 'alice', ip: '10.0.0.1', endpoint: '/submit', event: 'auth-failed', at },
      { user: 'alice', ip: '10.0.0.1', endpoint: '/submit', selfReported: true, at },
      { user: 'alice', ip: '10.0.0.1', endpoint: '/submit', at: at + 1000 },
      { user: null, at },
    ]).tallies();
    expect(tallies.map(t => [t.user, t.event, t.count, t.sample, t.offset, t.endpoints])).toEqual([
      ['alice', 'denied', 2, 'line 0', 0, undefined],
      ['alice', 'denied', 1, 'line 1', 1, undefined],
      ['alice', 'denied', 1, 'line 2', 2, undefined],
      ['alice', 'auth-failed', 1, 'line 3', 3, undefined],
      ['alice', 'denied', 1, 'line 4', 4, undefined],
      [null, 'denied', 1, 'line 6', 6, undefined],
    ]);
    expect(tallies[0]).toMatchObject({ first: at, last: at + 1000, approximate: false, selfReported: false });
    expect(tallies[4]).toMatchObject({ selfReported: true });
  });

  test('each hour has its own, so that what is caught up on is told by the hour in which it was', () => {
    const tallies = merged([0, 1, 2].map(n => ({ user: 'alice', at: NOON + n * HOUR + 1 }))).tallies();
    expect(tallies.map(t => t.last)).toEqual([NOON + 1, NOON + HOUR + 1, NOON + 2 * HOUR + 1]);
  });

  test.each([
    ['1960', -315_619_200_000],
    ['the year 275000', 8_600_000_000_000_000],
  ])('in a file whose time is %s lines are what they are', (_year, at) => {
    const said = (['denied', 'succeeded', 'error'] as const).map(event => ({ user: 'alice', event, at }));
    expect(
      merged(said)
        .tallies()
        .map(t => [t.event, t.last]),
    ).toEqual(said.map(({ event }) => [event, at]));
  });

  test('one line without a time of its own makes the times of its tally uncertain', () => {
    const [tally] = merged([{ user: 'alice', at: NOON + 5 }, { user: 'alice' }]).tallies();
    expect(tally).toMatchObject({ count: 2, first: NOON - HOUR, last: NOON + 5, approximate: true });
  });
});

describe('in parts, one tally for all that differs in the endpoint only', () => {
  const random = sequence(7);
  const one = <T>(of: readonly T[]): T => of[random() % of.length]!;
  const people = Array.from({ length: 40 }, (_, n) => `user${n}`);
  const addresses = [null, ...Array.from({ length: 20 }, (_, n) => `10.0.0.${n}`)];
  const said: Said[] = Array.from({ length: 30_000 }, () => ({
    user: one(people),
    ip: one(addresses),
    endpoint: one(['/submit', '/jobs', '/logs', null]),
    event: one(['denied', 'denied', 'denied', 'auth-failed']),
    ...(random() % 2 ? { at: NOON + one([0, HOUR, 2 * HOUR]) } : {}),
  }));

  test('no line is lost or counted under a key that is not its own', () => {
    const wanted = new Map<string, number>();
    for (const { user, ip, endpoint, event, at } of said) {
      const key = JSON.stringify([user, ip, endpoint, event, false, Math.floor((at ?? NOON) / HOUR)]);
      wanted.set(key, (wanted.get(key) ?? 0) + 1);
    }
    expect(counts(merged(said).tallies())).toEqual(wanted);
    const tallies = joined(said);
    expect(counts(tallies)).toEqual(wanted);
    expect(tallies.length).toBeLessThan(wanted.size / 2);
  });

  test('of a tally of several endpoints the counts add up, and its own is one of them', () => {
    const several = joined(said).filter(t => t.endpoints);
    expect(several.length).toBeGreaterThan(100);
    for (const t of several) {
      expect(t.endpoints!.reduce((sum, [, count]) => sum + count, 0)).toBe(t.count);
      expect(t.endpoints!.map(([endpoint]) => endpoint)).toContain(t.endpoint);
    }
  });

  test('whoever asks for a thousand paths has tallies of at most a hundred', () => {
    const tallies = joined(Array.from({ length: 1000 }, (_, n) => ({ user: 'eve', endpoint: `/${n}` })));
    expect(tallies.map(t => t.endpoints!.length)).toEqual(new Array(10).fill(100));
    expect(counts(tallies).size).toBe(1000);
  });

  test('of one person twenty lines are kept as they stand', () => {
    const merge = merged(Array.from({ length: 400 }, (_, n) => ({ user: 'eve', ip: `10.0.1.${n % 250}` })));
    expect(merge.tallies().filter(t => t.sample !== '')).toHaveLength(20);
  });

  test('long names weigh more than short ones', () => {
    const weigh = (length: number): number =>
      merged(Array.from({ length: 100 }, (_, n) => ({ user: 'eve', endpoint: `/${n}`.padEnd(length, 'x') }))).weight;
    expect(weigh(8)).toBeLessThan(150);
    expect(weigh(1000)).toBeGreaterThan(1500);
  });
});

/** What every incident of the believable week is made of, and its clock: times are counted back from its end. */
import type { IncidentDetail } from '../../../src/desk.ts';
import type { Step } from '../../../src/plan.ts';

export const MIN = 60_000;
export const HOUR = 60 * MIN;
export const DAY = 24 * HOUR;

export const HOSTILE = '<img src=x onerror=alert(1)>';

export type At = (ago: number) => string;

/** A sequence that looks random and is the same every time. */
export function dice(seed: number): () => number {
  let s = seed;
  return () => {
    s = (s * 1103515245 + 12345) % 2147483648;
    return s / 2147483648;
  };
}

export const sparkOf = (seed: number, last: number, most: number): number[] => {
  const roll = dice(seed);
  return Array.from({ length: 24 }, (_, i) => (i < 24 - last ? 0 : Math.round(roll() * most)));
};

export function row(
  id: string,
  at: At,
  rest: Partial<IncidentDetail> & Pick<IncidentDetail, 'kind' | 'key' | 'state' | 'headline'>,
): IncidentDetail {
  return {
    id,
    host: 'claw-head-01',
    cause: null,
    count: 1,
    users: 1,
    opened: at(HOUR),
    updated: at(MIN),
    tier: null,
    votes: [],
    needs: 0,
    marks: [],
    spark: sparkOf(Number(id) * 7919, 6, 12),
    diagnosis: null,
    plan: null,
    begun: null,
    history: [],
    pairs: [],
    samples: [],
    next: '',
    ...rest,
  };
}

export const groupAdd = (user: string, uid: number): Step => ({
  action: 'group.add',
  user,
  uid,
  group: 'claw-users',
  gid: 2001,
  until: null,
  argv: ['/usr/sbin/usermod', '-aG', 'claw-users', user],
});

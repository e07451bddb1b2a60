/**
 * The detector, told as it happens: who is denied when, and which incidents should be open.
 */
import { describe, expect, test } from 'vitest';
import { addressKey } from '../../src/addresses.ts';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { Clusters, SAME_DENIAL, type Verdict } from '../../src/detect/cluster.ts';
import { Sketch } from '../../src/detect/sketch.ts';
import type { Tally } from '../../src/incident.ts';
import { USUAL_LIMITS } from '../../src/roles/scan/scan.ts';
import { aDenial } from './a-tally.ts';

const LIMITS: Config['detect'] = parseConfig('{}', 'test').detect;
const NOON = Date.UTC(2024, 8, 18, 12);
const S = 1000;
const denied = (user: string | null, more: Partial<Tally> = {}): Tally => aDenial(NOON, { user, ...more });
const opened = (verdicts: Verdict[]): string[] =>
  verdicts.flatMap(v => (v.kind === 'open' ? [`${v.incident.kind} ${v.incident.key}: ${v.because}`] : []));
const fresh = (verdicts: Verdict[]): number => verdicts.reduce((n, v) => (v.kind === 'counted' ? n + v.fresh : n), 0);
const reasons = (verdicts: Verdict[]): string[] => verdicts.flatMap(v => (v.kind === 'ignored' ? [v.because] : []));

test('the thresholds of a scan are those of a configuration that says nothing', () => {
  const { quiet: _, ...limits } = LIMITS;
  expect(USUAL_LIMITS).toEqual(limits);
});

describe('one user', () => {
  test("a known user's incident opens at the first denial", () => {
    expect(opened(new Clusters(LIMITS).observe(denied('alice'), NOON))).toEqual(['user alice: known-user-denied']);
  });
  test('B05: a name nobody has is heard of at the tenth denial, and not while they are spread over hours', () => {
    const clusters = new Clusters(LIMITS);
    const ghost = denied('ghost', { account: 'unknown' });
    for (let n = 1; n < 10; n++) {
      const verdicts = clusters.observe(ghost, NOON + n * S);
      expect(opened(verdicts)).toEqual([]);
      expect(verdicts).toContainEqual({
        kind: 'below-threshold',
        cluster: { kind: 'user', key: 'ghost' },
        count: n,
        threshold: 10,
      });
    }
    expect(opened(clusters.observe(ghost, NOON + 10 * S))).toEqual(['user ghost: unknown-name-repeated']);
    const slow = new Clusters(LIMITS);
    for (let n = 0; n < 30; n++) expect(opened(slow.observe(ghost, NOON + n * 120 * S))).toEqual([]);
  });
  test('B06: system accounts are counted and open nothing', () => {
    const verdicts = new Clusters(LIMITS).observe(denied('root', { account: 'system' }), NOON);
    expect(opened(verdicts)).toEqual([]);
    expect(reasons(verdicts)).toEqual(['system-account']);
  });
  test.each(['auth-failed', 'job-invalid', 'queue-full'] as const)(
    "%s in a known user's log opens it too, and says what it was",
    event => {
      const verdicts = new Clusters(LIMITS).observe(denied('alice', { event, ip: null, selfReported: true }), NOON);
      expect(verdicts[0]).toMatchObject({
        kind: 'open',
        incident: { kind: 'user', key: 'alice' },
        because: 'known-user-in-trouble',
        event,
      });
    },
  );
  test.each(['succeeded', 'error'] as const)('%s is no denial', event => {
    expect(new Clusters(LIMITS).observe(denied('alice', { event }), NOON)).toEqual([
      { kind: 'ignored', because: 'not-a-denial' },
    ]);
  });
  test('G02: 100,000 denials of one user are one cluster with the right count', () => {
    const clusters = new Clusters(LIMITS);
    let last: Verdict[] = [];
    for (let n = 0; n < 1000; n++) last = clusters.observe(denied('alice', { count: 100 }), NOON + n);
    expect(last).toContainEqual(expect.objectContaining({ kind: 'open', count: 100_000 }));
    expect(clusters.size).toBe(2);
  });
});

describe('one denial in two logs is one denial', () => {
  const told = denied('alice', { ip: null, endpoint: null, selfReported: true });
  test.each([
    ["the scheduler's first", [denied('alice'), told]],
    ["the user's first", [told, denied('alice')]],
  ])('%s', (_name, tallies) => {
    const clusters = new Clusters(LIMITS);
    expect(fresh(clusters.observe(tallies[0]!, NOON))).toBe(1);
    const second = clusters.observe(tallies[1]!, NOON + 2 * S);
    expect(fresh(second)).toBe(0);
    expect(second).toContainEqual(expect.objectContaining({ kind: 'counted', twice: true }));
  });
  test('three of the one and five of the other are five', () => {
    const clusters = new Clusters(LIMITS);
    expect(fresh(clusters.observe({ ...told, count: 3 }, NOON))).toBe(3);
    expect(fresh(clusters.observe(denied('alice', { count: 5 }), NOON + S))).toBe(2);
  });
  test('what is told a minute later is another denial', () => {
    const clusters = new Clusters(LIMITS);
    clusters.observe(denied('alice'), NOON);
    expect(fresh(clusters.observe(told, NOON + SAME_DENIAL + S))).toBe(1);
  });
  test("bob's log does not take from alice's count", () => {
    const clusters = new Clusters(LIMITS);
    clusters.observe(denied('alice'), NOON);
    expect(fresh(clusters.observe({ ...told, user: 'bob' }, NOON + S))).toBe(1);
  });
});

describe('the service', () => {
  test('G06: 200 users denied at once are one service incident, and a handful of their own', () => {
    const clusters = new Clusters(LIMITS, { unit: 'claw-scheduler' });
    const all = new Set<string>();
    for (let n = 0; n < 200; n++)
      for (const incident of opened(clusters.observe(denied(`u${n}`, { ip: `10.0.0.${n}` }), NOON + n * 50)))
        all.add(incident);
    expect([...all].filter(incident => incident.startsWith('service'))).toEqual([
      'service claw-scheduler: many-users-denied',
    ]);
    expect([...all].filter(incident => incident.startsWith('user'))).toHaveLength(LIMITS.serviceUsers - 1);
  });
  test('the same users over a day are not', () => {
    const clusters = new Clusters(LIMITS);
    for (let n = 0; n < 200; n++)
      expect(opened(clusters.observe(denied(`u${n}`, { ip: `10.0.0.${n}` }), NOON + n * 400 * S))[0]).toMatch(/^user/);
  });
  test('one user a thousand times is not', () => {
    const clusters = new Clusters(LIMITS);
    for (let n = 0; n < 1000; n++)
      expect(opened(clusters.observe(denied('alice'), NOON + n))).toEqual(['user alice: known-user-denied']);
  });
  test('invented names are not users', () => {
    const clusters = new Clusters(LIMITS);
    for (let n = 0; n < 50; n++)
      expect(opened(clusters.observe(denied(`x${n}`, { account: 'unknown', ip: `10.0.0.${n}` }), NOON + n))).toEqual(
        [],
      );
  });
  test("after the storm a user's own denial opens their own again", () => {
    const clusters = new Clusters(LIMITS);
    for (let n = 0; n < 10; n++) clusters.observe(denied(`u${n}`), NOON + n);
    expect(opened(clusters.observe(denied('alice'), NOON + S))[0]).toMatch(/^service/);
    expect(opened(clusters.observe(denied('alice'), NOON + 3600 * S))).toEqual(['user alice: known-user-denied']);
  });
  test('a client that reaches nothing opens it at once', () => {
    const verdicts = new Clusters(LIMITS, { unit: 'claw-scheduler' }).observe(
      denied('alice', { event: 'unavailable', ip: null, selfReported: true }),
      NOON,
    );
    expect(opened(verdicts)).toEqual(['service claw-scheduler: service-unavailable']);
  });
  test('denials of which only the day is known do not show that they came at once', () => {
    const clusters = new Clusters(LIMITS);
    const day = { approximate: true, first: NOON - 86_400 * S, last: NOON };
    for (let n = 0; n < 200; n++)
      expect(opened(clusters.observe(denied(`u${n}`, { ...day, ip: `10.0.0.${n}` }), NOON))[0]).toMatch(/^user/);
  });
});

describe('one address', () => {
  const probe = (
    clusters: Clusters,
    ip: (n: number) => string,
    account: (n: number) => Tally['account'] = () => 'unknown',
  ): string[] => {
    const all: string[] = [];
    for (let n = 0; n < 12; n++)
      all.push(...opened(clusters.observe(denied(`x${n}`, { ip: ip(n), account: account(n) }), NOON + n * S)));
    return [...new Set(all)];
  };
  test('many names that nobody has are probing', () => {
    expect(probe(new Clusters(LIMITS), () => '203.0.113.66')).toEqual(['address 203.0.113.66: probing']);
  });
  test('root and daemon among them are probing too', () => {
    expect(
      probe(
        new Clusters(LIMITS),
        () => '203.0.113.66',
        n => (n % 2 ? 'system' : 'unknown'),
      ),
    ).toEqual(['address 203.0.113.66: probing']);
  });
  test('the addresses of one /64 are one prober', () => {
    expect(probe(new Clusters(LIMITS), n => `2001:db8:1:2::${n.toString(16)}`)).toEqual([
      'address 2001:db8:1:2::/64: probing',
    ]);
  });
  test('colleagues behind one gateway are not, known or listed', () => {
    const office = new Clusters({ ...LIMITS, serviceUsers: 100 });
    expect(
      probe(
        office,
        () => '198.51.100.1',
        n => (n % 3 ? 'user' : 'unknown'),
      ).filter(i => i.startsWith('address')),
    ).toEqual([]);
    expect(probe(new Clusters({ ...LIMITS, sharedAddresses: ['203.0.113.0/24'] }), () => '203.0.113.66')).toEqual([]);
    expect(probe(new Clusters({ ...LIMITS, sharedAddresses: ['2001:db8::/32'] }), () => '2001:db8::66')).toEqual([]);
  });
  test("a known user's incident opens all the same, from a probing address too", () => {
    const clusters = new Clusters(LIMITS);
    probe(clusters, () => '203.0.113.66');
    expect(opened(clusters.observe(denied('alice', { ip: '203.0.113.66' }), NOON + 60 * S))).toEqual([
      'address 203.0.113.66: probing',
      'user alice: known-user-denied',
    ]);
  });
  test('what a client says of itself tells nothing of an address', () => {
    expect(probe(new Clusters(LIMITS), () => '203.0.113.66').length).toBe(1);
    const clusters = new Clusters(LIMITS);
    for (let n = 0; n < 12; n++)
      expect(opened(clusters.observe(denied(`x${n}`, { selfReported: true, account: 'unknown' }), NOON + n))).toEqual(
        [],
      );
  });
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['::1', '::/64'],
    ['2001:db8::1', '2001:db8::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:0:1::', '2001:db8:0:1::/64'],
    ['::2:3:4:5:6:7:8', '0:2:3:4::/64'],
  ])('%s belongs to %s', (ip, key) => expect(addressKey(ip)).toBe(key));
});

describe('G01: bounded', () => {
  test('300,000 invented names end in "other", about counted; alice is still heard at her first denial', () => {
    const clusters = new Clusters({ ...LIMITS, maxClusters: 1000 });
    for (let n = 0; n < 300_000; n++)
      clusters.observe(
        denied(`ghost${n}`, { account: 'unknown', ip: `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}` }),
        NOON + n,
      );
    expect(clusters.size).toBeLessThanOrEqual(1000);
    expect(clusters.other.distinct).toBeGreaterThan(500_000);
    expect(clusters.other.distinct).toBeLessThan(700_000);
    expect(opened(clusters.observe(denied('alice'), NOON + 300_000))).toEqual(['user alice: known-user-denied']);
  });
  test('clusters that are quiet go', () => {
    const clusters = new Clusters(LIMITS);
    for (let n = 0; n < 100; n++) clusters.observe(denied(`u${n}`, { ip: `10.0.0.${n}` }), NOON);
    clusters.forget(NOON + 2 * LIMITS.window * S);
    expect(clusters.size).toBe(0);
  });
  test.each([10, 1000, 100_000])('the sketch counts %i different names to within 10 %%', count => {
    const sketch = new Sketch();
    for (let n = 0; n < count; n++) for (let again = 0; again < 2; again++) sketch.add(`name${n}`);
    expect(Math.abs(sketch.count - count) / count).toBeLessThan(0.1);
  });
});

describe('time', () => {
  test('A27: a clock that goes back or leaps does not open or lose anything', () => {
    const clusters = new Clusters(LIMITS);
    const ghost = denied('ghost', { account: 'unknown' });
    for (let n = 0; n < 9; n++) clusters.observe(ghost, NOON);
    expect(opened(clusters.observe(ghost, NOON - 3600 * S))).toEqual(['user ghost: unknown-name-repeated']);
    expect(opened(clusters.observe(ghost, NOON + 86_400 * S))).toEqual([]);
  });
  test('after a restart the windows are as before', () => {
    const clusters = new Clusters(LIMITS);
    const ghosts = Array.from({ length: 9 }, (_, n) => denied('ghost', { account: 'unknown', last: NOON + n * S }));
    clusters.restore(ghosts, NOON + 20 * S);
    expect(opened(clusters.observe(denied('ghost', { account: 'unknown' }), NOON + 30 * S))).toEqual([
      'user ghost: unknown-name-repeated',
    ]);
  });
});

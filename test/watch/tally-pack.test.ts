/** Tallies that travel as numbers: what comes out is what went in, and nothing else is taken for them. */
import { describe, expect, test } from 'vitest';
import { EVENTS, type Tally } from '../../src/incident.ts';
import { Batch, TallySchema } from '../../src/messages.ts';
import { isPacked, pack, packed, unpack } from '../../src/tally-pack.ts';
import { sequence } from './sequence.ts';

const NOON = 1_789_000_000_000;

/** As agents make them: the endpoint is the latest of several, and each of these stands there once. */
function someTally(any: (below: number) => number): Tally {
  const text = (words: (string | null)[]): string | null => words[any(words.length)]!;
  const first = NOON - any(7_200_000);
  const shares = ['/submit', null, '/jobs?x=1', '', '/é\u0000'].slice(0, 1 + any(5)).map(e => [e, 1 + any(9)] as const);
  const tally: Tally = {
    event: EVENTS[any(EVENTS.length)]!,
    user: text(['alice', 'bob', '', null]),
    ip: text(['10.0.0.1', '2001:db8::1', null]),
    endpoint: shares[any(shares.length)]![0],
    account: (['user', 'system', 'unknown'] as const)[any(3)]!,
    count: shares.reduce((sum, [, n]) => sum + n, 0),
    first,
    last: first + any(3_600_000),
    approximate: any(2) === 1,
    selfReported: any(2) === 1,
    sample: text(['', '[WARNING] Unauthorized access attempt from 10.0.0.1'])!,
    offset: any(1 << 24) * 1_000_003,
  };
  if (shares.length > 1) tally.endpoints = shares.map(share => [...share]);
  return tally;
}

/** In one order, whichever of its endpoints is said first. */
const ordered = (tally: Tally): Tally =>
  tally.endpoints
    ? { ...tally, endpoints: tally.endpoints.toSorted((a, b) => (`${a[0]}` < `${b[0]}` ? -1 : 1)) }
    : tally;

describe('packed tallies', () => {
  test('come out as they went in', () => {
    const any = sequence(7);
    for (let round = 0; round < 300; round++) {
      const tallies = Array.from({ length: any(40) }, () => someTally(any));
      const travelled = JSON.parse(JSON.stringify(pack(tallies)));
      expect(isPacked(travelled, 2000)).toBe(true);
      expect(unpack(travelled).map(ordered)).toEqual(tallies.map(ordered));
    }
  });

  test('a time that is no whole number is rounded, as it is in the store', () => {
    const tally = { ...someTally(sequence(1)), first: NOON + 0.6, last: NOON + 7.4 };
    expect(unpack(pack([tally]))[0]).toMatchObject({ first: NOON + 1, last: NOON + 7 });
  });

  test('whatever number is another one, they are refused or still tallies that fit', () => {
    const any = sequence(3);
    const good = pack(Array.from({ length: 12 }, () => someTally(any)));
    let refused = 0;
    for (let at = 0; at < good.numbers.length; at++)
      for (const wrong of [-1, 0.5, 1e6, Number.MAX_SAFE_INTEGER + 1, Number.NaN, '1', null]) {
        const bad = { ...good, numbers: good.numbers.with(at, wrong as number) };
        if (!isPacked(bad, 2000)) refused++;
        else for (const tally of unpack(bad)) expect(Batch.shape.tallies.safeParse([tally]).error).toBeUndefined();
      }
    expect(refused).toBeGreaterThan(good.numbers.length * 6);
  });

  test('cut short, too many, or with too long a text: refused', () => {
    const any = sequence(5);
    const tallies = Array.from({ length: 12 }, () => someTally(any));
    const good = pack(tallies);
    for (let length = 1; length < good.numbers.length; length++) {
      const bad = { ...good, numbers: good.numbers.slice(0, length) };
      if (isPacked(bad, 2000)) expect(unpack(bad)).toEqual(unpack(good).slice(0, unpack(bad).length));
    }
    const rows = tallies.reduce((n, t) => n + (t.endpoints?.length ?? 1), 0);
    expect([isPacked(good, rows), isPacked(good, rows - 1)]).toEqual([true, false]);
    for (const long of [{ user: 'u'.repeat(65) }, { ip: '1'.repeat(65) }, { sample: 's'.repeat(601) }])
      expect(isPacked(pack([{ ...tallies[0]!, ...long }]), 2000)).toBe(false);
    const ballast = { ...good, texts: [...good.texts, 'x'.repeat(1025)] };
    expect([isPacked(ballast, 2000), isPacked({ ...good, texts: Array(10_001).fill('') }, 2000)]).toEqual([
      false,
      false,
    ]);
    for (const odd of [null, 7, [], {}, { ...good, more: 1 }, { ...good, texts: [7] }, { ...good, since: 0.5 }])
      expect(isPacked(odd, 2000)).toBe(false);
  });

  test('a part is smaller by far, and the message is one that serve takes', () => {
    const any = sequence(11);
    const tallies = Array.from({ length: 500 }, () => ({ ...someTally(any), user: 'alice', sample: '' }));
    const batch = {
      v: 1 as const,
      host: 'head',
      source: { id: 's', path: '/log', kind: 'server' as const, owner: null },
      ...{ from: 0, to: 9, lines: 9, unparsed: 0, cut: 0, bad: 0, readAt: NOON, approximate: true },
      tallies,
      part: { n: 1, of: 2 },
    };
    const sent = packed(batch);
    expect(Batch.parse(JSON.parse(JSON.stringify(sent)))).toEqual(sent);
    expect(JSON.stringify(sent).length * 3).toBeLessThan(JSON.stringify(batch).length);
    expect(Batch.safeParse({ ...sent, packed: { ...sent.packed, numbers: [1] } }).success).toBe(false);
    // Where nobody would unpack them, they would be lost.
    expect(Batch.safeParse({ ...sent, part: undefined }).success).toBe(false);
    expect(Batch.safeParse({ ...sent, tallies: tallies.slice(0, 1) }).success).toBe(false);
  });
});

describe('numbers that could not be added up, or are no time', () => {
  const odd = (over: Partial<Tally>): Tally => {
    const { endpoints: _, ...tally } = someTally(sequence(1));
    return { ...tally, ...over };
  };
  test.each([
    ['more lines than any batch has', odd({ count: 2 ** 53 - 1 }), 'count'],
    ['a time after the last date', odd({ last: 1e15 }), 'last'],
    ['a time that is none', odd({ first: 1e300, last: 1e300 }), 'first'],
    ['a time before 1970', odd({ first: -1 }), 'first'],
  ])('%s: refused at the door, with what it is; packed too', (_, tally, key) => {
    const [issue] = TallySchema.safeParse(tally).error!.issues;
    expect([issue!.path, issue!.message]).toEqual([[key], expect.stringMatching(/^Too (big|small)/)]);
    expect(isPacked(pack([tally]), 2000)).toBe(false);
    expect(TallySchema.safeParse(odd({})).success && isPacked(pack([odd({})]), 2000)).toBe(true);
  });
});

/** A batch in parts: counted once, whatever arrives twice, late, in another order, or is cut short by the end of a process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as yieldNow } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { Clusters } from '../../src/detect/cluster.ts';
import type { Tally } from '../../src/incident.ts';
import type { AgentMessage, Batch } from '../../src/messages.ts';
import { Intake } from '../../src/roles/conduct/intake.ts';
import { committedPositions } from '../../src/store/observations.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { packed, unpack } from '../../src/tally-pack.ts';
import { until } from '../watch/lab.ts';

let dir: string;
let store: Store;
let answers: AgentMessage[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-parts-'));
  store = openStore(join(dir, 'readmit.db'));
  answers = [];
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

const intake = (quiet = (): Promise<void> => yieldNow()): Intake => {
  const config = parseConfig(`state: ${dir}\nhost: head\n`, 'readmit.yaml');
  return new Intake({
    store,
    config,
    now: Date.now,
    log: { debug: () => {}, warn: () => {} } as never,
    clusters: () => new Clusters(config.detect),
    send: async (_host, message) => void answers.push(message),
    quiet,
  });
};

/** A batch of so many tallies of twenty people, each denied twice. */
function batch(from: number, to: number, tallies: number): Batch {
  const now = Date.now();
  const tally = (n: number): Tally => ({
    event: 'denied',
    user: `user${n % 20}`,
    ip: `10.0.${n >> 8}.${n & 255}`,
    endpoint: '/submit',
    account: 'user',
    count: 2,
    first: now,
    last: now,
    approximate: false,
    selfReported: false,
    sample: '',
    offset: from + n,
  });
  return {
    v: 1,
    host: 'head',
    source: { id: 's', path: '/log', kind: 'server', owner: null },
    from,
    to,
    lines: 2 * tallies,
    unparsed: 0,
    cut: 0,
    bad: 0,
    readAt: now,
    approximate: false,
    tallies: Array.from({ length: tallies }, (_, n) => tally(n)),
  };
}

/** The batch as an agent sends it. */
function partsOf(whole: Batch): Batch[] {
  const of = Math.ceil(whole.tallies.length / 500);
  if (of === 1) return [whole];
  return Array.from({ length: of }, (_, n) =>
    packed({ ...whole, tallies: whole.tallies.slice(n * 500, (n + 1) * 500), part: { n: n + 1, of } }),
  );
}

const sum = (table: string): number =>
  Number(store.get<{ n: number | null }>(`SELECT sum(count) AS n FROM ${table}`)!.n ?? 0);
const kept = (): number => Number(store.get<{ n: number }>('SELECT count(*) AS n FROM received')!.n);
const sums = (): number[] => [sum('observation'), sum('hour')];
const allCounted = (): Promise<void> => until('everything is counted', () => kept() === 0);

describe('a batch in parts', () => {
  test('is counted and acknowledged once, when all of it is here', async () => {
    const serve = intake();
    const parts = partsOf(batch(0, 900, 1200));
    expect(parts.length).toBe(3);
    for (const part of parts.slice(0, 2)) await serve.take(part);
    expect([kept(), sums(), committedPositions(store, 'head')]).toEqual([2, [0, 0], []]);
    await serve.take(parts[2]!);
    await allCounted();
    await until('an answer', () => answers.length > 0);
    expect(sums()).toEqual([2400, 2400]);
    expect(answers).toEqual([{ name: 'ack', data: { v: 1, source: 's', committed: 900 } }]);
    expect(store.get('SELECT lines, committed FROM source')).toEqual({ lines: 2400, committed: 900 });
  });

  test('a tally of several endpoints is one in the sums, and each endpoint stands in the incident', async () => {
    const serve = intake();
    const whole = batch(0, 900, 600);
    for (const tally of whole.tallies) {
      tally.count = 5;
      // Long ago, so that it is no storm.
      Object.assign(tally, { approximate: true, first: tally.last - 7_200_000 });
      tally.endpoints = [
        ['/jobs', 3],
        [null, 1],
        ['/submit', 1],
      ];
    }
    for (const part of partsOf(whole)) await serve.take(part);
    await allCounted();
    expect(sums()).toEqual([3000, 3000]);
    expect(
      store.all('SELECT endpoint, sum(count) AS n FROM pair GROUP BY endpoint ORDER BY n').map(r => ({ ...r })),
    ).toEqual([
      { endpoint: '', n: 600 },
      { endpoint: '/submit', n: 600 },
      { endpoint: '/jobs', n: 1800 },
    ]);
  });

  test('from an agent that is older than packing', async () => {
    const serve = intake();
    const whole = batch(0, 900, 1200);
    for (const { packed: numbers, ...part } of partsOf(whole)) await serve.take({ ...part, tallies: unpack(numbers!) });
    await allCounted();
    expect(sums()).toEqual([2400, 2400]);
  });

  test('counting gives way to messages that wait, and is not put off for ever by them', async () => {
    let waits = 0;
    const serve = intake(() => {
      waits++;
      return new Promise(() => {});
    });
    for (const part of partsOf(batch(0, 900, 3000))) await serve.take(part);
    expect(serve.atRest).toBe(false);
    await allCounted();
    expect(sums()).toEqual([6000, 6000]);
    expect(waits).toBeGreaterThan(1);
  });

  test('in any order, and each part twice', async () => {
    const serve = intake();
    for (const part of partsOf(batch(0, 900, 1200)).toReversed()) {
      await serve.take(part);
      await serve.take(part);
    }
    await allCounted();
    expect(sums()).toEqual([2400, 2400]);
  });

  test('serve ends in the middle: whoever comes next counts the rest, and nothing again', async () => {
    const first = intake();
    for (const part of partsOf(batch(0, 900, 3000))) await first.take(part);
    await until('some of it is counted', () => kept() < 6);
    first.stop();
    const left = kept();
    expect(left).toBeGreaterThan(0);
    expect(sum('observation')).toBe((6 - left) * 1000);
    const second = intake();
    second.countParts();
    // The agent, which had no answer, sends it again.
    for (const part of partsOf(batch(0, 900, 3000))) await second.take(part);
    await allCounted();
    expect(sums()).toEqual([6000, 6000]);
  });

  test('an agent that was started again cuts it otherwise: what it had sent before is forgotten', async () => {
    const serve = intake();
    for (const part of partsOf(batch(0, 900, 1200)).slice(0, 2)) await serve.take(part);
    for (const part of partsOf(batch(0, 1300, 1600))) await serve.take(part);
    await allCounted();
    expect(sums()).toEqual([3200, 3200]);
    expect(committedPositions(store, 'head')).toEqual([{ id: 's', committed: 1300 }]);
  });

  test('one that was cut otherwise and needs no parts is taken as any other', async () => {
    const serve = intake();
    for (const part of partsOf(batch(0, 900, 1200)).slice(0, 2)) await serve.take(part);
    await serve.take(batch(0, 300, 10));
    expect(sums()).toEqual([20, 20]);
    // What follows begins elsewhere: of the first try nothing is counted.
    for (const part of partsOf(batch(300, 900, 600))) await serve.take(part);
    await allCounted();
    expect(sums()).toEqual([1220, 1220]);
  });
});

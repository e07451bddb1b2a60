/** Batches: merged by key, bounded, contiguous, with one redacted sample each. */
import { describe, expect, test } from 'vitest';
import type { ParseChunk } from '../../src/incident.ts';
import { Outbox, type When } from '../../src/watch/batch.ts';
import { parseNames } from './lab.ts';

const LIVE: When = { live: 'live' };
const YEAR_9999 = 253_370_764_800_000;

function outbox(parse: ParseChunk = parseNames): {
  out: Outbox;
  clock: { now: number };
  spool: { batches: number; rows: number };
} {
  const clock = { now: 1_800_000_000_000 };
  const spool = { batches: 0, rows: 0 };
  const redact = (line: string): string => line.replace(/secret/g, '[redacted]');
  const options = { host: 'h', parse, redact, now: () => clock.now, steady: () => clock.now, spool };
  return { out: new Outbox({ id: 's', path: '/log', kind: 'server', owner: null }, 0, options), clock, spool };
}

const feed = (out: Outbox, text: string, when: When = LIVE): void => {
  const bytes = Buffer.from(text);
  out.take(bytes, 0, bytes.length, out.end, when);
};

/** Lines `MS NAME`: a parser whose lines have times. */
const parseTimes: ParseChunk = (bytes, from, to, _source, sink) => {
  let lines = 0;
  for (let at = from; at < to; lines++) {
    const end = bytes.indexOf(10, at);
    const [time, user] = bytes.toString('utf8', at, end).split(' ');
    sink({
      event: 'denied',
      user: user ?? null,
      ip: null,
      endpoint: null,
      time: Number(time),
      selfReported: false,
      start: at,
      end,
    });
    at = end + 1;
  }
  return { lines, unparsed: 0, bad: 0 };
};

describe('a batch', () => {
  test('the same people in the same words are one tally', () => {
    const { out } = outbox();
    feed(out, 'a;\nb;\na;\n');
    const batch = out.next('easy')!.whole();
    expect(batch.tallies.map(t => [t.user, t.count, t.offset])).toEqual([
      ['a', 2, 0],
      ['b', 1, 3],
    ]);
    expect(batch).toMatchObject({ from: 0, to: 9, lines: 3 });
  });

  test('of the lines not understood one is shown: a broken one in hexadecimal, before any other', () => {
    const strange = { start: 0, end: 11, bad: false };
    const { out, clock } = outbox((bytes, from, to) => ({
      lines: 1,
      unparsed: 1,
      bad: 0,
      strange: { ...strange, start: from, end: to - 1, bad: bytes[from] === 0xff },
    }));
    feed(out, 'my secret is\n');
    out.take(Buffer.from([0xff, 0x61, 10]), 0, 3, 13, LIVE);
    out.take(Buffer.from([0xff, 0x62, 10]), 0, 3, 16, LIVE);
    clock.now += 1000;
    expect(out.next('easy')!.batch.strange).toEqual({ text: 'ff61', bad: true, offset: 13 });
    const { out: other, clock: later } = outbox(() => ({ lines: 1, unparsed: 1, bad: 0, strange }));
    feed(other, 'my secret is\n');
    later.now += 1000;
    expect(other.next('easy')!.batch.strange).toEqual({ text: 'my [redacted] i', bad: false, offset: 0 });
  });

  test('a sample is redacted, cut to 500 characters, and well-formed', () => {
    const { out } = outbox((_bytes, from, to, _s, sink) => {
      sink({
        event: 'denied',
        user: 'a',
        ip: null,
        endpoint: null,
        time: null,
        selfReported: false,
        start: from,
        end: to - 1,
      });
      return { lines: 1, unparsed: 0, bad: 0 };
    });
    feed(out, `secret ${'\u{1F600}'.repeat(1000)}\n`);
    const { sample } = out.next('easy')!.whole().tallies[0]!;
    expect(sample.startsWith('[redacted] ')).toBe(true);
    expect(sample.length).toBeLessThanOrEqual(500);
    expect(sample.isWellFormed()).toBe(true);
  });

  test.each([
    ['the year 9999', YEAR_9999],
    ['before the beginning', -5],
    ['the seventies', 1000],
    ['an hour ahead', 1_800_000_000_000 + 3_600_000],
    ['nonsense', Number.NaN],
  ])('G19 a line that claims %s gets the time it was read', (_what, time) => {
    const { out, clock } = outbox(parseTimes);
    feed(out, `${time} a\n`);
    expect(out.next('easy')!.whole().tallies[0]).toMatchObject({
      first: clock.now,
      last: clock.now,
      approximate: false,
    });
  });

  test('a line with a sane time keeps it, also when it is read late', () => {
    const { out, clock } = outbox(parseTimes);
    const then = clock.now - 86_400_000;
    feed(out, `${then} a\n`, { live: 'catching-up', from: 1, to: 2 });
    expect(out.next('easy')!.whole().tallies[0]).toMatchObject({ first: then, last: then, approximate: false });
  });

  test('what was found and what is read live are not mixed', () => {
    const { out } = outbox();
    feed(out, 'a;\n', { live: 'catching-up', from: 100, to: 200 });
    feed(out, 'a;\n');
    const batch = out.next('easy')!.whole();
    expect(batch).toMatchObject({ approximate: true, to: 3 });
    expect(batch.tallies[0]).toMatchObject({ first: 100, last: 200, approximate: true });
    out.ack(3);
    expect(out.next('easy')!.whole()).toMatchObject({ approximate: false, from: 3, to: 6 });
  });

  test('500,000 different names: no batch holds more than 400,000, none is lost, the lines are right', () => {
    const { out, spool } = outbox();
    feed(out, Array.from({ length: 500_000 }, (_, i) => `name${i};\n`).join(''));
    expect(spool.rows).toBeGreaterThan(500_000);
    let names = 0;
    let lines = 0;
    let at = 0;
    for (let draft = out.next('hurry'); draft; draft = out.next('hurry')) {
      const batch = draft.whole();
      expect(batch.from).toBe(at);
      expect(batch.tallies.length).toBeLessThanOrEqual(400_000);
      names += batch.tallies.length;
      lines += batch.lines;
      at = batch.to;
      out.ack(batch.to);
    }
    expect([names, lines]).toEqual([500_000, 500_000]);
    expect(spool).toEqual({ batches: 0, rows: 0 });
  });

  test('a batch spans at most 2 GiB and a chunk of the file', () => {
    const { out } = outbox((_bytes, from, to) => ({ lines: (to - from) / 1001, unparsed: 0, bad: 0 }));
    const chunk = `${'x'.repeat(1000)}\n`.repeat(1000);
    for (let i = 0; i < 2200; i++) feed(out, chunk);
    const batch = out.next('hurry')!.whole();
    expect(batch.to - batch.from).toBeGreaterThan(2 ** 31 - (1 << 20));
    expect(batch.to - batch.from).toBeLessThanOrEqual(2 ** 31 + (64 << 10));
  });

  test('of one person from everywhere only the first lines are sent as they stand', () => {
    const { out } = outbox((bytes, from, to, _s, sink) => {
      const ip = bytes.toString('latin1', from, to - 1);
      sink({
        event: 'denied',
        user: 'a',
        ip,
        endpoint: null,
        time: null,
        selfReported: false,
        start: from,
        end: to - 1,
      });
      return { lines: 1, unparsed: 0, bad: 0 };
    });
    for (let i = 0; i < 100; i++) feed(out, `10.0.0.${i}\n`);
    const samples = out
      .next('easy')!
      .whole()
      .tallies.map(t => t.sample);
    expect(samples.slice(0, 20).every(s => s !== '')).toBe(true);
    expect(samples.slice(20).every(s => s === '')).toBe(true);
  });

  test('a large one is sent in parts, each person in as few of them as can be, none lost', () => {
    const { out } = outbox((bytes, from, to, _s, sink) => {
      const [user, ip] = bytes.toString('latin1', from, to - 1).split(' ') as [string, string];
      sink({ event: 'denied', user, ip, endpoint: null, time: null, selfReported: false, start: from, end: to - 1 });
      return { lines: 1, unparsed: 0, bad: 0 };
    });
    for (let i = 0; i < 1800; i++) feed(out, `user${i % 6} 10.0.${i >> 8}.${i & 255}\n`);
    const draft = out.next('easy')!;
    const { from, to, lines, tallies } = draft.whole();
    const parts = [...draft.parts()];
    expect(parts.map(p => [p.tallies.length, p.part])).toEqual(
      [500, 500, 500, 300].map((n, i) => [n, { n: i + 1, of: 4 }]),
    );
    expect(parts.every(p => p.from === from && p.to === to && p.lines === lines)).toBe(true);
    const told = (of: typeof tallies): string[] => of.map(t => JSON.stringify(t)).sort();
    expect(told(parts.flatMap(p => p.tallies))).toEqual(told(tallies));
    expect(parts.map(p => new Set(p.tallies.map(t => t.user)).size)).toEqual([2, 3, 2, 1]);
    expect([...draft.parts()]).toEqual(parts);
  });

  test('a small one is sent as it is', () => {
    const { out } = outbox();
    feed(out, 'a;\n');
    const draft = out.next('easy')!;
    expect([...draft.parts()]).toEqual([draft.whole()]);
  });
});

describe('a large log that is caught up on goes in few batches', () => {
  const MB = 1 << 20;
  const OLD: When = { live: 'catching-up', from: 1, to: 2 };
  /** Everything that is read tells of the same person: what is looked at here is when it goes. */
  const big = (): ReturnType<typeof outbox> & { read: (megabytes: number, when?: When) => void } => {
    const made = outbox((_bytes, from, to, _source, sink) => {
      const line = { event: 'denied', user: 'a', ip: null, endpoint: null, time: null, selfReported: false } as const;
      sink({ ...line, start: from, end: to });
      return { lines: 1, unparsed: 0, bad: 0 };
    });
    const read = (megabytes: number, when: When = OLD): void =>
      feed(made.out, `${'x'.repeat(MB - 1)}\n`.repeat(megabytes), when);
    return { ...made, read };
  };

  test('the first one waits until it holds a quarter of what is to come', () => {
    const { out, read } = big();
    read(10);
    expect(out.next('hurry', 290 * MB)).toBeNull();
    read(40);
    expect(out.next('hurry', 250 * MB)).toBeNull();
    read(13);
    expect(out.next('easy', 237 * MB)!.batch.to).toBe(63 * MB);
  });

  test('the last one waits for what is little beside it, and goes when that is read', () => {
    const { out, read } = big();
    read(100);
    expect(out.next('easy', 120 * MB)).not.toBeNull();
    read(100);
    expect(out.ack(100 * MB)).toBe('moved');
    expect(out.next('hurry', 20 * MB)).toBeNull();
    read(20);
    expect(out.next('hurry', 0)!.batch.to).toBe(220 * MB);
  });

  test('nothing waits longer than two seconds, what is small and what is live not at all', () => {
    const { out, clock, read } = big();
    read(10);
    expect(out.next('easy', 290 * MB)).toBeNull();
    clock.now += 1999;
    expect(out.next('easy', 290 * MB)).toBeNull();
    clock.now += 1;
    expect(out.next('easy', 290 * MB)).not.toBeNull();
    const small = big();
    small.read(1);
    expect(small.out.next('easy', 50 * MB)).not.toBeNull();
    const live = big();
    live.read(1, LIVE);
    expect(live.out.next('easy', 290 * MB)).not.toBeNull();
  });

  test('each has its own two seconds', () => {
    const { out, clock, read } = big();
    read(10);
    expect(out.next('easy', 490 * MB)).toBeNull();
    clock.now += 2000;
    expect(out.next('easy', 490 * MB)).not.toBeNull();
    read(20);
    out.ack(10 * MB);
    expect(out.next('easy', 470 * MB)).toBeNull();
  });
});

describe('an acknowledgement', () => {
  test('of a later batch that is held covers the ones before it', () => {
    const { out } = outbox();
    feed(out, 'a;\n', { live: 'catching-up', from: 1, to: 2 });
    feed(out, 'b;\n');
    out.next('easy');
    expect(out.ack(3)).toBe('moved');
    out.next('easy');
    expect(out.ack(6)).toBe('moved');
    expect(out.idle).toBe(true);
  });

  test('that does not come is asked for ever more rarely; once it is known that serve is there, at once', () => {
    const { out, clock } = outbox();
    feed(out, 'a;\n');
    const sent: number[] = [];
    for (const start = clock.now; clock.now < start + 300_000; clock.now += 1000)
      if (out.next('easy')) sent.push((clock.now - start) / 1000);
    expect(sent).toEqual([0, 5, 15, 35, 75, 135, 195, 255]);
    out.unsent(0);
    expect(out.next('easy')).not.toBeNull();
    clock.now += 5000;
    expect(out.next('easy')).not.toBeNull();
  });

  test('behind us is believed when it is said twice', () => {
    const { out } = outbox();
    feed(out, 'a;\n');
    out.next('easy');
    out.ack(3);
    expect(out.ack(0)).toBe('known');
    expect(out.ack(0)).toBe('elsewhere');
  });

  test('ahead of us is believed at once', () => {
    const { out } = outbox();
    feed(out, 'a;\n');
    out.next('easy');
    expect(out.ack(2)).toBe('elsewhere');
    expect(out.ack(300)).toBe('elsewhere');
  });

  test('what can not be read any more is spanned, so that what is held can follow', () => {
    const { out, clock } = outbox();
    feed(out, 'a;\n');
    out.next('easy');
    out.ack(3);
    feed(out, 'b;\n');
    expect(out.bridge(0)).toBe(3);
    const batch = out.next('easy')!.whole();
    expect(batch).toMatchObject({ from: 0, to: 3, lines: 0, tallies: [] });
    out.ack(3);
    clock.now += 1;
    expect(out.next('easy')!.whole()).toMatchObject({ from: 3, to: 6 });
  });

  test('what names nobody waits a second for company; a name takes it along at once', () => {
    const { out, clock } = outbox(parseTimes);
    feed(out, `${clock.now}\n`);
    expect(out.next('easy')).toBeNull();
    feed(out, `${clock.now} alice\n`);
    expect(
      out
        .next('easy')!
        .whole()
        .tallies.map(t => t.user),
    ).toEqual([null, 'alice']);
    out.ack(out.end);
    feed(out, `${clock.now}\n`);
    expect(out.next('easy')).toBeNull();
    clock.now += 1000;
    expect(out.next('easy')!.whole().tallies).toHaveLength(1);
  });
});

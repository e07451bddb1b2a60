/** What serve answers moves the place of a log; and what is known of when its lines were written. */
import { appendFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { localDisk } from '../../src/watch/disk.ts';
import { serverPlace } from '../../src/watch/place.ts';
import { freshDir, Lab, removeDirs } from './lab.ts';

afterAll(removeDirs);

const lines = (prefix: string, n: number): string => Array.from({ length: n }, (_, i) => `${prefix}${i};\n`).join('');
const counted = (lab: Lab): number => lab.serve.total;
const only = (lab: Lab) => [...lab.tailer.tails.values()][0]!;

describe('what serve answers', () => {
  test('an answer that is lost: the batch comes again after five seconds, and counts once', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 3));
    await lab.poll();
    await lab.tailer.record();
    for (const draft of lab.tailer.outgoing()) lab.serve.take(draft.whole());
    lab.tick(4000);
    expect(lab.tailer.outgoing()).toEqual([]);
    lab.tick(1000);
    await lab.drain();
    expect(counted(lab)).toBe(3);
    expect(lab.serve.twice).toEqual([]);
  });

  test('serve stands further on (our position file was older): what it has is not sent again', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 3));
    await lab.drain();
    lab.crash();
    rmSync(lab.checkpointFile);
    await lab.open();
    appendFileSync(lab.log, lines('b', 1));
    await lab.drain();
    expect(counted(lab)).toBe(4);
    expect(lab.serve.twice).toEqual([]);
  });

  test('serve was restored from an older copy: what it lost is read again', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 3));
    await lab.drain();
    const copy = new Map(lab.serve.committed);
    const counts = new Map(lab.serve.counts);
    appendFileSync(lab.log, lines('b', 3));
    await lab.drain();
    lab.serve.committed = copy;
    lab.serve.counts = counts;
    appendFileSync(lab.log, lines('c', 3));
    await lab.drain(6000);
    expect(counted(lab)).toBe(9);
    expect(lab.serve.twice).toEqual([]);
  });

  test('an old answer that comes late moves nothing', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 3));
    await lab.drain();
    const [[id, old]] = [...lab.serve.committed] as [[string, number]];
    appendFileSync(lab.log, lines('b', 3));
    await lab.drain();
    expect(lab.tailer.ack(id!, old!)).toBeNull();
    await lab.drain();
    expect(counted(lab)).toBe(6);
  });

  test('serve does not answer: reading goes on into a bounded spool, then stops, and loses nothing', async () => {
    const lab = await new Lab({ spool: 4, chunk: 1 << 16, maxLine: 1000 }).open();
    writeFileSync(lab.log, Array.from({ length: 700_000 }, (_, i) => `u${i};\n`).join(''));
    for (let i = 0; i < 200; i++) {
      await lab.poll();
      await lab.tailer.record();
      lab.tailer.outgoing();
    }
    expect(lab.tailer.spooled).toBeLessThanOrEqual(4);
    expect(only(lab).behind).toBe('yes');
    lab.tick(5000);
    await lab.drain();
    expect(counted(lab)).toBe(700_000);
    expect(lab.serve.twice).toEqual([]);
    expect(lab.serve.batches.every(b => b.tallies.length <= 400_000)).toBe(true);
  });

  test('a log with much to be caught up on, which serve does not answer, stops no other', async () => {
    const own = join(freshDir(), 'own.log');
    const lab = new Lab({ chunk: 1 << 18, maxLine: 1000 });
    await lab.open(serverPlace(lab.log, localDisk), serverPlace(own, localDisk));
    writeFileSync(lab.log, Array.from({ length: 800_000 }, (_, i) => `u${i};\n`).join(''));
    for (let i = 0; i < 40; i++) {
      await lab.poll();
      await lab.tailer.record();
      lab.tailer.outgoing();
    }
    expect(lab.tailer.spool.rows).toBeGreaterThan(600_000);
    expect(lab.tailer.spool.rows).toBeLessThan(750_000);
    writeFileSync(own, 'alice;\n');
    lab.tick(5000);
    await lab.poll();
    await lab.tailer.record();
    expect(lab.tailer.outgoing().map(d => d.batch.source.path)).toContain(own);
  });

  test('batches follow each other without a gap', async () => {
    const lab = await new Lab().open();
    for (let i = 0; i < 30; i++) {
      appendFileSync(lab.log, `${lines(`n${i}-`, 7)}!unparsed\n`);
      await lab.round();
      lab.tick(100);
    }
    await lab.drain();
    let at = 0;
    for (const batch of lab.serve.batches) {
      expect(batch.from).toBe(at);
      at = batch.to;
    }
    expect(lab.serve.lines).toBe(240);
  });
});

describe('times', () => {
  test('lines found at the start have the interval in which they were written, marked approximate', async () => {
    const lab = new Lab();
    writeFileSync(lab.log, 'old;\n');
    utimesSync(lab.log, lab.wall / 1000 - 3600, lab.wall / 1000 - 3600);
    await lab.open();
    await lab.drain();
    appendFileSync(lab.log, 'live;\n');
    await lab.drain();
    const [old, live] = lab.serve.batches.flatMap(b => b.tallies);
    expect(old).toMatchObject({ user: 'old', approximate: true });
    expect(Math.abs(old!.last - (lab.wall - 3_600_000))).toBeLessThan(20_000);
    expect(live).toMatchObject({ user: 'live', approximate: false });
    expect(live!.first).toBeGreaterThan(old!.last);
  });
});

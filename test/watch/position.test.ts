/** The position file: whole or the old one after any crash; damaged it is recognised; a full disk stops nobody. */
import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Checkpoint, type PathRecord, replaceFile } from '../../src/watch/position.ts';
import { freshDir, Lab, removeDirs, replaceQuickly } from './lab.ts';

afterAll(removeDirs);

const record = (path: string, committed: number): PathRecord => ({
  path,
  seen: 1,
  drafts: [],
  retired: [],
  sources: [
    { id: '1-2-0123456789abcdef-0', committed, marks: [], end: 'open', keys: ['1-2'], mtime: 1, birth: 1, at: 1 },
  ],
});

function open(replace = replaceFile): {
  checkpoint: Checkpoint;
  file: string;
  alarms: (string | null)[];
  clock: { now: number };
} {
  const file = join(freshDir(), 'agent', 'positions.json');
  const alarms: (string | null)[] = [];
  const clock = { now: 0 };
  return {
    checkpoint: new Checkpoint({ file, replace, steady: () => clock.now, alarm: p => alarms.push(p) }),
    file,
    alarms,
    clock,
  };
}

describe('an agent that was killed before it wrote down how far it had come', () => {
  /** Serve has ten chunks more of the log than the position file knows of. */
  async function ahead(): Promise<Lab> {
    const lab = await new Lab({ chunk: 4096, maxLine: 1000 }).open();
    writeFileSync(lab.log, lines('a', 100));
    await lab.drain();
    await lab.tailer.shared.checkpoint.save();
    appendFileSync(lab.log, lines('b', 20_000));
    for (let n = 0; n < 100; n++) {
      await lab.poll();
      for (const draft of lab.tailer.outgoing()) {
        const { source, committed } = lab.serve.take(draft.whole());
        lab.tailer.ack(source, committed);
      }
    }
    expect(lab.serve.lines).toBe(20_100);
    lab.crash();
    return lab;
  }
  const lines = (prefix: string, n: number): string => Array.from({ length: n }, (_, i) => `${prefix}${i};\n`).join('');

  test('goes on where serve is', async () => {
    const lab = await ahead();
    await lab.open();
    appendFileSync(lab.log, lines('c', 50));
    await lab.drain();
    expect([lab.serve.lines, lab.serve.twice]).toEqual([20_150, []]);
  });

  test('and finds out that the log is another one now, of the same inode and first line', async () => {
    const lab = await ahead();
    truncateSync(lab.log, 0);
    appendFileSync(lab.log, `a0;\n${lines('d', 30_000)}`);
    await lab.open();
    await lab.drain();
    expect(lab.serve.lines).toBe(20_100 + 30_001);
  });
});

describe('the position file', () => {
  test('what was written is read again', async () => {
    const { checkpoint, file } = open();
    expect(await checkpoint.load()).toEqual({ state: 'none', records: [] });
    checkpoint.changed('/a', () => record('/a', 7));
    checkpoint.changed('/b', () => record('/b', 8));
    await checkpoint.save();
    checkpoint.changed('/b', () => null);
    await checkpoint.save();
    const again = new Checkpoint({ file, steady: () => 0, alarm: () => {} });
    expect(await again.load()).toEqual({ state: 'good', records: [record('/a', 7)] });
  });

  test.each([
    ['zero bytes', () => ''],
    ['garbage', () => 'garbage'],
    ['cut short', (text: string) => text.slice(0, -20)],
    ['one digit changed', (text: string) => text.replace('"committed":7', '"committed":9')],
    ['NUL bytes of the right length', (text: string) => '\0'.repeat(text.length)],
    ['another version', (text: string) => text.replace('"v":1', '"v":2')],
  ])('A15 %s: an alarm, no crash, serve is asked', async (_what, damage) => {
    const { checkpoint, file, alarms } = open();
    checkpoint.changed('/a', () => record('/a', 7));
    await checkpoint.save();
    writeFileSync(file, damage(readFileSync(file, 'utf8')));
    expect(await checkpoint.load()).toEqual({ state: 'broken', records: [] });
    expect(alarms).toHaveLength(1);
    checkpoint.changed('/a', () => record('/a', 8));
    await checkpoint.save();
    expect(alarms.at(-1)).toBeNull();
    expect((await checkpoint.load()).state).toBe('good');
  });

  test('A16 a full disk: one alarm, the old file stays, later it is written', async () => {
    let full = true;
    const { checkpoint, file, alarms, clock } = open(async (path, text) => {
      if (full) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      await replaceFile(path, text);
    });
    for (let i = 0; i < 3; i++) {
      checkpoint.changed('/a', () => record('/a', i));
      await checkpoint.save();
    }
    expect(alarms).toEqual([expect.stringContaining('ENOSPC')]);
    full = false;
    await checkpoint.saveLazily();
    expect(checkpoint.pending).toBe(1);
    clock.now += 1000;
    await checkpoint.saveLazily();
    expect(alarms.at(-1)).toBeNull();
    expect((await new Checkpoint({ file, steady: () => 0, alarm: () => {} }).load()).records).toEqual([
      record('/a', 2),
    ]);
  });

  test('many changes are few writes, but whoever waits for one gets one', async () => {
    let writes = 0;
    const { checkpoint, clock } = open(async () => {
      writes++;
    });
    for (let i = 0; i < 1000; i++) {
      checkpoint.changed('/a', () => record('/a', i));
      await checkpoint.saveLazily();
      clock.now += 1;
    }
    expect(writes).toBeLessThanOrEqual(5);
    checkpoint.changed('/a', () => record('/a', 1));
    await Promise.all([checkpoint.save(), checkpoint.save(), checkpoint.save()]);
    expect(writes).toBeLessThanOrEqual(7);
  });
});

describe('reading with a bad position file', () => {
  test.each(['', '{"v":1,'])('A15 %j: everything is read again as serve has it, nothing counts twice', async text => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'a;\nb;\n');
    await lab.drain();
    lab.crash();
    writeFileSync(lab.checkpointFile, text);
    appendFileSync(lab.log, 'c;\n');
    await lab.open();
    await lab.drain();
    expect(lab.alarms[0]).toContain('damaged');
    expect([...lab.serve.counts]).toEqual([
      ['a', 1],
      ['b', 1],
      ['c', 1],
    ]);
  });

  test('A16 the disk is full through a truncation and a crash: reading goes on, nothing counts twice, nothing is lost', async () => {
    let full = false;
    const replace = async (file: string, text: string): Promise<void> => {
      if (full) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
      await replaceQuickly(file, text);
    };
    const lab = await new Lab({ replace }).open();
    appendFileSync(lab.log, 'a;\nb;\nc;\n');
    await lab.drain();
    full = true;
    appendFileSync(lab.log, 'd;\n');
    await lab.drain();
    truncateSync(lab.log);
    appendFileSync(lab.log, 'e;\n');
    await lab.drain();
    expect(lab.alarms.some(a => a.includes('ENOSPC'))).toBe(true);
    lab.crash();
    await lab.open();
    appendFileSync(lab.log, 'f;\n');
    full = false;
    await lab.drain();
    expect([...lab.serve.counts.keys()].join('')).toBe('abcdef');
    expect(lab.serve.twice).toEqual([]);
  });

  test('the state directory is not there, and comes', async () => {
    const lab = await new Lab({ replace: replaceFile }).open();
    rmSync(lab.checkpointFile, { force: true });
    mkdirSync(lab.checkpointFile);
    writeFileSync(lab.log, 'a;\n');
    await lab.drain();
    expect(lab.serve.total).toBe(1);
    rmSync(lab.checkpointFile, { recursive: true });
    await lab.drain();
    expect(lab.alarms.at(-1)).toBe('right again');
  });

  test('what had no answer when serve was away is sent again as soon as serve says where it is', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'a;\n');
    await lab.poll();
    await lab.tailer.record();
    expect(lab.tailer.outgoing()).toHaveLength(1);
    lab.tick(1000);
    expect(lab.tailer.outgoing()).toEqual([]);
    lab.tailer.positions(lab.serve.positions);
    const [again] = lab.tailer.outgoing().map(draft => draft.whole());
    expect(again?.tallies.map(t => t.user)).toEqual(['a']);
    lab.serve.take(again!);
    await lab.drain();
    expect([...lab.serve.counts]).toEqual([['a', 1]]);
  });
});

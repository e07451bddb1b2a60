/**
 * The life of one log as an administrator sees it: written, missing, hostile; what serve answers, and times. The clock is in the
 * test's hand; `drain` lets the tailer look and serve answer until nothing moves.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { localDisk } from '../../src/watch/disk.ts';
import { homePlace, serverPlace } from '../../src/watch/place.ts';
import { Lab, removeDirs } from './lab.ts';

afterAll(removeDirs);

const lines = (prefix: string, n: number): string => Array.from({ length: n }, (_, i) => `${prefix}${i};\n`).join('');
const counted = (lab: Lab): number => lab.serve.total;
const only = (lab: Lab) => [...lab.tailer.tails.values()][0]!;

/** Three lines were counted, three more are there, and while they are looked at the log is ours no more. */
async function whoseOwnerGoes(): Promise<{ lab: Lab; looking: Promise<unknown> }> {
  const lab = new Lab();
  writeFileSync(lab.log, lines('a', 3));
  await lab.open();
  await lab.drain();
  appendFileSync(lab.log, lines('b', 3));
  const looking = lab.tailer.poll(only(lab));
  lab.tailer.unwatch(lab.log);
  return { lab, looking };
}

describe('a log that grows', () => {
  test('what is there at the first start is read from its beginning, and what comes later too', async () => {
    const lab = new Lab();
    writeFileSync(lab.log, lines('old', 3));
    await lab.open();
    await lab.drain();
    expect(counted(lab)).toBe(3);
    appendFileSync(lab.log, lines('new', 2));
    await lab.drain();
    expect(counted(lab)).toBe(5);
    expect(lab.serve.twice).toEqual([]);
  });

  test('whose owner goes while it is looked at: nothing of it is held, and its place is remembered for a day', async () => {
    const { lab, looking } = await whoseOwnerGoes();
    expect(await looking).toBe('idle');
    await lab.tailer.record();
    expect(lab.tailer.outgoing()).toEqual([]);
    expect(lab.tailer.spool).toEqual({ batches: 0, rows: 0 });
    const remembered = async (): Promise<string> => {
      await lab.tailer.shared.checkpoint.save();
      return readFileSync(lab.checkpointFile, 'utf8');
    };
    expect(await remembered()).toContain(lab.log);
    lab.tick(86_000_000);
    lab.tailer.trim();
    expect(await remembered()).toContain(lab.log);
    lab.tick(500_000);
    lab.tailer.trim();
    expect(await remembered()).not.toContain(lab.log);
  });

  test('whose owner is back is read on where it was left, also over a restart', async () => {
    const { lab, looking } = await whoseOwnerGoes();
    await looking;
    lab.tailer.watch(lab.places[0]!);
    await lab.drain();
    expect(lab.serve.twice).toEqual([]);
    expect(counted(lab)).toBe(6);
    lab.tailer.unwatch(lab.log);
    await lab.tailer.shared.checkpoint.save();
    lab.crash();
    appendFileSync(lab.log, lines('c', 3));
    await lab.open();
    await lab.drain();
    expect(lab.serve.twice).toEqual([]);
    expect(counted(lab)).toBe(9);
  });

  test('whose owner is back while it is still looked at is read on where it was left', async () => {
    const { lab, looking } = await whoseOwnerGoes();
    lab.tailer.watch(lab.places[0]!);
    await looking;
    await lab.drain();
    expect(lab.serve.twice).toEqual([]);
    expect(counted(lab)).toBe(6);
  });

  test('which gets another owner while it is looked at is read for that one, and remembered', async () => {
    const { lab, looking } = await whoseOwnerGoes();
    lab.tailer.watch({ ...lab.places[0]!, owner: 'carol' });
    await looking;
    await lab.drain();
    expect(counted(lab)).toBe(3 + 6);
    await lab.tailer.shared.checkpoint.save();
    expect(readFileSync(lab.checkpointFile, 'utf8')).toContain(lab.log);
    expect(lab.tailer.spool).toEqual({ batches: 0, rows: 0 });
  });

  test.each([13e9, 9e12])('G19 a file of a time to come (%d) was written by now', async mtime => {
    const lab = new Lab();
    writeFileSync(lab.log, lines('a', 1));
    utimesSync(lab.log, mtime, mtime);
    await lab.open();
    await lab.drain();
    const [tally] = lab.serve.batches.flatMap(batch => batch.tallies);
    expect(tally!.approximate).toBe(true);
    expect(tally!.first).toBeLessThanOrEqual(tally!.last);
    expect(tally!.last).toBeLessThanOrEqual(lab.wall);
  });

  test('a log full of lines that begin with NUL is read in turns, each line once', async () => {
    const lab = new Lab();
    writeFileSync(lab.log, `first;\n${'a;\n\0'.repeat(9000)}last;\n`);
    await lab.open();
    await lab.drain();
    expect([...lab.serve.counts]).toEqual([
      ['first', 1],
      ['a', 9000],
      ['last', 1],
    ]);
    expect(lab.serve.bad).toBe(9000);
  });

  test('rotations from before the first start are not ours to count', async () => {
    const lab = new Lab();
    writeFileSync(`${lab.log}.1`, lines('before', 3));
    writeFileSync(lab.log, lines('now', 1));
    await lab.open();
    await lab.drain();
    truncateSync(lab.log);
    await lab.drain();
    expect(counted(lab)).toBe(1);
  });

  test('A09 a line written in two parts is one event', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'first;\nali');
    await lab.drain();
    expect(counted(lab)).toBe(1);
    lab.tick(3000);
    appendFileSync(lab.log, 'ce;\n');
    await lab.drain();
    expect([...lab.serve.counts.keys()]).toEqual(['first', 'alice']);
  });

  test('the first observation goes at once, those that follow while it is under way go together', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'a;\n');
    await lab.poll();
    await lab.tailer.record();
    const [first] = lab.tailer.outgoing().map(draft => draft.whole());
    expect(first!.tallies.map(t => t.user)).toEqual(['a']);
    for (let i = 0; i < 5; i++) {
      appendFileSync(lab.log, 'a;\nb;\n');
      await lab.poll();
      expect(lab.tailer.outgoing()).toEqual([]);
    }
    const { source, committed } = lab.serve.take(first!);
    lab.tailer.ack(source, committed);
    const [second] = lab.tailer.outgoing().map(draft => draft.whole());
    expect(second!.tallies.map(t => [t.user, t.count])).toEqual([
      ['a', 5],
      ['b', 5],
    ]);
    expect(second!.from).toBe(first!.to);
  });

  test('lines without an event are told lazily, as a position', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, '!x\nnothing here\n');
    await lab.poll();
    await lab.tailer.record();
    expect(lab.tailer.outgoing()).toEqual([]);
    lab.tick(1000);
    const [batch] = lab.tailer.outgoing().map(draft => draft.whole());
    expect(batch).toMatchObject({ lines: 2, unparsed: 1, tallies: [], from: 0, to: 16 });
  });

  test('an offset is a byte of the file, whatever the encoding', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, Buffer.from('\u201cquoted\u201d\nalice;\n'));
    await lab.drain();
    const tally = lab.serve.batches.flatMap(b => b.tallies)[0]!;
    expect(tally.offset).toBe(Buffer.byteLength('\u201cquoted\u201d\n'));
  });

  test('A22 invalid UTF-8, NUL, CRLF and a byte order mark: the neighbours are read, the bad lines are counted', async () => {
    const lab = await new Lab().open();
    const bad = [
      Buffer.from([0xef, 0xbb, 0xbf]),
      Buffer.from('bom;\n'),
      Buffer.from([0xff, 0xfe, 0x0a]),
      Buffer.from('good;\n'),
    ];
    writeFileSync(
      lab.log,
      Buffer.concat([
        ...bad,
        Buffer.from('x\0y;\n'),
        Buffer.from([0xed, 0xa0, 0x80, 0x0a]),
        Buffer.from('crlf;\r\nlast;\n'),
      ]),
    );
    await lab.drain();
    expect([...lab.serve.counts.keys()]).toEqual(['bom', 'good', 'last']);
    expect(lab.serve.bad).toBe(4);
    expect(lab.serve.lines).toBe(7);
  });

  test('A25 10 MB without a newline: cut, counted once, the next line is read', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'before;\n');
    const before = process.memoryUsage().rss;
    for (let i = 0; i < 10; i++) {
      appendFileSync(lab.log, Buffer.alloc(1 << 20, 0x61));
      await lab.poll();
    }
    appendFileSync(lab.log, '\nafter;\n');
    await lab.drain();
    expect([...lab.serve.counts.keys()]).toEqual(['before', 'after']);
    expect(lab.serve.cut).toBe(1);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20);
  });

  test('A25 restarted in the middle of an endless line, it is neither cut twice nor is its rest taken for a line', async () => {
    const lab = await new Lab({ maxLine: 1000, chunk: 2000 }).open();
    writeFileSync(lab.log, `a;\n${'x'.repeat(5000)}`);
    await lab.drain();
    lab.crash();
    await lab.open();
    appendFileSync(lab.log, 'y;\nb;\n');
    await lab.drain();
    expect([...lab.serve.counts.keys()]).toEqual(['a', 'b']);
    expect(lab.serve.cut).toBe(1);
  });

  test('A27 the wall clock jumps: positions do not care', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 2));
    await lab.drain();
    lab.wall -= 3_600_000;
    appendFileSync(lab.log, lines('b', 2));
    await lab.drain();
    lab.wall += 86_400_000 + 3_600_000;
    appendFileSync(lab.log, lines('c', 2));
    await lab.drain();
    expect(counted(lab)).toBe(6);
    expect(lab.serve.twice).toEqual([]);
  });
});

async function socketAt(path: string): Promise<void> {
  const server = createServer();
  server.listen(path);
  server.unref();
  await once(server, 'listening');
}

const HOSTILE: [string, (path: string) => unknown][] = [
  ['directory', path => mkdirSync(path)],
  ['FIFO', path => execFileSync('mkfifo', [path])],
  ['socket', socketAt],
  ['/dev/zero', path => symlinkSync('/dev/zero', path)],
  ['dangling link', path => symlinkSync('/nonexistent', path)],
];

describe('what lies there is no log', () => {
  test('A13 a client log that comes and is copied away before anybody looks is read, rotations of before the start are not', async () => {
    const lab = new Lab();
    const log = join(lab.dir, '.claw/clw.log');
    mkdirSync(join(lab.dir, '.claw'));
    writeFileSync(`${log}.1`, lines('before', 3));
    utimesSync(`${log}.1`, Date.now() / 1000 - 60, Date.now() / 1000 - 60);
    await lab.open(homePlace(lab.dir, '.claw/clw.log', 'alice', localDisk));
    await lab.drain(0);
    renameSync(`${log}.1`, `${log}.2`);
    await pause(10);
    writeFileSync(`${log}.1`, lines('a', 5));
    writeFileSync(log, lines('b', 4));
    await lab.drain();
    expect(counted(lab)).toBe(9);
    lab.crash();
    await lab.open();
    await lab.drain(6000);
    expect(counted(lab)).toBe(9);
  });

  test('A13 missing at the start, read from 0 when it comes', async () => {
    const lab = await new Lab().open();
    await lab.poll();
    expect(only(lab).refusal).toMatchObject({ state: 'missing' });
    writeFileSync(lab.log, lines('a', 3));
    await lab.drain();
    expect(counted(lab)).toBe(3);
    expect(only(lab).refusal).toBeNull();
  });

  test.each(HOSTILE)('A14 a %s is not read, the others are, and a real log in its place is', async (what, make) => {
    const lab = new Lab();
    await make(lab.log);
    writeFileSync(`${lab.dir}/other`, lines('other', 2));
    await lab.open(serverPlace(lab.log, localDisk), serverPlace(`${lab.dir}/other`, localDisk));
    await lab.drain();
    expect(only(lab).refusal?.state).toBe(what === 'dangling link' ? 'missing' : 'refused');
    expect(counted(lab)).toBe(2);
    rmSync(lab.log, { recursive: true });
    writeFileSync(lab.log, lines('real', 2));
    await lab.drain();
    expect(counted(lab)).toBe(4);
  });

  test('G10 50 GB of nothing is refused, with its reason', async () => {
    const lab = new Lab();
    writeFileSync(lab.log, 'a;\n');
    truncateSync(lab.log, 50 * 2 ** 30);
    await lab.open();
    await lab.poll();
    expect(only(lab).refusal).toMatchObject({ state: 'refused', why: expect.stringContaining('sparse') });
  });
});

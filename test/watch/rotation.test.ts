/**
 * A log that is renamed, copied and truncated, packed, emptied or deleted while it is read: every line counts once. The clock
 * is in the test's hand; `drain` lets the tailer look and serve answer until nothing moves.
 */
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { type Disk, localDisk } from '../../src/watch/disk.ts';
import { homePlace, serverPlace } from '../../src/watch/place.ts';
import { Lab, removeDirs } from './lab.ts';

afterAll(removeDirs);

const lines = (prefix: string, n: number): string => Array.from({ length: n }, (_, i) => `${prefix}${i};\n`).join('');
const counted = (lab: Lab): number => lab.serve.total;

describe('rotation', () => {
  test('rename and create: the old file is read to its end, then the new one', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 2));
    await lab.drain();
    appendFileSync(lab.log, lines('late', 2));
    renameSync(lab.log, `${lab.log}.1`);
    writeFileSync(lab.log, lines('b', 2));
    await lab.drain();
    expect([...lab.serve.counts.keys()]).toEqual(['a0', 'a1', 'late0', 'late1', 'b0', 'b1']);
    expect(lab.serve.twice).toEqual([]);
  });

  test.each(['.1', '.2'])(
    'A05 one that begins while the files are looked at: none is missed between two names (%s moves)',
    async mid => {
      const lab = await new Lab().open();
      const move = (from: string, to: string): void => renameSync(lab.log + from, lab.log + to);
      writeFileSync(lab.log, 'a;\n');
      await lab.drain();
      lab.crash();
      move('', '.1');
      writeFileSync(lab.log, 'b;\n');
      move('.1', '.2');
      move('', '.1');
      writeFileSync(lab.log, 'c;\n');
      let step: 'before' | 'begun' | 'under way' = 'before';
      const disk: Disk = {
        ...localDisk,
        list: dir => {
          if (step === 'before') move('.2', '.3');
          const names = readdirSync(dir);
          if (step === 'before' && mid === '.1') move('.1', '.2');
          step = step === 'before' ? 'begun' : step;
          return names;
        },
        open: (path, flags) => {
          // It was opened under its old name, and the one before it has that name now.
          if (step === 'begun' && mid === '.2' && path.endsWith('log.1')) move('.1', '.2');
          if (step === 'begun') step = 'under way';
          return localDisk.open(path, flags);
        },
      };
      await lab.open(serverPlace(lab.log, disk));
      await lab.drain();
      move('', '.1');
      writeFileSync(lab.log, 'd;\n');
      await lab.drain();
      expect([...lab.serve.counts.keys()].toSorted()).toEqual(['a', 'b', 'c', 'd']);
      expect(lab.serve.twice).toEqual([]);
    },
  );

  test('a daemon that still writes to the renamed file is heard', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 1));
    await lab.drain();
    renameSync(lab.log, `${lab.log}.1`);
    writeFileSync(lab.log, lines('b', 1));
    await lab.drain(6000);
    appendFileSync(`${lab.log}.1`, lines('late', 1));
    await lab.drain(6000);
    expect([...lab.serve.counts.keys()].sort()).toEqual(['a0', 'b0', 'late0']);
  });

  test('a rotated file that ends without a newline: its last line counts once it is final', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'a;\nlast;');
    await lab.drain();
    expect(counted(lab)).toBe(1);
    renameSync(lab.log, `${lab.log}.1`);
    writeFileSync(lab.log, '');
    await lab.drain(6000);
    expect([...lab.serve.counts.keys()]).toEqual(['a', 'last']);
    lab.crash();
    await lab.open();
    await lab.drain(6000);
    expect(counted(lab)).toBe(2);
  });

  test('A02 copytruncate: nothing twice, though the copy lies beside it, also after a restart and packed', async () => {
    const lab = await new Lab().open();
    await lab.drain();
    for (let round = 0; round < 4; round++) {
      appendFileSync(lab.log, lines(`r${round}-`, 50));
      if (round % 2) await lab.drain();
      for (const n of [3, 2, 1]) {
        rmSync(`${lab.log}.${n + 1}`, { force: true });
        try {
          renameSync(`${lab.log}.${n}`, `${lab.log}.${n + 1}`);
        } catch {}
      }
      copyFileSync(lab.log, `${lab.log}.1`);
      truncateSync(lab.log);
      await lab.drain();
      if (round === 1) {
        lab.crash();
        await lab.open();
      }
    }
    writeFileSync(`${lab.log}.5.gz`, gzipSync(lines('r0-', 50)));
    appendFileSync(lab.log, lines('end', 1));
    await lab.drain();
    expect(counted(lab)).toBe(201);
    expect(lab.serve.twice).toEqual([]);
  });

  test('A02 copytruncate while lines are not acknowledged yet: the copy is read from there on', async () => {
    const lab = await new Lab().open();
    appendFileSync(lab.log, lines('a', 10));
    await lab.drain();
    appendFileSync(lab.log, lines('b', 10));
    lab.crash();
    copyFileSync(lab.log, `${lab.log}.1`);
    truncateSync(lab.log);
    appendFileSync(lab.log, lines('c', 10));
    await lab.open();
    await lab.drain();
    expect(counted(lab)).toBe(30);
    expect(lab.serve.twice).toEqual([]);
  });

  test('copytruncate with a line in its window: the shorter copy is known for what it is', async () => {
    const lab = await new Lab().open();
    for (let i = 0; i < 20; i++) {
      appendFileSync(lab.log, lines(`a${i}-`, 5));
      await lab.drain(500, 1);
    }
    copyFileSync(lab.log, `${lab.log}.1`);
    lab.tick(300);
    appendFileSync(lab.log, lines('window', 2));
    await lab.drain();
    truncateSync(lab.log);
    appendFileSync(lab.log, lines('b', 1));
    await lab.drain();
    expect(counted(lab)).toBe(103);
    expect(lab.serve.twice).toEqual([]);
  });

  test.each(['.1 and .2', 'packed', 'by date'])(
    'A07 two rotations while stopped, %s: all read, oldest first',
    async how => {
      const lab = await new Lab().open();
      writeFileSync(lab.log, lines('a', 5));
      await lab.drain();
      lab.crash();
      appendFileSync(lab.log, lines('a-late', 5));
      const name = { '.1 and .2': ['.2', '.1'], packed: ['.2.gz', '.1.gz'], 'by date': ['-20260101', '-20260102'] }[
        how
      ]!;
      const put = (suffix: string, age: number): void => {
        const file = lab.log + suffix;
        renameSync(lab.log, file);
        if (suffix.endsWith('.gz')) {
          renameSync(file, `${file}.plain`);
          writeFileSync(file, gzipSync(localDiskText(`${file}.plain`)));
          unlinkSync(`${file}.plain`);
        }
        utimesSync(file, Date.now() / 1000 - age, Date.now() / 1000 - age);
      };
      put(name[0]!, 20);
      writeFileSync(lab.log, lines('b', 5));
      put(name[1]!, 10);
      writeFileSync(lab.log, lines('c', 5));
      await lab.open();
      await lab.drain();
      expect([...lab.serve.counts.keys()].map(k => k[0]).join('')).toBe('aaaaaaaaaabbbbbccccc');
      expect(lab.serve.twice).toEqual([]);
    },
  );

  test('A11 `: > log` goes on at 0 at the next look, whatever the first line says', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'scheduler started\na;\nb;\nc;\n');
    await lab.drain();
    writeFileSync(lab.log, 'scheduler started\nd;\n');
    await lab.drain();
    expect([...lab.serve.counts.keys()]).toEqual(['a', 'b', 'c', 'd']);
    const ids = [...lab.serve.committed.keys()];
    expect(ids.map(id => id.split('-').at(-1))).toEqual(['0', '1']);
  });

  test('deleted and made again with the same inode and the same first line, before anybody looked', async () => {
    const lab = await new Lab().open();
    for (let i = 0; i < 5; i++) {
      writeFileSync(lab.log, `scheduler started\n${lines(`${i}-`, 3 + i)}`);
      await lab.drain();
      unlinkSync(lab.log);
    }
    expect(counted(lab)).toBe(3 + 4 + 5 + 6 + 7);
  });

  test('cut short by hand, or by a crash of the machine: what stands there still is not counted again', async () => {
    const lab = await new Lab().open();
    const text = lines('line-', 2000);
    for (let at = 0; at < 2000; at += 100) {
      appendFileSync(
        lab.log,
        text
          .split('\n')
          .slice(at, at + 100)
          .map(l => `${l}\n`)
          .join(''),
      );
      await lab.drain(600, 1);
    }
    truncateSync(lab.log, Buffer.byteLength(lines('line-', 1900)));
    appendFileSync(lab.log, lines('new', 1));
    await lab.drain();
    expect(lab.serve.counts.get('new0')).toBe(1);
    expect(lab.serve.counts.get('line-0')).toBe(1);
  });

  test('what was deleted while it was being read is read to its end', async () => {
    const lab = await new Lab({ chunk: 8192, maxLine: 1000 }).open();
    writeFileSync(lab.log, lines('a', 5000));
    await lab.poll();
    unlinkSync(lab.log);
    await lab.drain();
    expect(counted(lab)).toBe(5000);
  });
});

describe('a log that an editor writes anew', () => {
  /** `sed -i`, `cat log > new; mv new log`: another inode with the same bytes, and perhaps more. */
  const replace = (log: string, more = ''): void => {
    copyFileSync(log, `${log}.sed`);
    if (more) appendFileSync(`${log}.sed`, more);
    renameSync(`${log}.sed`, log);
  };
  const openHome = async (): Promise<{ lab: Lab; log: string }> => {
    const lab = new Lab();
    mkdirSync(join(lab.dir, '.claw'));
    await lab.open(homePlace(lab.dir, '.claw/clw.log', 'alice', localDisk));
    return { lab, log: join(lab.dir, '.claw/clw.log') };
  };
  const openServer = async (): Promise<{ lab: Lab; log: string }> => {
    const lab = await new Lab().open();
    return { lab, log: lab.log };
  };

  test.each([
    ['the server log', openServer],
    ['a client log', openHome],
  ])('%s with the same lines: the next one counts at once, nothing counts twice', async (_, open) => {
    const { lab, log } = await open();
    writeFileSync(log, lines('a', 50));
    await lab.drain();
    const [tail] = lab.tailer.tails.values();
    for (let n = 1; n <= 5; n++) {
      replace(log);
      await lab.drain(100);
      appendFileSync(log, `next${n};\n`);
      await lab.round();
      expect(counted(lab)).toBe(50 + n);
      expect(tail!.glance(statSync(log))).toBe(tail!.sources.length > 1 ? 'look' : 'same');
    }
    await lab.drain(6000);
    expect([counted(lab), tail!.lag, tail!.sources.length]).toEqual([55, 0, 1]);
  });

  test('with more lines in the new file: they count at the next look', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 50));
    await lab.drain();
    replace(lab.log, 'more;\n');
    await lab.round();
    expect([counted(lab), lab.serve.twice]).toEqual([51, []]);
  });

  test('full of one and the same line: byte for byte the same file is not a new one', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'mallory;\n'.repeat(1000));
    await lab.drain();
    replace(lab.log, 'mallory;\n');
    await lab.round();
    expect(counted(lab)).toBe(1001);
  });

  test('before all of it was read: what both files hold counts once, in the order in which it was written', async () => {
    const lab = await new Lab({ chunk: 8192, maxLine: 1000 }).open();
    writeFileSync(lab.log, lines('a', 5000));
    await lab.poll();
    replace(lab.log, 'more;\n');
    await lab.drain();
    expect([counted(lab), lab.serve.twice]).toEqual([5001, []]);
    expect([...lab.serve.counts.keys()].at(-1)).toBe('more');
  });

  test('while a daemon has the old file open: what it wrote before and after the change is heard', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, `${lines('a', 50)}ali`);
    await lab.drain();
    const daemon = openSync(lab.log, 'a');
    copyFileSync(lab.log, `${lab.log}.sed`);
    writeSync(daemon, 'ce;\nbetween;\n');
    appendFileSync(`${lab.log}.sed`, 'ce;\nmore;\n');
    renameSync(`${lab.log}.sed`, lab.log);
    await lab.round();
    writeSync(daemon, 'after;\nhalf');
    appendFileSync(lab.log, 'next;\n');
    await lab.drain();
    closeSync(daemon);
    expect([...lab.serve.counts.keys()].slice(50).toSorted()).toEqual(['after', 'alice', 'between', 'more', 'next']);
    expect(lab.serve.twice).toEqual([]);
    lab.crash();
    replace(lab.log, 'restarted;\n');
    await lab.open();
    await lab.drain();
    expect([counted(lab), lab.serve.twice]).toEqual([56, []]);
  });

  test('a half line that both files hold is completed in the new one, and counts once', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, `${lines('a', 50)}alice;`);
    await lab.drain();
    replace(lab.log);
    await lab.drain(6000);
    appendFileSync(lab.log, '\n');
    await lab.drain(6000);
    expect([counted(lab), lab.serve.twice]).toEqual([51, []]);
  });
});

describe('a log that is put back as a copy of what was read', () => {
  /** @param put what an administrator types; `read` reads what is there so far */
  const HOW: [string, (log: string, read: () => Promise<void>) => Promise<unknown>][] = [
    [
      'sed -i.bak, which keeps the old one beside it',
      async log => {
        copyFileSync(log, `${log}.sed`);
        renameSync(log, `${log}.bak`);
        renameSync(`${log}.sed`, log);
      },
    ],
    [
      'cat log > new, and lines that are read before mv new log',
      async (log, read) => {
        copyFileSync(log, `${log}.new`);
        appendFileSync(log, lines('meanwhile', 3));
        await read();
        renameSync(`${log}.new`, log);
      },
    ],
    [
      'mv log log.1; cp log.1 log',
      async (log, read) => {
        renameSync(log, `${log}.1`);
        await read();
        copyFileSync(`${log}.1`, log);
      },
    ],
    [
      'mv log log.1, which was read to its end long ago; cp log.1 log',
      async (log, read) => {
        renameSync(log, `${log}.1`);
        writeFileSync(log, 'other;\n');
        for (let n = 0; n < 5; n++) await read();
        rmSync(log);
        await read();
        copyFileSync(`${log}.1`, log);
      },
    ],
  ];

  test.each(HOW)('%s: no line counts twice, the next one at once', async (_, put) => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 50));
    await lab.drain();
    await put(lab.log, () => lab.drain(6000));
    await lab.drain(100);
    expect(lab.serve.twice).toEqual([]);
    appendFileSync(lab.log, 'next;\n');
    await lab.round();
    expect([lab.serve.counts.get('next'), lab.serve.twice]).toEqual([1, []]);
    await lab.drain(6000);
    lab.crash();
    appendFileSync(lab.log, 'restarted;\n');
    await lab.open();
    await lab.drain();
    expect([lab.serve.counts.get('restarted'), lab.serve.twice]).toEqual([1, []]);
  });

  test.each(HOW)('%s, and a new log behind it: every line of it counts', async (_, put) => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 50));
    await lab.drain();
    await put(lab.log, () => lab.drain(6000));
    appendFileSync(lab.log, 'more;\nhalf');
    await lab.drain(100);
    appendFileSync(lab.log, ';\n');
    await lab.drain(6000);
    expect(['a0', 'a49', 'more', 'half'].map(name => lab.serve.counts.get(name))).toEqual([1, 1, 1, 1]);
    renameSync(lab.log, `${lab.log}.2`);
    writeFileSync(lab.log, lines('fresh', 5));
    await lab.drain(6000);
    expect([lab.serve.counts.get('fresh0'), lab.serve.counts.get('fresh4'), lab.serve.twice]).toEqual([1, 1, []]);
  });

  test('a log of many megabytes: what both hold is not read again, what came since is', async () => {
    const lab = await new Lab().open();
    const text = lines('a', 50) + 'x'.repeat(999).concat('\n').repeat(17_000) + lines('b', 50);
    writeFileSync(lab.log, text);
    await lab.drain();
    renameSync(lab.log, `${lab.log}.bak`);
    writeFileSync(lab.log, `${text}more;\n`);
    await lab.drain(6000);
    expect([counted(lab), lab.serve.counts.get('more'), lab.serve.twice]).toEqual([101, 1, []]);
  });

  test('a new life is not read from its begin when the agent is killed before serve has heard of it', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, lines('a', 50));
    await lab.drain();
    copyFileSync(lab.log, `${lab.log}.sed`);
    renameSync(lab.log, `${lab.log}.bak`);
    renameSync(`${lab.log}.sed`, lab.log);
    await lab.poll();
    await lab.tailer.shared.checkpoint.save();
    lab.crash();
    appendFileSync(lab.log, 'next;\n');
    await lab.open();
    await lab.drain(6000);
    expect([counted(lab), lab.serve.counts.get('next'), lab.serve.twice]).toEqual([51, 1, []]);
  });

  test('a new log that begins with the same banner is a new one', async () => {
    const lab = await new Lab().open();
    const banner = 'started;\n';
    writeFileSync(lab.log, banner + lines('a', 50));
    await lab.drain();
    renameSync(lab.log, `${lab.log}.1`);
    writeFileSync(lab.log, banner + lines('b', 50));
    await lab.drain();
    expect([counted(lab), lab.serve.counts.get('started')]).toEqual([102, 2]);
  });

  test('a new log with as many lines of the same person is a new one', async () => {
    const lab = await new Lab().open();
    writeFileSync(lab.log, 'mallory;\n'.repeat(1000));
    await lab.drain();
    renameSync(lab.log, `${lab.log}.1`);
    writeFileSync(lab.log, 'mallory;\n'.repeat(900));
    await lab.drain();
    expect(counted(lab)).toBe(1900);
  });
});

const localDiskText = (file: string): Buffer => {
  const fd = localDisk.open(file, 0) as number;
  const bytes = Buffer.alloc(1 << 16);
  const length = localDisk.read(fd, bytes, bytes.length, 0) as number;
  localDisk.close(fd);
  return bytes.subarray(0, length);
};

describe('a packed rotation that is written where no plain one is any more', () => {
  test.each(['all of it was read', 'its end was not'])('is left alone until it is whole: %s', async read => {
    const lab = await new Lab().open();
    const names = Array.from({ length: 3000 }, (_, n) => `user${(n * 7919) % 3001};\n`);
    writeFileSync(lab.log, names.slice(0, 2000).join(''));
    await lab.drain();
    if (read === 'its end was not') lab.crash();
    appendFileSync(lab.log, names.slice(2000).join(''));
    await (read === 'its end was not' ? Promise.resolve() : lab.drain());
    rmSync(lab.log);
    const packed = gzipSync(names.join(''));
    if (read === 'its end was not') {
      writeFileSync(`${lab.log}.1.gz`, packed.subarray(0, packed.length / 2));
      await lab.open();
    }
    writeFileSync(lab.log, '');
    await lab.drain(6000);
    for (const share of [packed.length / 2, 0, 5, packed.length - 3]) {
      writeFileSync(`${lab.log}.1.gz`, packed.subarray(0, share));
      appendFileSync(lab.log, `at${Math.floor(share)};\n`);
      await lab.drain(6000);
    }
    expect([counted(lab), lab.serve.twice.length]).toEqual([read === 'its end was not' ? 2004 : 3004, 0]);
    writeFileSync(`${lab.log}.1.gz`, packed);
    await lab.drain(6000);
    expect([counted(lab), lab.serve.twice.length]).toEqual([3004, 0]);
    lab.tick(600_000);
    await lab.round();
    const [tail] = lab.tailer.tails.values();
    expect([tail!.refusal, tail!.glance(statSync(lab.log))]).toEqual([null, 'same']);
  });
});

describe('packed rotations in a home', () => {
  const BODY = 140 << 20;
  /** Read to its end, then packed, and a new log begun. */
  async function packedHome(): Promise<{ lab: Lab; log: string }> {
    const lab = new Lab();
    const log = join(lab.dir, '.claw/clw.log');
    mkdirSync(join(lab.dir, '.claw'));
    writeFileSync(log, 'first;\n');
    truncateSync(log, BODY);
    appendFileSync(log, '\nlast;\n');
    await lab.open(homePlace(lab.dir, '.claw/clw.log', 'mallory', localDisk));
    await lab.drain();
    expect(counted(lab)).toBe(2);
    const body = Buffer.alloc(BODY + 8);
    body.write('first;\n');
    body.write('\nother;', BODY);
    writeFileSync(`${log}.2.gz`, gzipSync(body, { level: 1 }));
    renameSync(log, `${log}.away`);
    writeFileSync(log, 'first;\nnext;\n');
    return { lab, log };
  }

  test('are unpacked no further than so much: past it the log rests, and says why', async () => {
    const { lab, log } = await packedHome();
    const [tail] = lab.tailer.tails.values();
    await lab.round();
    expect(tail!.refusal).toMatchObject({ state: 'refused', why: expect.stringContaining('128 MB') });
    const started = performance.now();
    for (let looks = 0; looks < 100; looks++) await lab.round();
    expect(performance.now() - started).toBeLessThan(500);
    expect(counted(lab)).toBe(2);
    rmSync(`${log}.2.gz`);
    lab.tick(30_000);
    await lab.drain();
    expect(tail!.refusal).toBeNull();
    expect(counted(lab)).toBe(4);
  });
});

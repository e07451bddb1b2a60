/** The feed with its real timers and real files: people come and go, events are missed, links fail, processes die. */
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chownSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import type { ParseChunk } from '../../src/incident.ts';
import type { Batch } from '../../src/messages.ts';
import { ownRules } from '../../src/rules/cache.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';
import { localDisk } from '../../src/watch/disk.ts';
import { homePlace, serverPlace } from '../../src/watch/place.ts';
import { Waker } from '../../src/watch/wake.ts';
import { Farm } from './farm.ts';
import { Lab, removeDirs, until } from './lab.ts';

const farms: Farm[] = [];
const farm = (): Farm => {
  const made = new Farm();
  farms.push(made);
  return made;
};
afterEach(async () => {
  for (const each of farms.splice(0)) await each.end();
  removeDirs();
});
const lines = (prefix: string, n: number): string => Array.from({ length: n }, (_, i) => `${prefix}${i};\n`).join('');

describe('reading as it goes', () => {
  test('a denial is on its way within milliseconds', async () => {
    const f = farm();
    f.add(['alice']);
    writeFileSync(f.log, '');
    await f.start();
    await until('the log is read', () => f.feed!.health().files === 2);
    await pause(200);
    const times: number[] = [];
    for (let i = 0; i < 20; i++) {
      const started = performance.now();
      appendFileSync(f.log, `d${i};\n`);
      await until('it is counted', () => f.serve.counts.has(`d${i}`));
      times.push(performance.now() - started);
      await pause(20);
    }
    expect(times.sort((a, b) => a - b)[10]).toBeLessThan(50);
  });

  test("an answer that overtakes the queue's own word keeps no line waiting", async () => {
    const f = farm();
    writeFileSync(f.log, 'first;\n');
    f.add([]);
    await f.start({ sentMs: 300 });
    await until('the log is read', () => f.feed!.health().files === 1);
    appendFileSync(f.log, 'second;\n');
    await until('it is answered', () => f.serve.counts.has('second'));
    appendFileSync(f.log, 'third;\n');
    // A batch that had no answer would go again after five seconds.
    await until('the next is too', () => f.serve.counts.has('third'), 3000);
  });

  test('A13 the log comes later; its directory too', async () => {
    const f = farm();
    f.add(['alice']);
    f.configure({ log: join(f.dir, 'var/log/claw.log'), sweep: 0.1 });
    await f.start();
    await until('it is said', () => f.feed!.health().sources[0]?.state === 'missing');
    mkdirSync(join(f.dir, 'var/log'), { recursive: true });
    writeFileSync(join(f.dir, 'var/log/claw.log'), lines('a', 3));
    await until('it is read', () => f.serve.total === 3);
    expect(f.feed!.health().sources[0]).toMatchObject({ state: 'ok', why: '' });
  });

  test('A17 A18 five hundred homes, one changes, and no event says so: found by the sweep, at next to no cost', async () => {
    const f = farm();
    f.add(Array.from({ length: 500 }, (_, i) => `user${i}`));
    f.configure({ sweep: 0.2, idleSweep: 1 });
    await f.start();
    await until('all are known', () => f.feed!.health().files === 500);
    await pause(300);
    // A bind mount of the home elsewhere raises no event on this path; a rename into place raises none on the old inode.
    const file = f.clientLog('user77');
    const fresh = `${file}.fresh`;
    writeFileSync(fresh, 'hello;\n');
    rmSync(join(f.home('user77'), '.claw'), { recursive: true, force: true });
    mkdirSync(join(f.home('user77'), '.claw'));
    writeFileSync(file, 'hello;\n');
    await until('it is found', () => f.serve.counts.has('user77'), 10_000);
    await pause(1200);
    const before = process.cpuUsage();
    await pause(1000);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(0.06);
  });

  test('A20 a user who comes later is read without a restart; one who goes is read no more', async () => {
    const f = farm();
    f.add(['alice']);
    f.configure({ sweep: 0.1, idleSweep: 0.2 });
    await f.start();
    appendFileSync(f.clientLog('alice'), 'x;\n');
    await until('alice is read', () => f.serve.counts.get('alice') === 1);
    f.add(['bob']);
    appendFileSync(f.clientLog('bob'), 'x;\n');
    await until('bob is read', () => f.serve.counts.get('bob') === 1);
    f.remove('alice');
    await until('alice is gone', () => f.feed!.health().files === 1);
    appendFileSync(f.clientLog('alice'), 'x;\n');
    await pause(600);
    expect(f.serve.counts.get('alice')).toBe(1);
    // Back again: what was counted is not counted twice.
    f.people.push({ name: 'alice', uid: 2000, home: f.home('alice'), shell: '/bin/bash' });
    f.passwd();
    await until('alice is read on', () => f.serve.counts.get('alice') === 2);
    await pause(200);
    expect(f.serve.counts.get('alice')).toBe(2);
  });

  test('A26 one log grows without end: the others are read meanwhile, and memory stays where it was', async () => {
    const f = farm();
    f.add(['alice', 'bob']);
    await f.start();
    await until('all are known', () => f.feed!.health().files === 2);
    const block = `${'x'.repeat(99)}\n`.repeat(10_000);
    appendFileSync(f.clientLog('bob'), block);
    await pause(50);
    const rss = process.memoryUsage().rss;
    const late: number[] = [];
    for (let i = 0; i < 20; i++) {
      for (let k = 0; k < 10; k++) appendFileSync(f.clientLog('bob'), block);
      const started = performance.now();
      appendFileSync(f.clientLog('alice'), 'x;\n');
      await until('alice is read', () => f.serve.counts.get('alice') === i + 1);
      late.push(performance.now() - started);
    }
    expect(Math.max(...late)).toBeLessThan(1000);
    expect(process.memoryUsage().rss - rss).toBeLessThan(100 << 20);
    await until('bob is read to the end', () => f.serve.lines >= 2_010_000, 20_000);
    expect(f.serve.lines).toBe(2_010_000 + 20);
  });

  test('Redis is away: lines are kept, then reading waits; afterwards everything counts once', async () => {
    const f = farm();
    writeFileSync(f.log, '');
    f.add(['alice']);
    f.configure({ spool: 3 });
    await f.start();
    await until('the log is known', () => f.feed!.health().files === 2);
    f.link = 'no';
    for (let i = 0; i < 50; i++) appendFileSync(f.log, lines(`somebody-who-was-refused-with-a-long-name-${i}-`, 1000));
    await until('reading waits', () => f.feed!.health().sources[0]!.state === 'catching-up');
    // No more than the spool and what the chunk held in which it became full.
    expect(f.feed!.health().spooled).toBeLessThanOrEqual(3 + 40);
    expect(f.serve.total).toBe(0);
    renameSync(f.log, `${f.log}.1`);
    writeFileSync(f.log, lines('after', 10));
    await pause(100);
    f.link = 'yes';
    await until('all is counted', () => f.serve.total === 50_010, 20_000);
    expect(f.serve.twice).toEqual([]);
  });

  test('A04 stopped and started again with nothing new: nothing is sent', async () => {
    const f = farm();
    f.add(['alice']);
    writeFileSync(f.log, lines('a', 3));
    await f.start();
    await until('it is read', () => f.serve.total === 3);
    await f.end();
    const before = f.serve.batches.length;
    await f.start();
    await pause(300);
    expect(f.serve.batches.length).toBe(before);
    appendFileSync(f.log, lines('b', 1));
    await until('it goes on', () => f.serve.total === 4);
  });

  test('A15 a damaged position file: said in health, serve is asked, nothing counts twice', async () => {
    const f = farm();
    f.add(['alice']);
    writeFileSync(f.log, lines('a', 3));
    await f.start();
    await until('it is read', () => f.serve.total === 3);
    await f.end();
    writeFileSync(join(f.dir, 'state/agent/positions.json'), '');
    appendFileSync(f.log, lines('b', 2));
    await f.start();
    await until('it goes on', () => f.serve.total === 5);
    expect(f.serve.twice).toEqual([]);
  });
});

test("nothing in anybody's home keeps the scheduler's log waiting", async () => {
  const f = farm();
  f.add(['mallory']);
  writeFileSync(f.log, '');
  const lab = await new Lab({ dir: f.dir }).open(
    homePlace(f.home('mallory'), '.claw/clw.log', 'mallory', localDisk),
    serverPlace(f.log, localDisk),
  );
  const looks: string[] = [];
  let end = (): void => {};
  const waker = new Waker({
    poll: async tail => {
      looks.push(tail.place.kind);
      if (tail.place.kind === 'client') await new Promise<void>(done => (end = done));
      return 'idle';
    },
    after: () => {},
    sweepMs: 1000,
    idleSweepMs: 1000,
    steady: () => performance.now(),
    trouble: error => {
      throw error;
    },
  });
  waker.start();
  for (const tail of lab.tailer.tails.values()) waker.add(tail);
  await until("the scheduler's is looked at", () => looks.includes('server'));
  waker.wakePath(f.log);
  await until('and again', () => looks.filter(kind => kind === 'server').length > 1);
  expect(looks.filter(kind => kind === 'client')).toHaveLength(1);
  end();
  await waker.stop();
});

describe('what serve can not take', () => {
  const denied = (user: string, endpoint: string): string =>
    `[WARNING] Unauthorized access attempt from 10.0.0.9: user ${user}, endpoint ${endpoint}\n`;
  const parse = makeParser(loadPacks([ownRules()]).flatMap(pack => pack.rules));

  test.each([
    ['an endpoint', denied('mallory', `/x?${'token=a&'.repeat(127)}`), 3],
    ['a line that is not understood', `[WARNING] Unauthorized access attempt from ${'//a:b@'.repeat(100)}\n`, 2],
  ])('%s that grows when its secrets are taken out is cut, and holds up nobody', async (_what, line, counted) => {
    const f = farm();
    f.add([]);
    writeFileSync(f.log, denied('before', '/submit') + line);
    await f.start({ parse });
    await until('it is read', () => f.serve.lines === 2);
    appendFileSync(f.log, denied('alice', '/submit'));
    await until('the next one is counted', () => f.serve.counts.has('alice'));
    expect(f.serve.total).toBe(counted);
    expect(f.feed!.health().sources[0]).toMatchObject({ state: 'ok' });
    expect(JSON.stringify(f.serve.batches)).not.toMatch(/token=a|a:b@/);
  });

  test('is refused, said in health, and sent again with what fits of it', async () => {
    const f = farm();
    f.add([]);
    writeFileSync(f.log, denied('alice', '/submit') + denied('bob', '/submit'));
    const sent: Batch[] = [];
    const long: ParseChunk = (bytes, from, to, source, sink) =>
      parse(bytes, from, to, source, line => sink(line.user === 'bob' ? { ...line, user: 'b'.repeat(65) } : line));
    await f.start({
      parse: long,
      refuses: batch => {
        sent.push(batch);
        return null;
      },
    });
    await until('what fits is counted', () => f.serve.counts.has('alice'));
    expect([...f.serve.counts]).toEqual([['alice', 1]]);
    expect(f.serve.lines).toBe(2);
    expect(f.feed!.health().sources[0]).toMatchObject({ state: 'unreadable', why: expect.stringContaining('refused') });
    expect(f.feed!.health().refused).toBe(1);
    appendFileSync(f.log, denied('carol', '/submit'));
    await until('what follows is counted', () => f.serve.counts.has('carol'));
    expect(sent.map(batch => batch.stripped ?? false)).toEqual([false, true, false]);
  });

  test.each([
    ['whole', 1],
    ['in parts', 700],
  ])('nor what is left of it: the place moves on all the same (%s)', async (_what, people) => {
    const f = farm();
    f.add([]);
    writeFileSync(f.log, lines('p', people));
    await f.start({ refuses: batch => (batch.from === 0 && batch.tallies.length > 0 ? 'something unforeseen' : null) });
    await until('it moves on', () => f.serve.lines === people);
    expect(f.serve.total).toBe(0);
    appendFileSync(f.log, 'next;\n');
    await until('what follows is counted', () => f.serve.counts.has('next'));
  });
});

describe('homes belong to their users', () => {
  /** Puts something in place of mallory's log. */
  const instead = (make: (path: string, f: Farm) => unknown) => (f: Farm) => {
    unlinkSync(f.clientLog('mallory'));
    make(f.clientLog('mallory'), f);
  };
  const traps: [string, (f: Farm) => unknown][] = [
    ['a FIFO', instead(path => execFileSync('mkfifo', [path]))],
    ['a link to a file of somebody else', instead((path, f) => symlinkSync(f.clientLog('alice'), path))],
    ['a link to /dev/zero', instead(path => symlinkSync('/dev/zero', path))],
    ['a directory', instead(path => mkdirSync(path))],
    ['a hard link', f => linkSync(f.clientLog('mallory'), join(f.dir, 'other'))],
    ['a file of somebody else', f => chownSync(f.clientLog('mallory'), 4711, 4711)],
    ['50 GB of nothing', f => truncateSync(f.clientLog('mallory'), 50 * 2 ** 30)],
    [
      '.claw as a link to the .claw of somebody else',
      f => {
        rmSync(join(f.home('mallory'), '.claw'), { recursive: true });
        symlinkSync(join(f.home('alice'), '.claw'), join(f.home('mallory'), '.claw'));
      },
    ],
  ];
  test.each(traps)('G10 A14 %s instead of a client log is refused, counted, and stops nobody', async (_what, trap) => {
    const f = farm();
    f.add(['alice', 'mallory']);
    trap(f);
    f.configure({ sweep: 0.1, idleSweep: 0.2 });
    await f.start();
    appendFileSync(f.clientLog('alice'), 'x;\n');
    await until('alice is read', () => f.serve.counts.get('alice') === 1);
    await until('it is said', () => f.feed!.health().refused === 1);
    expect(f.feed!.health().sources.find(s => s.path === f.clientLog('mallory'))).toMatchObject({
      state: 'refused',
      kind: 'client',
    });
    expect(f.serve.counts.has('mallory')).toBe(false);
  });

  test('four FIFOs named clw.log do not stop the process', async () => {
    const f = farm();
    f.add(['alice', 'a', 'b', 'c', 'd', 'e']);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      unlinkSync(f.clientLog(name));
      execFileSync('mkfifo', [f.clientLog(name)]);
    }
    await f.start();
    appendFileSync(f.clientLog('alice'), 'x;\n');
    await until('alice is read', () => f.serve.counts.get('alice') === 1);
    expect(f.feed!.health().refused).toBe(5);
  });

  test("B18 G05 a directory that only a pattern names must belong to whom its name is, or it isn't read", async () => {
    const f = farm();
    f.add([]);
    f.people.push({ name: 'alice', uid: 2001, home: '/', shell: '/bin/bash' });
    f.people.push({ name: 'bob', uid: 2002, home: '/', shell: '/bin/bash' });
    f.passwd();
    for (const [name, uid] of [
      ['alice', 2001],
      ['bob', 2666],
    ] as const) {
      mkdirSync(join(f.home(name), '.claw'), { recursive: true });
      writeFileSync(f.clientLog(name), 'x;\n');
      for (const path of [f.home(name), join(f.home(name), '.claw'), f.clientLog(name)]) chownSync(path, uid, uid);
    }
    f.configure({ homePattern: join(f.dir, 'home/*') });
    await f.start();
    await until('alice is read', () => f.serve.counts.has('alice'));
    await until('bob is refused', () => f.feed!.health().refused === 1);
    expect(f.feed!.health().sources.find(s => s.path === f.clientLog('bob'))).toMatchObject({
      state: 'refused',
      why: 'its home directory belongs to uid 2666, but bob is uid 2002',
    });
    expect(f.serve.counts.has('bob')).toBe(false);
  });

  test('B18 a client log speaks for its owner only', async () => {
    const f = farm();
    f.add(['alice', 'bob']);
    await f.start();
    appendFileSync(f.clientLog('alice'), 'bob;\n');
    await until('it is read', () => f.serve.total === 1);
    expect([...f.serve.counts]).toEqual([['alice', 1]]);
  });
});

describe('in a process of its own', () => {
  test('A05 killed again and again while 3,000 lines are written and the log is rotated: each counts once', async () => {
    const f = farm();
    f.add(['alice']);
    writeFileSync(f.log, '');
    f.configure();
    const first = f.spawn();
    appendFileSync(f.log, 'first;\n');
    await until('it has begun', () => f.serve.counts.has('first'));
    let n = 0;
    const write = setInterval(() => {
      appendFileSync(f.log, Array.from({ length: 20 }, () => `L${n++};\n`).join(''));
      if (n % 600 === 0) {
        for (let k = 8; k > 0; k--) spawnSync('mv', ['-f', `${f.log}.${k}`, `${f.log}.${k + 1}`], { stdio: 'ignore' });
        renameSync(f.log, `${f.log}.1`);
        writeFileSync(f.log, '');
      }
      if (n >= 3000) clearInterval(write);
    }, 15);
    let child = first;
    for (let seed = 7; n < 3000; ) {
      seed = (seed * 1103515245 + 12345) % 2147483648;
      await pause(50 + (seed % 450));
      child.kill('SIGKILL');
      await once(child, 'exit');
      child = f.spawn();
      await once(child, 'message');
    }
    await until('all is counted', () => f.serve.total >= 3001, 15_000).catch(() => {});
    await pause(300);
    const missing = Array.from({ length: 3000 }, (_, i) => `L${i}`).filter(name => !f.serve.counts.has(name));
    expect(missing).toEqual([]);
    expect(f.serve.twice).toEqual([]);
    expect(f.serve.total).toBe(3001);
  });

  test('G13 256 open files and 1,000 users: all are read, again and again', async () => {
    const f = farm();
    const names = Array.from({ length: 1000 }, (_, i) => `user${i}`);
    f.add(names);
    f.configure({ sweep: 0.2, idleSweep: 0.6 });
    f.spawn({ openFiles: 256 });
    for (let round = 1; round <= 3; round++) {
      for (const name of names) appendFileSync(f.clientLog(name), 'x;\n');
      await until(`round ${round} is read`, () => f.serve.total === round * 1000, 15_000);
    }
    expect(names.every(name => f.serve.counts.get(name) === 3)).toBe(true);
  });
});

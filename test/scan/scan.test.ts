/**
 * `readmit scan` over real files: its answer is the generator's own, to the last count, however the bytes come in.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PairRow, ScanResult } from '../../src/roles/scan/report.ts';
import { type ScanOptions, scan } from '../../src/roles/scan/scan.ts';

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
const generator = fileURLToPath(new URL('../bench/generate.mjs', import.meta.url));
let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-scan-'));
  process.env.XDG_CACHE_HOME = join(dir, 'cache');
});
afterAll(() => rmSync(dir, { recursive: true }));

type Answer = Omit<ScanResult, 'pairs' | 'incidents'> & {
  pairs: (Omit<PairRow, 'endpoints' | 'selfReported'> & { endpoints: Record<string, number>; selfReported?: true })[];
  incidents: { kind: string; key: string; count: number }[];
};

async function run(files: string[], options: ScanOptions = {}): Promise<{ code: number; out: string; err: string }> {
  const out: string[] = [];
  const err: string[] = [];
  const to = (texts: string[]): NodeJS.WritableStream => {
    const write = (text: string, done?: () => void): boolean => {
      texts.push(text);
      done?.();
      return true;
    };
    return { write, on: () => {} } as unknown as NodeJS.WritableStream;
  };
  const code = await scan(files, { ...options, stdout: to(out), stderr: to(err) });
  return { code, out: out.join(''), err: err.join('') };
}
async function answer(files: string[], options: ScanOptions = {}): Promise<Answer> {
  const { code, out, err } = await run(files, { json: true, ...options });
  expect([code, err]).toEqual([0, '']);
  return JSON.parse(out) as Answer;
}
function file(name: string, text: string | Buffer): string {
  writeFileSync(join(dir, name), text);
  return join(dir, name);
}
const denial = (user: string, ip = '10.0.0.1', endpoint = '/submit'): string =>
  `[WARNING] Unauthorized access attempt from ${ip}: user ${user}, endpoint ${endpoint}\n`;
const told = (user: string, time = '2024-09-18T10:30:15Z'): string =>
  `[ERROR] ${time}: HTTP 403 from scheduler: {"error":"clw-scheduler-denied","message":"User ${user}@site.example not authorized"}\n`;

/** The rows of the generator's answer file. */
function rows(found: Answer, format: string): string[] {
  return [
    ...found.users.map(u => `U\t${u.user}\t${u.count}`),
    ...found.addresses.map(a => `I\t${a.ip}\t${a.count}`),
    ...found.pairs.flatMap(p =>
      format === 'clw'
        ? [`T\t${p.user}\t${p.count}`]
        : Object.entries(p.endpoints).map(([e, n]) => `T\t${p.user}|${p.ip}|${e}\t${n}`),
    ),
  ].sort();
}
function generate(
  name: string,
  format: string,
  lines: number,
  ...more: string[]
): { log: string; want: string[]; meta: { lines: number; bytes: number; denials: number } } {
  const out = join(dir, name);
  execFileSync(process.execPath, [generator, '--out', out, '--lines', `${lines}`, '--format', format, ...more]);
  const want = readFileSync(`${out}.answer.tsv`, 'utf8').trim().split('\n').sort();
  return { log: `${out}.log`, want, meta: JSON.parse(readFileSync(`${out}.meta.json`, 'utf8')) };
}

describe('the answer is exact', () => {
  test.each([
    ['sched', '0.1', '1'],
    ['sched', '0.9', '2'],
    ['clw', '0.1', '3'],
    ['clw', '0.9', '4'],
  ])('%s, %s denials, seed %s', async (format, share, seed) => {
    const { log, want, meta } = generate(
      `${format}${share}`,
      format,
      60_000,
      '--denials',
      share,
      '--seed',
      seed,
      '--decoys',
      '0.01',
    );
    const found = await answer([log]);
    expect(rows(found, format)).toEqual(want);
    expect([found.lines, found.bytes, found.observations.denied, found.unparsed]).toEqual([
      meta.lines,
      meta.bytes,
      meta.denials,
      0,
    ]);
    const sorted = (counts: { count: number }[]): boolean =>
      counts.every((row, i) => i === 0 || counts[i - 1]!.count >= row.count);
    expect([found.users, found.addresses, found.pairs, found.incidents].map(sorted)).toEqual([true, true, true, true]);
  });

  test('a large file, read by two threads, gives the same as its halves in one', async () => {
    const { log, want } = generate('large', 'sched', 700_000, '--seed', '9');
    const found = await answer([log]);
    expect(rows(found, 'sched')).toEqual(want);
    const bytes = readFileSync(log);
    const middle = bytes.indexOf(10, bytes.length / 2) + 1;
    const halves = await answer([
      file('half1.log', bytes.subarray(0, middle)),
      file('half2.log', bytes.subarray(middle)),
    ]);
    expect({ ...halves, incidents: [] }).toEqual({ ...found, incidents: [] });
  });

  test('lines that lie across the border of a piece, of every length, count once', async () => {
    const line = denial('alice');
    for (const shift of [0, 1, 2, line.length - 2, line.length - 1, line.length]) {
      const pad = `${'x'.repeat((1 << 20) - line.length + shift - 1)}\n`;
      const found = await answer([file('border.log', pad + line + denial('bob') + pad + line)]);
      expect([found.lines, found.users.map(u => [u.user, u.count])]).toEqual([
        5,
        [
          ['alice', 2],
          ['bob', 1],
        ],
      ]);
    }
  });
});

describe('where bytes come from', () => {
  test('gzip, several members, and several files are one input', async () => {
    const packed = file('a.gz', Buffer.concat([gzipSync(denial('alice')), gzipSync(denial('bob') + denial('alice'))]));
    const found = await answer([packed, file('b.log', denial('alice', '10.0.0.2', '/jobs'))]);
    expect(found.users.map(u => [u.user, u.count, u.addresses])).toEqual([
      ['alice', 3, 2],
      ['bob', 1, 1],
    ]);
    expect(found.bytes).toBe(
      (denial('alice') + denial('bob') + denial('alice') + denial('alice', '10.0.0.2', '/jobs')).length,
    );
  });
  test.each([false, true])('standard input, packed: %s', async packed => {
    const text = denial('alice').repeat(40_000);
    const input = file('stdin', packed ? gzipSync(text) : text);
    const script = file(
      'scan.mjs',
      `const { scan } = await import(${JSON.stringify(new URL('../../src/roles/scan/scan.ts', import.meta.url).href)});\nprocess.exitCode = await scan(['-'], { json: true });`,
    );
    const out = execFileSync('sh', ['-c', `cat "${input}" | "${process.execPath}" "${script}"`], { encoding: 'utf8' });
    expect(JSON.parse(out).users).toEqual([{ user: 'alice', count: 40_000, addresses: 1, first: null, last: null }]);
  });
  test('A25: a file that ends without a newline, an empty one, and a line of 10 MB', async () => {
    expect((await answer([file('open.log', denial('alice').trimEnd())])).users[0]?.count).toBe(1);
    expect(await answer([file('empty.log', '')])).toMatchObject({
      lines: 0,
      bytes: 0,
      users: [],
      incidents: [],
      observations: { denied: 0 },
    });
    const long = `[WARNING] Unauthorized access attempt from ${'1'.repeat(10 << 20)}\n`;
    for (const name of ['long.log', 'long.gz']) {
      const found = await answer([
        file(
          name,
          name.endsWith('gz')
            ? gzipSync(denial('alice') + long + denial('bob'))
            : denial('alice') + long + denial('bob'),
        ),
      ]);
      expect([found.lines, found.unparsed, found.users.map(u => u.user)]).toEqual([3, 1, ['alice', 'bob']]);
    }
  });
  test('what cannot be read is said, and nothing else is', async () => {
    mkdirSync(join(dir, 'folder'));
    const broken = file('broken.gz', gzipSync(denial('alice').repeat(1000)).subarray(0, 60));
    for (const [name, why] of [
      [join(dir, 'nothing.log'), 'no such file'],
      [join(dir, 'folder'), 'is a directory'],
      [broken, 'broken gzip'],
    ] as const) {
      const { code, out, err } = await run([file('good.log', denial('alice')), name], { json: true });
      expect([code, out]).toEqual([2, '']);
      expect(err).toBe(`${err.split('\n')[0]}\n`);
      expect(err).toContain(name);
      expect(err).toContain(why);
    }
    expect((await run([])).code).toBe(2);
  });
  test('pipes are read as cat would read them, one after the other, though one hand fills both', () => {
    // More than a pipe holds: who fills the first does not come to the second before the first is read.
    const log = file('much.log', denial('alice').repeat(5000));
    for (const name of ['one', 'two']) execFileSync('mkfifo', [join(dir, name)]);
    const fill = `(cat ${log} > one; cat ${log} > two) & "$0" ${main} scan one two --json`;
    const { status, stdout } = spawnSync('sh', ['-c', fill, process.execPath], { cwd: dir, timeout: 20_000 });
    expect(status).toBe(0);
    expect(JSON.parse(String(stdout)) as Answer).toMatchObject({ lines: 10_000, users: [{ user: 'alice' }] });
  });
  test('what stands behind -- is a file, whatever it begins with', () => {
    file('-x.log', denial('alice'));
    for (const argv of [
      ['--json', '--', '-x.log'],
      ['--json', '--', '-x.log', '-'],
    ]) {
      const { status, stdout } = spawnSync(process.execPath, [main, 'scan', ...argv], { cwd: dir, input: '' });
      expect([status, (JSON.parse(String(stdout)) as Answer).lines]).toEqual([0, 1]);
    }
    expect(spawnSync(process.execPath, [main, 'scan', '--'], { cwd: dir }).status).toBe(2);
    expect(spawnSync(process.execPath, [main, 'scan', '-x.log'], { cwd: dir }).status).toBe(2);
  });
  test('standard input by its other name, be it a pipe, a file or a socket', async () => {
    const log = file('input.log', denial('alice'));
    const scanned = (stdin: 'pipe' | number) =>
      spawnSync(process.execPath, [main, 'scan', '/dev/stdin', '--json'], {
        stdio: [stdin, 'pipe', 'pipe'],
        ...(stdin === 'pipe' ? { input: readFileSync(log) } : {}),
      });
    const fd = openSync(log, 'r');
    // Node's own pipes to a child are sockets; a shell's are pipes.
    const said = [
      scanned('pipe'),
      scanned(fd),
      spawnSync('sh', ['-c', `cat "$1" | "$0" "$2" scan /dev/stdin --json`, process.execPath, log, main]),
    ];
    closeSync(fd);
    expect(said.map(({ status, stderr }) => [status, String(stderr)])).toEqual(said.map(() => [0, '']));
    expect(said.map(({ stdout }) => (JSON.parse(String(stdout)) as Answer).lines)).toEqual([1, 1, 1]);
  });
  test('a file that grows while it is read is read as far as it was', async () => {
    const log = file('grows.log', denial('alice').repeat(1000));
    const fd = openSync(log, 'r');
    const scanning = answer([log]);
    appendFileSync(log, denial('bob'));
    expect((await scanning).users[0]?.count).toBe(1000);
    expect(fd).toBeGreaterThan(0);
  });
});

describe('what it says', () => {
  test('both logs together: one kind of denial, and who only spoke for themselves', async () => {
    const server = file(
      'server.log',
      denial('alice', '::ffff:192.168.1.100') +
        denial('alice', '2001:DB8::0:1', '/jobs') +
        '[INFO] Job test-fix-456 completed successfully\n',
    );
    const client = file(
      'client.log',
      told('alice') + told('bob', '2024-09-18T10:30:15Z') + told('bob', '2024-09-18T11:00:00Z'),
    );
    const found = await answer([server, client]);
    expect(found.observations).toEqual({ denied: 5, succeeded: 1 });
    expect(found.users).toEqual([
      { user: 'alice', count: 3, addresses: 2, first: '2024-09-18T10:30:15.000Z', last: '2024-09-18T10:30:15.000Z' },
      {
        user: 'bob',
        count: 2,
        addresses: 0,
        first: '2024-09-18T10:30:15.000Z',
        last: '2024-09-18T11:00:00.000Z',
        selfReported: true,
      },
    ]);
    expect(found.addresses).toEqual([
      { ip: '192.168.1.100', count: 1, users: 1 },
      { ip: '2001:db8::1', count: 1, users: 1 },
    ]);
    expect(found.pairs).toEqual([
      { user: 'bob', ip: null, count: 2, endpoints: {}, selfReported: true },
      { user: 'alice', ip: null, count: 1, endpoints: {}, selfReported: true },
      { user: 'alice', ip: '192.168.1.100', count: 1, endpoints: { '/submit': 1 } },
      { user: 'alice', ip: '2001:db8::1', count: 1, endpoints: { '/jobs': 1 } },
    ]);
    expect(found.incidents.map(i => [i.kind, i.key])).toEqual([
      ['user', 'alice'],
      ['user', 'bob'],
    ]);
  });
  test('G19: times that no clock shows are taken for none', async () => {
    const found = await answer([file('future.log', told('alice', '9999-12-31T23:59:59Z'))]);
    expect(found.users).toEqual([
      { user: 'alice', count: 1, addresses: 0, first: null, last: null, selfReported: true },
    ]);
  });
  test('six people within a minute are a service incident, six within a week are six', async () => {
    const at = (minutes: number): string => new Date(Date.UTC(2024, 8, 18, 10, minutes)).toISOString();
    const storm = await answer([file('storm.log', Array.from({ length: 6 }, (_, n) => told(`u${n}`, at(0))).join(''))]);
    expect(storm.incidents.filter(i => i.kind === 'service')).toEqual([
      { kind: 'service', key: 'claw-scheduler', count: expect.any(Number) },
    ]);
    const week = await answer([
      file('week.log', Array.from({ length: 6 }, (_, n) => told(`u${n}`, at(n * 1440))).join('')),
    ]);
    expect(week.incidents.map(i => [i.kind, i.key, i.count])).toEqual(
      Array.from({ length: 6 }, (_, n) => ['user', `u${n}`, 1]),
    );
  });
  test('one line of a time to come makes no storm of a week', async () => {
    const at = (day: number): string => new Date(Date.UTC(2024, 8, 18 + day)).toISOString();
    const future = told('u0', '9999-01-01T00:00:00Z').replace('403', '401').replace('scheduler-denied', 'auth-failed');
    const week = Array.from({ length: 6 }, (_, n) => told(`u${n}`, at(n))).join('');
    const found = await answer([file('odd-week.log', week + future)]);
    expect(found.observations['auth-failed']).toBe(1);
    expect(found.incidents.map(i => i.kind)).toEqual(new Array(6).fill('user'));
  });
  test('a reader that goes away early is no error', async () => {
    const log = file('pairs.log', Array.from({ length: 30_000 }, (_, n) => denial(`u${n}`)).join(''));
    const gone = new Writable({
      write: (_piece, _as, done) => done(Object.assign(new Error('gone'), { code: 'EPIPE' })),
    });
    expect(await scan([log], { json: true, stdout: gone })).toBe(0);
    await new Promise(done => setImmediate(done));
  });
  test.each([[['--json']], [[]], [['--help']]])('where the disk is full that is one sentence, and exit 1: %s', more => {
    const log = file('full.log', denial('alice'));
    const full = openSync('/dev/full', 'w');
    const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
    const ended = spawnSync(process.execPath, [main, 'scan', log, ...more], {
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(full);
    expect([ended.status, ended.stderr]).toEqual([
      1,
      "readmit: scan: the answer can't be written to standard output (ENOSPC): it is not whole\n",
    ]);
  });
  test('with a passwd file: names nobody has are probing, and system accounts open nothing', async () => {
    const passwd = file('passwd', 'root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n');
    const log = file(
      'probe.log',
      ['root', 'admin', 'test', 'guest', 'oracle', 'alice', 'pi'].map(user => denial(user, '203.0.113.66')).join(''),
    );
    expect((await answer([log], { passwd })).incidents.map(i => [i.kind, i.key])).toEqual([
      ['address', '203.0.113.66'],
      ['user', 'alice'],
    ]);
    expect((await run([log], { passwd: join(dir, 'nobody') })).code).toBe(2);
  });
  test('B21: a person gets tables, with nothing in them that moves the terminal', async () => {
    const { code, out } = await run([file('person.log', denial('alice') + denial('alice', '10.0.0.1', '/\x1b[31m'))]);
    expect(code).toBe(0);
    expect(out).toMatch(/^2 lines, .*1 denied; 1 unparsed/);
    expect(out).toMatch(/alice {2,}1 /);
    expect(out).not.toContain('\x1b');
  });
});

describe('how a file begins', () => {
  const MARK = Buffer.from([0xef, 0xbb, 0xbf]);
  test.each([
    ['the mark of its encoding', MARK],
    ['the hole of a log that was cut while it was written', Buffer.alloc(5000)],
    ['both', Buffer.concat([MARK, Buffer.alloc(3)])],
  ])('%s is no part of its first line, plain and packed', async (name, begin) => {
    const bytes = Buffer.concat([begin, Buffer.from(denial('alice') + denial('bob'))]);
    for (const path of [file(`${name}.log`, bytes), file(`${name}.log.gz`, gzipSync(bytes))]) {
      const found = await answer([path]);
      expect(found).toMatchObject({ lines: 2, unparsed: 0, observations: { denied: 2 } });
      expect(found.users.map(u => u.user)).toEqual(['alice', 'bob']);
    }
  });
});

test('those of one second stand in the same order whichever thread met them first', async () => {
  const people = Array.from({ length: 40 }, (_, n) => `u${String(n).padStart(2, '0')}`);
  const forward = file('forward.log', people.map(user => told(user)).join(''));
  const backward = file(
    'backward.log',
    people
      .toReversed()
      .map(user => told(user))
      .join(''),
  );
  const [one, other] = [await answer([forward]), await answer([backward])];
  expect(other.incidents).toEqual(one.incidents);
});

/** What a crash, a full disk or a second executor can't do: lose an effect, repeat it, or act without a record. */
import { execFileSync, spawn } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { makeVote, signVote } from '../../src/approve/vote.ts';
import { auditFiles, verifyAudit } from '../../src/execute/audit.ts';
import { orderExecutor } from '../../src/execute/client.ts';
import { Retry } from '../../src/incident.ts';
import type { Order } from '../../src/messages.ts';
import {
  addAlice,
  authorizeUsers,
  type Exec,
  execArgv,
  type Ground,
  makeGround,
  members,
  order,
  restart,
} from './ground.ts';

let ground: Ground;
afterEach(() => ground?.stop());
const send = (o: Order) => orderExecutor(ground.config.executor.socket, o, { timeoutMs: 30_000 });
const until = async (what: () => boolean): Promise<void> => {
  for (let n = 0; n < 500 && !what(); n++) await sleep(10);
  expect(what()).toBe(true);
};
const chain = () => verifyAudit(auditFiles(ground.path('state/exec/audit.jsonl')));

describe('kill -9 of the executor', () => {
  test('E01 F06 before the effect: closed as not done, and done once when the order comes again', async () => {
    ground = makeGround();
    const exec = await ground.start();
    ground.script('usermod', `echo $$ >> ${ground.dir}/pids; touch ${ground.dir}/reached; exec sleep 30`);
    const o = order(ground, [addAlice()]);
    const lost = expect(send(o)).rejects.toThrow(Retry);
    await until(() => existsSync(ground.path('reached')));
    await exec.kill('SIGKILL');
    await lost;
    ground.script('usermod', `echo x >> ${ground.dir}/usermod.log; exec /usr/sbin/usermod --prefix ${ground.dir} "$@"`);
    await ground.start();
    expect(ground.audit().at(-1)).toMatchObject({ what: 'run.recovered', after: { steps: ['not-done'] } });
    expect(await send(o)).toMatchObject({ result: 'done' });
    expect(await send(o)).toMatchObject({ result: 'done' });
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
    expect(ground.read('usermod.log')).toBe('x\n');
    expect(chain()).toMatchObject({ ok: true });
  });

  test('E02 F06 after the effect: observed as done, never again', async () => {
    ground = makeGround();
    const exec = await ground.start();
    ground.script(
      'usermod',
      `/usr/sbin/usermod --prefix ${ground.dir} "$@"; echo $$ >> ${ground.dir}/pids; touch ${ground.dir}/reached; exec sleep 30`,
    );
    const o = order(ground, [addAlice()]);
    const lost = expect(send(o)).rejects.toThrow(Retry);
    await until(() => existsSync(ground.path('reached')));
    await exec.kill('SIGKILL');
    await lost;
    await ground.start();
    ground.script('usermod', `echo x >> ${ground.dir}/usermod.log`);
    expect(await send(o)).toMatchObject({ result: 'done', detail: expect.stringContaining('observed') });
    expect(existsSync(ground.path('usermod.log'))).toBe(false);
    expect(ground.audit().filter(e => e.what === 'run.recovered')).toHaveLength(1);
  });

  test('F06 a restart whose end nobody saw is unknown, and is not repeated', async () => {
    ground = makeGround();
    const exec = await ground.start();
    ground.script(
      'systemctl',
      `echo "$*" >> ${ground.dir}/systemctl.log; case "$1" in restart) echo $$ >> ${ground.dir}/pids; touch ${ground.dir}/reached; exec sleep 30;; esac`,
    );
    const o = order(ground, [restart()]);
    const lost = expect(send(o)).rejects.toThrow(Retry);
    await until(() => existsSync(ground.path('reached')));
    await exec.kill('SIGKILL');
    await lost;
    await ground.start();
    expect(await send(o)).toMatchObject({ result: 'unknown' });
    expect(ground.asked().filter(a => a.startsWith('restart'))).toHaveLength(1);
  });

  test('E15 around the rename: the old or the new file, whole; what was left over is removed at the next start', async () => {
    ground = makeGround();
    const file = ground.config.scheduler.config;
    const text = readFileSync(file, 'utf8');
    const exec = await ground.start();
    // `cp` runs between the writing of the temporary file and the rename.
    ground.script('cp', `echo $$ >> ${ground.dir}/pids; touch ${ground.dir}/reached; exec sleep 30`);
    const o = order(ground, [authorizeUsers(ground)]);
    const lost = expect(send(o)).rejects.toThrow(Retry);
    await until(() => existsSync(ground.path('reached')));
    expect(readdirSync(ground.path('etc/claw-scheduler'))).toHaveLength(2);
    await exec.kill('SIGKILL');
    await lost;
    expect(readFileSync(file, 'utf8')).toBe(text);
    ground.script('cp', 'exec /bin/cp "$@"');
    await ground.start();
    expect(readdirSync(ground.path('etc/claw-scheduler'))).toEqual(['config.yaml']);
    expect(await send(o)).toMatchObject({ result: 'done' });
    expect(readFileSync(file, 'utf8')).toContain('"claw-users"');
  });

  test('the ledger alone was lost: votes from before do not count a second time', async () => {
    ground = makeGround();
    const exec = await ground.start();
    const o = order(ground, [addAlice()]);
    expect((await send(o)).result).toBe('done');
    await exec.kill();
    for (const name of readdirSync(ground.path('state/exec')))
      if (name.startsWith('ledger')) rmSync(ground.path('state/exec', name));
    execFileSync('/usr/sbin/usermod', ['--prefix', ground.dir, '-rG', 'claw-users', 'alice']);
    await ground.start();
    expect((await send(o)).detail).toContain('vote-before-ledger');
    await sleep(2);
    expect((await send(order(ground, [addAlice()]))).result).toBe('done');
  });
});

test('E16 the backup is synced first; then the new file, the rename, the directory', async () => {
  ground = makeGround();
  const trace = ground.path('trace');
  await ground.start(['strace', '-f', '-y', '-e', 'trace=fsync,rename,renameat,renameat2', '-o', trace]);
  expect((await send(order(ground, [authorizeUsers(ground)]))).result).toBe('done');
  const calls = readFileSync(trace, 'utf8')
    .split('\n')
    .filter(l => l.includes('claw-scheduler') || l.includes('/backups'));
  const at = (pattern: RegExp, from = 0): number => calls.findIndex((line, n) => n >= from && pattern.test(line));
  const backup = at(/fsync.*backups\/config/);
  const temporary = at(/fsync.*\.tmp>/);
  const rename = at(/rename.*\.tmp"/);
  const directory = at(/fsync.*claw-scheduler>/, rename);
  expect([backup, temporary, rename, directory].every(n => n >= 0)).toBe(true);
  expect([backup, temporary, rename, directory]).toEqual(
    [backup, temporary, rename, directory].toSorted((a, b) => a - b),
  );
  const audit = readFileSync(trace, 'utf8');
  expect(audit.indexOf('audit.jsonl>')).toBeLessThan(audit.indexOf('/backups'));
});

test('E19 a second executor refuses to start, and the first goes on', async () => {
  ground = makeGround();
  const first = await ground.start();
  await expect(ground.start()).rejects.toThrow(/another executor/);
  expect((await send(order(ground, [addAlice()]))).result).toBe('done');
  await first.kill('SIGKILL');
  // A socket nobody answers on is no obstacle.
  await ground.start();
  expect(await orderExecutor(ground.config.executor.socket, { v: 1, kind: 'status' })).toMatchObject({
    ok: true,
    openRuns: 0,
    grantsThisHour: 1,
  });
});

describe('F05 without an audit file nothing is done', () => {
  test.each([
    [
      'moved away',
      (file: string) => renameSync(file, `${file}.aside`),
      (file: string) => renameSync(`${file}.aside`, file),
    ],
    [
      'replaced by another',
      (file: string) => {
        renameSync(file, `${file}.aside`);
        writeFileSync(file, '');
      },
      (file: string) => renameSync(`${file}.aside`, file),
    ],
  ])('a file that was %s while the executor runs, and put back', async (_, take, putBack) => {
    ground = makeGround();
    const exec = await ground.start();
    expect((await send(order(ground, [addAlice({ gid: 1 })]))).result).toBe('stale');
    const file = ground.path('state/exec/audit.jsonl');
    take(file);
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/no-audit.*moved, removed or changed.*put it back/),
    });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    expect(exec.stderr()).toContain('moved, removed or changed');
    putBack(file);
    expect((await send(order(ground, [addAlice()]))).result).toBe('done');
    expect(verifyAudit([file])).toMatchObject({ ok: true });
  });

  test('a full disk, and then room again', async () => {
    ground = makeGround();
    const disk = ground.path('small');
    mkdirSync(disk);
    let exec: Exec | null = null;
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    try {
      const file = ground.path('readmit/readmit.yaml');
      const config = JSON.parse(readFileSync(file, 'utf8'));
      writeFileSync(
        file,
        JSON.stringify({ ...config, executor: { ...config.executor, audit: `${disk}/audit.jsonl` } }),
      );
      exec = await ground.start();
      expect((await send(order(ground, [addAlice({ gid: 1 })]))).result).toBe('stale');
      try {
        writeFileSync(`${disk}/ballast`, Buffer.alloc(1 << 20));
      } catch {}
      // An intent too long for what is left of the last page.
      const long = order(ground, [addAlice()], {
        by: ['root-ann', 'root-ben'],
        vote: v => signVote(makeVote({ ...v, reason: 'because '.repeat(249) }), ground.keys[v.by.name]!),
      });
      const outcome = await send(long);
      expect(outcome).toMatchObject({ result: 'refused', detail: expect.stringMatching(/no-audit.*ENOSPC/) });
      expect(members(ground, 'claw-users')).toEqual(['bob']);
      expect(exec.stderr()).toContain('ENOSPC');
      rmSync(`${disk}/ballast`);
      expect((await send(order(ground, [addAlice()]))).result).toBe('done');
      expect(verifyAudit([`${disk}/audit.jsonl`])).toMatchObject({ ok: true });
    } finally {
      await exec?.kill('SIGKILL');
      execFileSync('umount', [disk]);
    }
  });

  test('a read-only place, and something that is no file', async () => {
    ground = makeGround();
    await ground.start();
    const audit = ground.path('state/exec/audit.jsonl');
    await ground.stop();
    ground = makeGround({ executor: { audit: '/proc/readmit-audit.jsonl' } });
    await ground.start();
    expect((await send(order(ground, [addAlice()]))).detail).toMatch(/no-audit/);
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    expect(await orderExecutor(ground.config.executor.socket, { v: 1, kind: 'status' })).toMatchObject({ ok: false });
    expect(existsSync(audit)).toBe(false);
  });
});

describe('C19 who may speak to the executor', () => {
  /** Speaks the protocol by hand: gets the nonce, does something with the file, sends a line. */
  const speak = (act: (nonce: string, dir: string) => string): Promise<string> =>
    new Promise(resolve => {
      let said = '';
      const socket = connect(ground.config.executor.socket);
      socket.setEncoding('utf8');
      socket.on('data', chunk => {
        said += chunk;
        if (said.split('\n').length === 2) socket.write(act(JSON.parse(said).nonce, ground.path('run')));
      });
      socket.on('error', () => {});
      socket.on('close', () => resolve(said.split('\n').slice(1).join('\n')));
    });

  test('no file, another owner, another nonce, a link, no proof, no JSON: dropped without a word, and audited', async () => {
    ground = makeGround();
    await ground.start();
    const o = order(ground, [addAlice()]);
    const line = (proof: string) => `${JSON.stringify({ ...o, proof })}\n`;
    /** Does something at the place of the proof, then sends the order with this nonce. */
    const having = (command: string, claim?: string) => (nonce: string, dir: string) => {
      execFileSync('sh', ['-c', command, 'sh', `${dir}/${nonce}`]);
      return line(claim ?? nonce);
    };
    const tries: ((nonce: string, dir: string) => string)[] = [
      nonce => line(nonce),
      having(': > "$1" && chown 65534 "$1"'),
      having(': > "$1"', '0'.repeat(64)),
      having('ln -s /etc/hostname "$1"'),
      having(`ln ${ground.path('etc/passwd')} "$1"`),
      () => `${JSON.stringify(o)}\n`,
      () => 'usermod -aG claw-users alice\n',
    ];
    for (const act of tries) expect(await speak(act)).toBe('');
    expect(ground.audit().filter(e => e.what === 'peer.dropped')).toHaveLength(tries.length);
    expect(ground.audit().some(e => e.actor === 'uid 65534')).toBe(true);
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    expect(readdirSync(ground.path('run'))).toEqual(['exec.sock']);
    expect(await speak(having(': > "$1"'))).toContain('"result":"done"');
  });

  test('a directory in which others may write is refused, a line without end is cut off', async () => {
    ground = makeGround();
    execFileSync('chmod', ['777', ground.path('run')]);
    await expect(ground.start()).rejects.toThrow(/everybody may write/);
    execFileSync('chmod', ['700', ground.path('run')]);
    await ground.start();
    expect(await speak(() => 'x'.repeat(3 << 20))).toBe('');
    expect(ground.audit().at(-1)).toMatchObject({ what: 'peer.dropped' });
  });
});

test('systemd may hand over the socket: started by the first connection, the order is taken', async () => {
  ground = makeGround();
  const socket = ground.config.executor.socket;
  const child = spawn('systemd-socket-activate', ['-l', socket, ...execArgv(ground.config.file)], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = new Promise(resolve => child.once('exit', resolve));
  // There is a moment between its name and the first connection it takes (the flag of a socket that listens).
  await until(() =>
    readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .some(s => / 00010000 .* (\S+)$/.exec(s)?.[1] === socket),
  );
  expect((await send(order(ground, [addAlice()]))).result).toBe('done');
  const { pid } = await orderExecutor(socket, { v: 1, kind: 'status' });
  process.kill(pid, 'SIGTERM');
  child.kill('SIGTERM');
  await ended;
  await until(() => !existsSync(`/proc/${pid}`) || readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z'));
  // The socket is systemd's, not ours to remove.
  expect(existsSync(socket)).toBe(true);
});

test('shadow facts keep the password lock and the account expiry apart, and never show the hash', async () => {
  ground = makeGround();
  await ground.start();
  const ask = (user: string) => orderExecutor(ground.config.executor.socket, { v: 1, kind: 'shadow', user });
  expect(await ask('alice')).toMatchObject({ password: 'usable', account: 'valid', expires: null });
  expect(await ask('bob')).toMatchObject({ password: 'locked', account: 'expired', expires: '1970-04-11' });
  expect(JSON.stringify(await ask('alice'))).not.toContain('secret');
  await expect(ask('nobody-here')).rejects.toThrow(/no-such-user/);
  await expect(ask('--root=x')).rejects.toThrow(/no-such-user/);
});

describe('the canary', () => {
  const clw = (body: string): void => ground.script('clw', `echo "$*" >> ${ground.dir}/clw.log; ${body}`);
  const canary = (user = 'alice') =>
    orderExecutor(ground.config.executor.socket, { v: 1, kind: 'canary', user, since: 0 });
  const prepare = async (extra = {}): Promise<void> => {
    ground = makeGround(extra);
    ground.script('runuser', `[ "$1" = -u ] && [ "$3" = -- ] && echo "$2" > ${ground.dir}/as && shift 3 && exec "$@"`);
    await ground.start();
  };

  test('ten submits, status and list as the person', async () => {
    await prepare();
    clw(
      `case "$1" in submit) test -r "$2" && echo "Job submitted: test-fix-456";; status) [ -e ${ground.dir}/asked ] && s=COMPLETED || s=RUNNING; touch ${ground.dir}/asked; echo "ID: $2  Status: $s  User: $USER";; list) echo "test-fix-456  COMPLETED  $USER";; esac`,
    );
    const result = await canary();
    expect(result).toMatchObject({ user: 'alice', ran: true, passed: true });
    expect(result.latencies).toHaveLength(10);
    expect(ground.read('as')).toBe('alice\n');
    expect(
      ground
        .read('clw.log')
        .trim()
        .split('\n')
        .map(l => l.split(' ')[0]),
    ).toEqual([...Array(10).fill('submit'), 'status', 'status', 'list']);
  });

  test('it stops at the first refusal', async () => {
    await prepare();
    clw(`echo "clw-scheduler-denied: Access denied. Bearer eyJhbGciOi.eyJ1c2VyIjoi.c2ln" >&2; exit 1`);
    const result = await canary();
    expect(result).toMatchObject({ ran: true, passed: false, detail: expect.stringContaining('clw-scheduler-denied') });
    expect(result.detail).not.toContain('eyJ');
    expect(ground.read('clw.log').trim().split('\n')).toHaveLength(1);
  });

  test("another person's job, a failed job, and people it never runs as", async () => {
    await prepare();
    clw(`case "$1" in submit) echo "Job submitted: j-1";; status) echo "ID: j-1  Status: COMPLETED  User: bob";; esac`);
    expect(await canary()).toMatchObject({ passed: false, detail: expect.stringContaining('status') });
    clw(`case "$1" in submit) echo "Job submitted: j-1";; status) echo "ID: j-1  Status: FAILED  User: alice";; esac`);
    expect((await canary()).detail).toContain('FAILED');
    for (const user of ['root', 'daemon', 'nobody-here', '--help'])
      expect(await canary(user)).toMatchObject({ ran: false, passed: false });
    expect(readFileSync(ground.path('as'), 'utf8')).toBe('alice\n');
  });
});

test('a copied ledger of another time does not let a used vote pass', async () => {
  ground = makeGround();
  let exec = await ground.start();
  await exec.kill();
  copyFileSync(ground.path('state/exec/ledger.db'), ground.path('old.db'));
  exec = await ground.start();
  const o = order(ground, [addAlice()]);
  expect((await send(o)).result).toBe('done');
  await exec.kill();
  for (const name of readdirSync(ground.path('state/exec')))
    if (name.startsWith('ledger')) rmSync(ground.path('state/exec', name));
  copyFileSync(ground.path('old.db'), ground.path('state/exec/ledger.db'));
  await ground.start();
  expect((await send({ ...o, run: 'replayed' })).detail).toContain('vote-before-ledger');
});

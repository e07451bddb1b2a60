/**
 * The doorbell and its dangers, against the running program: a Redis that is away, full, emptied or unsafe, jobs that
 * strangers or an older Readmit left in it, second daemons on the same state, and what other local users can see.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { processesOf } from '../processes.ts';
import {
  type Cluster,
  configOf,
  counted,
  denial,
  executorAudit,
  members,
  pidOf,
  proposedFor,
  query,
  type Receiver,
  receiver,
  startCluster,
  status,
  write,
} from './lab.ts';

const MAIN = join(import.meta.dirname, '../../src/main.ts');
const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];
const MAIL_PASSWORD = 'mail-pa55word-CANARY';

let c: Cluster;
let pager: Receiver;
beforeAll(async () => {
  pager = await receiver();
  c = await startCluster({ 'webhook.url': pager.url }, dir => {
    writeFileSync(join(dir, 'mail.password'), `${MAIL_PASSWORD}\n`, { mode: 0o600 });
  });
});
afterAll(async () => {
  await c?.end();
  await pager?.close();
});

const redisOf = (): Redis =>
  new Redis({ path: configOf(c).redis.socket!, lazyConnect: false, retryStrategy: n => Math.min(200, n * 20) });
/** Files that others can read; what is renamed or removed while we look is no file of that name any more. */
const readableByOthers = (dir: string): [string, Buffer][] =>
  readdirSync(dir, { recursive: true, encoding: 'utf8' }).flatMap(name => {
    const file = join(dir, name);
    try {
      const others = statSync(file).mode & 0o044 && (statSync(join(file, '..')).mode & 0o011) !== 0;
      return others && statSync(file).isFile() ? [[file, readFileSync(file)] as [string, Buffer]] : [];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  });
const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms));

describe('Redis is away, full or emptied', () => {
  it('E08: it stands still for ten seconds and is killed: lines are kept, the vote is stored; then all is counted once and run once', async () => {
    const { id } = await proposedFor(c, 'alice');
    const { plan } = await c.show(id);
    const redis = pidOf(c, 'redis')!;
    process.kill(redis, 'SIGSTOP');
    for (let n = 0; n < 2000; n++) write(c, denial('while.away', `/n${n}`));
    const voted = await c.json<{ state: string }>('approve', id, '--as', 'root-ann');
    expect(voted.state).toBe('approved');
    const until = performance.now() + 10_000;
    while (performance.now() < until) {
      await pause(500);
      expect(members(c, 'claw-users')).not.toContain('alice');
      write(c, denial('while.away', '/later'));
    }
    const written =
      readFileSync(join(c.dir, 'var/log/claw-scheduler.log'), 'utf8').split('user while.away,').length - 1;
    process.kill(redis, 'SIGKILL');
    await c.until('every line is counted', async () => counted(c, 'while.away') >= written, 60_000);
    expect(counted(c, 'while.away')).toBe(written);
    await c.incidentOf('alice works again', i => i.id === id && i.state === 'resolved', 60_000);
    expect(executorAudit(c).filter(e => e.what === 'run.intent' && e.plan === plan!.digest)).toHaveLength(1);
    expect(
      (await c.mails()).filter(
        m => m.subject.includes('alice') && m.to.join().includes('root-ann') && m.subject.includes("can't"),
      ),
    ).toHaveLength(1);
  }, 150_000);

  it('E12: out of memory: the approval is kept, said on the page, and carried out when there is room', async () => {
    const { id } = await proposedFor(c, 'bob');
    const { plan } = await c.show(id);
    const redis = redisOf();
    await redis.config('SET', 'maxmemory', '1');
    const voted = await c.json<{ state: string }>('approve', id, '--as', 'root-ben');
    expect(voted.state).toBe('approved');
    await c.until(
      'the job was refused',
      async () =>
        Number(
          query<{ n: number }>(
            c,
            "SELECT coalesce(max(attempts), 0) AS n FROM outbox WHERE channel = 'job' AND incident = ?",
            Number(id),
          )[0]!.n,
        ) > 0,
    );
    expect(members(c, 'claw-users')).not.toContain('bob');
    expect(query<{ decision: string }>(c, 'SELECT decision FROM vote WHERE incident = ?', Number(id))).toEqual([
      { decision: 'approve' },
    ]);
    await redis.config('SET', 'maxmemory', '0');
    redis.disconnect();
    await c.incidentOf('bob works again', i => i.id === id && i.state === 'resolved', 60_000);
    expect(executorAudit(c).filter(e => e.what === 'run.intent' && e.plan === plan!.digest)).toHaveLength(1);
  }, 120_000);
});

describe('what lies in the queue', () => {
  it('E21: jobs of an older schema, of no schema and of nobody are refused clearly; the next one is worked', async () => {
    const before = executorAudit(c).length;
    const connection = redisOf();
    const options = { prefix: '{readmit}', connection: connection as never, skipVersionCheck: true } as never;
    const agent = new Queue(`host-${configOf(c).host}`, options);
    const serve = new Queue('serve', options);
    await agent.add('execute', { v: 0, order: { plan: 'add alice' } });
    await agent.add('execute', { v: 1, order: { v: 0, kind: 'run', argv: ['usermod', '-aG', 'sudo', 'mallory'] } });
    await agent.add('usermod', { user: 'mallory' });
    await serve.add('batch', { v: 0, host: 'x', lines: 4 });
    await serve.add('outcome', 'not even an object');
    await c.until(
      'all five are refused',
      async () => (c.output.match(/"msg":"message refused"/g) ?? []).length >= 5,
      30_000,
    );
    expect(c.output).toMatch(/"name":"execute","reason":"(order\.)?v: /);
    expect(c.output).toContain('no such message');
    const failed = await c.until('they are kept with the reason', async () => {
      const jobs = await agent.getFailed();
      return jobs.length >= 3 && jobs;
    });
    for (const job of failed.filter(j => j.name === 'execute')) expect(job.failedReason).toMatch(/^refused: /);
    expect(executorAudit(c).length).toBe(before);
    await agent.close();
    await serve.close();
    connection.disconnect();
    write(c, denial('after.garbage'));
    await c.until('work goes on', async () => counted(c, 'after.garbage') === 1);
  }, 60_000);
});

describe('who else is on this machine', () => {
  it('E19: a second up, serve, agent and exec on the same state refuse, and the first ones go on', async () => {
    const before = { serve: pidOf(c, 'serve'), agent: pidOf(c, 'agent'), exec: pidOf(c, 'exec') };
    for (const role of ['up', 'serve', 'agent', 'exec']) {
      const second = spawn(process.execPath, [MAIN, role, '--config', join(c.dir, 'readmit.yaml')], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let said = '';
      second.stdout.on('data', d => (said += d));
      second.stderr.on('data', d => (said += d));
      const code = await new Promise<number | null>(done => {
        const timer = setTimeout(() => second.kill('SIGKILL'), 15_000);
        second.once('exit', n => {
          clearTimeout(timer);
          done(n);
        });
      });
      expect(code, `a second ${role} ended by itself, saying: ${said}`).toBe(role === 'up' ? 2 : 1);
      expect(said).toMatch(/another/);
    }
    expect({ serve: pidOf(c, 'serve'), agent: pidOf(c, 'agent'), exec: pidOf(c, 'exec') }).toEqual(before);
    // A part that is started again finds its Redis where it was.
    process.kill(before.agent!, 'SIGKILL');
    const { id } = await proposedFor(c, 'carol');
    await c.json('approve', id, '--as', 'root-ann');
    await c.incidentOf('carol works again', i => i.id === id && i.state === 'resolved', 60_000);
    expect(
      executorAudit(c).filter(e => e.what === 'run.outcome' && JSON.stringify(e.after).includes(`"${id}"`)),
    ).toHaveLength(1);
  }, 120_000);

  it('E13: nobody else reaches Redis, the executor, the control socket or the store, even where the directory is open', () => {
    for (const dir of [c.dir, join(c.dir, 'run'), join(c.dir, 'state')]) chmodSync(dir, 0o755);
    const config = configOf(c);
    const reach = (socket: string): string =>
      spawnSync('setpriv', [
        ...NOBODY,
        'perl',
        '-MIO::Socket::UNIX',
        '-e',
        'print IO::Socket::UNIX->new($ARGV[0]) ? "reached" : "no: $!"',
        socket,
      ]).stdout.toString();
    try {
      expect(reach(config.redis.socket!)).toMatch(/^no: Permission denied/);
      expect(reach(config.executor.socket)).toMatch(/^no: Permission denied/);
      expect(reach(join(c.dir, 'state/serve/control.sock'))).toMatch(/^no: Permission denied/);
      for (const file of [
        'serve/readmit.db',
        'serve/session.key',
        'exec/audit.jsonl',
        'exec/ledger.db',
        'agent/positions.json',
      ])
        expect(spawnSync('setpriv', [...NOBODY, 'cat', join(c.dir, 'state', file)]).stderr.toString(), file).toContain(
          'Permission denied',
        );
    } finally {
      for (const dir of [c.dir, join(c.dir, 'run')]) chmodSync(dir, 0o700);
    }
    expect(
      execFileSync('ss', ['-ltnpH'])
        .toString()
        .split('\n')
        .filter(l => l.includes(`pid=${pidOf(c, 'redis')},`)),
    ).toEqual([]);
  });

  it('C22: no token, key, password or address of the second channel in any argv or environment, nor in a file others can read', async () => {
    const secrets = [
      readFileSync(join(c.dir, 'state/serve/session.key'), 'utf8').split('\n')[1]!,
      readFileSync(join(c.dir, 'keys/root-ann.key'), 'utf8').split('\n')[1]!,
      /token: *"?(eyJ[^\s"]+)/.exec(readFileSync(join(c.dir, 'home/dave/.claw/config.yaml'), 'utf8'))![1]!,
      MAIL_PASSWORD,
      'hook-s3cr3t',
    ];
    const seen: string[] = [];
    const watchers = setInterval(() => {
      for (const { pid, argv } of processesOf(c.group)) {
        seen.push(argv);
        try {
          seen.push(readFileSync(`/proc/${pid}/environ`, 'utf8'));
        } catch {}
      }
    }, 25);
    const { id } = await proposedFor(c, 'dave');
    await c.json('approve', id, '--as', 'root-ben');
    await c.incidentOf('dave works again', i => i.id === id && i.state === 'resolved', 60_000);
    clearInterval(watchers);
    expect(seen.length).toBeGreaterThan(10);
    for (const secret of secrets) expect(seen.find(s => s.includes(secret))).toBeUndefined();
    for (const [file, content] of readableByOthers(join(c.dir, 'state')))
      for (const secret of secrets) expect(content.includes(secret), file).toBe(false);
    expect(statSync(join(c.dir, 'state/serve/session.key')).mode & 0o077).toBe(0);
  }, 90_000);
});

describe('how Redis is set up', () => {
  it('E11: eviction, no append-only file: said at the start on the second channel, in the log and by doctor', async () => {
    const redis = redisOf();
    await redis.config('SET', 'maxmemory-policy', 'allkeys-lru');
    await redis.config('SET', 'appendonly', 'no');
    const serve = pidOf(c, 'serve')!;
    process.kill(serve, 'SIGKILL');
    await c.until(
      'the second channel hears of both',
      async () => {
        const said = pager.calls.map(call => call.text).join('\n');
        return said.includes('allkeys-lru') && said.includes('appendonly');
      },
      30_000,
    );
    const found = await c.readmit('doctor');
    expect(found.code).toBe(1);
    expect(found.out).toMatch(/PROBLEM +redis: maxmemory-policy is allkeys-lru/);
    expect(found.out).toMatch(/PROBLEM +redis: appendonly is off/);
    await redis.config('SET', 'maxmemory-policy', 'noeviction');
    await redis.config('SET', 'appendonly', 'yes');
    redis.disconnect();
    expect((await status(c)).queue.up).toBe(true);
  }, 60_000);
});

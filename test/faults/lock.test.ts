/**
 * Runs that take long: the group file is locked by another program (usermod waits about 14 seconds), or the scheduler
 * comes back and is not well. Meanwhile everybody else goes on, and whatever is lost on the way, the effect is once.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { processesOf } from '../processes.ts';
import { type Cluster, configOf, executorAudit, members, proposedFor, query, startCluster } from './lab.ts';

const outcomesOf = (c: Cluster, digest: string): string[] =>
  executorAudit(c)
    .filter(e => e.plan === digest && (e.what === 'run.outcome' || e.what === 'run.recovered'))
    .map(e => e.what);

let c: Cluster;
beforeAll(async () => {
  c = await startCluster({ 'executor.backups': 2, 'policy.restartInterval': 1 });
});
afterAll(async () => c?.end());

describe('a lock on the group file', () => {
  const lock = (): string => join(c.dir, 'etc/group.lock');
  afterEach(() => rmSync(lock(), { force: true }));
  const waits = (user: string): Promise<unknown> =>
    c.until(
      'usermod waits for the lock',
      async () =>
        processesOf(c.group).some(p => p.argv.includes('usermod') && p.argv.includes(user)) || usermodRuns(user),
      20_000,
    );
  /** The executor starts its tools in a process group of their own. */
  const usermodRuns = (user: string): boolean =>
    readdirSync('/proc').some(pid => {
      try {
        const argv = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return argv.includes('usermod') && argv.includes(c.dir) && argv.includes(user);
      } catch {
        return false;
      }
    });

  it('C08, E14: while it is held nobody else waits; Redis is emptied meanwhile; the effect finishes once and is recorded', async () => {
    const alice = await proposedFor(c, 'alice');
    const { plan } = await c.show(alice.id);
    await c.practice('break', 'missing-group', 'bob');
    writeFileSync(lock(), '1');
    await c.json('approve', alice.id, '--as', 'root-ann');
    await waits('alice');
    const began = performance.now();
    await c.submit('bob');
    await c.incidentOf('a proposal for bob', i => i.key === 'bob' && i.state === 'proposed');
    expect(performance.now() - began).toBeLessThan(10_000);
    const redis = new Redis({ path: configOf(c).redis.socket! });
    await redis.flushall();
    redis.disconnect();
    expect(existsSync(lock())).toBe(true);
    expect(members(c, 'claw-users')).not.toContain('alice');
    rmSync(lock());
    await c.incidentOf('alice works again', i => i.id === alice.id && i.state === 'resolved', 60_000);
    expect(members(c, 'claw-users').filter(m => m === 'alice')).toHaveLength(1);
    expect(outcomesOf(c, plan!.digest)).toHaveLength(1);
    expect(executorAudit(c).filter(e => e.what === 'run.intent' && e.plan === plan!.digest)).toHaveLength(1);
    expect(query(c, "SELECT 1 FROM run WHERE what = 'plan' AND incident = ?", Number(alice.id))).toHaveLength(1);
    await c.practice('heal');
  }, 150_000);

  it('a lock nobody lets go of: the run fails and says why; once mended, one word and one vote, and bob works again', async () => {
    const { id } = await proposedFor(c, 'bob');
    const { plan } = await c.show(id);
    writeFileSync(lock(), '1');
    await c.json('approve', id, '--as', 'root-ann');
    const failed = await c.incidentOf('the run failed', i => i.id === id && i.state === 'failed', 60_000);
    expect((await c.show(failed.id)).history.some(h => /failed: .*lock/i.test(h.what))).toBe(true);
    rmSync(lock());
    await c.json('retry', id, '--as', 'root-ann');
    const again = await c.incidentOf('offered again', i => i.id === id && i.state === 'proposed');
    expect(again.votes).toEqual([]);
    const { plan: next } = await c.show(id);
    expect(next!.digest).toBe(plan!.digest);
    expect(next!.notes.join()).toContain('lock');
    await c.json('approve', id, '--as', 'root-ann');
    await c.incidentOf('bob works again', i => i.id === id && i.state === 'resolved', 60_000);
    expect(members(c, 'claw-users').filter(m => m === 'bob')).toHaveLength(1);
    expect((await c.readmit('retry', id, '--as', 'root-ann')).err).toContain("resolved can't be tried again");
    await c.practice('heal');
  }, 180_000);

  it('E18: SIGTERM while usermod waits: all is down within three seconds, and taken up again at the next start, once', async () => {
    const { id } = await proposedFor(c, 'carol');
    const { plan } = await c.show(id);
    writeFileSync(lock(), '1');
    await c.json('approve', id, '--as', 'root-ann');
    await waits('carol');
    const began = performance.now();
    await c.down();
    expect(performance.now() - began).toBeLessThan(3500);
    rmSync(lock());
    await c.up();
    await c.incidentOf('carol works again', i => i.id === id && i.state === 'resolved', 90_000);
    expect(members(c, 'claw-users').filter(m => m === 'carol')).toHaveLength(1);
    expect(query(c, 'SELECT 1 FROM access_grant WHERE incident = ?', Number(id))).toHaveLength(1);
    const done = executorAudit(c).filter(
      e => e.what === 'run.outcome' && e.plan === plan!.digest && (e.after as { result: string }).result === 'done',
    );
    expect(done.length).toBeLessThanOrEqual(1);
    expect((await c.readmit('audit', 'verify')).code).toBe(0);
    await c.practice('heal');
  }, 180_000);
});

describe('the configuration', () => {
  const file = (): string => join(c.dir, 'etc/claw-scheduler/config.yaml');
  const tooStrict = async (user: string) => {
    await c.practice('break', 'config-too-strict');
    await c.submit(user);
    return await c.incidentOf(
      'a proposal',
      i => i.cause === 'openclaw/config-too-strict' && i.state === 'proposed',
      40_000,
    );
  };
  const bothApprove = async (id: string): Promise<void> => {
    await c.json('approve', id, '--as', 'root-ann', '--reason', 'as before');
    await c.json('approve', id, '--as', 'root-ben', '--reason', 'as before');
  };

  it('H07: three patches, backups of the last two, for nobody else to read; one command puts the file back', async () => {
    let last = '';
    let broken = '';
    for (const user of ['dave', 'erin', 'frank']) {
      const { id } = await tooStrict(user);
      broken = readFileSync(file(), 'utf8');
      await bothApprove(id);
      await c.incidentOf(`${user} works again`, i => i.id === id && i.state === 'resolved', 60_000);
      last = id;
      if (user !== 'frank') await c.practice('heal');
    }
    const backups = join(c.dir, 'state/exec/backups');
    const kept = readdirSync(backups);
    expect(kept).toHaveLength(2);
    for (const name of kept) expect(statSync(join(backups, name)).mode & 0o7777).toBe(0o600);
    expect(readFileSync(join(backups, kept.sort().at(-1)!), 'utf8')).toBe(broken);
    expect(readFileSync(file(), 'utf8')).not.toBe(broken);
    expect((await c.readmit('undo', last, '--as', 'root-ann')).code).toBe(0);
    await c.incidentOf('it is undone', i => i.id === last && i.state === 'undone', 40_000);
    expect(readFileSync(file(), 'utf8')).toBe(broken);
    await c.practice('heal');
  }, 200_000);

  it('C15: the restart says ok and health stays bad for a minute: failed, the file is put back, administrators hear of it', async () => {
    const { id } = await tooStrict('grace');
    const broken = readFileSync(file(), 'utf8');
    // A unit of Type=simple: systemd is content, the scheduler hangs. Once.
    const systemctl = join(c.dir, 'bin/systemctl');
    renameSync(systemctl, `${systemctl}.real`);
    writeFileSync(
      systemctl,
      `#!/bin/sh\n"${systemctl}.real" "$@" || exit\ncase "$*" in restart*) [ -e "${c.dir}/hung" ] || { : >"${c.dir}/hung"; kill -STOP $(pgrep -f "practice/scheduler.ts ${c.dir}$"); } ;; esac\nexit 0\n`,
      { mode: 0o755 },
    );
    await bothApprove(id);
    await c.until(
      'it has failed',
      async () => (await c.show(id)).history.some(h => /failed|a minute after it was started/.test(h.what)),
      120_000,
    );
    await c.until('the file is as it was', async () => readFileSync(file(), 'utf8') === broken, 60_000);
    await c.until(
      'administrators hear of it',
      async () =>
        (await c.mails()).some(
          m => m.to.join().includes('root-ann') && /fail|not (work|help)|did not/i.test(m.subject),
        ),
      30_000,
    );
    expect(existsSync(join(c.dir, 'hung'))).toBe(true);
    expect(['failed', 'undone']).toContain((await c.show(id)).state);
    expect((await c.readmit('audit', 'verify')).code).toBe(0);
    renameSync(`${systemctl}.real`, systemctl);
  }, 240_000);
});

/**
 * kill -9 of any part every 50 to 500 ms while ten thousand lines come in: each is counted once, and what they lead to is
 * one plan and one mail. The seed is printed, so that a bad run can be had again.
 */
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Part } from '../processes.ts';
import { type Cluster, clientLog, counted, denial, executorAudit, pidOf, query, startCluster, write } from './lab.ts';

const SECONDS = Number(process.env.READMIT_KILL_SECONDS ?? 60);
const LINES = 10_000;
const SEED = Number(process.env.READMIT_SEED ?? Date.now() % 1_000_000);

/** xorshift32 */
function random(seed: number): () => number {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 4294967296;
  };
}

const pause = (ms: number): Promise<void> => new Promise(done => setTimeout(done, ms));

describe('kill -9', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster();
  });
  afterAll(async () => c?.end());

  it(`A05: again and again during ${LINES} lines, seed ${SEED}: exactly ${LINES}, one plan, one mail`, async () => {
    const rnd = random(SEED);
    const group = c.group;
    await c.practice('break', 'missing-group', 'alice');
    const until = performance.now() + SECONDS * 1000;
    let kills = 0;
    let written = 0;
    const killing = (async () => {
      while (performance.now() < until) {
        await pause(50 + rnd() * 450);
        const parts: Part[] = ['agent', 'serve', 'agent', 'serve', 'exec', 'redis'];
        const pid = pidOf(c, parts[Math.floor(rnd() * parts.length)]!);
        if (pid === null || pid === group) continue;
        process.kill(pid, 'SIGKILL');
        kills++;
      }
    })();
    const started = performance.now();
    while (written < LINES) {
      const due = Math.min(LINES, Math.ceil(((performance.now() - started) / (SECONDS * 1000)) * LINES));
      const lines: string[] = [];
      for (; written < due; written++) lines.push(denial('alice', `/n${written}`, '192.168.1.100'));
      if (lines.length > 0) write(c, ...lines);
      await pause(5 + rnd() * 20);
    }
    await killing;
    expect(kills).toBeGreaterThan(SECONDS / 4);
    await c.until(
      'every line is counted',
      async () => {
        try {
          return counted(c, 'alice') >= LINES;
        } catch {
          return false;
        }
      },
      90_000,
    );
    expect(counted(c, 'alice')).toBe(LINES);
    const places = query<{ n: number }>(
      c,
      "SELECT count(*) AS n FROM (SELECT DISTINCT source, offset, endpoint FROM observation WHERE user = 'alice' AND self_reported = 0)",
    )[0]!;
    expect(Number(places.n)).toBe(
      query(c, "SELECT 1 FROM observation WHERE user = 'alice' AND self_reported = 0").length,
    );

    const seen = await c.incidentOf('one proposal', i => i.key === 'alice' && i.state === 'proposed', 60_000);
    expect((await c.incidents()).filter(i => i.key === 'alice')).toHaveLength(1);
    expect(seen.count).toBe(LINES);
    expect(new Set(query<{ digest: string }>(c, 'SELECT digest FROM plan').map(p => p.digest)).size).toBe(1);
    await c.until('the mail', async () => (await c.mails()).length > 0, 30_000);
    // A kill between the server's yes and our note of it can make the server take it twice: then it is the same letter.
    const ids = (await c.mails())
      .filter(m => m.to.join().includes('root-ann'))
      .map(m => /^message-id: *(\S+)/im.exec(m.raw)![1]!);
    expect(new Set(ids).size).toBe(1);
    expect(executorAudit(c).filter(e => e.what === 'run.intent')).toEqual([]);
    console.log(`kill -9: ${kills} kills in ${SECONDS} s, ${written} lines written, ${counted(c, 'alice')} counted`);
  }, 300_000);

  it(`A05: again and again while a million lines are caught up on, seed ${SEED}: each of its denials once`, async () => {
    const rnd = random(SEED);
    await c.down();
    const healthy = '[INFO] Job smoke-77 started on node node0007.cluster.example.com, attempt 1, waited 12 s\n';
    for (let chunk = 0; chunk < 10; chunk++)
      write(
        c,
        ...Array.from({ length: 100_000 }, (_, n) =>
          n % 10 ? healthy : denial('latecomer', `/p${(n / 10) % 40}`, `10.7.${chunk}.${(n / 10) % 251}`),
        ),
      );
    await c.up();
    let kills = 0;
    for (const end = performance.now() + 10_000; performance.now() < end; await pause(300 + rnd() * 900)) {
      const pid = pidOf(c, rnd() < 0.5 ? 'agent' : 'serve');
      if (pid === null || pid === c.group) continue;
      process.kill(pid, 'SIGKILL');
      kills++;
    }
    expect(kills).toBeGreaterThan(4);
    await c.until('all of it', async () => counted(c, 'latecomer') >= 100_000, 90_000);
    await c.until('no part is left', async () => query(c, 'SELECT 1 FROM received').length === 0, 30_000);
    const sum = (table: string): number =>
      Number(query<{ n: number }>(c, `SELECT sum(count) AS n FROM ${table} WHERE user = 'latecomer'`)[0]!.n);
    expect([counted(c, 'latecomer'), sum('hour')]).toEqual([100_000, 100_000]);
    console.log(`kill -9 while catching up: ${kills} kills, 100000 of 100000 counted`);
  }, 180_000);

  it('A01, A04: the real logrotate renames and creates under 1,000 lines; a clean restart afterwards adds nothing', async () => {
    const conf = `${c.dir}/logrotate.conf`;
    appendFileSync(conf, `${c.dir}/var/log/claw-scheduler.log {\n  create 0640 root root\n  rotate 9\n}\n`);
    for (let n = 0; n < 1000; n++) {
      write(c, denial('rotated', `/n${n}`));
      if (n % 250 === 125) execFileSync('logrotate', ['-f', '-s', `${c.dir}/logrotate.state`, conf]);
      if (n % 20 === 0) await pause(5);
    }
    await c.until('all 1,000', async () => counted(c, 'rotated') >= 1000, 30_000);
    const observations = (): number => query(c, 'SELECT 1 FROM observation').length;
    expect(counted(c, 'rotated')).toBe(1000);
    const before = observations();
    await c.down();
    await c.up();
    appendFileSync(clientLog(c, 'bob'), 'nothing of interest\n');
    write(c, denial('marker'));
    await c.until('it reads on', async () => counted(c, 'marker') === 1, 30_000);
    expect(counted(c, 'rotated')).toBe(1000);
    expect(observations()).toBe(before + 1);
  }, 120_000);
});

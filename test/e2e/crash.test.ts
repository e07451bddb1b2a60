/**
 * kill -9 of agent, serve, executor and Redis at random while people are refused and let in: no line is lost or counted
 * twice, nothing is done twice, no incident is stuck. The seed is printed, so that a bad run can be had again.
 */
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executorAudit } from '../faults/lab.ts';
import { Cluster } from './cluster.ts';

const ROUNDS = Number(process.env.READMIT_CRASH_ROUNDS ?? 20);
const SEED = Number(process.env.READMIT_SEED ?? 20261122);
const PARTS = { agent: 'main.ts agent', serve: 'main.ts serve', exec: 'main.ts exec', redis: 'redis-server' };

/** mulberry32 */
function random(seed: number): () => number {
  let s = seed >>> 0;
  return () => {
    s = (s + 0x6d2b79f5) >>> 0;
    let t = Math.imul(s ^ (s >>> 15), s | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The process of the cluster's own group that is this part now; null while it is being started. */
function pidOf(group: number, part: string): number | null {
  for (const name of readdirSync('/proc').filter(n => /^\d+$/.test(n))) {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      const pgrp = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
      if (pgrp === group && readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(part))
        return Number(name);
    } catch {}
  }
  return null;
}

describe('kill -9, again and again', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await Cluster.start();
  });
  afterAll(async () => c?.end());

  const query = <T>(sql: string): T[] => {
    const db = new DatabaseSync(join(c.dir, 'state/serve/readmit.db'), { readOnly: true });
    try {
      return db.prepare(sql).all() as T[];
    } finally {
      db.close();
    }
  };

  it(`counts every line once and does everything once, ${ROUNDS} rounds, seed ${SEED}`, async () => {
    const rnd = random(SEED);
    const pick = <T>(list: T[]): T => list[Math.floor(rnd() * list.length)]!;
    const log = join(c.dir, 'var/log/claw-scheduler.log');
    const group = c.group;
    let written = 0;
    let kills = 0;
    let letIn = 0;
    const kill = (): void => {
      const pid = pidOf(group, PARTS[pick(Object.keys(PARTS) as (keyof typeof PARTS)[])]);
      if (pid === null) return;
      process.kill(pid, 'SIGKILL');
      kills++;
    };
    for (let round = 1; round <= ROUNDS; round++) {
      const user = pick(['alice', 'bob', 'carol']);
      const wholeLoop = round % 5 === 0;
      if (wholeLoop) await c.practice('break', 'missing-group', user);
      const lines = 20 + Math.floor(rnd() * 80);
      for (let n = 0; n < lines; n++) {
        appendFileSync(
          log,
          `[WARNING] Unauthorized access attempt from 10.9.8.7: user crash.${round}, endpoint /r${round}/n${n}\n`,
        );
        written++;
        if (n === Math.floor(lines / 2)) kill();
        if (n % 10 === 0) await new Promise(r => setTimeout(r, rnd() * 8));
      }
      if (!wholeLoop) continue;
      await c.submit(user);
      const open = await c.incidentOf(
        `round ${round}: a proposal for ${user}`,
        i => i.key === user && i.state === 'proposed',
        120_000,
      );
      if (rnd() < 0.5) kill();
      await c.until(
        `round ${round}: the vote is taken`,
        async () => {
          const answer = await c.readmit('approve', open.id, '--as', 'root-ann', '--json');
          const now = (await c.incidents()).find(i => i.id === open.id)!;
          return answer.code === 0 || now.state !== 'proposed';
        },
        120_000,
      );
      await new Promise(r => setTimeout(r, rnd() * 150));
      kill();
      // A machine that is too busy to answer makes a plan stale; then it is offered again, and an administrator says so again.
      await c.until(
        `round ${round}: ${user} works again`,
        async () => {
          const now = (await c.incidents()).find(i => i.id === open.id)!;
          if (now.state === 'proposed') await c.readmit('approve', open.id, '--as', 'root-ann', '--json');
          return now.state === 'resolved';
        },
        180_000,
      );
      expect((await c.submit(user)).code).toBe(0);
      letIn++;
    }
    const counted = (): number =>
      Number(query<{ n: number }>("SELECT sum(count) AS n FROM observation WHERE user LIKE 'crash.%'")[0]!.n ?? 0);
    await c.until('every line is counted', async () => counted() >= written, 120_000);
    expect(counted()).toBe(written);
    const perRound = query<{ user: string; n: number }>(
      "SELECT user, sum(count) AS n FROM observation WHERE user LIKE 'crash.%' GROUP BY user",
    );
    expect(perRound).toHaveLength(ROUNDS);
    expect(kills).toBeGreaterThan(ROUNDS / 2);

    // Once each: for every run an intent, one outcome that did something, one grant, one alert per incident.
    const audit = executorAudit(c);
    const runs = audit.filter(e => e.what === 'run.intent').map(e => (e.after as { run: string }).run);
    expect(new Set(runs).size).toBe(letIn);
    const done = audit
      .filter(e => e.what === 'run.outcome' || e.what === 'run.recovered')
      .map(e => e.after as { run: string; result: string })
      .filter(o => o.result === 'done');
    expect(new Set(done.map(o => o.run)).size).toBe(done.length);
    expect(query<{ n: number }>('SELECT count(*) AS n FROM access_grant')[0]!.n).toBe(letIn);
    const alerts = query<{ incident: number; n: number }>(
      "SELECT incident, count(*) AS n FROM outbox WHERE key LIKE 'alert-%' GROUP BY incident",
    );
    expect(alerts.every(a => a.n === 1)).toBe(true);
    const stuck = (await c.incidents()).filter(i => ['approved', 'running', 'verifying'].includes(i.state));
    expect(stuck).toEqual([]);
    expect((await c.readmit('audit', 'verify')).code).toBe(0);
    console.log(
      `crash: ${ROUNDS} rounds, ${kills} kills, ${written} lines written, ${counted()} counted, ${letIn} let in, 0 twice`,
    );
  }, 1_800_000);
});

/**
 * How long people wait, on the running program with a practice cluster of its own: denial in the log → committed, while
 * nothing else is written and while much is; incident → mail taken by the mail server; last vote → the executor's intent
 * on disk, with an executor that runs and with one that has to be started. The noise has a cluster of its own, and its
 * denials are of names that nobody has: what it makes the service do must not be mistaken for what people wait for.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { orderExecutor } from '../../src/execute/client.ts';
import { Cluster } from '../e2e/cluster.ts';
import { cpuOf, load, type Quantiles, quantiles, two } from './measure.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LOG = 'var/log/claw-scheduler.log';
const pause = (ms: number): Promise<void> => new Promise(r => setTimeout(r, ms));

interface Following {
  linesPerSecond: number;
  /** Processor time, of one core. */
  agentCores: number;
  serveCores: number;
  load: number;
}

interface Waiting extends Quantiles, Following {
  /** Of that, until the agent had read the line. */
  read: Quantiles;
}

export async function liveFigures(rounds = 200): Promise<Record<string, unknown>> {
  return { ...(await quiet(rounds)), ...(await busy(rounds)) };
}

export async function quiet(rounds: number): Promise<Record<string, unknown>> {
  const c = await Cluster.start();
  try {
    return {
      'denial → committed, at rest (ms)': await committed(c, rounds),
      ...(await shownAndStarted(c, Math.max(5, Math.floor(rounds / 10)))),
      ...mailed(c),
      ...(await cold(c)),
    };
  } finally {
    await c.end();
  }
}

export async function busy(rounds: number): Promise<Record<string, unknown>> {
  const c = await Cluster.start();
  try {
    const denials = made(c, 'denials', 0.01);
    const healthy = made(c, 'healthy', 0);
    const figures: Record<string, unknown> = {
      '10000 healthy lines/s': await written(c, healthy, 10_000, () => followed(c, 10)),
      '1000000 lines/s, 1 % denials': await written(c, denials, 1_000_000, () => followed(c, 10)),
    };
    for (const rate of [1000, 10_000, 50_000])
      figures[`denial → committed, at ${rate} lines/s (ms)`] = await written(c, denials, rate, () =>
        committed(c, rounds),
      );
    return figures;
  } finally {
    await c.end();
  }
}

/** A log to write from, whose denials are of names that nobody has. */
function made(c: Cluster, name: string, denials: number): string {
  const out = join(c.dir, name);
  const options = { out, lines: 100_000, denials, users: 20, ips: 5, nobody: 'yes' };
  const argv = Object.entries(options).flatMap(([key, value]) => [`--${key}`, `${value}`]);
  execFileSync(process.execPath, ['generate.mjs', ...argv], { cwd: import.meta.dirname, stdio: 'ignore' });
  return `${out}.log`;
}

/** What `look` finds while lines are written at a steady rate. What waits afterwards is read before the next look. */
async function written<T>(c: Cluster, source: string, rate: number, look: () => Promise<T>): Promise<T> {
  const argv = ['writer.mjs', join(c.dir, LOG), source, `${rate}`];
  const writer = spawn(process.execPath, argv, { cwd: import.meta.dirname, stdio: 'ignore' });
  await pause(1500);
  try {
    return await look();
  } finally {
    const gone = new Promise(done => writer.once('exit', done));
    writer.kill();
    await gone;
    const db = store(c);
    const read = db.prepare("SELECT max(committed) AS at FROM source WHERE kind = 'server'");
    while (Number(read.get()!.at) < statSync(join(c.dir, LOG)).size) await pause(100);
    db.close();
  }
}

/** How many lines are counted for good meanwhile, and what they cost. */
async function followed(c: Cluster, seconds: number): Promise<Following> {
  const db = store(c);
  try {
    const following = startFollowing(c, db);
    await pause(seconds * 1000);
    return following();
  } finally {
    db.close();
  }
}

function startFollowing(c: Cluster, db: DatabaseSync): () => Following {
  const sum = db.prepare('SELECT sum(lines) AS n FROM source');
  const pids = [roleOf(c, 'agent'), roleOf(c, 'serve')];
  const begin = performance.now();
  const cpu = pids.map(cpuOf);
  const lines = Number(sum.get()!.n);
  return () => {
    const seconds = (performance.now() - begin) / 1000;
    const [agentCores, serveCores] = pids.map((pid, i) => two((cpuOf(pid) - cpu[i]!) / seconds)) as [number, number];
    return {
      linesPerSecond: Math.round((Number(sum.get()!.n) - lines) / seconds),
      agentCores,
      serveCores,
      load: load(),
    };
  };
}

const store = (c: Cluster): DatabaseSync => new DatabaseSync(join(c.dir, 'state/serve/readmit.db'), { readOnly: true });

/** The process of a role of this cluster. */
function roleOf(c: Cluster, role: string): number {
  const found = execFileSync('pgrep', ['-f', `main.ts ${role} --config ${c.dir}`], { encoding: 'utf8' });
  return Number(found.split('\n')[0]);
}

/** Each denial from the write to the commit, and of that how long until the agent had read it. */
async function committed(c: Cluster, rounds: number): Promise<Waiting> {
  const db = store(c);
  // By number: a search of all that was ever counted would be the load that it measures.
  let seen = Number(db.prepare('SELECT max(id) AS id FROM observation').get()!.id ?? 0);
  const counted = db.prepare('SELECT id, endpoint, first FROM observation WHERE id > ?');
  const times: number[] = [];
  const read: number[] = [];
  const following = startFollowing(c, db);
  const begin = performance.now();
  try {
    for (let n = 0; n < rounds; n++) {
      const endpoint = `/latency/${n}/${begin}`;
      const line = `[WARNING] Unauthorized access attempt from 10.1.1.1: user nobody.there, endpoint ${endpoint}\n`;
      const written = performance.timeOrigin + performance.now();
      const started = performance.now();
      appendFileSync(join(c.dir, LOG), line);
      for (let found = false; !found; ) {
        await pause(1);
        for (const row of counted.iterate(seen)) {
          seen = Number(row.id);
          if (row.endpoint !== endpoint) continue;
          found = true;
          read.push(Number(row.first) - written);
        }
        if (performance.now() - started > 10_000) throw new Error('a denial was not counted within 10 s');
      }
      times.push(performance.now() - started);
      await pause(30 + (n % 7) * 40);
    }
    return { ...quantiles(times), read: quantiles(read), ...following() };
  } finally {
    db.close();
  }
}

async function shownAndStarted(c: Cluster, rounds: number): Promise<Record<string, Quantiles>> {
  const shown: number[] = [];
  const started: number[] = [];
  for (let n = 0; n < rounds; n++) {
    await c.practice('break', 'missing-group', 'alice');
    await c.submit('alice');
    const begin = performance.now();
    const i = await c.incidentOf(
      'an incident',
      i => i.key === 'alice' && !['resolved', 'undone', 'expired'].includes(i.state),
    );
    shown.push(performance.now() - begin);
    await c.incidentOf('a proposal', p => p.id === i.id && p.state === 'proposed');
    await c.json('approve', i.id, '--as', 'root-ann');
    await c.incidentOf('resolved', p => p.id === i.id && p.state === 'resolved', 60_000);
    const approved = Date.parse((await c.show(i.id)).history.find(h => h.what.startsWith('approved by'))!.at);
    const audit = readFileSync(join(c.dir, 'state/exec/audit.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map(l => JSON.parse(l) as { what: string; time: string });
    const intent = audit.filter(e => e.what === 'run.intent' && Date.parse(e.time) >= approved)[0]!;
    started.push(Date.parse(intent.time) - approved);
  }
  return {
    'refused → shown as an incident (ms)': quantiles(shown),
    'last vote → intent in the audit, executor running (ms)': quantiles(started),
  };
}

/** Group wait is part of it: the alert waits so that a storm becomes one mail. */
function mailed(c: Cluster): Record<string, Quantiles> {
  const db = store(c);
  try {
    const rows = db
      .prepare(
        "SELECT o.done - i.opened AS whole, o.done - o.due AS carried FROM outbox o JOIN incident i ON i.id = o.incident WHERE o.channel = 'mail' AND o.result = 'sent' AND o.key LIKE 'alert-%'",
      )
      .all() as { whole: number; carried: number }[];
    if (rows.length === 0) return {};
    return {
      'incident → mail taken by SMTP, group wait included (ms)': quantiles(rows.map(r => Number(r.whole))),
      'mail due → taken by SMTP (ms)': quantiles(rows.map(r => Number(r.carried))),
    };
  } finally {
    db.close();
  }
}

/** An executor of its own with the same configuration: from the start of the process to the answer of the first question. */
async function cold(c: Cluster): Promise<Record<string, Quantiles>> {
  const dir = join(c.dir, 'cold');
  mkdirSync(dir, { mode: 0o700 });
  const text = readFileSync(join(c.dir, 'readmit.yaml'), 'utf8');
  const config = join(c.dir, 'cold.yaml');
  appendFileSync(
    config,
    text.replaceAll(/^(\s*socket: ).*exec.*$/gm, `$1${dir}/exec.sock`).replace(/^state: .*/m, `state: ${dir}/state`),
  );
  const socket = join(dir, 'exec.sock');
  const times: number[] = [];
  for (let n = 0; n < 12; n++) {
    rmSync(socket, { force: true });
    const begin = performance.now();
    const child: ChildProcess = spawn(join(ROOT, 'deploy/readmit'), ['exec', '--config', config], { stdio: 'ignore' });
    const gone = new Promise(done => child.once('exit', done));
    for (;;) {
      const answered = await orderExecutor(socket, { v: 1, kind: 'status' }, { timeoutMs: 2000 }).catch(() => null);
      if (answered) break;
      if (performance.now() - begin > 10_000) throw new Error('the executor does not answer');
      await pause(1);
    }
    // The first one fills the cache of compiled code.
    if (n > 0) times.push(performance.now() - begin);
    child.kill();
    await gone;
  }
  return { 'executor: start of the process → first answer (ms)': quantiles(times) };
}

/**
 * How long people wait, on the running program with a practice cluster of its own: denial in the log → committed, while
 * nothing else is written and while much is; incident → mail taken by the mail server; last vote → the executor's intent
 * on disk, with an executor that runs and with one that has to be started.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { orderExecutor } from '../../src/execute/client.ts';
import { Cluster } from '../e2e/cluster.ts';
import { cpuOf, load, type Quantiles, quantiles, two } from './measure.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const LOG = 'var/log/claw-scheduler.log';
const pause = (ms: number): Promise<void> => new Promise(r => setTimeout(r, ms));

interface Waiting extends Quantiles {
  /** Processor time of the agent, of one core. */
  agentCores: number;
  load: number;
}

export async function liveFigures(rounds = 60): Promise<Record<string, unknown>> {
  const c = await Cluster.start();
  try {
    const source = join(c.dir, 'honest');
    execFileSync(
      process.execPath,
      ['generate.mjs', '--out', source, '--lines', '100000', '--denials', '0.01', '--users', '20', '--ips', '5'],
      { cwd: import.meta.dirname, stdio: 'ignore' },
    );
    const figures: Record<string, unknown> = { 'denial → committed, at rest (ms)': await committed(c, rounds) };
    for (const rate of [1000, 50_000]) {
      const writer = spawn(process.execPath, ['writer.mjs', join(c.dir, LOG), `${source}.log`, `${rate}`], {
        cwd: import.meta.dirname,
        stdio: 'ignore',
      });
      await pause(1500);
      figures[`denial → committed, at ${rate} lines/s (ms)`] = await committed(c, rounds);
      writer.kill();
    }
    return {
      ...figures,
      ...(await shownAndStarted(c, Math.max(5, Math.floor(rounds / 6)))),
      ...mailed(c),
      ...(await cold(c)),
    };
  } finally {
    await c.end();
  }
}

const store = (c: Cluster): DatabaseSync => new DatabaseSync(join(c.dir, 'state/serve/readmit.db'), { readOnly: true });

/** The process of a role of this cluster. */
function roleOf(c: Cluster, role: string): number {
  const found = execFileSync('pgrep', ['-f', `main.ts ${role} --config ${c.dir}`], { encoding: 'utf8' });
  return Number(found.split('\n')[0]);
}

async function committed(c: Cluster, rounds: number): Promise<Waiting> {
  const db = store(c);
  const counted = db.prepare('SELECT 1 FROM observation WHERE endpoint = ?');
  const agent = roleOf(c, 'agent');
  const times: number[] = [];
  const cpu = cpuOf(agent);
  const begin = performance.now();
  try {
    for (let n = 0; n < rounds; n++) {
      const endpoint = `/latency/${n}/${begin}`;
      const started = performance.now();
      appendFileSync(
        join(c.dir, LOG),
        `[WARNING] Unauthorized access attempt from 10.1.1.1: user nobody.there, endpoint ${endpoint}\n`,
      );
      while (!counted.get(endpoint)) {
        if (performance.now() - started > 10_000) throw new Error('a denial was not counted within 10 s');
        await pause(0.5);
      }
      times.push(performance.now() - started);
      await pause(30 + (n % 7) * 40);
    }
  } finally {
    db.close();
  }
  const seconds = (performance.now() - begin) / 1000;
  return { ...quantiles(times), agentCores: two((cpuOf(agent) - cpu) / seconds), load: load() };
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
    'refused → in `incidents --json`, the command itself included (ms)': quantiles(shown),
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

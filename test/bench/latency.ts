/**
 * How long people wait: denial in the log → incident committed and in `readmit incidents --json`, last vote → the
 * executor's intent on disk. Measured on the running program, a practice cluster of its own.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Cluster } from '../e2e/cluster.ts';

export interface Quantiles {
  n: number;
  p50: number;
  p90: number;
  p99: number;
}

export function quantiles(values: number[]): Quantiles {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (q: number): number =>
    Math.round(sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]! * 10) / 10;
  return { n: sorted.length, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}

export async function latencies(rounds: number): Promise<Record<string, Quantiles>> {
  const c = await Cluster.start();
  try {
    return {
      'denial → incident committed (ms)': await committed(c, rounds),
      ...(await shownAndStarted(c, Math.max(5, Math.floor(rounds / 4)))),
    };
  } finally {
    await c.end();
  }
}

async function committed(c: Cluster, rounds: number): Promise<Quantiles> {
  const db = new DatabaseSync(join(c.dir, 'state/serve/readmit.db'), { readOnly: true });
  const counted = db.prepare('SELECT sum(count) AS n FROM observation WHERE endpoint = ?');
  const log = join(c.dir, 'var/log/claw-scheduler.log');
  const times: number[] = [];
  try {
    for (let n = 0; n < rounds; n++) {
      const endpoint = `/latency/${n}`;
      const started = performance.now();
      appendFileSync(
        log,
        `[WARNING] Unauthorized access attempt from 10.1.1.1: user nobody.there, endpoint ${endpoint}\n`,
      );
      while (!counted.get(endpoint)?.n) {
        if (performance.now() - started > 10_000) throw new Error('a denial was not counted within 10 s');
        await new Promise(r => setImmediate(r));
      }
      times.push(performance.now() - started);
      await new Promise(r => setTimeout(r, 30 + (n % 7) * 40));
    }
  } finally {
    db.close();
  }
  return quantiles(times);
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
    const intent = audit.map(e => Date.parse(e.time)).filter(t => t >= approved)[0]!;
    started.push(intent - approved);
  }
  return {
    'refused → in `incidents --json`, the command itself included (ms)': quantiles(shown),
    'last vote → intent in the audit (ms)': quantiles(started),
  };
}

/** At rest, and how long a start takes: the practice cluster's own processes, by the kernel's account. */
import { execFileSync } from 'node:child_process';
import { Cluster } from '../e2e/cluster.ts';
import { cpuOf, residentOf, residentTogether, three } from './measure.ts';

const REST_MS = 20_000;
const PARTS: Record<string, string> = {
  serve: 'main.ts serve',
  agent: 'main.ts agent',
  executor: 'main.ts exec',
  redis: 'redis-server',
};

export async function restFigures(): Promise<Record<string, unknown>> {
  const begin = performance.now();
  const c = await Cluster.start();
  try {
    const ready = performance.now() - begin;
    const members = execFileSync('ps', ['-eo', 'pid=,pgid=,args='], { encoding: 'utf8' })
      .split('\n')
      .map(line => /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line))
      .filter(m => m !== null && Number(m[2]) === c.group);
    const pids = Object.entries(PARTS).map(
      ([part, words]) => [part, Number(members.find(m => m![3]!.includes(words))?.[1])] as const,
    );
    await new Promise(r => setTimeout(r, 10_000));
    const before = pids.map(([, pid]) => cpuOf(pid));
    await new Promise(r => setTimeout(r, REST_MS));
    return {
      'start → ready, first start of a new practice cluster (ms)': Math.round(ready),
      ...Object.fromEntries(
        pids.map(([part, pid], i) => [
          part,
          {
            residentMegabytes: Math.round(residentOf(pid) / (1 << 20)),
            ofOneCore: three((cpuOf(pid) - before[i]!) / (REST_MS / 1000)),
          },
        ]),
      ),
      'serve and agent together, the program they share counted once (MB)': Math.round(
        residentTogether(pids.slice(0, 2).map(([, pid]) => pid)) / (1 << 20),
      ),
    };
  } finally {
    await c.end();
  }
}

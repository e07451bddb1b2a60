/**
 * The store: denials that the intake commits a second, with every batch synced; and every page and list of a site with
 * years behind it; `--large` is the size of the goal (a million denials, a hundred thousand people, ten thousand
 * incidents), which takes minutes to fill.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as yieldNow } from 'node:timers/promises';
import { parseConfig } from '../../src/config/config.ts';
import { Clusters } from '../../src/detect/cluster.ts';
import type { Batch } from '../../src/messages.ts';
import { Intake } from '../../src/roles/conduct/intake.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';
import { redact } from '../../src/rules/redact.ts';
import { openStore } from '../../src/store/open.ts';
import { packed } from '../../src/tally-pack.ts';
import { Outbox } from '../../src/watch/batch.ts';
import { aSite, NOON } from '../web/a-site.ts';
import { fillStore, LARGE, type Size } from './fill-store.ts';
import { median, two } from './measure.ts';

/** Filled in about a minute. */
const USUAL: Size = { incidents: 10_000, denials: 100_000, users: 50_000 };
const HOST = 'claw-head-01';

export async function storeFigures(dir: string, large: boolean): Promise<Record<string, unknown>> {
  mkdirSync(dir, { recursive: true });
  return { batches: await batches(join(dir, 'batches')), pages: await pagesFigures(large ? LARGE : USUAL) };
}

/** What an agent sends of a log that grows faster than it is counted: 500 people from 200 addresses, 10 % denials. */
export async function batches(dir: string): Promise<Record<string, unknown>> {
  const { all, seconds, microseconds, megabytes } = await counted(dir, 1, 7_200_000);
  const sent = all.flatMap(parts => parts.flatMap(part => part.tallies));
  const tallies = sent.length;
  const denials = sent.reduce((n, t) => n + (t.event === 'denied' ? t.count : 0), 0);
  return {
    batches: all.length,
    talliesInABatch: Math.round(tallies / all.length),
    denialsInABatch: Math.round(denials / all.length),
    denialsPerSecond: Math.round(denials / seconds),
    talliesPerSecond: Math.round(tallies / seconds),
    linesPerSecond: Math.round(all.reduce((n, [part]) => n + part!.lines, 0) / seconds),
    // Without the waiting for the disk, and for others on this machine.
    denialsPerCpuSecond: Math.round((denials / microseconds) * 1e6),
    cpuMicrosecondsPerTally: two(microseconds / tallies),
    bytesOnDiskPerTally: Math.round((megabytes * (1 << 20)) / tallies),
  };
}

/** So many agents, each with so many lines, send to one intake; each sends its next batch when the last is answered. */
export async function counted(
  dir: string,
  agents: number,
  lines: number,
): Promise<{ all: Batch[][]; seconds: number; microseconds: number; megabytes: number }> {
  mkdirSync(dir, { recursive: true });
  const config = parseConfig(`state: ${dir}\nhost: ${HOST}\n`, join(dir, 'readmit.yaml'));
  const all = sentBatches(dir, lines);
  const sent = all.map(parts => parts.map(part => (part.part ? packed(part) : part)));
  const store = openStore(join(dir, 'readmit.db'));
  const answered = new Map<string, () => void>();
  const intake = new Intake({
    store,
    config,
    now: Date.now,
    log: { debug: () => {}, warn: () => {} } as never,
    clusters: () => new Clusters(config.detect, { unit: config.scheduler.unit }),
    send: async host => answered.get(host)?.(),
    quiet: () => yieldNow(),
  });
  const agent = async (host: string): Promise<void> => {
    for (const parts of sent) {
      const answer = new Promise<void>(done => answered.set(host, done));
      for (const part of parts) await intake.take({ ...part, host });
      await answer;
    }
  };
  const begin = performance.now();
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: agents }, (_, n) => agent(`host-${n}`)));
  const seconds = (performance.now() - begin) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  store.close();
  const megabytes = statSync(join(dir, 'readmit.db')).size / (1 << 20);
  return { all, seconds, microseconds: user + system, megabytes };
}

/** The batches, in their parts, that the agent's own code makes of a generated log; everybody in it has an account. */
function sentBatches(dir: string, lines: number): Batch[][] {
  const log = join(dir, 'generated');
  execFileSync(process.execPath, ['generate.mjs', '--out', log, '--lines', `${lines}`], {
    cwd: import.meta.dirname,
    stdio: 'ignore',
  });
  const bytes = readFileSync(`${log}.log`);
  const outbox = new Outbox({ id: '1-2-3', path: '/var/log/claw-scheduler.log', kind: 'server', owner: null }, 0, {
    host: HOST,
    parse: makeParser(loadPacks([join(import.meta.dirname, '../../rules')]).flatMap(pack => pack.rules)),
    redact,
    now: Date.now,
    steady: () => performance.now(),
    spool: { batches: 0, rows: 0 },
  });
  const all: Batch[][] = [];
  const take = (): void => {
    for (let draft = outbox.next('hurry'); draft; draft = outbox.next('hurry')) {
      const parts = [...draft.parts()];
      for (const { tallies } of parts)
        for (const tally of tallies) tally.account = tally.user === null ? 'unknown' : 'user';
      all.push(parts);
      outbox.ack(draft.batch.to);
    }
  };
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.lastIndexOf(10, at + (1 << 20)) + 1;
    outbox.take(bytes, at, end, 0, { live: 'live' });
    at = end;
    // Serve keeps it waiting, so that what is sent is full.
    if (outbox.batches > 8) take();
  }
  take();
  return all;
}

const LISTS = [
  '/',
  '/?range=30d',
  '/approvals',
  '/people',
  '/people/u00001',
  '/addresses',
  '/access',
  '/audit',
  '/health',
  '/incidents/20',
  '/api/v1/incidents',
  '/api/v1/incidents?limit=100',
  '/api/v1/incidents?state=proposed',
];

export interface Pages {
  size: Size;
  filledInSeconds: number;
  /** Of the database on disk. */
  megabytes: number;
  milliseconds: Record<string, { median: number; most: number }>;
}

/** @throws Error when a page is not answered */
export async function pagesFigures(size: Size, paths: readonly string[] = LISTS): Promise<Pages> {
  const site = aSite();
  try {
    site.store.db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -400000');
    const begin = performance.now();
    fillStore(site.store, size, NOON);
    const filledInSeconds = two((performance.now() - begin) / 1000);
    // As `serve` opens it.
    site.store.db.exec('PRAGMA cache_size = -8000; PRAGMA wal_checkpoint(TRUNCATE)');
    const { cookie } = await site.signIn('root-ann');
    const milliseconds: Pages['milliseconds'] = {};
    // The first answers of a process compile the code of the pages.
    for (const path of paths) await site.ask(path, { headers: { cookie } });
    for (const path of paths) {
      const times: number[] = [];
      for (let n = 0; n < 5; n++) {
        // Something new each time, so that nothing is answered from memory.
        site.store.writes++;
        const started = performance.now();
        const answer = await site.send(path, { headers: { cookie } });
        await answer.arrayBuffer();
        times.push(performance.now() - started);
        const { status } = answer;
        if (status !== 200) throw new Error(`${path}: ${status}`);
      }
      milliseconds[path] = { median: two(median(times)), most: two(Math.max(...times)) };
    }
    const megabytes = Math.round(statSync(join(site.dir, 'readmit.db')).size / (1 << 20));
    return { size, filledInSeconds, megabytes, milliseconds };
  } finally {
    site.end();
  }
}

/**
 * The store: denials that the intake commits a second, with every batch synced; and every page and list of a site with
 * years behind it; `--large` is the size of the goal (a million denials, a hundred thousand people, ten thousand
 * incidents), which takes minutes to fill.
 */
import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseConfig } from '../../src/config/config.ts';
import { Clusters } from '../../src/detect/cluster.ts';
import type { Tally } from '../../src/incident.ts';
import type { Batch } from '../../src/messages.ts';
import { Intake } from '../../src/roles/conduct/intake.ts';
import { openStore } from '../../src/store/open.ts';
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

/** Batches of a thousand denials each, merged by key as the agent merges them: 500 users, 200 addresses. */
async function batches(dir: string): Promise<Record<string, unknown>> {
  const config = parseConfig(`state: ${dir}\nhost: ${HOST}\n`, join(dir, 'readmit.yaml'));
  mkdirSync(dir, { recursive: true });
  const store = openStore(join(dir, 'readmit.db'));
  let acknowledged = 0;
  const intake = new Intake({
    store,
    config,
    now: Date.now,
    log: { debug: () => {} } as never,
    clusters: () => new Clusters(config.detect, { unit: config.scheduler.unit }),
    send: async () => void acknowledged++,
  });
  const all = Array.from({ length: 200 }, (_, n) => batchOf(n, 1000));
  const begin = performance.now();
  for (const batch of all) await intake.take(batch);
  const seconds = (performance.now() - begin) / 1000;
  const tallies = all.reduce((sum, batch) => sum + batch.tallies.length, 0);
  store.close();
  return {
    batches: acknowledged,
    talliesInABatch: Math.round(tallies / all.length),
    denialsPerSecond: Math.round((all.length * 1000) / seconds),
    talliesPerSecond: Math.round(tallies / seconds),
    kilobytesOnDiskPerBatch: Math.round(statSync(join(dir, 'readmit.db')).size / all.length / 1024),
  };
}

/** The most frequent users and addresses have most of it, as in a real log. */
function batchOf(n: number, denials: number): Batch {
  let seed = n + 1;
  const roll = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 4294967296;
  };
  const now = Date.now();
  const byKey = new Map<string, Tally>();
  for (let i = 0; i < denials; i++) {
    const user = `u${Math.floor(500 ** roll())}`;
    const ip = `10.0.0.${Math.floor(200 ** roll())}`;
    const known = byKey.get(`${user} ${ip}`);
    if (known) known.count++;
    else
      byKey.set(`${user} ${ip}`, {
        event: 'denied',
        user,
        ip,
        endpoint: '/submit',
        account: 'user',
        count: 1,
        first: now,
        last: now,
        approximate: false,
        selfReported: false,
        sample: `[WARNING] Unauthorized access attempt from ${ip}: user ${user}, endpoint /submit`,
        offset: n * 90_000 + i * 90,
      });
  }
  return {
    v: 1,
    host: HOST,
    source: { id: '1-2-3', path: '/var/log/claw-scheduler.log', kind: 'server', owner: null },
    from: n * 90_000,
    to: (n + 1) * 90_000,
    lines: denials,
    unparsed: 0,
    cut: 0,
    bad: 0,
    readAt: now,
    approximate: false,
    tallies: [...byKey.values()],
  };
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
        const { status } = await site.ask(path, { headers: { cookie } });
        times.push(performance.now() - started);
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

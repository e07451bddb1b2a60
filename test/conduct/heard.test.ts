/** Whose denials belong to whom, when more becomes known than there was when they were first put together. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { Clusters } from '../../src/detect/cluster.ts';
import type { Tally } from '../../src/incident.ts';
import { Intake } from '../../src/roles/conduct/intake.ts';
import { incident, lastIncident } from '../../src/store/incidents.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { aDenial } from '../detect/a-tally.ts';

const NOON = Date.UTC(2026, 10, 23, 12);
const SCANNER = '203.0.113.9';
let dir: string;
let store: Store;
let serve: Intake;
let time = NOON;
let read = 0;
/** Of its own where the clock of the machine is set. */
let steady: number | null = null;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-heard-'));
  store = openStore(join(dir, 'readmit.db'));
  time = NOON;
  read = 0;
  steady = null;
  const config = parseConfig(`state: ${dir}\nhost: head\n`, 'readmit.yaml');
  const clusters = new Clusters(config.detect);
  serve = new Intake({
    store,
    config,
    now: () => time,
    steady: () => steady ?? time,
    log: { debug: () => {}, warn: () => {} } as never,
    clusters: () => clusters,
    send: async () => {},
    quiet: async () => {},
  });
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

async function denied(...tallies: Partial<Tally>[]): Promise<void> {
  const [from, to] = [read, read + 100];
  read = to;
  await serve.take({
    ...{ v: 1, host: 'head', source: { id: 's', path: '/log', kind: 'server', owner: null }, from, to },
    ...{ lines: tallies.length, unparsed: 0, cut: 0, bad: 0, readAt: time, approximate: false },
    tallies: tallies.map((t, n) => aDenial(time, { offset: from + n, ...t })),
  });
}
const of = (kind: 'user' | 'address', key: string) => lastIncident(store, kind, key, 'head');

/** A scanner tries names nobody has, alice's among them more than once. */
async function scanned(): Promise<void> {
  const nobody = { ip: SCANNER, account: 'unknown' } as const;
  for (let n = 0; n < 10; n++) {
    await denied({ ...nobody, user: 'alice' });
    time += 1000;
  }
  await denied(...Array.from({ length: 30 }, (_, n) => ({ ...nobody, user: `zed${n}` })));
  expect(of('address', SCANNER)!.state).toBe('open');
  expect(of('user', 'alice')!.inhibitedBy).toBe(of('address', SCANNER)!.id);
}

test('a name that two scanners try stays nobody, and is counted once each time', async () => {
  const nobody = { account: 'unknown' } as const;
  await scanned();
  const other = '198.51.100.7';
  await denied(...Array.from({ length: 30 }, (_, n) => ({ ...nobody, ip: other, user: `zap${n}` })));
  const count = (): number => of('address', SCANNER)!.count;
  const before = count();
  const journal = (): number => Number(store.get<{ n: number }>('SELECT count(*) AS n FROM journal')!.n);
  const written = journal();
  for (let n = 0; n < 5; n++) {
    await denied({ ...nobody, ip: other, user: 'alice' });
    await denied({ ...nobody, ip: SCANNER, user: 'alice' });
  }
  expect([count() - before, journal() - written]).toEqual([5, 0]);
  expect(of('user', 'alice')!.inhibitedBy).toBe(of('address', SCANNER)!.id);
});

test('what is no denial frees the name too, and is not counted as one', async () => {
  await scanned();
  const { id, count } = of('user', 'alice')!;
  time += 1000;
  await denied({ event: 'succeeded', account: 'user', ip: '10.1.2.3', user: 'alice' });
  expect(incident(store, id)).toMatchObject({ inhibitedBy: null, due: time, count });
});

test.each([
  ['with an account of her own', { account: 'user', ip: '10.1.2.3' }, null],
  ['with an account, from the same address', { account: 'user', ip: SCANNER }, null],
  ['without one, from elsewhere', { account: 'unknown', ip: '10.1.2.3' }, null],
  ['as before', { account: 'unknown', ip: SCANNER }, 'the address'],
] as const)('a name that a scanner tried is heard when it comes %s', async (_what, as, explained) => {
  await scanned();
  const { id } = of('user', 'alice')!;
  store.run('UPDATE incident SET due = NULL WHERE id = ?', Number(id));
  time += 24 * 3_600_000;
  await denied({ ...as, user: 'alice' });
  expect(incident(store, id)).toMatchObject(
    explained ? { inhibitedBy: of('address', SCANNER)!.id, due: null } : { inhibitedBy: null, due: time },
  );
  if (explained) return;
  // What the scanner goes on with does not take it back.
  const { count } = of('address', SCANNER)!;
  await denied({ ip: SCANNER, account: 'unknown', user: 'alice' });
  expect([incident(store, id).inhibitedBy, of('address', SCANNER)!.count]).toEqual([null, count + 1]);
});

test('somebody who is refused from an address that tries names has what they met there in their own incident', async () => {
  await scanned();
  for (let n = 0; n < 3; n++) await denied({ user: 'erin', ip: SCANNER, account: 'user' });
  expect(of('user', 'erin')).toMatchObject({ count: 3, inhibitedBy: null });
  expect(of('address', SCANNER)!.state).toBe('open');
});

test('A27 the clock is set back an hour: who was refused ten minutes apart was not refused at once', async () => {
  steady = 5_000_000;
  await denied({ user: 'u0', ip: '10.0.0.1' });
  time -= 3_600_000;
  for (let n = 1; n <= 5; n++) {
    time += 600_000;
    steady += 600_000;
    await denied({ user: `u${n}`, ip: `10.0.0.${n + 1}` });
  }
  expect(lastIncident(store, 'service', 'claw-scheduler', 'head')).toBeUndefined();
  expect(of('user', 'u5')).toMatchObject({ count: 1 });
});

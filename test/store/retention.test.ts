/** A store of a year: what is old goes step by step, and every week still says what it said. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { weekReportOf } from '../../src/roles/reporting.ts';
import { Counting } from '../../src/store/counting.ts';
import { move, openIncident } from '../../src/store/incidents.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { letGo } from '../../src/store/retention.ts';
import { denialsByHour, fold } from '../../src/store/seen.ts';
import { aDenial } from '../detect/a-tally.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-23T12:00:00Z');
const KEPT = NOW - 90 * DAY;
const A_DAY = 40;
const WEEKS = ['2025-W50', '2026-W05', '2026-W20', '2026-W34', '2026-W46'];
let dir: string;
let store: Store;
let config: Config;
let over: string;
let open: string;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-year-'));
  store = openStore(join(dir, 'readmit.db'));
  config = parseConfig(`state: ${dir}\nhost: head\n`, 'readmit.yaml');
  store.run("UPDATE meta SET value = ? WHERE key = 'installed'", NOW - 365 * DAY);
  const long = NOW - 300 * DAY;
  const what = { kind: 'user', host: 'head', event: 'denied', because: 'refused', held: false } as const;
  over = openIncident(store, long, { ...what, key: 'user0' }).id;
  open = openIncident(store, long, { ...what, key: 'user1' }).id;
  store.tx(() => {
    for (let day = 365; day > 0; day--) {
      const counting = new Counting(store, NOW, 'head', { id: 's', path: '/log' });
      for (let n = 0; n < A_DAY; n++) {
        const at = NOW - day * DAY + n * 600_000;
        const incident = day < 300 && day > 290 && n < 2 ? [over, open][n]! : null;
        const tally = {
          user: `user${n}`,
          ip: `10.0.0.${n % 7}`,
          count: 1 + (n % 3),
          first: at,
          last: at,
          sample: 'a line',
        };
        counting.take(aDenial(at, tally), tally.count, incident);
      }
      counting.settle();
    }
  });
  move(store, long + DAY, over, 'open', 'escalated', { actor: 'readmit', what: 'escalated' });
  move(store, long + 2 * DAY, over, 'escalated', 'expired', { actor: 'readmit', what: 'over' });
});
afterAll(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

const number = (sql: string): number => Number(store.get<{ n: number }>(sql)!.n);
const said = (): unknown[] => [
  ...WEEKS.map(week => weekReportOf(store, config, NOW, week)),
  denialsByHour(store, NOW - 365 * DAY),
];

describe('retention', () => {
  test('what is not in the sums yet is not let go of', () => {
    const before = number('SELECT count(*) AS n FROM observation');
    expect(letGo(store, KEPT)).toBe('done');
    expect(number('SELECT count(*) AS n FROM observation')).toBe(before);
  });

  test('step by step what is older than 90 days goes, and no week says anything else than before', () => {
    while (fold(store) === 'behind');
    const before = said();
    expect(number('SELECT count(*) AS n FROM observation')).toBe(365 * A_DAY);
    let steps = 0;
    for (let rows = 365 * A_DAY, left = 'more'; left === 'more'; steps++) {
      left = letGo(store, KEPT);
      const now = number('SELECT count(*) AS n FROM observation');
      expect(rows - now).toBeLessThanOrEqual(500);
      rows = now;
    }
    expect(steps).toBeGreaterThan(20);
    expect(number('SELECT count(*) AS n FROM observation')).toBe(
      number(`SELECT count(*) AS n FROM observation WHERE last >= ${KEPT}`),
    );
    expect(number('SELECT count(*) AS n FROM observation')).toBeGreaterThan(89 * A_DAY);
    expect(said()).toEqual(before);
  });

  test('raw lines stay while their incident is open', () => {
    const lines = (id: string): number => number(`SELECT count(*) AS n FROM sample WHERE incident = ${id}`);
    expect([lines(over), lines(open)]).toEqual([0, 9]);
  });
});

/** What keeps Readmit from working is told once, as long as it lasts, whatever is started again meanwhile. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import type { Health } from '../../src/desk.ts';
import { Alarms } from '../../src/roles/alarm.ts';
import { openStore, type Store } from '../../src/store/open.ts';

const MINUTE = 60_000;
const HEAD = 'claw-head-01';
const LOG = '/var/log/claw-scheduler.log';
let dir: string;
let store: Store;
let time: number;
let alarms: Alarms;
/** What the world is like; the agent reports while it runs. */
let world: { agent: 'runs' | number; log: 'ok' | 'missing'; redis: boolean; faults: string[] };

function health(): Health {
  const seen = new Date(world.agent === 'runs' ? time - 1000 : world.agent).toISOString();
  return {
    sources: [{ host: HEAD, path: LOG, kind: 'server', state: world.log, why: '' }],
    agents: [{ host: HEAD, seen }],
    queue: { up: world.redis, detail: '' },
    executor: 'ok',
  } as unknown as Health;
}
function start(): void {
  alarms = new Alarms({
    store,
    config: parseConfig('webhook: {url: "http://127.0.0.1:9/"}', 'x.yaml'),
    now: () => time,
    log: pino({ level: 'silent' }),
    health,
    redisFaults: () => world.faults,
    storeFault: () => null,
  });
}
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 2000) {
    time += 2000;
    alarms.look();
  }
}
const told = (): string[] =>
  store
    .all<{ payload_json: string }>("SELECT payload_json FROM outbox WHERE channel = 'webhook' ORDER BY id")
    .map(r => (JSON.parse(r.payload_json) as { text: string }).text);

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'rdm-alarm-'));
  store = openStore(join(dir, 'readmit.db'));
  time = Date.parse('2026-11-23T12:00:00Z');
  world = { agent: 'runs', log: 'ok', redis: true, faults: [] };
  start();
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('a trouble', () => {
  it.each([
    [
      'a log that is not there',
      () => Object.assign(world, { log: 'missing' }),
      () => Object.assign(world, { log: 'ok' }),
    ],
    [
      'an agent that is silent',
      () => Object.assign(world, { agent: time }),
      () => Object.assign(world, { agent: 'runs' }),
    ],
    ['a Redis that is away', () => Object.assign(world, { redis: false }), () => Object.assign(world, { redis: true })],
    [
      'a Redis that is not safe',
      () => Object.assign(world, { faults: ['x'] }),
      () => Object.assign(world, { faults: [] }),
    ],
  ] as const)('is told once over restarts, and again when it comes back after it was over: %s', (_, begins, ends) => {
    begins();
    pass(MINUTE);
    expect(told()).toHaveLength(1);
    for (let n = 0; n < 3; n++) {
      start();
      pass(MINUTE);
    }
    expect(told()).toHaveLength(1);
    ends();
    pass(MINUTE);
    start();
    pass(MINUTE);
    begins();
    pass(MINUTE);
    expect(told()).toHaveLength(2);
  });

  it('that is away for a moment is not over', () => {
    world.log = 'missing';
    pass(MINUTE);
    for (let n = 0; n < 5; n++) {
      world.log = 'ok';
      pass(6000);
      world.log = 'missing';
      pass(MINUTE);
    }
    expect(told()).toHaveLength(1);
  });

  it('of Redis is not over because nobody can ask it', () => {
    world.faults = ['appendonly is off'];
    pass(MINUTE);
    world = { ...world, redis: false, faults: [] };
    start();
    pass(MINUTE);
    world = { ...world, redis: true, faults: ['appendonly is off'] };
    pass(MINUTE);
    expect(told().filter(text => text.includes('appendonly'))).toHaveLength(1);
  });

  it('that begins with others is told with them', () => {
    world.faults = ['one', 'two', 'three', 'four', 'five'];
    pass(MINUTE);
    expect(told()).toEqual([
      'Redis is not safe: one. Redis is not safe: two. Redis is not safe: three. And 2 more, on the page.',
    ]);
  });
});

/** What a commit sets in motion: what is due is done at once, counting asks nothing, and pages hear of it soon. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { afterCommits } from '../../src/roles/after-commits.ts';
import { Doorbell } from '../../src/roles/doorbell.ts';
import { Counting } from '../../src/store/counting.ts';
import { openIncident, update, wake, wakeIn, wakeWaiting } from '../../src/store/incidents.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { enqueue, markAgain, markDone } from '../../src/store/outbox.ts';
import { aDenial } from '../detect/a-tally.ts';

const NOON = Date.UTC(2026, 10, 23, 12);

let dir: string;
let store: Store;
let work: ReturnType<typeof vi.fn<() => void>>;
let changed: ReturnType<typeof vi.fn<(ids: string[]) => void>>;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-commits-'));
  store = openStore(join(dir, 'readmit.db'));
  work = vi.fn();
  changed = vi.fn();
  afterCommits(store, work, changed);
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

const opened = (key: string): string =>
  openIncident(store, NOON, {
    kind: 'user',
    key,
    host: 'head',
    event: 'denied',
    because: 'a person with an account was refused',
    held: false,
  }).id;

/** One transaction, and the turn of the event loop after it. @returns how often the work was done */
async function committed(what: () => unknown): Promise<number> {
  work.mockClear();
  store.tx(() => void what());
  await turn();
  return work.mock.calls.length;
}

describe('after a commit', () => {
  test('whatever sets a time at which something is due is looked at, once per turn', async () => {
    const id = opened('alice');
    await turn();
    const row = { key: 'k', channel: 'mail' as const, payload: {} };
    const sets: Record<string, () => unknown> = {
      'an incident opens': () => opened('bob'),
      'a message is put into the outbox': () => enqueue(store, NOON, row),
      'a message is to be carried again': () => markAgain(store, 1, NOON, '', {}),
      'an incident is looked at later': () => update(store, NOON, id, { due: NOON + 1000 }),
      'an incident is looked at now': () => wake(store, NOON, id),
      'a host is back': () => wakeIn(store, NOON, 'head', ['open']),
      'the ground changed': () => wakeWaiting(store, NOON, 'head'),
    };
    const done: Record<string, number> = {};
    for (const [name, what] of Object.entries(sets)) done[name] = await committed(what);
    expect(done).toEqual(Object.fromEntries(Object.keys(sets).map(name => [name, 1])));
    work.mockClear();
    for (let n = 0; n < 5; n++) store.tx(() => wake(store, NOON, id));
    await turn();
    expect(work).toHaveBeenCalledTimes(1);
  });

  test('what only counts sets nothing in motion', async () => {
    const id = opened('alice');
    enqueue(store, NOON, { key: 'k', channel: 'mail', payload: {} });
    await turn();
    const counted = (): void => {
      const counting = new Counting(store, NOON, 'head', { id: 's', path: '/log' });
      counting.take(aDenial(NOON), 1, id);
      counting.settle();
    };
    expect(await committed(counted)).toBe(0);
    expect(await committed(() => markDone(store, NOON, 1, 'sent'))).toBe(0);
  });

  test('a host that is back: only what waits there is looked at', async () => {
    const [here, ended] = [opened('alice'), opened('bob')];
    update(store, NOON, here, { due: null });
    update(store, NOON, ended, { due: null });
    store.run("UPDATE incident SET state = 'proposed' WHERE id = ?", Number(ended));
    wakeIn(store, NOON + 5, 'elsewhere', ['open']);
    wakeIn(store, NOON + 5, 'head', ['open', 'stale']);
    expect(store.all('SELECT id, due FROM incident ORDER BY id').map(r => ({ ...r }))).toEqual([
      { id: Number(here), due: NOON + 5 },
      { id: Number(ended), due: null },
    ]);
  });

  test('pages hear of the first change at once, of those that follow together, and of none that they would not show', async () => {
    const id = await new Promise<string>(done => store.tx(() => done(opened('alice'))));
    await turn();
    expect(changed.mock.calls).toEqual([[[id]]]);
    store.tx(() => update(store, NOON + 1, id, { due: NOON + 9 }));
    store.tx(() => update(store, NOON + 2, id, { note: 'looked at' }));
    const other = opened('bob');
    store.tx(() => update(store, NOON + 3, other, { note: 'new' }));
    await turn();
    expect(changed).toHaveBeenCalledTimes(1);
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(2));
    expect(new Set(changed.mock.calls[1]![0])).toEqual(new Set([id, other]));
    store.tx(() => update(store, NOON + 4, id, { due: NOON + 10 }));
    store.tx(() => update(store, NOON + 5, other, { note: 'old' }));
    await vi.waitFor(() => expect(changed).toHaveBeenCalledTimes(3));
    expect(changed.mock.calls[2]).toEqual([[other]]);
  });
});

describe('the doorbell', () => {
  let now: number;
  let expected: string[];
  let carried: string[];
  const bells: Doorbell[] = [];
  const ring = (): void => {
    const bell = new Doorbell(
      store,
      () => now,
      pino({ level: 'silent' }),
      {
        mail: async row => {
          carried.push(row.key);
          return 'sent';
        },
      },
      channel => expected.push(channel),
    );
    bells.push(bell);
    bell.ring();
  };
  beforeEach(() => {
    now = NOON;
    expected = [];
    carried = [];
  });
  afterEach(async () => {
    for (const bell of bells.splice(0)) await bell.stop();
  });

  test('notes what was handed over while it stops, so that it does not go out twice', async () => {
    enqueue(store, NOON, { key: 'alert-1', channel: 'mail', payload: {}, due: NOON });
    const taken = Promise.withResolvers<string>();
    const bell = new Doorbell(store, () => now, pino({ level: 'silent' }), { mail: () => taken.promise });
    bell.ring();
    const stopped = bell.stop();
    taken.resolve('sent');
    await stopped;
    expect(store.get('SELECT done, result FROM outbox')).toMatchObject({ done: NOON, result: 'sent' });
    ring();
    await turn();
    expect(carried).toEqual([]);
  });

  test('who never answers holds up nobody behind it for longer than two minutes, and a late yes counts', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    try {
      enqueue(store, NOON, { key: 'alert-1', channel: 'webhook', payload: {}, due: NOON });
      enqueue(store, NOON, { key: 'alert-2', channel: 'webhook', payload: {}, due: NOON });
      const first = Promise.withResolvers<string>();
      const bell = new Doorbell(store, () => now, pino({ level: 'silent' }), {
        webhook: row => {
          carried.push(row.key);
          return row.key === 'alert-1' ? first.promise : Promise.resolve('sent');
        },
      });
      bells.push(bell);
      bell.ring();
      await vi.advanceTimersByTimeAsync(119_000);
      expect(carried).toEqual(['alert-1']);
      now = NOON + 120_000;
      await vi.advanceTimersByTimeAsync(1000);
      expect(carried).toEqual(['alert-1', 'alert-2']);
      expect(bell.failing.webhook).toBeNull();
      expect(store.get("SELECT attempts, done, result FROM outbox WHERE key = 'alert-1'")).toMatchObject({
        attempts: 1,
        done: null,
        result: 'no answer within 120 s',
      });
      first.resolve('sent');
      now = NOON + 122_000;
      await vi.advanceTimersByTimeAsync(2000);
      expect(carried).toEqual(['alert-1', 'alert-2']);
      expect(store.get("SELECT done, result FROM outbox WHERE key = 'alert-1'")).toEqual({ done: now, result: 'sent' });
    } finally {
      vi.useRealTimers();
    }
  });

  test('says who will be called in a moment, and of nobody who was in vain or is called later', async () => {
    enqueue(store, NOON, { key: 'alert-1', channel: 'mail', payload: {}, due: NOON + 1500 });
    ring();
    expect(expected).toEqual(['mail']);
    expect(carried).toEqual([]);
    // What is held back comes up again and again, and the mail server need not hear of it.
    markAgain(store, 1, NOON + 1500, 'a silence is on', {});
    ring();
    enqueue(store, NOON, { key: 'report', channel: 'mail', payload: {}, due: NOON + 60_000 });
    markDone(store, NOON, 1, 'ended');
    ring();
    expect(expected).toEqual(['mail']);
    now = NOON + 60_000;
    ring();
    await vi.waitFor(() => expect(carried).toEqual(['report']));
  });

  test('looks once more in time for a row that is due later', async () => {
    vi.useFakeTimers();
    try {
      enqueue(store, NOON, { key: 'alert-1', channel: 'mail', payload: {}, due: NOON + 30_000 });
      ring();
      now = NOON + 28_000;
      await vi.advanceTimersByTimeAsync(27_999);
      expect(expected).toEqual([]);
      await vi.advanceTimersByTimeAsync(1);
      expect(expected).toEqual(['mail']);
      expect(carried).toEqual([]);
      now = NOON + 30_000;
      await vi.advanceTimersByTimeAsync(2000);
      expect(carried).toEqual(['alert-1']);
    } finally {
      vi.useRealTimers();
    }
  });
});

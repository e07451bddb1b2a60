/** When serve has nothing to fetch, to handle or to report on, and what does not fit: told by a real Redis. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { ToServe } from '../../src/messages.ts';
import { startRedis } from '../../src/queue/embedded-redis.ts';
import { type Inbox, receive, SERVE_QUEUE, Sender } from '../../src/queue/queues.ts';
import { refusalOf } from '../../src/refused-batch.ts';
import { until } from '../watch/lab.ts';

let dir: string;
let redis: ChildProcess;
let inbox: Inbox;
let sender: Sender<typeof ToServe>;
/** Hosts whose `hello` was handled, and what lets the next one end. */
let handled: string[];
let refused: [string, string, unknown][];
let gate: { held: (() => void) | null; open: boolean };

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-quiet-'));
  const socket = join(dir, 'redis.sock');
  redis = await startRedis(socket, join(dir, 'redis'), null, process.env.PATH ?? '');
  const config = parseConfig(`state: ${dir}\nhost: head\nredis: {socket: ${socket}}\n`, 'readmit.yaml').redis;
  handled = [];
  refused = [];
  gate = { held: null, open: false };
  inbox = receive(
    config,
    SERVE_QUEUE,
    ToServe,
    async message => {
      if (!gate.open) await new Promise<void>(done => (gate.held = done));
      if (message.name === 'hello') handled.push(message.data.host);
    },
    { concurrency: 1, onError: () => {}, onRefused: (...what) => refused.push(what) },
  );
  sender = new Sender(config, SERVE_QUEUE, () => {});
  await until('a way to Redis', () => sender.up);
});
afterEach(async () => {
  gate.held?.();
  await inbox.close();
  await sender.close();
  redis.kill();
  await once(redis, 'exit');
  rmSync(dir, { recursive: true, force: true });
});

const hello = (host: string): Promise<void> => sender.send({ name: 'hello', data: { v: 1, host, boot: 'b' } });

test('quiet is when all that waited has been handled, not before', async () => {
  await inbox.quiet();
  for (const host of ['a', 'b', 'c']) await hello(host);
  await until('the first is being handled', () => gate.held !== null);
  let quiet = false;
  const told = inbox.quiet().then(() => {
    quiet = true;
  });
  await hello('d');
  expect([quiet, handled]).toEqual([false, []]);
  gate.open = true;
  gate.held!();
  await told;
  expect(handled).toEqual(['a', 'b', 'c', 'd']);
});

test('whoever sent a batch that does not fit is told which, and why; of another version nothing is known', async () => {
  const source = { id: '1-2-aa-0', path: '/log', kind: 'server' as const, owner: null };
  const counts = { lines: 1, unparsed: 0, cut: 0, bad: 0 };
  const head = { v: 1 as const, host: 'head', source, from: 10, to: 90, ...counts, readAt: 0, approximate: false };
  const strange = { text: 'x'.repeat(1001), bad: false, offset: 10 };
  await sender.send({ name: 'batch', data: { ...head, strange, tallies: [] } });
  await until('it is refused', () => refused.length === 1);
  const [name, reason, data] = refused[0]!;
  expect([name, reason]).toEqual(['batch', expect.stringContaining('strange.text')]);
  const told = { v: 1, source: source.id, from: 10, to: 90, stripped: false, reason };
  expect(refusalOf(data, reason)).toEqual({ host: 'head', message: { name: 'refused', data: told } });
  expect(refusalOf({ ...head, v: 2 }, reason)).toBeNull();
});

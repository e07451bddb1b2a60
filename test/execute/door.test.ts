/** The executor's door: whoever holds connections, for whatever, keeps no order out; and all of it has an end. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { orderExecutor } from '../../src/execute/client.ts';
import type { Reply, Request } from '../../src/execute/order.ts';
import { type Door, openDoor } from '../../src/execute/socket.ts';
import { Retry } from '../../src/incident.ts';
import type { Order } from '../../src/messages.ts';

const ORDER: Order = {
  v: 1,
  kind: 'run',
  run: 'run-1',
  what: 'plan',
  incident: '1',
  serial: 1,
  digest: '0'.repeat(64),
  host: 'head-01',
  subject: null,
  steps: [{ action: 'service.restart', unit: 'claw-scheduler', argv: ['systemctl', 'restart', 'claw-scheduler'] }],
  undo: [],
  tier: 2,
  assumes: {},
  votes: [],
} as unknown as Order;
const DONE = { result: 'done', detail: '', steps: [] } as const;

let dir: string;
let path: string;
let close: () => void;
let dropped: string[];
let here: number;
const held: Socket[] = [];
const ends: (() => void)[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-door-'));
  path = join(dir, 'exec.sock');
  dropped = [];
  here = 0;
});
afterEach(() => {
  for (const end of ends.splice(0)) end();
  for (const socket of held.splice(0)) socket.destroy();
  close();
  rmSync(dir, { recursive: true, force: true });
});

/** A door behind which orders are done at once, and test jobs and lookups never end by themselves. */
async function open(answer: Door['answer'] = slowButForOrders): Promise<void> {
  const present = (connections: number): void => {
    here = connections;
  };
  close = await openDoor({ path, agentUid: null, answer, dropped: why => void dropped.push(why), present }, null);
}

async function slowButForOrders(request: Request, reply: (reply: Reply) => void): Promise<void> {
  if (request.kind === 'run') return reply({ outcome: { ...DONE, steps: [] } });
  await new Promise<void>(end => ends.push(end));
}

/** Asks without waiting for the answer; what becomes of it is returned in words. */
const ask = (request: Exclude<Request, Order>): Promise<string> =>
  orderExecutor(path, request, { timeoutMs: 20_000 }).then(
    () => 'answered',
    error => (error instanceof Retry ? `later: ${error.message}` : `no: ${error}`),
  );
const canary = (): Promise<string> => ask({ v: 1, kind: 'canary', user: 'alice', since: 0 });
const shadow = (): Promise<string> => ask({ v: 1, kind: 'shadow', user: 'alice' });
const order = () => orderExecutor(path, ORDER, { timeoutMs: 5000 });

/** Connections of somebody who says nothing. */
async function silent(count: number): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => connect(path));
  for (const socket of sockets) socket.on('error', () => {});
  held.push(...sockets);
  await Promise.all(sockets.map(socket => new Promise(heard => socket.once('data', heard).once('close', heard))));
  return sockets;
}

const until = async (holds: () => boolean): Promise<void> => {
  await expect.poll(holds, { timeout: 5000, interval: 5 }).toBe(true);
};

test('an order is carried out while as many test jobs run as there may be; one more is told to come again', async () => {
  await open();
  const jobs = Array.from({ length: 8 }, canary);
  await until(() => ends.length === 8);
  expect(await canary()).toMatch(/^later: .*canary/);
  expect(await order()).toMatchObject({ result: 'done' });
  for (const end of ends.splice(0)) end();
  expect(await Promise.all(jobs)).toHaveLength(8);
});

test('a hundred lookups at once keep no order waiting', async () => {
  await open();
  const lookups = Array.from({ length: 100 }, shadow);
  expect(await order()).toMatchObject({ result: 'done' });
  await until(() => ends.length === 64);
  for (const end of ends.splice(0)) end();
  expect((await Promise.all(lookups)).filter(said => said.startsWith('later: '))).toHaveLength(100);
});

test('who connects and says nothing makes room for those who do, and goes first', async () => {
  await open();
  const sockets = await silent(300);
  expect(await order()).toMatchObject({ result: 'done' });
  await until(() => here <= 256);
  expect(dropped).toContain('no order had come, and others wanted the room');
  expect([sockets[0]!.destroyed, sockets.at(-1)!.destroyed]).toEqual([true, false]);
});

test('lines without an end share a bounded memory', async () => {
  await open();
  const sockets = await silent(60);
  for (const socket of sockets) socket.write('x'.repeat(1_000_000));
  await until(() => here < 40);
  expect(await order()).toMatchObject({ result: 'done' });
});

test('who neither takes the answer nor hangs up is hung up on, and its place was never its own to keep', async () => {
  await open();
  const greeted = connect({ path, allowHalfOpen: true });
  held.push(greeted);
  const nonce = await new Promise<string>(heard =>
    greeted.once('data', line => heard((JSON.parse(String(line)) as { nonce: string }).nonce)),
  );
  greeted.pause();
  writeFileSync(join(dir, nonce), '', { mode: 0o600 });
  greeted.write(`${JSON.stringify({ proof: nonce, ...ORDER })}\n`);
  await until(() => here === 0);
});

test('who hangs up and calls again holds no second place while the work lasts', async () => {
  await open();
  const gone = Array.from({ length: 8 }, () =>
    orderExecutor(path, { v: 1, kind: 'canary', user: 'alice', since: 0 }, { timeoutMs: 500 }).catch(() => {}),
  );
  await Promise.all(gone);
  await until(() => here === 0);
  expect(await canary()).toMatch(/^later: .*canary/);
  for (const end of ends.splice(0)) end();
  const next = canary();
  await until(() => ends.length === 1);
  ends.pop()!();
  expect(await next).toMatch(/^later: /);
});

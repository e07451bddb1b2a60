/**
 * The console on a real port, as a hostile or careless network meets it: slow senders, large bodies, many streams.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { LIMITS, type Limits, type RunningWeb, startWeb } from '../../src/web/start.ts';
import { consoleWith } from './console.ts';

const running: RunningWeb[] = [];
afterEach(async () => {
  for (const web of running.splice(0)) await web.stop();
});

async function start(limits: Partial<Limits> = {}) {
  const c = consoleWith({ web: 'listen: "127.0.0.1:0"' });
  const web = await startWeb(c.parts, limits);
  running.push(web);
  const path = new URL(c.sessions.issueLink('root-ann')).pathname;
  const answer = await fetch(web.address + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
    body: '',
  });
  const cookie = answer.headers.get('set-cookie')!.split(';')[0]!;
  return { c, web, cookie };
}

const dial = async (web: RunningWeb): Promise<Socket> => {
  const socket = connect(Number(new URL(web.address).port), '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
};

/** All that arrives until the other side closes. */
async function untilClosed(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', d => {
    text += d;
  });
  await new Promise<void>(resolve => (socket.closed ? resolve() : socket.once('close', () => resolve())));
  return text;
}

describe('a server', () => {
  it('serves pages and stops, leaving no connection behind', async () => {
    const { web, cookie } = await start();
    expect((await fetch(`${web.address}/`, { headers: { cookie } })).status).toBe(200);
    expect((await fetch(`${web.address}/`)).status).toBe(401);
    const stream = await fetch(`${web.address}/live`, { headers: { cookie } });
    const idle = await dial(web);
    await running.pop()!.stop();
    await stream.text().catch(() => '');
    await untilClosed(idle);
    await expect(fetch(`${web.address}/healthz`)).rejects.toThrow();
  });

  it('G16: a 10 MB POST is refused whether it says its length or not, and the next one is served', async () => {
    const { c, web, cookie } = await start();
    const head = `POST /incidents/41/approve HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\n`;
    const said = await dial(web);
    said.write(`${head}Content-Length: 10485760\r\n\r\n`);
    expect((await untilClosed(said)).split('\r\n')[0]).toContain('413');
    const chunked = await dial(web);
    chunked.write(`${head}Transfer-Encoding: chunked\r\n\r\n`);
    for (let i = 0; i < 160 && !chunked.destroyed; i++) chunked.write(`10000\r\n${'x'.repeat(65536)}\r\n`);
    expect((await untilClosed(chunked)).split('\r\n')[0]).toMatch(/413|^$/);
    expect(c.desk.deeds).toEqual([]);
    expect((await fetch(`${web.address}/healthz`)).status).toBe(200);
  });

  it('G16: a sender that never finishes is cut off, in the head of a request and in its body', async () => {
    const { web, cookie } = await start({ headersTimeout: 200, requestTimeout: 400, connectionsCheckingInterval: 50 });
    const [head, body] = [await dial(web), await dial(web)];
    head.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    body.write(
      `POST /incidents/41/approve HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: ${cookie}\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\ncsrf=`,
    );
    const drip = setInterval(() => {
      for (const s of [head, body]) if (s.writable) s.write('a');
    }, 40);
    expect((await untilClosed(head)).split('\r\n')[0]).toMatch(/408|^$/);
    expect((await untilClosed(body)).split('\r\n')[0]).toMatch(/408|^$/);
    clearInterval(drip);
    expect(LIMITS.headersTimeout).toBeLessThanOrEqual(10_000);
    expect(LIMITS.requestTimeout).toBeLessThanOrEqual(20_000);
    expect(LIMITS.connectionsCheckingInterval).toBeLessThanOrEqual(1_000);
  });

  it('G16: too many connections are turned away and those that are there go on', async () => {
    const { web } = await start();
    const sockets = await Promise.all(Array.from({ length: LIMITS.connections + 40 }, () => dial(web)));
    const closed =
      sockets.filter(s => s.destroyed).length +
      (await Promise.all(sockets.map(s => (s.destroyed ? 0 : closesSoon(s))))).reduce<number>((a, b) => a + b, 0);
    expect(closed).toBeGreaterThanOrEqual(40);
    for (const s of sockets) s.destroy();
    await expect.poll(async () => (await fetch(`${web.address}/healthz`).catch(() => null))?.status).toBe(200);
  });

  it('G16: a thousand streams from one browser are six, and changes reach those', async () => {
    const { c, web, cookie } = await start();
    const answers = await Promise.all(
      Array.from({ length: 60 }, () => fetch(`${web.address}/live`, { headers: { cookie } })),
    );
    const open = answers.filter(a => a.status === 200);
    expect(open).toHaveLength(6);
    expect(answers.filter(a => a.status === 429)).toHaveLength(54);
    expect(c.desk.listeners()).toBe(1);
    const reader = open[0]!.body!.pipeThrough(new TextDecoderStream()).getReader();
    expect((await reader.read()).value).toContain('event: hello');
    for (let i = 0; i < 1000; i++) c.desk.tellChange([String(40 + (i % 3))]);
    expect((await reader.read()).value).toBe('event: change\ndata: {"ids":["40","41","42"]}\n\n');
    await reader.cancel();
    for (const a of open.slice(1)) await a.body!.cancel();
    await expect.poll(() => c.desk.listeners()).toBe(0);
  });

  it('a stream ends with the session it belongs to', async () => {
    const { c, web, cookie } = await start();
    const answer = await fetch(`${web.address}/live`, { headers: { cookie } });
    const text = answer.text();
    c.sessions.signOutEverywhere('root-ann');
    c.desk.tellChange(['41']);
    expect(await text).not.toContain('change');
    expect(c.desk.listeners()).toBe(0);
  });
});

const closesSoon = (s: Socket): Promise<number> =>
  new Promise(resolve => {
    const timer = setTimeout(() => resolve(0), 500);
    s.once('close', () => {
      clearTimeout(timer);
      resolve(1);
    });
    s.resume();
  });

describe('the wire', () => {
  const start = (web: string) =>
    startWeb({ ...consoleWith().parts, config: parseConfig(`web: {${web}}\n`, '/etc/readmit/readmit.yaml') });

  it('plain http to a network is refused, with what would be right', async () => {
    for (const listen of ['0.0.0.0:0', '192.0.2.1:8420', '[::]:8420', 'head.example:8420'])
      await expect(start(`listen: "${listen}"`), listen).rejects.toThrow(/unencrypted; set web.tls/);
  });

  it('an address that is taken, or not ours, is told with its key', async () => {
    const web = await start('listen: "127.0.0.1:0"');
    running.push(web);
    const taken = new URL(web.address).host;
    await expect(start(`listen: "${taken}"`)).rejects.toThrow(
      `/etc/readmit/readmit.yaml: web.listen: ${taken}: another program listens there already`,
    );
    await expect(
      start('listen: "192.0.2.1:0", tls: null, behindProxy: ["10.0.0.2"], origin: "https://r.example"'),
    ).rejects.toThrow('web.listen: 192.0.2.1:0: this machine has no such address');
  });

  it('behind a proxy it must be known what people type, and addresses must be addresses', async () => {
    await expect(start('listen: "127.0.0.1:0", behindProxy: ["10.0.0.2"]')).rejects.toThrow(/web.origin/);
    expect(() => start('listen: "127.0.0.1:0", origin: "https://r.example", behindProxy: ["proxy"]')).toThrow(
      /web\.behindProxy\.0: an address, or a network as ADDRESS\/BITS/,
    );
    expect(() => start('listen: "8420"')).toThrow(/ADDRESS:PORT/);
  });
});

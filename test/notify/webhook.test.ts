/** The second channel, on a real HTTP server. */
import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { Doubtful, Refused, Retry } from '../../src/incident.ts';
import { alarmCall, callWebhook, chatText, incidentCall } from '../../src/notify/webhook.ts';
import { ALICE, PAPER } from './an-incident.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0)) await step();
});

async function receiver(
  status: number,
  headers: Record<string, string> = {},
): Promise<{ url: string; bodies: unknown[] }> {
  const bodies: unknown[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.writeHead(status, headers).end('ok');
  });
  await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready));
  undo.push(() => {
    server.closeAllConnections();
    return new Promise<void>(done => server.close(() => done()));
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}/hooks/s3cret`, bodies };
}

it('posts what happened, the incident, its state and the link', async () => {
  const { url, bodies } = await receiver(200);
  await callWebhook(url, incidentCall(ALICE, PAPER));
  expect(bodies).toEqual([
    {
      text: "[readmit] alice can't submit jobs: she is not in claw-users. Needs 1 vote. https://readmit.site.example/incidents/7",
      incident: '7',
      state: 'proposed',
      link: 'https://readmit.site.example/incidents/7',
    },
  ]);
});

it('a yes counts though the rest of the answer never comes', async () => {
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-length': '100' }).write('o');
  });
  await new Promise<void>(ready => server.listen(0, '127.0.0.1', ready));
  undo.push(() => {
    server.closeAllConnections();
    return new Promise<void>(done => server.close(() => done()));
  });
  await callWebhook(`http://127.0.0.1:${(server.address() as { port: number }).port}/`, alarmCall('x', PAPER), 60_000);
});

it.each(['hooks/s3cret', 'ftp://chat.example/s3cret'])('%s is no address to call', async address => {
  const failure = await callWebhook(address, alarmCall('x', PAPER)).catch((e: unknown) => e);
  expect(failure).toBeInstanceOf(Refused);
  expect((failure as Error).message).not.toContain('s3cret');
});

it.each([
  '<!channel>',
  '@everyone',
  '@here',
  '<@U123>',
  '[x](http://evil)',
  '<http://evil|click>',
  'https://evil',
  '`code`',
  'a\nb',
  '\u202egpj',
  '&lt;!channel&gt;',
])('D22: %j is inert', evil => {
  const { text } = alarmCall(evil, PAPER);
  for (const active of [/<[!@#h]/, /@(?:everyone|here|channel|all)/, /\]\(/, /[\n`\u202e]/])
    expect(text).not.toMatch(active);
  expect(text.match(/https?:\/\//g)).toEqual(['https://']);
  expect(chatText('&lt;')).toBe('&amp;lt;');
});

describe('when it fails', () => {
  it.each([
    [413, Refused],
    [400, Doubtful],
    [404, Retry],
    [302, Retry],
    [429, Retry],
    [503, Retry],
  ] as const)('%i', async (status, kind) => {
    const { url } = await receiver(status, status === 302 ? { location: 'http://127.0.0.1:9/' } : {});
    const failure = await callWebhook(url, alarmCall('x', PAPER)).catch((e: unknown) => e);
    expect(failure).toBeInstanceOf(kind);
    expect((failure as Error).message).not.toContain('s3cret');
  });
  it('a dead receiver means later, and the secret in its address is not told', async () => {
    const failure = await callWebhook('http://127.0.0.1:9/hooks/s3cret', alarmCall('x', PAPER)).catch(
      (e: unknown) => e,
    );
    expect(failure).toBeInstanceOf(Retry);
    expect((failure as Error).message).not.toContain('s3cret');
  });
});

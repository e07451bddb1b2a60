/**
 * Requests on a real port, as `curl` and other programs send them: without a body, with one whose length is not told, with
 * one that is too long. Programs inside the process never send such.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningWeb, startWeb } from '../../src/web/start.ts';
import { aSite, type Site } from './a-site.ts';

let site: Site;
let running: RunningWeb;
beforeEach(async () => {
  site = aSite({ web: 'listen: "127.0.0.1:0"' });
  running = await startWeb(site.web);
});
afterEach(async () => {
  await running.stop();
  site.end();
});

/** What goes over the wire, line by line; the first line of the answer, its kind, and its body. */
async function answerTo(lines: string[], body = ''): Promise<{ status: number; type: string; text: string }> {
  const socket = connect(Number(new URL(running.address).port), '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`${[...lines, 'Host: 127.0.0.1', 'Connection: close', '', ''].join('\r\n')}${body}`);
  let text = '';
  for await (const part of socket) text += part;
  const type = /^content-type: *([^;\r]+)/im.exec(text)?.[1] ?? '';
  return { status: Number(text.split(' ')[1]), type, text: text.slice(text.indexOf('\r\n\r\n')) };
}

const CHUNKED = 'Transfer-Encoding: chunked';
const chunks = (...parts: string[]): string =>
  [...parts, ''].map(part => `${Buffer.byteLength(part).toString(16)}\r\n${part}\r\n`).join('');
const bearer = (secret: string): string => `Authorization: Bearer ${secret}`;
const api = (path: string): string => `/api/v1/${path} HTTP/1.1`;

describe('the API', () => {
  it('takes a deed without a body and says no to it in words, not with an error of its own', async () => {
    const token = bearer(site.token('operator', 'olga'));
    for (const deed of ['undo', 'retry']) {
      const { status, type } = await answerTo([`POST ${api(`incidents/${site.user}/${deed}`)}`, token]);
      expect([deed, status, type]).toEqual([deed, 409, 'application/problem+json']);
    }
  });

  it('reads a body whose length is not told', async () => {
    const token = bearer(site.token('operator', 'olga'));
    const silence = JSON.stringify({ for: '1h', reason: 'known' });
    const { status, text } = await answerTo(
      [`POST ${api(`incidents/${site.user}/silence`)}`, token, CHUNKED, 'Content-Type: application/json'],
      chunks(silence.slice(0, 7), silence.slice(7)),
    );
    expect([status, text]).toEqual([200, expect.stringContaining('"marks":["silenced"]')]);
  });

  it.each(['PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s without a body is a method there is not', async method => {
    const token = bearer(site.token('operator', 'olga'));
    expect(await answerTo([`${method} ${api(`incidents/${site.user}/undo`)}`, token])).toMatchObject({
      status: 405,
      type: 'application/problem+json',
    });
  });

  it('an unknown token is that, with or without a body', async () => {
    const stranger = bearer(`rdm_${'A'.repeat(43)}`);
    const path = `POST ${api(`incidents/${site.user}/undo`)}`;
    expect((await answerTo([path, stranger])).status).toBe(401);
    expect((await answerTo([path, stranger, CHUNKED], chunks('{}'))).status).toBe(401);
    expect(site.lines.filter(l => /error|failed/i.test(l.message))).toEqual([]);
  });

  it('a body that is too long is cut off, whether it says so or not', async () => {
    const head = [`POST ${api(`incidents/${site.user}/undo`)}`, bearer(site.token('operator', 'olga'))];
    const long = 'x'.repeat(200_000);
    const json = 'Content-Type: application/json';
    expect((await answerTo([...head, json, CHUNKED], chunks(long))).status).toBe(413);
    expect((await answerTo([...head, json, `Content-Length: ${long.length}`], long)).status).toBe(413);
  });
});

describe('the pages', () => {
  const form = 'Content-Type: application/x-www-form-urlencoded';
  const ours = 'Sec-Fetch-Site: same-origin';
  const signIn = (): string => `POST ${new URL(site.sessions.issueLink('root-ann')).pathname} HTTP/1.1`;

  it('a form that is empty, or whose length is not told, is a form', async () => {
    expect((await answerTo([signIn(), form, ours])).status).toBe(303);
    expect((await answerTo([signIn(), form, ours, CHUNKED], chunks('a=b', '&c=d'))).status).toBe(303);
    expect((await answerTo([signIn(), form, ours, CHUNKED], chunks('x'.repeat(200_000)))).status).toBe(413);
  });
});

/**
 * What the tests of the pages share: a console over the desk in memory with a clock that stands still, and a browser's
 * way to ask it: with the cookie, the token of the form, and the headers a browser sends.
 */
import { parseConfig } from '../../src/config/config.ts';
import { type Extra, makeApp, type WebParts } from '../../src/web/app.ts';
import { type Listed, memorySessions, Sessions } from '../../src/web/session.ts';
import { memoryDesk } from './desk.ts';

const NOON = Date.parse('2026-11-23T09:20:00Z');

const PEOPLE: Listed[] = [
  { name: 'root-ann', uid: 2000, roles: ['administrator'] },
  { name: 'root-ben', uid: 2005, roles: ['administrator', 'operator'] },
  { name: 'olga', uid: 2003, roles: ['operator'] },
  { name: 'vera', uid: 2001, roles: ['viewer'] },
  { name: 'nobody-yet', uid: 2002, roles: [] },
  { name: 'alice', uid: 1001, roles: ['administrator'] },
];

export function consoleWith(more: { web?: string; policy?: string; extra?: Extra; at?: number } = {}) {
  let time = more.at ?? NOON;
  const now = () => time;
  const config = parseConfig(
    `web: {${more.web ?? ''}}\npolicy: {proof: session${more.policy ?? ''}}\n`,
    '/etc/readmit/readmit.yaml',
  );
  const desk = memoryDesk(now);
  const people = new Map(PEOPLE.map(p => [p.name, p]));
  const sessions = new Sessions({ store: memorySessions(now), people: name => people.get(name) ?? null, config, now });
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const write = (fields: Record<string, unknown>, message: string) => void lines.push({ fields, message });
  const log = { info: write, warn: write, error: write };
  const parts: WebParts = { config, desk, sessions, now, log, ...(more.extra ? { extra: more.extra } : {}) };
  const app = makeApp(parts);

  const request = async (path: string, init: RequestInit = {}) => app.request(path, init);

  /** Signs in as a browser does: opens the link, presses the button. */
  async function signIn(name: string, cookie?: string) {
    const path = new URL(sessions.issueLink(name)).pathname;
    const answer = await request(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'same-origin',
        origin: 'null',
        ...(cookie ? { cookie } : {}),
      },
      body: '',
    });
    return asking((answer.headers.get('set-cookie') ?? '').split(';')[0]!);
  }

  function asking(cookie: string) {
    const get = (path: string, init: RequestInit = {}) =>
      request(path, { ...init, headers: { cookie, ...(init.headers as Record<string, string>) } });
    const page = async (path: string) => (await get(path)).text();
    const csrf = async () => /name="csrf" value="([^"]+)"/.exec(await page('/'))?.[1] ?? '';
    const post = async (path: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
      get(path, {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'sec-fetch-site': 'same-origin',
          origin: 'http://localhost',
          ...headers,
        },
        body: new URLSearchParams({ csrf: await csrf(), ...fields }).toString(),
      });
    return { cookie, get, page, csrf, post };
  }

  return {
    app,
    config,
    desk,
    sessions,
    people,
    lines,
    parts,
    request,
    signIn,
    asking,
    pass: (ms: number) => (time += ms),
  };
}

export const digestOf = (html: string): string => /name="digest" value="([0-9a-f]{64})"/.exec(html)?.[1] ?? '';

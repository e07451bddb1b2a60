/**
 * A console on a port with the ways to sign in that a site has, over a real store and a real approvers file; and a browser
 * of few words that keeps cookies and follows where it is sent.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { loadApprovers } from '../../src/approve/approvers.ts';
import { publicKeyOf } from '../../src/approve/vote.ts';
import { parseConfig } from '../../src/config/config.ts';
import { Approvals } from '../../src/roles/conduct/approvals.ts';
import { actsOf, readingOnly } from '../../src/roles/desk/acts.ts';
import { StoreDesk } from '../../src/roles/desk/desk.ts';
import { signingIn } from '../../src/roles/sign-in/ways.ts';
import { journal } from '../../src/store/journal.ts';
import { openStore } from '../../src/store/open.ts';
import { startWeb } from '../../src/web/start.ts';
import { freePort } from '../free-port.ts';

export interface Listed {
  name: string;
  uid: number;
  roles: string[];
  subject?: string;
}

/** @param more keys of readmit.yaml, made when the address of the page is known */
export async function signInSite(people: Listed[], more: (origin: string, dir: string) => Record<string, unknown>) {
  const dir = mkdtempSync(join(tmpdir(), 'rdm-sign-in-'));
  const origin = `http://127.0.0.1:${await freePort()}`;
  const { web = {}, ...rest } = more(origin, dir) as { web?: object };
  const text = JSON.stringify({
    host: 'head-01',
    state: dir,
    approvers: join(dir, 'approvers.yaml'),
    policy: { proof: 'session' },
    web: { listen: origin.slice('http://'.length), ...web },
    ...rest,
  });
  const config = parseConfig(text, join(dir, 'readmit.yaml'));
  const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  const list = (approvers: Listed[]): void =>
    writeFileSync(config.approvers, JSON.stringify({ approvers, session: { keys: [publicKeyOf(key)] } }));
  list(people);
  let ahead = 0;
  const now = () => Date.now() + ahead;
  const store = openStore(join(dir, 'readmit.db'));
  const approvers = () => loadApprovers(config.approvers);
  const approvals = new Approvals(store, config, now, approvers, () => key);
  const desk = new StoreDesk(
    store,
    now,
    {
      ...readingOnly(i => approvals.needs(i)),
      ...actsOf(approvals),
    },
    'test',
  );
  const lines: Record<string, unknown>[] = [];
  const log = pino({ level: 'info' }, { write: line => void lines.push(JSON.parse(line)) });
  /** What a serve knows that has just started: sessions are in the store, and no provider was asked yet. */
  const started = () => signingIn({ store, config, now, log, approvers, approvals, desk });
  const { sessions, ways } = started();
  const running = await startWeb({ config, desk, sessions, now, log, extra: { ways } });
  return {
    origin,
    config,
    dir,
    list,
    lines,
    sessions,
    started,
    store,
    browser: () => new Browser(origin),
    journal: () => journal(store).map(e => `${e.actor} ${e.what}`),
    pass: (ms: number): void => {
      ahead += ms;
    },
    end: async () => {
      await running.stop();
      store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
export type SignInSite = Awaited<ReturnType<typeof signInSite>>;

/** What was answered in the end, and the addresses on the way to it. */
export interface Shown {
  status: number;
  url: string;
  text: string;
  way: string[];
}

/** Keeps cookies by host and port, sends what a browser sends, follows redirects. */
export class Browser {
  readonly #jars = new Map<string, Map<string, string>>();
  readonly #home: string;

  constructor(home: string) {
    this.#home = home;
  }

  #jar(url: URL): Map<string, string> {
    const jar = this.#jars.get(url.host) ?? new Map<string, string>();
    this.#jars.set(url.host, jar);
    return jar;
  }

  async once(to: string, form?: Record<string, string>): Promise<Response> {
    const url = new URL(to, this.#home);
    const jar = this.#jar(url);
    const answer = await fetch(url, {
      redirect: 'manual',
      method: form ? 'POST' : 'GET',
      headers: {
        cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        'user-agent': 'a browser of few words',
        ...(form ? { 'sec-fetch-site': 'same-origin', origin: url.origin } : {}),
      },
      ...(form ? { body: new URLSearchParams(form) } : {}),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(cookie)) jar.delete(name!);
      else jar.set(name!, value!);
    }
    return answer;
  }

  /** Goes somewhere and on from there, until something is shown or `stop` says enough. */
  async go(to: string, form?: Record<string, string>, stop: (url: string) => boolean = () => false): Promise<Shown> {
    const way: string[] = [];
    let url = new URL(to, this.#home).href;
    let body = form;
    for (let n = 0; n < 12; n++) {
      way.push(url);
      const answer = await this.once(url, body);
      const next = answer.headers.get('location');
      if (next === null) return { status: answer.status, url, text: await answer.text(), way };
      url = new URL(next, url).href;
      body = undefined;
      if (stop(url)) return { status: answer.status, url, text: '', way: [...way, url] };
    }
    throw new Error(`no end: ${way.join(' → ')}`);
  }
}

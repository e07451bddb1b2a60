/**
 * A whole site for the tests of the API, on a real store: two plans that wait (one of tier 1, one of tier 2), people with
 * keys of their own, tokens, and a clock that stands still.
 */
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Approvers } from '../../src/approve/approvers.ts';
import { makeVote, publicKeyOf, signVote } from '../../src/approve/vote.ts';
import { parseConfig } from '../../src/config/config.ts';
import { loadCauses } from '../../src/diagnose/causes.ts';
import { packDirs } from '../../src/diagnose/effects.ts';
import { planDigest } from '../../src/digest.ts';
import { userNames } from '../../src/names.ts';
import type { Decision, Plan, Step, Vote } from '../../src/plan.ts';
import { apiParts } from '../../src/roles/api.ts';
import { Approvals } from '../../src/roles/conduct/approvals.ts';
import { actsOf, readingOnly } from '../../src/roles/desk/acts.ts';
import { StoreDesk } from '../../src/roles/desk/desk.ts';
import { askForReport } from '../../src/roles/reporting.ts';
import { loadedRules } from '../../src/roles/rules.ts';
import { Passkeys } from '../../src/roles/sign-in/passkeys.ts';
import { tokenVerbs } from '../../src/roles/tokens.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { savePlan } from '../../src/store/approvals.ts';
import { saveHealth } from '../../src/store/desk-rows.ts';
import { incident, move, openIncident } from '../../src/store/incidents.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { makeApp, type WebParts } from '../../src/web/app.ts';
import { memorySessions, Sessions } from '../../src/web/session.ts';

export const NOON = Date.parse('2026-11-23T12:00:00Z');
const HOST = 'claw-head-01';

const PEOPLE = [
  { name: 'root-ann', uid: 2000, roles: ['administrator'] },
  { name: 'root-ben', uid: 2005, roles: ['administrator'] },
  { name: 'olga', uid: 2003, roles: ['operator'] },
  { name: 'vera', uid: 2001, roles: ['viewer'] },
  { name: 'alice', uid: 1001, roles: ['administrator'] },
];

const pem = (): string => generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

interface Asked {
  token?: string;
  body?: unknown;
  method?: string;
  headers?: Record<string, string>;
  from?: string;
}

export function aSite(more: { web?: string; proof?: 'session' | 'passkey' | 'key' } = {}) {
  const dir = mkdtempSync(join(tmpdir(), 'rdm-api-'));
  let time = NOON;
  const now = () => time;
  const config = parseConfig(
    `state: ${dir}\nhost: ${HOST}\nweb: {${more.web ?? ''}}\npolicy: {proof: ${more.proof ?? 'session'}}\n`,
    join(dir, 'readmit.yaml'),
  );
  const store = openStore(join(dir, 'readmit.db'));
  const keys = new Map(PEOPLE.map(p => [p.name, pem()]));
  const sessionKey = pem();
  const approvers: Approvers = {
    approvers: PEOPLE.map(p => ({ ...p, keys: [publicKeyOf(keys.get(p.name)!)], passkeys: [] })),
    session: { keys: [publicKeyOf(sessionKey)] },
  };
  const approvals = new Approvals(
    store,
    config,
    now,
    () => approvers,
    () => sessionKey,
  );
  const desk = new StoreDesk(
    store,
    now,
    {
      ...readingOnly(i => approvals.needs(i)),
      ...actsOf(approvals),
    },
    'test',
  );
  const parts = { store, config, now, approvers: () => approvers };
  const sessions = new Sessions({
    store: memorySessions(now),
    people: name => approvers.approvers.find(a => a.name === name) ?? null,
    config,
    now,
  });
  const lines: { fields: Record<string, unknown>; message: string }[] = [];
  const write = (fields: Record<string, unknown>, message: string) => void lines.push({ fields, message });
  const log = { info: write, warn: write, error: write };
  const passkeys = new Passkeys({ ...parts, log, approvals, take: vote => void desk.vote(vote) });
  const web: WebParts = {
    config,
    desk,
    sessions,
    now,
    log,
    extra: {
      ways: { passkeys },
      api: apiParts(parts),
      rules: loadedRules(
        loadPacks(packDirs(config), userNames(config.userNames)),
        loadCauses(packDirs(config)),
        userNames(config.userNames),
      ),
      sendReport: (person, week, to) =>
        askForReport(store, now(), person.name, week, to === 'all' ? null : 'x@site.example'),
    },
  };
  const app = makeApp(web);
  const verbs = tokenVerbs(parts);

  const token = (role: string, as?: string, body: Record<string, unknown> = {}): string =>
    (
      verbs['token-create']!({
        name: `t${Math.random().toString(36).slice(2)}`,
        role,
        lifetime: 86_400_000,
        by: 'root',
        ...(as ? { as } : {}),
        ...body,
      }) as { token: string }
    ).token;

  /** Asks as a program does. `from` is the address it comes from. */
  const send = async (path: string, o: Asked = {}): Promise<Response> =>
    await app.request(
      path,
      {
        method: o.method ?? (o.body === undefined ? 'GET' : 'POST'),
        headers: {
          ...(o.token ? { authorization: `Bearer ${o.token}` } : {}),
          ...(o.body === undefined ? {} : { 'content-type': 'application/json' }),
          ...o.headers,
        },
        ...(o.body === undefined ? {} : { body: typeof o.body === 'string' ? o.body : JSON.stringify(o.body) }),
      },
      { incoming: { socket: { remoteAddress: o.from ?? '192.0.2.1' } } },
    );
  /** The same, with what is in the answer. */
  async function ask(path: string, o: Asked = {}) {
    const answer = await send(path, o);
    const text = await answer.text();
    const type = answer.headers.get('content-type') ?? '';
    return {
      status: answer.status,
      type,
      headers: answer.headers,
      text,
      json: /json/.test(type) ? JSON.parse(text) : null,
    };
  }

  /** A session as a browser has it: its cookie, the token its page would show, and what its person reads and sends. */
  async function signIn(name: string) {
    const link = new URL(sessions.issueLink(name)).pathname;
    const answer = await app.request(link, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      body: '',
    });
    const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0]!;
    const csrf = (await ask('/api/v1/me', { headers: { cookie } })).json.csrf as string;
    const page = async (path: string) => (await ask(path, { headers: { cookie } })).text;
    const post = (path: string, fields: Record<string, string> = {}) =>
      ask(path, {
        body: new URLSearchParams({ csrf, ...fields }).toString(),
        headers: { cookie, 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      });
    return { cookie, csrf, page, post };
  }

  /** A vote by the person's own key, as `readmit approve --as` makes it. */
  function signed(name: string, id: string, decision: Decision = 'approve', change: Partial<Vote> = {}): Vote {
    const person = PEOPLE.find(p => p.name === name)!;
    const plan = incident(store, id).plan!;
    const vote = makeVote({ plan, by: person, decision, reason: 'joined the lab', proof: 'key', now: now() });
    return signVote({ ...vote, ...change }, keys.get(name)!);
  }

  saveHealth(store, NOON, HOST, {
    sources: [{ path: '/var/log/claw-scheduler.log', kind: 'server', state: 'ok', why: '', lag: 17 }],
    files: 1,
    spooled: 0,
    refused: 0,
    executor: 'ok',
  });
  const user = propose(store, 'alice', 1);
  const service = propose(store, 'claw-scheduler', 2);
  return {
    app,
    /** What `startWeb` takes, for a site on a real port. */
    web,
    ask,
    send,
    approvers,
    config,
    desk,
    dir,
    lines,
    parts,
    sessions,
    signed,
    signIn,
    store,
    token,
    verbs,
    user,
    service,
    digest: (id: string) => incident(store, id).plan!.digest,
    pass: (ms: number) => (time += ms),
    end: () => {
      store.close();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
export type Site = ReturnType<typeof aSite>;

const ADD: Step = {
  action: 'group.add',
  user: 'alice',
  uid: 1001,
  group: 'claw-users',
  gid: 2001,
  until: null,
  argv: ['/usr/sbin/usermod', '-aG', 'claw-users', 'alice'],
};
const TAKE: Step = {
  action: 'group.remove',
  user: 'alice',
  uid: 1001,
  group: 'claw-users',
  gid: 2001,
  argv: ['/usr/sbin/usermod', '-rG', 'claw-users', 'alice'],
};
const RESTART: Step = {
  action: 'service.restart',
  unit: 'claw-scheduler',
  argv: ['/usr/bin/systemctl', 'restart', '--', 'claw-scheduler'],
};

function propose(store: Store, key: string, tier: 1 | 2): string {
  const kind = tier === 1 ? 'user' : 'service';
  const { id } = openIncident(store, NOON, { kind, key, host: HOST, event: 'denied', because: 'denied', held: false });
  const core = {
    host: HOST,
    subject: tier === 1 ? { user: 'alice', uid: 1001 } : null,
    steps: [tier === 1 ? ADD : RESTART],
    undo: tier === 1 ? [TAKE] : [],
    tier,
    assumes: {},
  };
  const plan: Plan = {
    ...core,
    serial: 1,
    incident: id,
    summary: tier === 1 ? 'Adds alice to claw-users.' : 'Restarts claw-scheduler.',
    deed: tier === 1 ? 'Add alice to claw-users' : 'Restart claw-scheduler',
    gains: tier === 1 ? ['alice'] : [],
    loses: [],
    entitlement: null,
    notes: [],
    digest: planDigest(core),
    created: new Date(NOON).toISOString(),
    expires: new Date(NOON + 3_600_000).toISOString(),
    managedBy: null,
  };
  store.tx(() => {
    savePlan(store, NOON, plan);
    move(
      store,
      NOON,
      id,
      'open',
      'proposed',
      { actor: 'readmit', what: 'offered a plan', plan: plan.digest },
      { plan, tier },
    );
  });
  return id;
}

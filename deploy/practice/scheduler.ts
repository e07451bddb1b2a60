/**
 * claw-scheduler in small: `node scheduler.ts DIR`. Reads its configuration once, listens, decides by `access.ts`, keeps
 * jobs by `jobs.ts` and writes the article's log. Prints `listening` when it answers; ends with 78 and a reason on
 * standard error when the configuration is wrong.
 */
import { readFileSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { parse } from 'yaml';
import { type Caller, claimedUser, decide, effectiveGroups } from './access.ts';
import { readJob } from './job-file.ts';
import { Jobs } from './jobs.ts';
import { DOMAIN, type Layout, layoutOf, readPorts } from './layout.ts';
import { listenBehindFirewall } from './listening.ts';
import { account, accountExpired, groupsIn } from './people.ts';
import { readSchedulerConfig, type SchedulerConfig } from './scheduler-config.ts';
import { openServerLog, type ServerLog } from './server-log.ts';
import { check, claimsOf, issue, TOKEN_SECONDS } from './tokens.ts';
import { page } from './web-ui.ts';

/** What every endpoint works with. */
interface Scheduler {
  at: Layout;
  config: SchedulerConfig;
  key: string;
  jobs: Jobs;
  log: ServerLog;
  started: string;
}

interface Request {
  caller: Caller;
  address: string;
  url: URL;
  body: string;
}

interface Reply {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

const MAX_BODY = 65_536;

/** The scheduler's own clock, which a cause may set wrong. */
function clock(at: Layout): number {
  try {
    return Date.now() + Number(readFileSync(at.clock, 'utf8')) * 1000;
  } catch {
    return Date.now();
  }
}

// ---------------------------------------------------------------- who asks, and from where

let addresses: { mtime: number; users: Record<string, string> } = { mtime: -1, users: {} };

/**
 * The address a request is logged with. All of them come over loopback, so the practice file says where each user sits;
 * a user of that file may name another one (`as --from`), a request through the proxy has the proxy's.
 */
function addressOf(at: Layout, user: string, request: IncomingMessage): string {
  const mtime = statSync(at.addresses).mtimeMs;
  if (mtime !== addresses.mtime)
    addresses = { mtime, users: (parse(readFileSync(at.addresses, 'utf8')) ?? {}) as Record<string, string> };
  const { users } = addresses;
  if (request.headers.via) return users['(proxy)'] ?? '127.0.0.1';
  if (!Object.hasOwn(users, user)) return users['(strangers)'] ?? '127.0.0.1';
  const named = request.headers['x-claw-from'];
  return typeof named === 'string' && /^[0-9a-f.:]{2,45}$/i.test(named) ? named : users[user]!;
}

function callerOf(request: IncomingMessage): Caller {
  const header = (name: string): string | null => {
    const value = request.headers[name];
    return typeof value === 'string' ? value : null;
  };
  const cookie = /(?:^|; )claw_token=([A-Za-z0-9_.-]+)/.exec(header('cookie') ?? '')?.[1] ?? null;
  const uid = header('x-claw-uid');
  return {
    token: /^Bearer (\S+)$/.exec(header('authorization') ?? '')?.[1] ?? cookie,
    claimed: header('x-claw-user'),
    session: header('x-claw-session'),
    uid: uid && /^\d{1,9}$/.test(uid) ? Number(uid) : null,
  };
}

// ---------------------------------------------------------------- refusals

const accountRejected = (user: string): Reply => ({
  status: 401,
  body: { error: 'clw-auth-failed', message: `Login credential rejected for user ${user}` },
});

/** Runs `then` for a caller who may; everybody else is logged (the article's line) and refused (the article's body). */
function authorized(
  s: Scheduler,
  r: Request,
  endpoint: string,
  then: (user: string, groups: string[]) => Reply,
): Reply {
  const verdict = decide(s.at, s.config, s.key, r.caller, clock(s.at));
  if (verdict.kind === 'allowed') return then(verdict.user, verdict.groups);
  if (verdict.kind === 'rejected-account') return accountRejected(verdict.user);
  s.log.denied(r.address, verdict.user, endpoint);
  const headers: Record<string, string> =
    verdict.kind === 'bad-token'
      ? { 'www-authenticate': `Bearer error="invalid_token", error_description="${verdict.why}"` }
      : {};
  return {
    status: 403,
    headers,
    body: { error: 'clw-scheduler-denied', message: `User ${verdict.user}@${DOMAIN} not authorized` },
  };
}

// ---------------------------------------------------------------- endpoints

function info(s: Scheduler, r: Request): Reply {
  const token = r.caller.token;
  const who = token && check(token, s.key, clock(s.at)) === 'valid' ? account(s.at, claimedUser(r.caller)) : null;
  return {
    status: 200,
    body: {
      version: '1.0-practice',
      mode: s.config.mode,
      authorized_groups: s.config.authorizedGroups,
      started: s.started,
      jobs: { running: s.jobs.running, waiting: 0, slots: s.jobs.slots },
      ...(who
        ? { user: who.name, groups: effectiveGroups(s.at, s.config, r.caller, who) ?? [], exp: claimsOf(token!)!.exp }
        : {}),
    },
  };
}

/** An account in the user database is enough; a password is not asked for in practice. */
function login(s: Scheduler, r: Request): Reply {
  let name = '';
  try {
    name = String(JSON.parse(r.body).username ?? '');
  } catch {}
  const who = account(s.at, name);
  if (!who || who.uid < 1000 || accountExpired(s.at, name, Date.now()))
    return accountRejected(name.replace(/[^\w.@-]/g, '?').slice(0, 64));
  const exp = Math.floor(clock(s.at) / 1000) + TOKEN_SECONDS;
  return { status: 200, body: { token: issue({ user: name, groups: groupsIn(s.at.group, who), exp }, s.key) } };
}

const shown = ({ id, status, user, output }: { id: string; status: string; user: string; output: string }) => ({
  id,
  status,
  user,
  output,
});
const isAdmin = (groups: string[]): boolean => groups.includes('claw-admins');
const noJob = (id: string): Reply => ({ status: 404, body: { error: 'clw-job-unknown', message: `No job ${id}` } });

function submit(s: Scheduler, r: Request): Reply {
  return authorized(s, r, '/submit', user => {
    const verdict = readJob(r.body);
    if ('problem' in verdict) return { status: 400, body: { error: 'clw-job-invalid', message: verdict.problem } };
    const record = s.jobs.submit(user, verdict.job);
    if (!record) return { status: 503, body: { error: 'clw-queue-full', message: 'No queue slots' } };
    return { status: 200, body: { id: record.id } };
  });
}

function ownJob(
  s: Scheduler,
  r: Request,
  endpoint: string,
  then: (job: NonNullable<ReturnType<Jobs['find']>>) => Reply,
): Reply {
  return authorized(s, r, endpoint, (user, groups) => {
    const id = r.url.searchParams.get('id') ?? '';
    const job = s.jobs.find(id);
    return job && (job.user === user || isAdmin(groups)) ? then(job) : noJob(id);
  });
}

const ENDPOINTS: Record<string, (s: Scheduler, r: Request) => Reply> = {
  'GET /health': () => ({ status: 200, body: { status: 'healthy' } }),
  'GET /api/v1/info': info,
  'POST /api/v1/login': login,
  'POST /api/v1/jobs/submit': submit,
  'GET /api/v1/jobs/status': (s, r) => ownJob(s, r, '/jobs/status', job => ({ status: 200, body: shown(job) })),
  'POST /api/v1/jobs/cancel': (s, r) =>
    ownJob(s, r, '/jobs/cancel', job => ({ status: 200, body: { ...shown(job), cancelled: s.jobs.cancel(job) } })),
  'GET /api/v1/jobs': (s, r) =>
    authorized(s, r, '/jobs', (user, groups) => ({
      status: 200,
      body: { jobs: s.jobs.of(isAdmin(groups) && r.url.searchParams.has('all') ? null : user).map(shown) },
    })),
  'GET /api/v1/queues': (s, r) =>
    authorized(s, r, '/queues', () => ({
      status: 200,
      body: { queues: [{ name: 'default', slots: s.jobs.slots, running: s.jobs.running, waiting: 0 }] },
    })),
};

/** The Claw Web UI: the same decision and the same log line, shown as a page. */
function webUi(s: Scheduler, r: Request): Reply {
  if (!r.caller.token) return page({ kind: 'sign-in' });
  const result = authorized(s, r, '/jobs', user => ({ status: 200, body: s.jobs.of(user).map(shown) }));
  const user = claimedUser(r.caller);
  if (result.status !== 200) return page({ kind: 'denied', user });
  return page({ kind: 'jobs', user, jobs: result.body as ReturnType<typeof shown>[] });
}

function signIn(s: Scheduler, r: Request): Reply {
  const name = new URLSearchParams(r.body).get('username') ?? '';
  const result = login(s, { ...r, body: JSON.stringify({ username: name }) });
  if (result.status !== 200) return page({ kind: 'denied', user: name });
  const { token } = result.body as { token: string };
  return {
    status: 303,
    body: '',
    headers: { location: '/', 'set-cookie': `claw_token=${token}; HttpOnly; SameSite=Strict; Path=/` },
  };
}

ENDPOINTS['GET /'] = webUi;
ENDPOINTS['POST /sign-in'] = signIn;

// ---------------------------------------------------------------- HTTP

function send(at: Layout, response: ServerResponse, reply: Reply): void {
  const html = typeof reply.body === 'string';
  const body = html ? (reply.body as string) : JSON.stringify(reply.body);
  response.sendDate = false;
  response.writeHead(reply.status, {
    date: new Date(clock(at)).toUTCString(),
    'content-type': html ? 'text/html; charset=utf-8' : 'application/json',
    'content-length': Buffer.byteLength(body),
    ...reply.headers,
  });
  response.end(body);
}

function answer(s: Scheduler): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
      else request.destroy();
    });
    request.on('end', () => {
      const url = new URL(request.url ?? '/', 'http://scheduler');
      const caller = callerOf(request);
      const address = addressOf(s.at, claimedUser(caller), request);
      const endpoint = ENDPOINTS[`${request.method} ${url.pathname}`];
      const reply = endpoint
        ? endpoint(s, { caller, address, url, body: Buffer.concat(chunks).toString('utf8') })
        : { status: 404, body: { error: 'clw-not-found', message: 'No such endpoint' } };
      send(s.at, response, reply);
    });
  };
}

async function main(dir: string): Promise<void> {
  const at = layoutOf(dir);
  let config: SchedulerConfig;
  try {
    config = readSchedulerConfig(at.config);
  } catch (error) {
    process.stderr.write(`claw-scheduler: refusing to start: ${(error as Error).message}\n`);
    process.exit(78);
  }
  const log = openServerLog(at.log);
  const jobs = new Jobs(at, config.slots, id => log.completed(id));
  const key = readFileSync(at.tokenKey, 'utf8').trim();
  const s: Scheduler = { at, config, key, jobs, log, started: new Date().toISOString() };
  const listening = await listenBehindFirewall(at, readPorts(at).scheduler, answer(s));
  process.on('SIGHUP', () => log.reopen());
  process.on('SIGUSR2', () => void listening.apply());
  const stop = (): void => {
    jobs.close();
    log.close();
    process.exit(0);
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  // Standard input is held open by whoever started us: when that process is gone, however it went, so are we.
  process.stdin.on('end', stop).resume();
  process.stdout.write('listening\n');
  process.stderr.write(
    `claw-scheduler: mode ${config.mode}, authorized groups ${config.authorizedGroups.join(', ')}\n`,
  );
}

await main(process.argv[2]!);

/**
 * What the fault tests are made of: a practice cluster with its configuration changed before it starts, a look at its
 * processes and its store, and a receiver for the second channel. The cluster is the running program, never its functions.
 */
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { parseDocument } from 'yaml';
import { layGround } from '../../deploy/practice/ground.ts';
import { layoutOf } from '../../deploy/practice/layout.ts';
import { writeReadmitYaml } from '../../deploy/practice/readmit-yaml.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import type { Health } from '../../src/desk.ts';
import { askServe, controlSocket } from '../../src/roles/control.ts';
import { Cluster } from '../e2e/cluster.ts';
import { type Part, partOf } from '../processes.ts';

export { Cluster };

/** Values of readmit.yaml by their dotted path. */
export type Settings = Record<string, string | number | boolean | string[] | null>;

/** Lays the ground of a practice cluster and its configuration, changed as a site would change it. */
function prepared(settings: Settings, more: (dir: string) => void = () => {}) {
  return (dir: string, port: number): void => {
    const at = layoutOf(dir);
    layGround(at);
    writeReadmitYaml(at, port, { scheduler: 8080, mailbox: 8025, smtp: 2525, proxy: 3128 } as never, true);
    const doc = parseDocument(readFileSync(at.yaml, 'utf8'));
    for (const [path, value] of Object.entries(settings)) doc.setIn(path.split('.'), value);
    writeFileSync(at.yaml, doc.toString());
    more(dir);
  };
}

export const startCluster = (settings: Settings = {}, more?: (dir: string) => void): Promise<Cluster> =>
  Cluster.start(prepared(settings, more));

export const configOf = (c: Cluster): Config => loadConfig(join(c.dir, 'readmit.yaml'));

const schedulerLog = (c: Cluster): string => join(c.dir, 'var/log/claw-scheduler.log');
export const clientLog = (c: Cluster, user: string): string => join(c.dir, 'home', user, '.claw/clw.log');

export const denial = (user: string, endpoint = '/submit', ip = '10.9.8.7'): string =>
  `[WARNING] Unauthorized access attempt from ${ip}: user ${user}, endpoint ${endpoint}\n`;

export const clientDenial = (user: string, extra: Record<string, unknown> = {}): string =>
  `[ERROR] ${new Date().toISOString().replace(/\.\d+Z/, 'Z')}: HTTP 403 from scheduler: ${JSON.stringify({ error: 'clw-scheduler-denied', message: `User ${user} not authorized`, ...extra })}\n`;

/** The scheduler writes these lines into its log. */
export const write = (c: Cluster, ...lines: string[]): void => appendFileSync(schedulerLog(c), lines.join(''));

/** Asks the store beside the running program. */
export function query<T>(c: Cluster, sql: string, ...values: (string | number)[]): T[] {
  const db = new DatabaseSync(join(c.dir, 'state/serve/readmit.db'), { readOnly: true });
  try {
    db.exec('PRAGMA busy_timeout = 5000');
    return db.prepare(sql).all(...values) as T[];
  } finally {
    db.close();
  }
}

/** Denials counted of names that are LIKE this. */
export const counted = (c: Cluster, like: string): number =>
  Number(
    query<{ n: number | null }>(
      c,
      "SELECT sum(count) AS n FROM observation WHERE event = 'denied' AND self_reported = 0 AND user LIKE ?",
      like,
    )[0]!.n ?? 0,
  );

export const status = (c: Cluster): Promise<Health> =>
  askServe<Health>(controlSocket(configOf(c)), 'status', {}, 10_000);

/** The process that is this part now; null while it is being started. */
export const pidOf = (c: Cluster, part: Part): number | null => partOf(c.group, part)?.pid ?? null;

/** Resident memory, MB. */
export const resident = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;

export const members = (c: Cluster, group: string): string[] =>
  readFileSync(join(c.dir, 'etc/group'), 'utf8')
    .split('\n')
    .find(l => l.startsWith(`${group}:`))!
    .split(':')[3]!
    .split(',')
    .filter(Boolean);

export interface AuditLine {
  seq: number;
  time: string;
  actor: string;
  what: string;
  plan: string | null;
  before: unknown;
  after: unknown;
}
/** The executor's own audit file. */
export const executorAudit = (c: Cluster): AuditLine[] =>
  readFileSync(join(c.dir, 'state/exec/audit.jsonl'), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map(l => JSON.parse(l) as AuditLine);

export interface Receiver {
  url: string;
  calls: { text: string; incident: string | null }[];
  close(): Promise<void>;
}
/** The second channel, as a pager would stand behind it. */
export async function receiver(): Promise<Receiver> {
  const calls: Receiver['calls'] = [];
  const server: Server = createServer((req, res) => {
    let body = '';
    req.on('data', d => (body += d));
    req.on('end', () => {
      calls.push(JSON.parse(body) as Receiver['calls'][number]);
      res.end('ok');
    });
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/hook-s3cr3t`,
    calls,
    close: () =>
      new Promise(done => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

/** alice is taken out of her group and refused: the incident with its plan. */
export async function proposedFor(c: Cluster, user: string) {
  await c.practice('break', 'missing-group', user);
  await c.submit(user);
  return await c.incidentOf(`a proposal for ${user}`, i => i.key === user && i.state === 'proposed', 40_000);
}

/** A page signed in as this administrator: its cookies, for fetch. */
export async function cookieOf(c: Cluster, name: string): Promise<string> {
  const link = (await c.readmit('sign-in', '--as', name)).out.trim();
  const jar = new Map<string, string>();
  const keep = (r: Response): void => {
    for (const line of r.headers.getSetCookie()) jar.set(line.split('=')[0]!, line.split(';')[0]!);
  };
  const cookies = (): string => [...jar.values()].join('; ');
  keep(await fetch(link, { redirect: 'manual' }));
  const signed = await fetch(link, {
    method: 'POST',
    redirect: 'manual',
    headers: {
      cookie: cookies(),
      origin: new URL(link).origin,
      'sec-fetch-site': 'same-origin',
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: '',
  });
  keep(signed);
  return cookies();
}

export const page = async (c: Cluster, path: string, cookie: string): Promise<string> =>
  await (await fetch(`http://127.0.0.1:${c.port}${path}`, { headers: { cookie } })).text();

/**
 * A small machine to act on: passwd, group, shadow and gshadow files, the real usermod on them, a systemctl that records,
 * approvers with real keys, and the real executor process over its real socket.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeVote, publicKeyOf, signVote } from '../../src/approve/vote.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import { planDigest, sha256 } from '../../src/digest.ts';
import { orderExecutor } from '../../src/execute/client.ts';
import type { Order } from '../../src/messages.ts';
import type { AuditEntry, Outcome, Vote } from '../../src/plan.ts';
import { authorizeGroup } from '../../src/splice.ts';

type Step = Order['steps'][number];
const ROOT = join(import.meta.dirname, '..', '..');

export const PASSWD = `root:x:0:0::/root:/bin/sh
daemon:x:1:1::/:/usr/sbin/nologin
alice:x:41001:41001::/home/alice:/bin/sh
bob:x:41002:41002::/home/bob:/bin/sh
boss:x:41003:41003::/home/boss:/bin/sh
`;
export const GROUP = `root:x:0:
sudo:x:27:boss
alice:x:41001:
bob:x:41002:
boss:x:41003:
claw-users:x:42000:bob
claw-admins:x:42001:boss
`;
const SCHEDULER = `# who may submit
auth:
  mode: groups   # or jwt
  authorized_groups:
    - "claw-admins"  # Too restrictive
limits: &usual
  octal: 0123
night: *usual
`;

const PEOPLE = [
  { name: 'root-ann', uid: 50001, roles: ['administrator'] },
  { name: 'root-ben', uid: 50002, roles: ['administrator'] },
  { name: 'op-eve', uid: 50003, roles: ['operator'] },
  { name: 'alice', uid: 41001, roles: ['administrator'] },
  { name: 'viewer', uid: 50004, roles: ['viewer'] },
];

export interface Ground {
  dir: string;
  config: Config;
  keys: Record<string, string>;
  sessionKey: string;
  path: (...parts: string[]) => string;
  read: (...parts: string[]) => string;
  write: (text: string, ...parts: string[]) => void;
  /** Replaces a program in the command path by a shell script. */
  script: (name: string, body: string) => void;
  audit: () => AuditEntry[];
  /** What systemctl was asked, one line each. */
  asked: () => string[];
  /** An order over the executor's real socket. */
  send: (order: Order, onStarted?: (at: string) => void) => Promise<Outcome>;
  start: (prefix?: string[]) => Promise<Exec>;
  stop: () => Promise<void>;
}

export interface Exec {
  process: ChildProcess;
  stderr: () => string;
  kill: (signal?: NodeJS.Signals) => Promise<void>;
}

/** @param extra YAML lines for readmit.yaml, beside the paths */
export function makeGround(extra: Record<string, unknown> = {}): Ground {
  const dir = mkdtempSync(join(tmpdir(), 'readmit-exec-'));
  const path = (...parts: string[]): string => join(dir, ...parts);
  const write = (text: string, ...parts: string[]): void => writeFileSync(path(...parts), text);
  for (const d of ['etc', 'etc/claw-scheduler', 'bin', 'run', 'readmit', 'tmp']) mkdirSync(path(d), { mode: 0o755 });
  write(PASSWD, 'etc/passwd');
  write(GROUP, 'etc/group');
  write(
    'root:*:19000:0:99999:7:::\nalice:$6$secret$hash:19000:0:99999:7:::\nbob:!:19000:0:99999:7::100:\n',
    'etc/shadow',
  );
  write('root:*::\nsudo:!::boss\nalice:!::\nbob:!::\nclaw-users:!::bob\nclaw-admins:!::boss\n', 'etc/gshadow');
  write(SCHEDULER, 'etc/claw-scheduler/config.yaml');
  const script = (name: string, body: string): void => {
    write(`#!/bin/sh\n${body}\n`, 'bin', name);
    chmodSync(path('bin', name), 0o755);
  };
  script(
    'usermod',
    `echo "$0 $*|$(env | cut -d= -f1 | sort | tr '\\n' ' ')|LC_ALL=$LC_ALL" >> ${dir}/usermod.log; exec /usr/sbin/usermod --prefix ${dir} "$@"`,
  );
  script(
    'id',
    `export ASKED="$2"; awk -F: '$1 == ENVIRON["ASKED"] {printf "%s%c", $1, 0} {n=split($4,m,","); for(i=1;i<=n;i++) if(m[i]==ENVIRON["ASKED"]) printf "%s%c", $1, 0}' ${dir}/etc/group`,
  );
  script('getent', 'exit 2');
  script('systemctl', `echo "$*" >> ${dir}/systemctl.log; case "$1" in is-active) cat ${dir}/active;; esac`);
  write('active\n', 'active');

  const keys: Record<string, string> = {};
  const approvers = PEOPLE.map(person => {
    const pair = generateKeyPairSync('ed25519');
    keys[person.name] = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    return { ...person, keys: [publicKeyOf(keys[person.name]!)] };
  });
  const session = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  write(JSON.stringify({ approvers, session: { keys: [publicKeyOf(session)] } }, null, 1), 'readmit/approvers.yaml');

  const file = path('readmit/readmit.yaml');
  const { policy, executor, ...rest } = extra as { policy?: object; executor?: object };
  write(
    JSON.stringify({
      host: 'head-01',
      state: path('state'),
      paths: {
        passwd: path('etc/passwd'),
        group: path('etc/group'),
        shadow: path('etc/shadow'),
        commands: [path('bin'), '/usr/bin', '/bin'],
      },
      scheduler: { config: path('etc/claw-scheduler/config.yaml') },
      policy: { files: [path('etc/claw-scheduler/config.yaml')], ...policy },
      approvers: path('readmit/approvers.yaml'),
      executor: { socket: path('run/exec.sock'), timeout: 20, ...executor },
      ...rest,
    }),
    'readmit/readmit.yaml',
  );
  const config = loadConfig(file);
  const started: Exec[] = [];

  return {
    send: (o, onStarted) =>
      orderExecutor(config.executor.socket, o, { timeoutMs: 60_000, ...(onStarted ? { onStarted } : {}) }),
    dir,
    config,
    keys,
    sessionKey: session,
    path,
    write,
    script,
    read: (...parts) => readFileSync(path(...parts), 'utf8'),
    audit: () =>
      readFileSync(path('state/exec/audit.jsonl'), 'utf8')
        .split('\n')
        .filter(line => line.startsWith('{') && line.endsWith('}'))
        .map(line => JSON.parse(line) as AuditEntry),
    asked: () =>
      existsSync(path('systemctl.log')) ? readFileSync(path('systemctl.log'), 'utf8').trim().split('\n') : [],
    start: async (prefix = []) => {
      const exec = await startExec(file, prefix);
      started.push(exec);
      return exec;
    },
    stop: async () => {
      await Promise.all(started.map(exec => exec.kill('SIGKILL')));
      // Tools that outlived an executor that was killed.
      const left = existsSync(path('pids')) ? readFileSync(path('pids'), 'utf8').trim().split('\n') : [];
      for (const pid of left) {
        try {
          process.kill(Number(pid), 'SIGKILL');
        } catch {}
      }
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** The command line of the real executor. */
export function execArgv(configFile: string): string[] {
  const code = `
    const { runExec } = await import(${JSON.stringify(join(ROOT, 'src/roles/exec.ts'))});
    const { loadConfig } = await import(${JSON.stringify(join(ROOT, 'src/config/config.ts'))});
    const stop = new AbortController();
    process.once('SIGTERM', () => stop.abort());
    await runExec(loadConfig(${JSON.stringify(configFile)}), { signal: stop.signal, onListening: () => console.log('listening') });
  `;
  return [process.execPath, '--input-type=module', '-e', code];
}

/** The real process; resolves when it takes orders, rejects with what it said when it ends before. */
async function startExec(configFile: string, prefix: string[]): Promise<Exec> {
  const argv = [...prefix, ...execArgv(configFile)];
  const child = spawn(argv[0]!, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  let said = '';
  child.stderr.on('data', chunk => {
    said += chunk;
  });
  const ended = new Promise<void>(resolve => child.once('exit', () => resolve()));
  await new Promise<void>((resolve, reject) => {
    child.stdout.once('data', () => resolve());
    void ended.then(() => reject(new Error(said)));
  });
  return {
    process: child,
    stderr: () => said,
    kill: async (signal = 'SIGTERM') => {
      // The group: what was put in front of it (strace) as well; the tools it started have groups of their own.
      if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid!, signal);
      await ended;
    },
  };
}

export const addAlice = (over: object = {}): Step =>
  ({
    action: 'group.add',
    user: 'alice',
    uid: 41001,
    group: 'claw-users',
    gid: 42000,
    until: null,
    argv: ['usermod', '-aG', 'claw-users', 'alice'],
    ...over,
  }) as Step;
export const removeAlice = (over: object = {}): Step =>
  ({
    action: 'group.remove',
    user: 'alice',
    uid: 41001,
    group: 'claw-users',
    gid: 42000,
    argv: ['usermod', '-rG', 'claw-users', 'alice'],
    ...over,
  }) as Step;
export const restart = (over: object = {}): Step =>
  ({
    action: 'service.restart',
    unit: 'claw-scheduler',
    argv: ['systemctl', 'restart', 'claw-scheduler'],
    ...over,
  }) as Step;

export function authorizeUsers(ground: Ground, over: object = {}): Step {
  const file = ground.config.scheduler.config;
  const text = readFileSync(file, 'utf8');
  const { at, insert, after, diff } = authorizeGroup(text, 'claw-users', file);
  return {
    action: 'config.authorize-group',
    file,
    group: 'claw-users',
    before: sha256(text),
    after: sha256(after),
    at,
    insert,
    diff,
    ...over,
  } as Step;
}

/** The way back of a config step, as a plan writes it. */
export function restoreOf(step: Step): Step {
  const s = step as Extract<Step, { action: 'config.authorize-group' }>;
  return { ...s, action: 'config.restore', before: s.after, after: s.before };
}

let runs = 0;

/** An order with votes by these people, as `serve` would send it. What `over` changes is covered by digest and votes. */
export function order(
  ground: Ground,
  steps: Step[],
  options: {
    by?: string[];
    undo?: Step[];
    over?: Partial<Order>;
    vote?: (vote: Parameters<typeof makeVote>[0]) => Vote;
  } = {},
): Order {
  const tier = steps.every(s => /^(directory\.)?group[.-]/.test(s.action)) ? 1 : 2;
  const aboutAlice = steps.some(s => 'user' in s);
  const core = {
    host: 'head-01',
    subject: aboutAlice ? { user: 'alice', uid: 41001 } : null,
    steps,
    undo: options.undo ?? [],
    tier: tier as 1 | 2,
    assumes: {},
    ...options.over,
  };
  const id = `${process.pid}-${++runs}`;
  const plan = {
    incident: `inc-${id}`,
    serial: 1,
    digest: planDigest(core),
    host: core.host,
    expires: new Date(Date.now() + 3_000_000).toISOString(),
  };
  const sign = options.vote ?? (vote => signVote(makeVote(vote), ground.keys[vote.by.name]!));
  const votes = (options.by ?? (tier === 1 ? ['root-ann'] : ['root-ann', 'root-ben'])).map(name =>
    sign({
      plan,
      by: { name, uid: PEOPLE.find(p => p.name === name)?.uid ?? 1 },
      decision: 'approve',
      reason: 'onboarding',
      proof: 'key',
      now: Date.now(),
    }),
  );
  return {
    v: 1,
    kind: 'run',
    run: `run-${id}`,
    what: 'plan',
    incident: plan.incident,
    serial: 1,
    digest: plan.digest,
    votes,
    ...core,
  } as Order;
}

/** The members of a group, as its file has them. */
export function members(ground: Ground, group: string): string[] {
  const row = ground
    .read('etc/group')
    .split('\n')
    .find(line => line.startsWith(`${group}:`));
  return row?.split(':')[3]?.split(',').filter(Boolean) ?? [];
}

/**
 * The client: `clw submit FILE | status [ID] | list | cancel ID | login | logout | token | whoami | queues | validate FILE`.
 * Messages, log lines and exit codes are the article's: 0 done, 1 refused or failed, 2 wrong usage.
 * Started by DIR/bin/clw with DIR as its first argument.
 */
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type ClientConfig, logLine, readClientConfig, writeClientConfig } from './clw-home.ts';
import { type Answer, ask, type Client, proxyOf } from './clw-request.ts';
import { claimsOf } from './tokens.ts';

const USAGE = `usage: clw submit FILE | status [ID] | list | cancel ID | queues | validate FILE
       clw login [--server URL] [--username NAME] | logout | token | whoami`;

/** Ends the command: text for standard error, and the exit code. */
class Stop extends Error {
  readonly code: number;
  constructor(message: string, code = 1) {
    super(message);
    this.code = code;
  }
}

type Ok = Extract<Answer, { kind: 'answer' }>;
type JobView = { id: string; status: string; user: string };

const [root = '', command = '', ...args] = process.argv.slice(2);
const home = process.env.HOME ?? '/';
const cached = readClientConfig(home);
const site = JSON.parse(readFileSync(join(root, 'etc/clw.json'), 'utf8')) as { server: string };

const client: Client = {
  root,
  server: cached.server ?? site.server,
  user: cached.username ?? process.env.USER ?? 'nobody',
  token: cached.token,
  env: process.env,
};

const say = (text: string): void => void process.stdout.write(`${text}\n`);

// ---------------------------------------------------------------- asking, and what refusals look like

/** The article's three texts for a denial: for the token, for a submission, for everything else. */
function denialText(path: string, badToken: boolean): string {
  if (badToken) return 'clw-scheduler-denied: Token invalid/expired';
  if (path === '/api/v1/jobs/submit')
    return (
      `clw-scheduler-denied: Access denied to scheduler endpoint ${path}. User '${client.user}' lacks required permissions. ` +
      `Verify group membership in 'claw-users' or admin token.\nError code: 403 Forbidden\nScheduler: ${new URL(client.server).host}`
    );
  return `clw-scheduler-denied: Scheduler query denied for user '${client.user}'. Insufficient privileges for ${path}. Contact cluster admin.\nExit code: 1`;
}

function refusal(path: string, answer: Ok): Stop {
  const { error, message } = answer.body as { error?: string; message?: string };
  switch (error) {
    case 'clw-scheduler-denied':
      return new Stop(denialText(path, answer.badToken));
    case 'clw-auth-failed':
      return new Stop(
        `clw-auth-failed: Login credential rejection for user '${client.user}'. Reset password, check LDAP.`,
      );
    case 'clw-queue-full':
      return new Stop('clw-queue-full: No queue slots. Check clw queues.');
    default:
      return new Stop(`${error ?? 'clw-error'}: ${message ?? `HTTP ${answer.status}`}`);
  }
}

/** Asks the scheduler; every failure stands in the log before it is told. */
async function call(method: 'GET' | 'POST', path: string, body = ''): Promise<Ok> {
  const proxy = proxyOf(client.env);
  if (proxy) logLine(home, 'WARNING', `using proxy ${proxy} (HTTP_PROXY)`);
  if (client.env.CLAW_UID === '0') logLine(home, 'WARNING', 'running as uid 0 in a container');
  const answer = await ask(client, method, path, body);
  if (answer.kind === 'unreachable') {
    logLine(home, 'ERROR', `scheduler-unavailable: cannot reach ${answer.url} (${answer.code})`);
    throw new Stop(`scheduler-unavailable: cannot reach ${answer.url} (${answer.code})`);
  }
  if (answer.status === 200) return answer;
  logLine(home, 'ERROR', `HTTP ${answer.status} from scheduler: ${answer.raw}`);
  throw refusal(path.split('?')[0]!, answer);
}

// ---------------------------------------------------------------- commands

function needed(what: string): string {
  if (!args[0]) throw new Stop(`clw ${command}: ${what} is missing\n${USAGE}`, 2);
  return args[0];
}

/** A job file that is right; a wrong one is refused here already and never reaches the scheduler. */
async function jobFile(file: string): Promise<string> {
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new Stop(`clw: cannot read ${file}: ${(error as NodeJS.ErrnoException).code}`, 2);
  }
  const { readJob } = await import('./job-file.ts');
  const verdict = readJob(text);
  if ('job' in verdict) return text;
  logLine(home, 'ERROR', `clw-job-invalid: ${basename(file)}: ${verdict.problem}`);
  throw new Stop(`clw-job-invalid: ${file}: ${verdict.problem}`);
}

function option(name: string): string | null {
  const at = args.findIndex(a => a === `--${name}` || a.startsWith(`--${name}=`));
  if (at < 0) return null;
  return args[at]!.includes('=') ? args[at]!.slice(args[at]!.indexOf('=') + 1) : (args[at + 1] ?? null);
}

async function login(): Promise<void> {
  client.server = option('server') ?? client.server;
  client.user = option('username') ?? client.user;
  client.token = null;
  if (!URL.canParse(client.server)) throw new Stop(`clw login: ${client.server} is no URL`, 2);
  const answer = await call('POST', '/api/v1/login', JSON.stringify({ username: client.user }));
  writeClientConfig(home, { server: client.server, username: client.user, token: String(answer.body.token) });
  say(`Logged in as ${client.user} (token valid for 24h)`);
}

const expired = (token: string): boolean => (claimsOf(token)?.exp ?? 0) * 1000 <= Date.now();

async function whoami(): Promise<void> {
  const { body } = await call('GET', '/api/v1/info');
  const exp = client.token && claimsOf(client.token)?.exp;
  say(`User: ${client.user}`);
  say(`Groups: ${Array.isArray(body.groups) ? body.groups.join(', ') : '(not accepted by the scheduler)'}`);
  say(
    `Token: ${exp ? `${expired(client.token!) ? 'expired' : 'valid until'} ${new Date(exp * 1000).toISOString()}` : 'none'}`,
  );
  say(`Scheduler: ${new URL(client.server).host}, auth mode ${body.mode}`);
}

const COMMANDS: Record<string, () => Promise<void> | void> = {
  submit: async () => {
    const text = await jobFile(needed('a job file'));
    const { body } = await call('POST', '/api/v1/jobs/submit', text);
    logLine(home, 'INFO', `accepted by scheduler: ${JSON.stringify({ id: body.id })}`);
    say(`Job submitted: ${body.id}`);
  },
  status: async () => {
    if (args[0]) {
      const { id, status, user } = (await call('GET', `/api/v1/jobs/status?id=${encodeURIComponent(args[0])}`))
        .body as JobView;
      return say(`ID: ${id}  Status: ${status}  User: ${user}`);
    }
    const { jobs } = (await call('GET', '/api/v1/jobs')).body as { jobs: JobView[] };
    const running = jobs.filter(job => job.status === 'RUNNING');
    say(running.map(job => `ID: ${job.id}  Status: ${job.status}  User: ${job.user}`).join('\n') || 'No jobs running.');
  },
  list: async () => {
    const { jobs } = (await call('GET', `/api/v1/jobs${args.includes('--all') ? '?all' : ''}`)).body as {
      jobs: JobView[];
    };
    say(jobs.map(job => `${job.id}  ${job.status}  ${job.user}`).join('\n') || 'No jobs.');
  },
  cancel: async () => {
    const { body } = await call('POST', `/api/v1/jobs/cancel?id=${encodeURIComponent(needed('a job id'))}`);
    say(body.cancelled ? `Job cancelled: ${body.id}` : `Job ${body.id} is not running: ${body.status}`);
  },
  queues: async () => {
    const { queues } = (await call('GET', '/api/v1/queues')).body as {
      queues: { name: string; slots: number; running: number }[];
    };
    say(queues.map(q => `${q.name}  slots ${q.slots}  running ${q.running}  free ${q.slots - q.running}`).join('\n'));
  },
  validate: async () => {
    await jobFile(needed('a job file'));
    say(`${args[0]}: valid`);
  },
  login,
  logout: () => {
    const rest: ClientConfig = { ...cached, token: null };
    writeClientConfig(home, rest);
    say('Logged out');
  },
  token: () => {
    if (!client.token) throw new Stop('clw: no token. Log in: clw login --server URL --username NAME');
    say(expired(client.token) ? `${client.token} (expired)` : client.token);
  },
  whoami,
};

try {
  const run = Object.hasOwn(COMMANDS, command) ? COMMANDS[command] : undefined;
  if (!run) throw new Stop(USAGE, 2);
  await run();
} catch (error) {
  if (!(error instanceof Stop)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.code;
}

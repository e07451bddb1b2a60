/**
 * `readmit up`: Redis, executor, serve and agent on one machine, for the demo and a trial; installed, they are units of
 * their own. Starts them in order, starts again what dies, and takes everything down with itself.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';
import { loadApprovers } from '../approve/approvers.ts';
import { findCommand } from '../command.ts';
import { ofOurs } from '../compiled.ts';
import { type Config, inState, originOf } from '../config/config.ts';
import { environment } from '../environment.ts';
import { Usage } from '../incident.ts';
import { answers, startRedis } from '../queue/embedded-redis.ts';
import { checkWire } from '../web/wire.ts';
import { askServe, controlSocket } from './control.ts';

const MAIN = resolve(import.meta.dirname, '../main.ts');
/**
 * Left alone, V8 lets garbage pile up to several hundred MB while a flood of lines goes by. With a small young generation
 * and a bound it keeps what is alive, about 40 MB, and what starting leaves behind is given back (`settled.ts`).
 * `deploy/readmit` starts the installed units with the same.
 */
const SMALL = ['--max-semi-space-size=4', '--max-old-space-size=512', '--expose-gc'];
const ROLES = ['exec', 'serve', 'agent'] as const;
type Role = (typeof ROLES)[number];

const findSetpriv = (): string | null => {
  try {
    return findCommand('setpriv', ['/usr/bin', '/bin']);
  } catch {
    return null;
  }
};

/** How long to wait before the nth start of a part within a minute. Never at once: whoever ends all of us ends it first. */
const backoff = (starts: number): number => Math.min(5000, 20 * 2 ** Math.max(0, starts - 1));

class Part {
  readonly name: string;
  readonly #start: () => Promise<ChildProcess>;
  readonly #log: Logger;
  #child: ChildProcess | null = null;
  #starts: number[] = [];
  #starting: Promise<void> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #stopping = false;

  constructor(name: string, start: () => Promise<ChildProcess>, log: Logger) {
    this.name = name;
    this.#start = start;
    this.#log = log;
  }

  /** Starts it and keeps it running until `stop`. Exit 2 (wrong config) is final. */
  run(onFatal: (error: Error) => void): Promise<void> {
    this.#starting = this.#run(onFatal);
    return this.#starting;
  }

  async #run(onFatal: (error: Error) => void): Promise<void> {
    this.#starts = [...this.#starts.filter(t => t > Date.now() - 60_000), Date.now()];
    const child = await this.#start();
    this.#child = child;
    const ended = (code: number | null, signal: NodeJS.Signals | null): void => {
      this.#child = null;
      if (this.#stopping) return;
      if (code === 2) return onFatal(new Usage(`${this.name} refused to start`));
      this.#log.warn({ part: this.name, code, signal }, 'part ended, starting it again');
      this.#again(onFatal);
    };
    if (isOver(child)) ended(child.exitCode, child.signalCode);
    else child.once('exit', ended);
  }

  /** A start that fails is tried again as well; only a wrong configuration ends everything. */
  #again(onFatal: (error: Error) => void): void {
    this.#timer = setTimeout(() => {
      this.run(onFatal).catch((error: Error) => {
        if (error instanceof Usage) return onFatal(error);
        this.#log.error({ part: this.name, reason: error.message }, 'part could not be started, trying again');
        if (!this.#stopping) this.#again(onFatal);
      });
    }, backoff(this.#starts.length));
  }

  /** No new start from here on; what runs is ended by `stop`. */
  hold(): void {
    this.#stopping = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  async stop(limitMs = 2000): Promise<void> {
    this.hold();
    await this.#starting.catch(() => {});
    const child = this.#child;
    if (!child || isOver(child)) return;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), limitMs);
    await gone;
    clearTimeout(timer);
  }
}

const isOver = (child: ChildProcess): boolean => child.exitCode !== null || child.signalCode !== null;

/** A role prints `ready` on its standard output when it does its work; the rest of what it prints is relayed. */
function startRole(
  role: Role,
  config: Config,
  setpriv: string | null,
  relay: (line: string) => void,
): Promise<ChildProcess> {
  const argv = [process.execPath, ...SMALL, MAIN, role, '--config', config.file];
  const full = setpriv ? [setpriv, '--pdeathsig', 'TERM', ...argv] : argv;
  const env = ofOurs(environment());
  const child = spawn(full[0]!, full.slice(1), { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! });
  return new Promise(done => {
    lines.on('line', line => (line === 'ready' ? done(child) : relay(line)));
    child.once('exit', () => done(child));
  });
}

/** Whoever starts everything on a terminal wants to sign in: a one-time link for each administrator, as `readmit sign-in` makes them. */
async function signInLinks(config: Config): Promise<string[]> {
  const administrators = loadApprovers(config.approvers).approvers.filter(a => a.roles.includes('administrator'));
  return await Promise.all(
    administrators.slice(0, 5).map(async ({ name }) => {
      const { url } = await askServe<{ url: string }>(controlSocket(config), 'sign-in', { as: name });
      return `sign in as ${name}: ${url}`;
    }),
  );
}

export async function up(config: Config, log: Logger, signal: AbortSignal): Promise<void> {
  if (!config.redis.socket)
    throw new Usage(`${config.file}: redis.socket: readmit up runs its own Redis on a unix socket, so it needs one`);
  checkWire(config);
  const setpriv = findSetpriv();
  const relay = (line: string): void => void process.stdout.write(`${line}\n`);
  let fatal: (error: Error) => void = () => {};
  const broken = new Promise<never>((_, reject) => {
    fatal = reject;
  });
  broken.catch(() => {});
  const parts: Part[] = [];
  // A signal to the whole group ends the parts as well: none of them is to be started again.
  const aborted = new Promise<void>(done =>
    signal.addEventListener(
      'abort',
      () => {
        for (const part of parts) part.hold();
        done();
      },
      { once: true },
    ),
  );
  const start = async (part: Part): Promise<void> => {
    parts.push(part);
    await part.run(fatal);
  };
  const socket = config.redis.socket;
  // What is another one's is not cleared away on the way out.
  if (await answers(socket))
    throw new Usage(`a Redis answers on ${socket} already: is another readmit up running with this configuration?`);
  try {
    rmSync(socket, { force: true });
    await start(
      new Part('redis', () => startRedis(socket, inState(config, 'redis'), setpriv, environment().PATH ?? ''), log),
    );
    await Promise.all(
      ROLES.filter(role => role !== 'exec' || config.executor.enabled).map(role =>
        start(new Part(role, () => startRole(role, config, setpriv, relay), log)),
      ),
    );
    for (const link of await signInLinks(config)) relay(link);
    relay(`ready ${originOf(config)}`);
    await Promise.race([broken, aborted]);
  } finally {
    const [redis, ...roles] = parts;
    await Promise.all(roles.map(part => part.stop()));
    await redis?.stop();
    rmSync(socket, { force: true });
  }
}

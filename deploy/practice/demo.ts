/**
 * `readmit demo --dir DIR --port PORT`: the practice cluster and Readmit beside it, in one directory. Scheduler, directory,
 * proxy and mailbox first, then `readmit up` as a child; `ready http://127.0.0.1:PORT` when all of it answers. SIGTERM ends
 * everything within three seconds.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { readBroken, writeBroken } from './broken.ts';
import { endChild, startOf } from './ending.ts';
import { layGround, layPorts, writeEnv } from './ground.ts';
import { type Layout, layoutOf, type Ports, REPO, readPorts, socketDir } from './layout.ts';
import { openMailbox } from './mailbox.ts';
import { choosePorts, hasIpv6, isFree } from './ports.ts';
import { openProxy } from './proxy.ts';
import { writeReadmitYaml } from './readmit-yaml.ts';
import { startUnits, type Units } from './units.ts';

/** Wrong usage, or a directory that is in use: exit 2. */
class Unusable extends Error {}

export interface Demo {
  at: Layout;
  ports: Ports;
  /** Settles when Readmit has ended by itself, with its exit code. */
  ended: Promise<number>;
  stop(): Promise<void>;
}

/** How Readmit is started: by default the command a person would type. */
export type StartReadmit = (at: Layout) => ChildProcess;

const startUp: StartReadmit = at => {
  const argv = [process.execPath, join(REPO, 'src/main.ts'), 'up', '--config', at.yaml];
  // When we are killed without warning, the kernel tells the child.
  const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find(existsSync);
  const [command, ...args] = setpriv ? [setpriv, '--pdeathsig', 'TERM', '--', ...argv] : argv;
  return spawn(command!, args, { stdio: ['ignore', 'pipe', 'inherit'], cwd: at.root });
};

// ---------------------------------------------------------------- one demo per directory

/** @throws Unusable when another demo runs there */
function claim(at: Layout): void {
  mkdirSync(at.run, { recursive: true, mode: 0o700 });
  for (;;) {
    try {
      writeFileSync(at.pid, `${process.pid} ${startOf(process.pid)}\n`, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const [pid = '', started] = readFileSync(at.pid, 'utf8').trim().split(' ');
      // The number alone may belong to another program by now; with its start it can't.
      if (pid && startOf(Number(pid)) === started)
        throw new Unusable(
          `${at.root} is in use by a running demo (process ${pid}): stop that one, or name another directory with --dir`,
        );
      rmSync(at.pid, { force: true });
    }
  }
}

// ---------------------------------------------------------------- the whole

/**
 * Sets everything up and starts it; returns when scheduler, mailbox and Readmit answer.
 * @param say gets each line for standard output; the line `ready URL` comes last
 * @param abort gives up waiting; what was started is ended
 * @throws Unusable for a directory or port in use; Error when Readmit ends before it is ready
 */
export async function startDemo(
  dir: string,
  web: number,
  say: (line: string) => void,
  start: StartReadmit = startUp,
  abort?: AbortSignal,
): Promise<Demo> {
  const at = layoutOf(dir);
  if (!(await isFree(web, '127.0.0.1'))) throw new Unusable(`port ${web} is taken: name another one with --port`);
  claim(at);
  const undo: (() => Promise<void> | void)[] = [() => rmSync(at.pid, { force: true })];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed())
      await Promise.resolve(step()).catch(error => process.stderr.write(`demo: ${error.message}\n`));
  };
  try {
    layGround(at);
    const before = existsSync(at.ports) ? readPorts(at) : null;
    const ports = await choosePorts(before, web);
    layPorts(at, ports, before);
    writeReadmitYaml(at, web, ports, await hasIpv6());
    writeEnv(at, ports);
    mkdirSync(join(socketDir(at), 'exec'), { recursive: true, mode: 0o700 });
    undo.push(() => removeSockets(at));

    const mailbox = await openMailbox(at.mail, ports.smtp, ports.mailbox);
    undo.push(mailbox.close);
    const proxy = await openProxy(ports.proxy, ports.scheduler);
    undo.push(proxy.close);
    const units = await startUnits(at);
    undo.push(units.close);
    // Beside each other: Readmit takes several times as long to start, and asks the scheduler nothing before that.
    const scheduled = startScheduler(at, units, line => {
      // Whoever ends us ends it too, and is not told that it does not start.
      if (!abort?.aborted) say(line);
    });
    scheduled.catch(() => {});
    const up = start(at);
    undo.push(() => endChild(up));
    const { ready, ended } = follow(up, say);
    const both = Promise.all([scheduled, ready.then(() => answers(web))]);
    await Promise.race([both, ended.then(stoppedEarly), aborted(abort)]);
    for (const line of welcome(at, ports)) say(line);
    say(`ready http://127.0.0.1:${web}`);
    return { at, ports, ended, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What was stopped on purpose stays stopped; what only lived in the old process (its jobs, its old configuration) is over. */
async function startScheduler(at: Layout, units: Units, say: (line: string) => void): Promise<void> {
  const broken = readBroken(at).filter(b => b.cause !== 'config-not-loaded' && b.cause !== 'queue-full');
  writeBroken(at, broken);
  if (broken.some(b => b.cause === 'scheduler-down')) await units.systemctl('stop', 'claw-scheduler');
  else if ((await units.systemctl('start', 'claw-scheduler')).code !== 0)
    say(
      `The scheduler does not start (${at.bin}/systemctl status claw-scheduler); ${at.bin}/practice heal puts it right.`,
    );
}

/** Passes Readmit's lines on. Its own ready line is kept back: ours comes when everything has been said. */
function follow(up: ChildProcess, say: (line: string) => void): { ready: Promise<void>; ended: Promise<number> } {
  const ended = new Promise<number>(resolve => {
    up.once('error', () => resolve(1));
    up.once('exit', (code, signal) => resolve(code ?? (signal ? 1 : 0)));
  });
  const ready = new Promise<void>(resolve => {
    createInterface({ input: up.stdout! }).on('line', line => (/^ready http/.test(line) ? resolve() : say(line)));
  });
  return { ready, ended };
}

const ANSWER_MS = 10_000;

const stoppedEarly = (code: number): never => {
  throw new Error(`readmit up ended before it was ready (exit ${code})`);
};

/** Asks the page until it says anything at all: only then is `ready` true. */
async function answers(port: number): Promise<void> {
  const give = Date.now() + ANSWER_MS;
  const once = (): Promise<boolean> =>
    new Promise(resolve => {
      const request = httpRequest({ host: '127.0.0.1', port, path: '/', agent: false, timeout: 1_000 }, response => {
        response.resume();
        resolve(true);
      });
      request.on('timeout', () => request.destroy());
      request.on('error', () => resolve(false));
      request.end();
    });
  while (!(await once())) {
    if (Date.now() > give) throw new Error(`readmit up says it is ready, but http://127.0.0.1:${port} does not answer`);
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

const aborted = (abort?: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    if (abort?.aborted) reject(new Error('stopped'));
    abort?.addEventListener('abort', () => reject(new Error('stopped')));
  });

const welcome = (at: Layout, ports: Ports): string[] => [
  '',
  `The practice cluster lies in ${at.root}. In another terminal:`,
  `  . ${at.root}/env`,
  `  ${at.bin}/as alice clw submit test.yaml`,
  `  ${at.bin}/practice break missing-group alice   (practice heal undoes it)`,
  `Mailbox    http://127.0.0.1:${ports.mailbox}`,
  `Scheduler  http://127.0.0.1:${ports.scheduler}`,
  '',
];

function removeSockets(at: Layout): void {
  const dir = socketDir(at);
  if (dir !== at.run) rmSync(dir, { recursive: true, force: true });
  else
    for (const below of [dir, join(dir, 'exec')])
      if (existsSync(below))
        for (const file of readdirSync(below).filter(f => f.endsWith('.sock')))
          rmSync(join(below, file), { force: true });
}

async function main(): Promise<number> {
  let values: { dir: string; port: string };
  try {
    ({ values } = parseArgs({
      options: { dir: { type: 'string', default: '.readmit/practice' }, port: { type: 'string', default: '8420' } },
    }));
  } catch (error) {
    throw new Unusable(`${(error as Error).message}\nusage: readmit demo [--dir DIR] [--port PORT]`);
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Unusable(`--port ${values.port}: a number from 1 to 65535`);
  // Where everybody has a group of their own, files come group-writable, and Readmit trusts no such approvers file.
  process.umask(0o022);
  const abort = new AbortController();
  const told = new Promise<'told'>(resolve => {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => {
        abort.abort();
        resolve('told');
      });
  });
  let demo: Demo;
  try {
    demo = await startDemo(values.dir, port, line => process.stdout.write(`${line}\n`), startUp, abort.signal);
  } catch (error) {
    if (abort.signal.aborted) return 0;
    throw error;
  }
  const why = await Promise.race([told, demo.ended]);
  await demo.stop();
  if (why === 'told') return 0;
  process.stderr.write(`demo: readmit up has ended (exit ${why})\n`);
  return 1;
}

if (import.meta.main) {
  try {
    process.exit(await main());
  } catch (error) {
    process.stderr.write(`readmit demo: ${(error as Error).message}\n`);
    process.exit(error instanceof Unusable ? 2 : 1);
  }
}

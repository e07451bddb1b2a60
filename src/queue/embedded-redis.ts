/**
 * A private Redis for `readmit up`: on a unix socket in a directory of its own, no TCP port, every write synced, nothing
 * evicted. It ends when its parent ends. Installed sites run their own Redis unit instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Retry, Usage } from '../incident.ts';

/** Where `deploy/bootstrap.sh` puts a server when the system has none. */
const PRIVATE_SERVER = resolve(import.meta.dirname, '../../.readmit/redis/redis-server');

function findRedisServer(path: string): string {
  const candidates = ['redis-server', 'valkey-server'].flatMap(name =>
    [...path.split(delimiter), '/usr/bin', '/usr/local/bin'].filter(Boolean).map(dir => join(dir, name)),
  );
  for (const file of [...candidates, PRIVATE_SERVER]) {
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {}
  }
  throw new Usage(
    'no redis-server or valkey-server on this machine: run `sh deploy/bootstrap.sh`, or apt-get install redis-server',
  );
}

const redisConfig = (socket: string, dir: string): string =>
  [
    'port 0',
    `unixsocket ${JSON.stringify(socket)}`,
    'unixsocketperm 700',
    `dir ${JSON.stringify(dir)}`,
    'appendonly yes',
    'appendfsync always',
    'save ""',
    'maxmemory-policy noeviction',
    'daemonize no',
    'loglevel warning',
    'databases 1',
    '',
  ].join('\n');

/**
 * A server that runs and says nothing for so long is stuck. Its first start writes and syncs, and a disk that others keep
 * busy can take seconds for that.
 */
const SILENT_MS = 60_000;

/**
 * Starts it; resolves when it answers and has loaded what it kept, however long that takes.
 * @param path where the server is looked for first
 * @throws Retry when it ends, or runs and says nothing at all for `silentMs`
 */
export async function startRedis(
  socket: string,
  dir: string,
  setpriv: string | null,
  path: string,
  silentMs = SILENT_MS,
): Promise<ChildProcess> {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  const server = findRedisServer(path);
  // redis-check-rdb unpacked from a package becomes the server by its first argument, so the name is kept.
  const child = setpriv
    ? spawn(setpriv, ['--pdeathsig', 'TERM', server, '-'], { stdio: ['pipe', 'pipe', 'pipe'] })
    : spawn(server, ['-'], { stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  child.stdout!.on('data', d => (output = (output + d).slice(-2000)));
  child.stderr!.on('data', d => (output = (output + d).slice(-2000)));
  const closed = once(child, 'close');
  closed.catch(() => {});
  child.stdin!.on('error', () => {});
  child.stdin!.end(redisConfig(socket, dir));
  let heard = performance.now();
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null) {
      // What it said last may come after the news of its end.
      await Promise.race([closed, pause(1000, undefined, { ref: false })]);
      throw new Retry(`redis-server ended at once: ${output.trim()}`);
    }
    const said = await ping(socket);
    if (said.startsWith('+PONG')) return child;
    if (said) heard = performance.now();
    if (performance.now() - heard > silentMs) {
      child.kill('SIGKILL');
      throw new Retry(`redis-server does not answer on ${socket}: ${output.trim()}`);
    }
    await pause(5);
  }
}

/** Whether a Redis answers PING there and has finished loading. */
export const answers = async (socket: string): Promise<boolean> => (await ping(socket)).startsWith('+PONG');

/** What is said to a PING there, and nothing when nobody is. While it loads, a Redis says `-LOADING …`. */
const ping = (socket: string): Promise<string> =>
  new Promise(done => {
    const connection = connect(socket);
    const end = (said: string): void => {
      connection.destroy();
      done(said);
    };
    connection.setTimeout(500, () => end(''));
    connection.on('error', () => end(''));
    connection.on('close', () => end(''));
    connection.on('data', d => end(d.toString()));
    connection.write('PING\r\n');
  });

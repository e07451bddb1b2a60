/**
 * A private Redis for `readmit up`: on a unix socket in a directory of its own, no TCP port, every write synced, nothing
 * evicted. It ends when its parent ends. Installed sites run their own Redis unit instead.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, dirname, join, resolve } from 'node:path';
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

/** Starts it; resolves when it answers. `path`: where the server is looked for first. @throws Retry when it does not within five seconds */
export async function startRedis(
  socket: string,
  dir: string,
  setpriv: string | null,
  path: string,
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
  child.stdin!.on('error', () => {});
  child.stdin!.end(redisConfig(socket, dir));
  const until = performance.now() + 5000;
  for (;;) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Retry(`redis-server ended at once: ${output.trim()}`);
    if (await answers(socket)) return child;
    if (performance.now() > until) {
      child.kill('SIGKILL');
      throw new Retry(`redis-server does not answer on ${socket}: ${output.trim()}`);
    }
    await new Promise(r => setTimeout(r, 5));
  }
}

/** Whether a Redis answers PING there and has finished loading. */
export const answers = (socket: string): Promise<boolean> =>
  new Promise(done => {
    const connection = connect(socket);
    const end = (value: boolean): void => {
      connection.destroy();
      done(value);
    };
    connection.setTimeout(500, () => end(false));
    connection.on('error', () => end(false));
    connection.on('data', d => end(d.toString().startsWith('+PONG')));
    connection.write('PING\r\n');
  });

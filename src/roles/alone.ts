/**
 * One agent per state directory: it listens on a socket there as long as it lives, and whoever finds somebody answering
 * refuses to start. A process that was killed leaves a socket that nobody answers, which is taken over.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { type Config, inState } from '../config/config.ts';
import { Refused } from '../incident.ts';

/** Beside Redis's socket when the state directory's path is too long for one (108 bytes). */
function place(config: Config): string {
  const path = inState(config, 'agent', 'agent.sock');
  return Buffer.byteLength(path) < 104 || !config.redis.socket
    ? path
    : join(dirname(config.redis.socket), 'agent.sock');
}

const answers = (path: string): Promise<boolean> =>
  new Promise(done => {
    const c = connect(path);
    c.on('connect', () => {
      c.destroy();
      done(true);
    });
    c.on('error', () => done(false));
  });

/** @throws Refused when another agent lives on this state directory */
export async function beAlone(config: Config): Promise<{ close(): void }> {
  const path = place(config);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (await answers(path)) throw new Refused(`another readmit agent answers on ${path}`);
  rmSync(path, { force: true });
  const server = createServer(socket => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  return { close: () => void server.close() };
}

/** Starts a role with its configuration and ends it on SIGTERM or SIGINT; and `demo`, which starts the practice cluster. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { ofOurs } from '../compiled.ts';
import type { Config } from '../config/config.ts';
import { environment, loadConfig } from '../config/config.ts';
import { Usage } from '../incident.ts';
import { type Logger, makeLog } from '../log.ts';

type Role = 'up' | 'serve' | 'agent';
type RunRole = (config: Config, log: Logger, signal: AbortSignal) => Promise<void>;

const ROLES: Record<Role, () => Promise<RunRole>> = {
  up: async () => (await import('../roles/up.ts')).up,
  serve: async () => (await import('../roles/serve.ts')).serve,
  agent: async () => (await import('../roles/agent.ts')).agent,
};

export async function runRole(role: Role, file?: string): Promise<number> {
  const config = loadConfig(file);
  const log = makeLog(config, role);
  // What these two keep is for nobody else to read.
  if (role !== 'up') process.umask(0o077);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  // What a stage did not catch ends the role, and whoever started it starts it again from what is on disk.
  process.on('unhandledRejection', error => {
    log.fatal({ err: error }, 'unhandled rejection');
    process.exit(1);
  });
  await (await ROLES[role]())(config, log, stop.signal);
  // Sockets that still close must not hold up the end.
  setTimeout(() => process.exit(0), 500).unref();
  return 0;
}

export async function demo(o: { dir: string; port: string }): Promise<number> {
  const port = Number(o.port);
  if (!Number.isInteger(port) || port < 1 || port > 65535)
    throw new Usage(`--port ${o.port}: a number from 1 to 65535`);
  const practice = resolve(import.meta.dirname, '../../deploy/practice/demo.ts');
  if (!existsSync(practice))
    throw new Usage('the practice cluster is not installed with Readmit: run `npm start` in a checkout');
  const child = spawn(process.execPath, [practice, '--dir', resolve(o.dir), '--port', String(port)], {
    env: ofOurs(environment()),
    stdio: 'inherit',
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => child.kill(signal));
  return await new Promise(done => child.on('exit', (code, signal) => done(code ?? (signal ? 0 : 1))));
}

/** Starts a role with its configuration and ends it on SIGTERM or SIGINT. */
import type { Config } from '../config/config.ts';
import { loadConfig } from '../config/config.ts';
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

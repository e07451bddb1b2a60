/**
 * Starts the executor. It is started for an order that waits, so it loads nothing that it does not use: no logger, since
 * what it says goes to standard error, and its umask stays as it is, since its tools would inherit it.
 */
import { loadGuardedConfig } from '../config/config.ts';
import { runExec } from '../roles/exec.ts';

export async function execCommand(file?: string): Promise<number> {
  const config = loadGuardedConfig(file);
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop.abort());
  // What was not caught ends it, and whoever started it starts it again from what is on disk.
  process.on('unhandledRejection', error => {
    const why = error instanceof Error ? error.stack : String(error);
    process.stderr.write(`${JSON.stringify({ level: 'fatal', part: 'exec', event: 'unhandled rejection', why })}\n`);
    process.exit(1);
  });
  await runExec(config, { signal: stop.signal, onListening: () => void process.stdout.write('ready\n') });
  // Sockets that still close must not hold up the end.
  setTimeout(() => process.exit(0), 500).unref();
  return 0;
}

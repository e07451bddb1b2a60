/** Readmit's own log: JSON lines on standard error. Messages are constant; what comes from outside is always a field. */
import { type Logger, pino } from 'pino';
import type { Config } from './config/config.ts';

export type { Logger };

export const makeLog = (config: Pick<Config, 'log' | 'host'>, role: string): Logger =>
  pino(
    {
      level: config.log.level,
      base: { role, host: config.host },
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['password', 'token', 'authorization', '*.password', '*.token', 'headers.cookie'],
    },
    pino.destination({ dest: 2, sync: true }),
  );

/** An error listener that says the same thing once until it changes: Redis away is one line, not a thousand. */
export function quietly(log: Logger, message: string): (error: Error) => void {
  let last = '';
  let at = 0;
  return error => {
    const reason = error.message || String((error as NodeJS.ErrnoException).code ?? error.name);
    if (reason === last && Date.now() - at < 60_000) return;
    last = reason;
    at = Date.now();
    log.warn({ reason }, message);
  };
}

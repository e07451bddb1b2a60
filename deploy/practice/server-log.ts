/**
 * The scheduler's log, in exactly the article's two forms and without a time. One open descriptor in append mode, so
 * that logrotate's copytruncate and rename+create both work; SIGHUP opens the path again, nothing else does.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface ServerLog {
  denied(address: string, user: string, endpoint: string): void;
  completed(job: string): void;
  /** Closes the file and opens whatever lies at the path now. */
  reopen(): void;
  close(): void;
}

/** Names come from tokens that anybody may forge: what would break the line is shown as `?`. */
const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f]/g, '?').slice(0, 256);

export function openServerLog(path: string): ServerLog {
  mkdirSync(dirname(path), { recursive: true });
  let fd = openSync(path, 'a', 0o640);
  const line = (text: string): void => void writeSync(fd, `${text}\n`);
  return {
    denied: (address, user, endpoint) =>
      line(`[WARNING] Unauthorized access attempt from ${address}: user ${printable(user)}, endpoint ${endpoint}`),
    completed: job => line(`[INFO] Job ${job} completed successfully`),
    reopen: () => {
      closeSync(fd);
      fd = openSync(path, 'a', 0o640);
    },
    close: () => closeSync(fd),
  };
}

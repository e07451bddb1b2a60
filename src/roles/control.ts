/**
 * The control socket: HTTP with JSON on a unix socket in a directory that only root and `serve` can enter. The command
 * line changes things through it, so that there is one writer and one set of rules. `POST /<verb>` with a JSON body.
 */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { type Config, inState } from '../config/config.ts';
import { NotFound, Refused, Retry, Usage } from '../incident.ts';

/** Its ESM form would load a whole web client (40 ms) into every command, most of which only read the database. */
const http = (): typeof import('node:http') => process.getBuiltinModule('node:http');

export type Verb = (body: Record<string, unknown>) => unknown;

/** Where it lies; beside Redis's socket when the state directory's path is too long for one (108 bytes). */
export function controlSocket(config: Config): string {
  const path = inState(config, 'serve', 'control.sock');
  return Buffer.byteLength(path) < 104 || !config.redis.socket
    ? path
    : join(dirname(config.redis.socket), 'control.sock');
}

const STATUS = { Refused: 409, NotFound: 404, Usage: 400, Retry: 503 } as const;

const someoneAnswers = (socket: string): Promise<boolean> =>
  new Promise(done => {
    const c = connect(socket);
    c.on('connect', () => {
      c.destroy();
      done(true);
    });
    c.on('error', () => done(false));
  });

/** @throws Refused when another `serve` has it: two never run on one state directory */
export async function serveControl(socket: string, verbs: Record<string, Verb>): Promise<{ close(): Promise<void> }> {
  mkdirSync(dirname(socket), { recursive: true, mode: 0o700 });
  if (await someoneAnswers(socket)) throw new Refused(`another readmit serve answers on ${socket}`);
  rmSync(socket, { force: true });
  const server = http().createServer((req, res) => {
    const answer = (status: number, body: unknown): void => {
      res.writeHead(status, { 'content-type': 'application/json' });
      res.end(JSON.stringify(body ?? null));
    };
    let text = '';
    req.setEncoding('utf8');
    req.on('data', (chunk: string) => {
      text += chunk;
      if (text.length > 1 << 20) req.destroy();
    });
    req.on('end', async () => {
      const verb = verbs[(req.url ?? '').slice(1)];
      if (req.method !== 'POST' || !verb) return answer(404, { error: 'no such verb' });
      try {
        answer(200, await verb(JSON.parse(text || '{}') as Record<string, unknown>));
      } catch (error) {
        const { name, message } = error as Error;
        answer(STATUS[name as keyof typeof STATUS] ?? 500, { name, error: message });
      }
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return {
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const CLASSES = { Refused, NotFound, Usage, Retry } as const;

/**
 * Asks the running `serve`.
 * @throws Retry when none runs; the class that `serve` threw otherwise
 */
export function askServe<T>(socket: string, verb: string, body: unknown, timeoutMs = 30_000): Promise<T> {
  return new Promise((resolve, reject) => {
    const req = http().request({ socketPath: socket, path: `/${verb}`, method: 'POST', timeout: timeoutMs }, res => {
      let text = '';
      res.setEncoding('utf8');
      res.on('data', (chunk: string) => (text += chunk));
      res.on('end', () => {
        const answer = JSON.parse(text || 'null') as { name?: string; error?: string } | null;
        if (res.statusCode === 200) return resolve(answer as T);
        const Class = CLASSES[answer?.name as keyof typeof CLASSES];
        // What went wrong there (a full disk) is told in its words; where in serve, nobody here needs to know.
        reject(
          Class
            ? new Class(answer?.error)
            : new Retry(`readmit serve could not do it: ${answer?.error ?? `it answered ${res.statusCode}`}`),
        );
      });
    });
    req.on('timeout', () => req.destroy(new Retry('readmit serve does not answer')));
    req.on('error', error => {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ECONNREFUSED')
        reject(new Retry('readmit serve is not running here: start it, or see `readmit doctor`'));
      else if (code === 'EACCES')
        reject(new Refused(`no permission for ${socket}: run it as root or as the user of readmit serve`));
      else reject(error);
    });
    req.end(JSON.stringify(body));
  });
}

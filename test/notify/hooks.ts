/** A real HTTP or HTTPS server that keeps every request as it came, and answers as a test wishes. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTls } from 'node:https';

interface Came {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
  /** The status it was answered; null: with nothing. */
  answered: number | null;
}

export interface Hooks {
  port: number;
  origin: string;
  came: Came[];
  /** What the next requests are answered; `silent` answers nothing. */
  manner: { status: number; headers?: Record<string, string>; body?: string } | 'silent';
  to(path: string): Came[];
  close(): Promise<void>;
}

export async function hooks(tls?: { key: string; cert: string }, port = 0): Promise<Hooks> {
  const came: Came[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    came.push({
      method: request.method!,
      path: request.url!,
      headers: request.headers,
      body: Buffer.concat(chunks).toString(),
      answered: made.manner === 'silent' ? null : made.manner.status,
    });
    if (made.manner === 'silent') return;
    response.writeHead(made.manner.status, made.manner.headers ?? {}).end(made.manner.body ?? 'ok');
  };
  const server = tls ? createTls(tls, take) : createServer(take);
  await new Promise<void>(ready => server.listen(port, '127.0.0.1', ready));
  const bound = (server.address() as { port: number }).port;
  const made: Hooks = {
    port: bound,
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${bound}`,
    came,
    manner: { status: 200 },
    to: path => came.filter(c => c.path === path),
    close: () => {
      server.closeAllConnections();
      return new Promise<void>(done => server.close(() => done()));
    },
  };
  return made;
}

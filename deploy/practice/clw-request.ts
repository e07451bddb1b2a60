/**
 * One request of the client to the scheduler: over the address that the site's hosts file gives its name, or through
 * HTTP_PROXY; with the token, the login session and the uid it comes from. An answer is a value, and so is none.
 */
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';

export interface Client {
  root: string;
  server: string;
  user: string;
  token: string | null;
  env: NodeJS.ProcessEnv;
}

export type Answer =
  | { kind: 'answer'; status: number; body: Record<string, unknown>; raw: string; badToken: boolean }
  | { kind: 'unreachable'; url: string; code: string };

const TIMEOUT_MS = 5_000;

export const proxyOf = (env: NodeJS.ProcessEnv): string | null => env.HTTP_PROXY || env.http_proxy || null;

/** The address of a name in DIR/etc/hosts; names it does not have are left to the system. */
function resolveName(root: string, name: string): string {
  for (const line of readFileSync(join(root, 'etc/hosts'), 'utf8').split('\n')) {
    const [address, ...names] = line.replace(/#.*/, '').split(/\s+/).filter(Boolean);
    if (address && names.includes(name)) return address;
  }
  return name;
}

/** What a request says of its sender beside the token. */
function identity(client: Client): Record<string, string> {
  const { env, token, user } = client;
  return {
    'x-claw-user': user,
    ...(token ? { authorization: `Bearer ${token}` } : {}),
    ...(env.CLAW_SESSION ? { 'x-claw-session': env.CLAW_SESSION } : {}),
    ...(env.CLAW_UID ? { 'x-claw-uid': env.CLAW_UID } : {}),
    ...(env.CLAW_FROM ? { 'x-claw-from': env.CLAW_FROM } : {}),
  };
}

export function ask(client: Client, method: 'GET' | 'POST', path: string, body = ''): Promise<Answer> {
  const target = new URL(client.server);
  // The article's names and port (https://claw-head-01:8080) mean this site's scheduler, wherever it listens.
  const site = JSON.parse(readFileSync(join(client.root, 'etc/clw.json'), 'utf8')) as {
    aliases: string[];
    port: number;
  };
  const port = site.aliases.includes(target.host) ? site.port : Number(target.port || 80);
  const host = resolveName(client.root, target.hostname).replace(/^\[|\]$/g, '');
  const proxy = proxyOf(client.env);
  const via = proxy ? new URL(proxy) : null;
  const authority = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const url = via ? via.origin : client.server;
  return new Promise(resolve => {
    const request = httpRequest({
      host: via ? via.hostname : host,
      port: via ? via.port : port,
      path: via ? `http://${authority}${path}` : path,
      method,
      agent: false,
      timeout: TIMEOUT_MS,
      headers: { host: authority, 'content-length': Buffer.byteLength(body), ...identity(client) },
    });
    const failed = (code: string): void => resolve({ kind: 'unreachable', url, code });
    request.on('timeout', () => request.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' })));
    request.on('error', error => failed((error as NodeJS.ErrnoException).code ?? 'ECONNRESET'));
    request.on('response', response => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', error => failed((error as NodeJS.ErrnoException).code ?? 'ECONNRESET'));
      response.on('end', () => {
        const raw = Buffer.concat(chunks).toString('utf8');
        const badToken = /invalid_token/.test(String(response.headers['www-authenticate'] ?? ''));
        try {
          resolve({
            kind: 'answer',
            status: response.statusCode ?? 0,
            body: JSON.parse(raw) as Record<string, unknown>,
            raw,
            badToken,
          });
        } catch {
          failed('EBADMSG');
        }
      });
    });
    request.end(body);
  });
}

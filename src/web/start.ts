/**
 * Puts the console on a port: TLS or loopback, time limits for slow senders, a bound on connections. Effects live here.
 */
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { getRequestListener } from '@hono/node-server';
import { Addresses, isLoopback } from '../addresses.ts';
import type { Config } from '../config/config.ts';
import { Usage } from '../incident.ts';
import { makeApp } from './app.ts';
import type { WebParts } from './ask.ts';
import { checkWire, listenOf } from './wire.ts';

/** A request must have arrived within these times (ms), checked every second. */
export const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 20_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
  /** A connection on which nothing moved for this long is closed; live streams beat more often. */
  idle: 60_000,
  connections: 512,
};
export type Limits = typeof LIMITS;

export interface RunningWeb {
  /** `http://127.0.0.1:8420`, with the port that was taken. */
  address: string;
  stop: () => Promise<void>;
}

/**
 * Starts to listen.
 * @throws Usage when it would speak plain http to a network
 */
export async function startWeb(parts: WebParts, limits: Partial<Limits> = {}): Promise<RunningWeb> {
  const { config, log } = parts;
  checkWire(config);
  const { host, port } = listenOf(config);
  const listener = getRequestListener(makeApp(parts).fetch, { overrideGlobalObjects: false });
  const { idle, connections, ...times } = { ...LIMITS, ...limits };
  const options = { ...times, maxHeaderSize: 16_384 };
  const { tls } = config.web;
  const server: Server = tls
    ? createHttps(
        { ...options, cert: readFileSync(tls.cert), key: readFileSync(tls.key), minVersion: 'TLSv1.2' },
        listener,
      )
    : createHttp(options, listener);
  server.maxConnections = connections;
  server.maxHeadersCount = 64;
  server.timeout = idle;
  onlyProxies(server, config);
  await new Promise<void>((resolve, reject) => {
    const refused = (error: Error): void => reject(cannotListen(error, config));
    server.once('error', refused);
    server.listen(port, host, () => {
      server.off('error', refused);
      resolve();
    });
  });
  server.on('error', error => log.error({ error: error.message }, 'web server error'));
  const taken = server.address();
  const address = `${tls ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${typeof taken === 'object' && taken ? taken.port : port}`;
  return { address, stop: () => stop(server) };
}

/** What somebody can mend by the configuration or by ending another program is said so. */
function cannotListen(error: NodeJS.ErrnoException, config: Config): Error {
  const why: Record<string, string> = {
    EADDRINUSE: 'another program listens there already',
    EADDRNOTAVAIL: 'this machine has no such address',
    EACCES: 'this user may not listen there',
    ENOTFOUND: 'this name has no address',
  };
  const known = why[error.code ?? ''];
  return known ? new Usage(`${config.file}: web.listen: ${config.web.listen}: ${known}`) : error;
}

/** Behind a proxy only the proxy is talked to, and this machine. */
function onlyProxies(server: Server, config: Config): void {
  if (!config.web.behindProxy.length) return;
  const allowed = new Addresses(config.web.behindProxy);
  server.on('connection', socket => {
    const from = socket.remoteAddress ?? '';
    if (!allowed.has(from) && !isLoopback(from)) socket.destroy();
  });
}

/** Lets running answers finish for a second; live streams never would. */
async function stop(server: Server): Promise<void> {
  const closed = new Promise<void>(resolve => server.close(() => resolve()));
  server.closeIdleConnections();
  const hard = setTimeout(() => server.closeAllConnections(), 300);
  await closed;
  clearTimeout(hard);
}

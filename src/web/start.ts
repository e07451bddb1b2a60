/**
 * Puts the console on a port: TLS or loopback, time limits for slow senders, a bound on connections. Effects live here.
 */
import { readFileSync } from 'node:fs';
import { createServer as createHttp, type Server } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { BlockList, isIP } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { type Config, originOf } from '../config/config.ts';
import { Usage } from '../incident.ts';
import { makeApp } from './app.ts';
import type { WebParts } from './ask.ts';
import { isHttps } from './security.ts';

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

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

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
  const { host, port } = listenOf(config);
  checkWire(config, host);
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

/** `127.0.0.1:8420`, `[::1]:8420` */
function listenOf(config: Config): { host: string; port: number } {
  const found = /^(?:\[(?<six>[^\]]+)\]|(?<four>[^:]+)):(?<port>\d{1,5})$/.exec(config.web.listen)?.groups;
  const host = found?.six ?? found?.four;
  if (!found || !host || Number(found.port) > 65_535)
    throw new Usage(`${config.file}: web.listen: ADDRESS:PORT, e.g. 127.0.0.1:8420`);
  return { host, port: Number(found.port) };
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || (isIP(host) > 0 && LOOPBACK.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'));

function checkWire(config: Config, host: string): void {
  const { tls, behindProxy } = config.web;
  if (behindProxy.length && !tls && !isHttps(config))
    throw new Usage(
      `${config.file}: web.origin: behind a proxy, say what people type, e.g. https://readmit.example.org`,
    );
  if (!tls && !behindProxy.length && !isLoopback(host))
    throw new Usage(
      `${config.file}: web.listen: ${originOf(config)} would send sign-ins over the network unencrypted; set web.tls, or web.behindProxy, or listen on 127.0.0.1`,
    );
}

/** Behind a proxy only the proxy is talked to, and this machine. */
function onlyProxies(server: Server, config: Config): void {
  if (!config.web.behindProxy.length) return;
  const allowed = new BlockList();
  for (const entry of config.web.behindProxy) {
    const [ip = '', bits] = entry.split('/');
    const family = isIP(ip) === 6 ? 'ipv6' : 'ipv4';
    if (!isIP(ip)) throw new Usage(`${config.file}: web.behindProxy: ${entry} is no address`);
    if (bits) allowed.addSubnet(ip, Number(bits), family);
    else allowed.addAddress(ip, family);
  }
  server.on('connection', socket => {
    const from = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const family = isIP(from) === 6 ? 'ipv6' : 'ipv4';
    if (!isIP(from) || !(allowed.check(from, family) || isLoopback(from))) socket.destroy();
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

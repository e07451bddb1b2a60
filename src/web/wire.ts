/** Where the console listens, and who is let near it: TLS, a proxy that speaks it, or this machine only. Pure. */
import { isThisMachine } from '../addresses.ts';
import { type Config, originOf } from '../config/config.ts';
import { Usage } from '../incident.ts';
import { isHttps } from './security.ts';

/** `127.0.0.1:8420`, `[::1]:8420` */
export function listenOf(config: Config): { host: string; port: number } {
  const found = /^(?:\[(?<six>[^\]]+)\]|(?<four>[^:]+)):(?<port>\d{1,5})$/.exec(config.web.listen)?.groups;
  const host = found?.six ?? found?.four;
  if (!found || !host || Number(found.port) > 65_535)
    throw new Usage(`${config.file}: web.listen: ADDRESS:PORT, e.g. 127.0.0.1:8420`);
  return { host, port: Number(found.port) };
}

/**
 * Would it listen where the configuration says, and keep sign-ins to itself there?
 * @throws Usage naming the key
 */
export function checkWire(config: Config): void {
  const { host } = listenOf(config);
  const { tls, behindProxy } = config.web;
  if (behindProxy.length && !tls && !isHttps(config))
    throw new Usage(
      `${config.file}: web.origin: behind a proxy, say what people type, e.g. https://readmit.example.org`,
    );
  if (!tls && !behindProxy.length && !isThisMachine(host))
    throw new Usage(
      `${config.file}: web.listen: ${originOf(config)} would send sign-ins over the network unencrypted; set web.tls, or web.behindProxy, or listen on 127.0.0.1`,
    );
}

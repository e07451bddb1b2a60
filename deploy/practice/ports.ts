/**
 * Which ports a practice cluster gets: those of last time where they are free, others where not, so that several can run
 * side by side and one that is started again keeps its addresses.
 */
import { createServer } from 'node:net';
import type { Ports } from './layout.ts';

/** Whether a port of one address can be had. */
export const isFree = (port: number, host: string): Promise<boolean> =>
  new Promise(resolve => {
    const probe = createServer();
    // No such address on this machine (IPv6 switched off) is no conflict.
    probe.once('error', error =>
      resolve(/EADDRNOTAVAIL|EAFNOSUPPORT/.test((error as NodeJS.ErrnoException).code ?? '')),
    );
    probe.listen({ port, host, ipv6Only: true }, () => probe.close(() => resolve(true)));
  });

const isFreeOnBoth = async (port: number): Promise<boolean> =>
  (await isFree(port, '127.0.0.1')) && (await isFree(port, '::1'));

const anyPort = (): Promise<number> =>
  new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number };
      probe.close(() => resolve(port));
    });
  });

/** The ports of last time where they are free, others where not. */
export async function choosePorts(before: Ports | null, web: number): Promise<Ports> {
  const taken = new Set([web]);
  const choose = async (wanted: number | undefined): Promise<number> => {
    for (let port = wanted ?? (await anyPort()); ; port = await anyPort())
      if (!taken.has(port) && (await isFreeOnBoth(port))) {
        taken.add(port);
        return port;
      }
  };
  return {
    scheduler: await choose(before?.scheduler),
    smtp: await choose(before?.smtp),
    mailbox: await choose(before?.mailbox),
    proxy: await choose(before?.proxy),
  };
}

export const hasIpv6 = (): Promise<boolean> =>
  new Promise(resolve => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port: 0, host: '::1' }, () => probe.close(() => resolve(true)));
  });

/** Lists of IP addresses and networks, as a configuration and the packs write them: `192.168.1.10`, `10.0.0.0/8`, `2001:db8::/32`. */
import { BlockList, isIP } from 'node:net';

interface Network {
  ip: string;
  bits: number;
  family: 'ipv4' | 'ipv6';
}

/** Null: neither an address nor ADDRESS/BITS. */
export function networkOf(text: string): Network | null {
  const [ip = '', prefix, ...more] = text.split('/');
  const most = { 4: 32, 6: 128 }[isIP(ip)];
  if (most === undefined || more.length > 0 || (prefix !== undefined && !/^\d{1,3}$/.test(prefix))) return null;
  const bits = prefix === undefined ? most : Number(prefix);
  return bits > most ? null : { ip, bits, family: most === 32 ? 'ipv4' : 'ipv6' };
}

export class Addresses {
  readonly #list = new BlockList();
  readonly #size: number;

  /** @param entries what `networkOf` takes; anything else is left out */
  constructor(entries: readonly string[]) {
    const networks = entries.flatMap(entry => networkOf(entry) ?? []);
    for (const { ip, bits, family } of networks) this.#list.addSubnet(ip, bits, family);
    this.#size = networks.length;
  }

  /** What is no address is in no list. */
  has(ip: string): boolean {
    // Asked for each denial, and mostly there is no list.
    if (this.#size === 0) return false;
    const family = isIP(ip);
    return family !== 0 && this.#list.check(ip, family === 6 ? 'ipv6' : 'ipv4');
  }
}

const LOOPBACK = new Addresses(['127.0.0.0/8', '::1']);

/** This machine, by itself. */
export const isLoopback = (ip: string): boolean => LOOPBACK.has(ip);

/**
 * IP addresses: what is one, what counts as one, and lists of them as a configuration and the packs write them.
 * Strictly: IPv4 as four decimal numbers without leading zeros, IPv6 in every form of RFC 4291 and without a zone id. Both
 * come out canonical (RFC 5952; an IPv4-mapped address is printed as its IPv4 address), so that one address is one cluster.
 * `127.1`, `0x7f000001`, `010.0.0.1` and host names are no addresses.
 */
import { BlockList, isIP } from 'node:net';

/** The canonical form, or null when the text is no address. */
export const canonicalAddress = (text: string): string | null => (text.includes(':') ? ipv6(text) : ipv4(text));

const DECIMAL = /^(?:0|[1-9][0-9]{0,2})$/;
const HEXTET = /^[0-9a-fA-F]{1,4}$/;

function octets(text: string): number[] | null {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every(part => DECIMAL.test(part))) return null;
  const numbers = parts.map(Number);
  return numbers.every(n => n < 256) ? numbers : null;
}

const ipv4 = (text: string): string | null => octets(text)?.join('.') ?? null;

/** One side of `::`, as 16-bit groups; a dotted quad may stand last and counts as two. */
function groups(side: string, mayEndInQuad: boolean): number[] | null {
  if (side === '') return [];
  const parts = side.split(':');
  const quad = mayEndInQuad && parts.at(-1)!.includes('.') ? octets(parts.pop()!) : [];
  if (quad === null || !parts.every(part => HEXTET.test(part))) return null;
  const numbers = parts.map(part => Number.parseInt(part, 16));
  if (quad.length) numbers.push(quad[0]! * 256 + quad[1]!, quad[2]! * 256 + quad[3]!);
  return numbers;
}

function ipv6(text: string): string | null {
  const sides = text.split('::');
  if (sides.length > 2) return null;
  const head = groups(sides[0]!, sides.length === 1);
  const tail = sides.length === 2 ? groups(sides[1]!, true) : [];
  if (!head || !tail) return null;
  const missing = 8 - head.length - tail.length;
  // "::" stands for at least one group.
  if (sides.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...head, ...Array<number>(missing).fill(0), ...tail];
  if (all.slice(0, 5).every(n => n === 0) && all[5] === 0xffff)
    return [all[6]! >> 8, all[6]! & 255, all[7]! >> 8, all[7]! & 255].join('.');
  return compressed(all);
}

/** RFC 5952: the first longest run of two or more zero groups becomes `::`, the rest is lower-case without leading zeros. */
function compressed(all: number[]): string {
  let from = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && all[i + n] === 0) n++;
    if (n > length) [from, length] = [i, n];
    i += n;
  }
  const hex = (part: number[]): string => part.map(n => n.toString(16)).join(':');
  return from < 0 ? hex(all) : `${hex(all.slice(0, from))}::${hex(all.slice(from + length))}`;
}

/**
 * The key of the cluster a canonical address belongs to: itself, or `2001:db8:1:2::/64`, since a host may choose any of
 * those.
 */
export function addressKey(ip: string): string {
  if (!ip.includes(':')) return ip;
  const [head = '', tail] = ip.split('::');
  const before = head ? head.split(':') : [];
  const after = tail ? tail.split(':') : [];
  const all =
    tail === undefined ? before : [...before, ...Array<string>(8 - before.length - after.length).fill('0'), ...after];
  const prefix = all.slice(0, 4);
  while (prefix.length && prefix.at(-1) === '0') prefix.pop();
  return `${prefix.join(':')}::/64`;
}

interface Network {
  ip: string;
  bits: number;
  family: 'ipv4' | 'ipv6';
}

/** `192.168.1.10`, `10.0.0.0/8`, `2001:db8::/32`. Null: neither an address nor ADDRESS/BITS. */
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

/** This machine, by an address of its own that nobody else reaches; IPv4-mapped ones too. */
export const isLoopback = (ip: string): boolean => LOOPBACK.has(ip);

/** As `isLoopback`, of a host as a URL or a setting names it: `localhost` and `[::1]` as well. */
export const isThisMachine = (host: string): boolean =>
  host === 'localhost' || isLoopback(host.replace(/^\[(.*)\]$/, '$1'));

/** The port of a URL, its scheme's own when it names none. */
export function portOf(url: string): string {
  const { port, protocol } = new URL(url);
  return port || (protocol === 'https:' ? '443' : '80');
}

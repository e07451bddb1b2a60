/**
 * What counts as one address: an IPv4 address by itself, an IPv6 address by its /64 (a host may choose any of them), and
 * which addresses many honest people share.
 */
import { BlockList, isIP } from 'node:net';

/** The key of the cluster a canonical address belongs to: itself, or `2001:db8:1:2::/64`. */
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

/** A list of addresses and CIDR networks. Entries that are neither are left out and named by `wrong`. */
export class Addresses {
  readonly wrong: string[] = [];
  private readonly list = new BlockList();
  private size = 0;

  constructor(entries: readonly string[]) {
    for (const entry of entries) {
      const [address = '', prefix] = entry.split('/');
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      const bits = prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix);
      const right =
        isIP(address) &&
        (prefix === undefined || /^[0-9]{1,3}$/.test(prefix)) &&
        bits <= (family === 'ipv6' ? 128 : 32);
      if (right) {
        this.list.addSubnet(address, bits, family);
        this.size++;
      } else this.wrong.push(entry);
    }
  }

  has(ip: string): boolean {
    if (this.size === 0) return false;
    const family = isIP(ip);
    return family !== 0 && this.list.check(ip, family === 6 ? 'ipv6' : 'ipv4');
  }
}

/** What counts as one address: an IPv4 address by itself, an IPv6 address by its /64 (a host may choose any of them). */

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

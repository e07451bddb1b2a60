/**
 * IP addresses, strictly: IPv4 as four decimal numbers without leading zeros, IPv6 in every form of RFC 4291 and without
 * a zone id. Both come out canonical (RFC 5952; an IPv4-mapped address is printed as its IPv4 address), so that one
 * address is one cluster. `127.1`, `0x7f000001`, `010.0.0.1` and host names are no addresses.
 */

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

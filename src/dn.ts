/**
 * Distinguished names as text (RFC 4514): taken apart, compared, and put together with everything escaped that would end
 * a value. Pure. A name that can't be taken apart is below nothing and equal to nothing.
 */

/** One name's parts, the entry first: each a sorted list of `attribute=value`, folded as directories compare them. */
type Parts = string[];

const ATTRIBUTE = /^([A-Za-z][A-Za-z0-9-]*|\d+(\.\d+)*)$/;

/** Escapes a value for its place in a distinguished name. */
export const dnValue = (value: string): string =>
  value
    .replace(/[,+"\\<>;=\x00-\x1f]/g, c => `\\${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    .replace(/^[ #]/, c => `\\${c.charCodeAt(0).toString(16)}`)
    .replace(/ $/, '\\20');

/** Takes a name apart; null when it is not one. */
export function dnParts(dn: string): Parts | null {
  if (dn.length === 0 || dn.length > 2000) return null;
  const parts: Parts = [];
  for (const rdn of splitAt(dn, ',')) {
    const pairs: string[] = [];
    for (const pair of splitAt(rdn, '+')) {
      const equals = pair.indexOf('=');
      const attribute = pair.slice(0, equals).trim().toLowerCase();
      const value = equals < 1 ? null : readValue(pair.slice(equals + 1));
      if (!ATTRIBUTE.test(attribute) || value === null) return null;
      pairs.push(`${attribute}=${value}`);
    }
    parts.push(pairs.sort().join('+'));
  }
  return parts;
}

/** Are these two the same entry's name, however they are written? */
export function sameDn(a: string, b: string): boolean {
  const [left, right] = [dnParts(a), dnParts(b)];
  return left !== null && right !== null && left.length === right.length && left.every((part, n) => part === right[n]);
}

/** Is this entry below that one? An entry is not below itself. */
export function isBelow(dn: string, base: string): boolean {
  const [parts, above] = [dnParts(dn), dnParts(base)];
  if (parts === null || above === null || parts.length <= above.length) return false;
  return parts.slice(-above.length).every((part, n) => part === above[n]);
}

/** Splits at a separator that is not escaped. */
function splitAt(text: string, separator: ',' | '+'): string[] {
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === separator) {
      pieces.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...pieces, text.slice(from)];
}

/** The value without its escapes, in lower case and with single spaces; null when it is written wrongly or is empty. */
function readValue(written: string): string | null {
  const bytes: number[] = [];
  const text = written.replace(/^ +/, '');
  for (let at = 0; at < text.length; at++) {
    const c = text[at]!;
    if (c !== '\\') {
      if (/["<>;\x00-\x1f]/.test(c)) return null;
      const whole = String.fromCodePoint(text.codePointAt(at)!);
      bytes.push(...Buffer.from(whole));
      at += whole.length - 1;
      continue;
    }
    const hex = /^[0-9A-Fa-f]{2}/.exec(text.slice(at + 1))?.[0];
    const special = /^[ "#+,;<=>\\]/.exec(text.slice(at + 1))?.[0];
    if (hex) bytes.push(Number.parseInt(hex, 16));
    else if (special) bytes.push(special.charCodeAt(0));
    else return null;
    at += hex ? 2 : 1;
  }
  const value = Buffer.from(bytes).toString('utf8').trim().replace(/ +/g, ' ').toLowerCase();
  // What would look like a separator is written as an escape again, so that two different names never look alike.
  return value === '' ? null : dnValue(value);
}

/**
 * Bodies of requests, whole and small, whether their length is told or not. Hono's own limit makes a new Request of the one
 * that its Node server hands over, which only works where that server has replaced the global one; here it has not.
 */
import type { Context } from 'hono';

/** `too large`: nothing more is read of it; close the connection. */
export async function takeBody(c: Context, most: number): Promise<'taken' | 'too large'> {
  const { body, headers, method, url } = c.req.raw;
  if (!body) return 'taken';
  const told = headers.has('transfer-encoding') ? null : headers.get('content-length');
  // A server never hands over more than was told.
  if (told !== null) return Number(told) > most ? 'too large' : 'taken';
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body) {
    size += part.length;
    if (size > most) return 'too large';
    parts.push(part);
  }
  c.req.raw = new Request(url, { method, headers, ...(size ? { body: Buffer.concat(parts) } : {}) });
  return 'taken';
}

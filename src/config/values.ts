/**
 * The kinds of values that stand in several chapters of readmit.yaml: absolute paths, names, mail addresses, times in seconds.
 */
import { z } from 'zod';
import { networkOf } from '../addresses.ts';

export const absolute = z.string().regex(/^\//, 'an absolute path').describe('absolute path');
export const name = z.string().regex(/^[a-z_][a-z0-9_.-]{0,31}$/i, 'a name of letters, digits, _ . -');
/** What `notify/address.ts` takes as one mailbox, roughly: faults are found when the file is read, not when a letter is due. */
export const mailbox = z
  .string()
  .regex(
    /^([^\s@<>,;:"\x00-\x1f\x7f]+@[^\s@<>,;:"\x00-\x1f\x7f]+|[^@<>,;:"\x00-\x1f\x7f]+ <[^\s@<>,;:"\x00-\x1f\x7f]+@[^\s@<>,;:"\x00-\x1f\x7f]+>)$/,
    'name@domain, or Name <name@domain>',
  );
export const port = z.number().int().min(1, 'a port, 1 to 65535').max(65_535, 'a port, 1 to 65535');
/** An address, or a network as ADDRESS/BITS. */
export const network = z.string().refine(text => networkOf(text) !== null, 'an address, or a network as ADDRESS/BITS');

export const seconds = (fallback: number, text: string) =>
  z.number().positive().default(fallback).describe(`${text} (seconds)`);

/**
 * The kinds of values that stand in several chapters of readmit.yaml: absolute paths, names, times in seconds.
 */
import { z } from 'zod';

export const absolute = z.string().regex(/^\//, 'an absolute path').describe('absolute path');
export const name = z.string().regex(/^[a-z_][a-z0-9_.-]{0,31}$/i, 'a name of letters, digits, _ . -');
export const seconds = (fallback: number, text: string) =>
  z.number().positive().default(fallback).describe(`${text} (seconds)`);

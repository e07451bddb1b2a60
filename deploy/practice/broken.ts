/**
 * What is broken on purpose at the moment: one record for each cause and person, with what healing it needs to know.
 */
import { readFileSync, renameSync } from 'node:fs';
import { type Layout, put } from './layout.ts';

export interface Broken {
  cause: string;
  /** null: everybody. */
  user: string | null;
  since: string;
  /** What was there before, where healing can't know it otherwise. */
  before: string | null;
}

export function readBroken(at: Layout): Broken[] {
  try {
    return JSON.parse(readFileSync(at.broken, 'utf8')) as Broken[];
  } catch {
    return [];
  }
}

export function writeBroken(at: Layout, broken: Broken[]): void {
  put(`${at.broken}.new`, `${JSON.stringify(broken, null, 1)}\n`);
  renameSync(`${at.broken}.new`, at.broken);
}

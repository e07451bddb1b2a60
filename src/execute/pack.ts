/**
 * The little the executor takes from the pack of rules: the canary, and where in the scheduler's configuration the list of
 * authorised groups stands. A site's own rules directory comes before what is shipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Config } from '../config/config.ts';
import { Usage } from '../incident.ts';
import { faultLines, readYaml, SOME_ALIASES } from '../yaml-text.ts';

/** Of system.yaml only this is looked at; diagnose/ reads the rest. */
const SystemSpec = z.looseObject({ config: z.looseObject({ authorized: z.string().regex(/^\w+(\.\w+)*$/) }) });

/** The path of one of the pack's files. */
export function packFile({ pack, rulesDir }: Pick<Config, 'pack' | 'rulesDir'>, shipped: string, name: string): string {
  const own = rulesDir === null ? null : join(rulesDir, pack, name);
  return own && existsSync(own) ? own : join(shipped, pack, name);
}

/** Keys that lead to the list, outermost first. @throws Usage */
export const authorizedList = (config: Pick<Config, 'pack' | 'rulesDir'>, shipped: string): string[] =>
  readPackFile(packFile(config, shipped, 'system.yaml'), SystemSpec).config.authorized.split('.');

/** @throws Usage naming file and key */
export function readPackFile<T>(file: string, schema: z.ZodType<T>): T {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Usage(`${file}: ${(error as Error).message}`);
  }
  const read = readYaml(text, SOME_ALIASES);
  if ('faults' in read) throw new Usage(faultLines(file, read.faults).join('\n'));
  const parsed = schema.safeParse(read.value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new Usage(`${file}:${read.lineOf(issue!.path)}: ${issue!.path.join('.') || '(top)'}: ${issue!.message}`);
}

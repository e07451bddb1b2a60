/** `readmit rules check|explain|schema`: the packs that the configuration loads, or those that are named. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { causeSchema, checkCauses, loadCauses } from '../diagnose/causes.ts';
import { packDirs } from '../diagnose/effects.ts';
import { Usage } from '../incident.ts';
import { USUAL_NAMES, type UserNames, userNames } from '../names.ts';
import { rulesCheck, rulesExplain } from '../roles/rules.ts';
import { packDirs as packsBelow } from '../rules/files.ts';
import { packSchemas } from '../rules/pack.ts';
import { printJson } from './print.ts';

interface Options {
  config?: string;
  json?: boolean;
}

/** What is configured of rules. They can be checked where Readmit is not: then the packs that come with it are meant. */
function siteOf(o: Options, named: readonly string[] = []): { dirs: string[]; names: UserNames } {
  try {
    const config = loadConfig(o.config);
    return { dirs: packDirs(config), names: userNames(config.userNames) };
  } catch (error) {
    const forgiven = error instanceof Usage && (named.length > 0 || /no such file/.test(error.message));
    if (o.config || !forgiven) throw error;
    return { dirs: packDirs({ pack: 'openclaw', rulesDir: null }), names: userNames(USUAL_NAMES) };
  }
}

/** A pack's causes with their examples, as faults in the words of the patterns' own check. */
function causeFaults(dir: string): { file: string; line: number; pattern: string; problem: string }[] {
  return checkCauses(loadCauses([dir])).map(problem => ({
    file: join(dir, 'causes'),
    line: 1,
    pattern: 'causes',
    problem,
  }));
}

export async function check(named: string[], o: Options): Promise<number> {
  const empty = named.filter(dir => packsBelow([dir]).length === 0 && !existsSync(join(dir, 'causes')));
  if (empty.length)
    throw new Usage(empty.map(dir => `${dir}: no logs.yaml, in it or right below, and no causes/`).join('\n'));
  const site = siteOf(o, named);
  const dirs = named.length ? named : site.dirs;
  const code = await rulesCheck(dirs, { json: Boolean(o.json), names: site.names, checkCauses: causeFaults });
  // A site may have causes of its own and no patterns; then its directory is no pack, and is checked here.
  const own = dirs.filter(dir => !existsSync(join(dir, 'logs.yaml')) && existsSync(join(dir, 'causes')));
  const faults = own.flatMap(causeFaults);
  for (const { problem } of faults) process.stderr.write(`${problem}\n`);
  return faults.length ? Math.max(code, 1) : code;
}

export function explain(line: string, o: Options): Promise<number> {
  const { dirs, names } = siteOf(o);
  return rulesExplain(line, { json: Boolean(o.json), packDirs: dirs, names });
}

/** JSON Schema of one kind of rule file, for an editor that checks while one writes. */
export async function schema(kind: string): Promise<void> {
  const schemas: Record<string, () => unknown> = {
    cause: causeSchema,
    logs: () => packSchemas().logs,
    detect: () => packSchemas().detect,
  };
  const made = Object.hasOwn(schemas, kind) ? schemas[kind] : undefined;
  if (!made) throw new Usage(`rules schema ${kind}: ${Object.keys(schemas).join(', ')}`);
  printJson(made());
}

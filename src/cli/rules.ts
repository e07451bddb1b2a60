/** `readmit rules check|explain`: the packs that the configuration loads, or those that are named. */
import { join } from 'node:path';
import { loadConfig } from '../config.ts';
import { checkCauses, loadCauses } from '../diagnose/causes.ts';
import { packDirs } from '../diagnose/effects.ts';
import { Usage } from '../incident.ts';
import { rulesCheck, rulesExplain } from '../roles/rules.ts';

interface Options {
  config?: string;
  json?: boolean;
}

/** Rules can be checked where Readmit is not configured: then the packs that come with it are meant. */
function dirsOf(o: Options): string[] {
  try {
    return packDirs(loadConfig(o.config));
  } catch (error) {
    if (o.config || !(error instanceof Usage) || !/no such file/.test(error.message)) throw error;
    return packDirs({ pack: 'openclaw', rulesDir: null });
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

export const check = (dirs: string[], o: Options): Promise<number> =>
  rulesCheck(dirs.length ? dirs : dirsOf(o), { json: Boolean(o.json), checkCauses: causeFaults });

export const explain = (line: string, o: Options): Promise<number> =>
  rulesExplain(line, { json: Boolean(o.json), packDirs: dirsOf(o) });

/** `readmit rules check|explain`: the packs that the configuration loads, or those that are named. */
import { loadConfig } from '../config.ts';
import { checkCauses } from '../diagnose/causes.ts';
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

export const check = (dirs: string[], o: Options): Promise<number> =>
  rulesCheck(dirs.length ? dirs : dirsOf(o), { json: Boolean(o.json), also: checkCauses });

export const explain = (line: string, o: Options): Promise<number> => rulesExplain(line, { json: Boolean(o.json), dirs: dirsOf(o) });

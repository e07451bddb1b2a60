/** Rules for a program that must start fast: what came of a set of packs is kept, and taken when their text is the same. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { EventName, Meaning } from '../incident.ts';
import { keptLater } from '../kept.ts';
import { USUAL_NAMES, type UserNameSettings, userNames } from '../names.ts';
import { packFiles } from './files.ts';
import type { Rule } from './rule.ts';

/** What a parser and a detector need of the packs that are loaded. */
export interface CompiledPacks {
  rules: Rule[];
  events: Partial<Record<EventName, Meaning>>;
}

// Changes when the shape of `CompiledPacks` or the checks of `pack.ts` change, so that no old copy is taken for a new one.
const FORMAT = '3';

/** The rules that come with Readmit: beside the sources, or beside what was compiled of them. */
export function ownRules(): string {
  for (const up of ['../../rules/', '../../../rules/']) {
    const dir = fileURLToPath(new URL(up, import.meta.url));
    if (existsSync(join(dir, 'openclaw', 'logs.yaml'))) return dir;
  }
  return fileURLToPath(new URL('../../rules/', import.meta.url));
}

/**
 * The packs below these directories, checked; what was kept of them when their text is the same as last time.
 * @param names how people are called here
 * @throws Usage as `loadPacks`
 */
export const compiledPacks = (
  roots: readonly string[],
  names: UserNameSettings = USUAL_NAMES,
  directory?: string,
): Promise<CompiledPacks> =>
  keptLater(
    ['rules', FORMAT, JSON.stringify(names)],
    packFiles(roots),
    async () => {
      const { loadPacks } = await import('./pack.ts');
      const packs = loadPacks(roots, userNames(names));
      return {
        rules: packs.flatMap(pack => pack.rules),
        events: Object.assign({}, ...packs.map(pack => pack.events).reverse()),
      };
    },
    directory,
  );

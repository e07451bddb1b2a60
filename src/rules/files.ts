/**
 * Where packs lie: a directory that holds `logs.yaml` is one; any other is looked through for such directories.
 * `detect.yaml` may stand beside it; `causes/` belongs to the diagnosis.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Usage } from '../incident.ts';

/** The directories of the packs below each root, in order. @throws Usage when a root is no directory */
export function packDirs(roots: readonly string[]): string[] {
  const dirs = roots.flatMap(root => {
    if (existsSync(join(root, 'logs.yaml'))) return [root];
    let entries: string[];
    try {
      entries = readdirSync(root).sort();
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      throw new Usage(
        `${root}: ${code === 'ENOENT' ? 'no such directory of rules' : code === 'ENOTDIR' ? 'not a directory' : code}`,
      );
    }
    return entries.map(entry => join(root, entry)).filter(dir => existsSync(join(dir, 'logs.yaml')));
  });
  return [...new Set(dirs)];
}

/** The files that are read of these packs. */
export const packFiles = (roots: readonly string[]): string[] =>
  packDirs(roots).flatMap(dir => [join(dir, 'logs.yaml'), join(dir, 'detect.yaml')].filter(existsSync));

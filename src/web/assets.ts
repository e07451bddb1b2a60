/**
 * The files of `public/`, read once at start and served under a name that holds the hash of their content: a browser
 * may keep them for ever, and a new version has a new name.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface Asset {
  body: Uint8Array<ArrayBuffer>;
  type: string;
}

export interface Assets {
  /** The address of a file by its plain name: `readmit.css` → `/public/readmit.1a2b3c4d5e6f.css`. */
  url(name: string): string;
  get(path: string): Asset | null;
}

/** @throws when `public/` or a file a page names is missing: better at start than in front of somebody */
export function loadAssets(dir = join(import.meta.dirname, 'public')): Assets {
  const byPath = new Map<string, Asset>();
  const byName = new Map<string, string>();
  for (const name of readdirSync(dir)) {
    const type = TYPES[extname(name)];
    if (!type) continue;
    const body = new Uint8Array(readFileSync(join(dir, name)));
    const hash = createHash('sha256').update(body).digest('hex').slice(0, 12);
    const path = `/public/${name.slice(0, -extname(name).length)}.${hash}${extname(name)}`;
    byPath.set(path, { body, type });
    byName.set(name, path);
  }
  return {
    url: name => {
      const path = byName.get(name);
      if (!path) throw new Error(`no ${name} in ${dir}`);
      return path;
    },
    get: path => byPath.get(path) ?? null,
  };
}

/**
 * Does a shell start file of the user send requests through a proxy? Such a proxy drops the token's header, and the
 * scheduler sees somebody without one. Also when those files last changed: what was seen of a request before that may
 * not be so any more.
 */
import { userUrlOf } from '../../config/scheduler.ts';
import { factMaker, type Ground, messageOf, type Probe } from '../ground.ts';
import { accountOf } from '../lookup.ts';

/** `export HTTP_PROXY=…`, also in lower case, not commented out; an empty value unsets it. */
const SETS = /^\s*(?:export\s+|declare\s+-x\s+|setenv\s+)?(https?_proxy|all_proxy)(?:\s*=\s*|\s+)["']?([^\s"'#]+)/i;
const UNSETS = /^\s*(?:unset|unsetenv)\s+(.*)$/i;
const EXCEPT = /^\s*(?:export\s+|declare\s+-x\s+|setenv\s+)?no_proxy(?:\s*=\s*|\s+)["']?([^\s"']+)/i;
const SITE_WIDE = '/etc/environment';

export const proxy: Probe = {
  name: 'proxy',
  facts: ['proxy.set', 'profile.changed'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const who = await accountOf(ground, user!);
    if (who.state !== 'found') return this.facts.map(fact => unknown(fact, who.source));
    const { files, refused } = await startFiles(ground, who.value);
    const named = (below: string): string => `~${user}/${below}`;
    const newest = files.reduce<StartFile | null>(
      (last, file) => (last && last.mtime > file.mtime ? last : file),
      null,
    );
    const changed = newest
      ? known('profile.changed', new Date(newest.mtime).toISOString(), `stat ${named(newest.below)}`)
      : unknown('profile.changed', refused[0] ?? 'there is no start file');
    const set = files.find(file => setsProxy(file.text, hostOf(ground)));
    if (set) return [known('proxy.set', true, named(set.below)), changed];
    const everywhere = await ground.read(SITE_WIDE).catch(() => null);
    if (everywhere && setsProxy(everywhere.text, hostOf(ground))) return [known('proxy.set', true, SITE_WIDE), changed];
    if (refused.length > 0) return [unknown('proxy.set', refused.join('; ')), changed];
    return [known('proxy.set', false, [...ground.system.profiles.map(named), SITE_WIDE].join(', ')), changed];
  },
};

interface StartFile {
  below: string;
  text: string;
  mtime: number;
}

/** The start files that are there and may be read, and why others may not. */
async function startFiles(
  ground: Ground,
  { home: path, uid }: { home: string; uid: number },
): Promise<{ files: StartFile[]; refused: string[] }> {
  const files: StartFile[] = [];
  const refused: string[] = [];
  for (const below of ground.system.profiles)
    try {
      const file = await ground.readHome({ path, uid }, below);
      if (file) files.push({ below, ...file });
    } catch (error) {
      refused.push(messageOf(error));
    }
  return { files, refused };
}

/** The host that people's clients ask. */
const hostOf = ({ config }: Ground): string =>
  new URL(userUrlOf(config.host, config.scheduler)).hostname.replace(/^\[|\]$/g, '');

/** What is set at the end of the file, for requests to `host`. */
function setsProxy(text: string, host: string): boolean {
  const set = new Set<string>();
  let except: string[] = [];
  for (const line of text.split('\n')) {
    const sets = line.match(SETS);
    if (sets) set.add(sets[1]!.toLowerCase());
    const unsets = line.match(UNSETS);
    for (const name of unsets?.[1]?.split(/[\s;]+/) ?? []) set.delete(name.toLowerCase());
    const names = line.match(EXCEPT);
    if (names) except = names[1]!.split(',').map(n => n.trim().replace(/^\*?\./, ''));
  }
  return set.size > 0 && !except.some(n => n === '*' || n === host || (n !== '' && host.endsWith(`.${n}`)));
}

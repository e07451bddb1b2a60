/**
 * Does a shell start file of the user send requests through a proxy? Such a proxy drops the token's header, and the
 * scheduler sees somebody without one.
 */
import { factMaker, type Ground, messageOf, type Probe } from '../ground.ts';
import { accountOf } from '../lookup.ts';

/** `export HTTP_PROXY=…`, also in lower case, not commented out; an empty value unsets it. */
const SETS = /^\s*(?:export\s+|declare\s+-x\s+|setenv\s+)?(https?_proxy|all_proxy)(?:\s*=\s*|\s+)["']?([^\s"'#]+)/i;
const UNSETS = /^\s*(?:unset|unsetenv)\s+(.*)$/i;
const EXCEPT = /^\s*(?:export\s+|declare\s+-x\s+|setenv\s+)?no_proxy(?:\s*=\s*|\s+)["']?([^\s"']+)/i;
const SITE_WIDE = '/etc/environment';

export const proxy: Probe = {
  name: 'proxy',
  facts: ['proxy.set'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const who = await accountOf(ground, user!);
    if (who.state !== 'found') return [unknown('proxy.set', who.source)];
    const looked: string[] = [];
    const refused: string[] = [];
    for (const below of ground.system.profiles)
      try {
        const file = await ground.readHome({ path: who.value.home, uid: who.value.uid }, below);
        if (file && setsProxy(file.text, hostOf(ground))) return [known('proxy.set', true, `~${user}/${below}`)];
        looked.push(`~${user}/${below}`);
      } catch (error) {
        refused.push(messageOf(error));
      }
    const everywhere = await ground.read(SITE_WIDE).catch(() => null);
    if (everywhere && setsProxy(everywhere.text, hostOf(ground))) return [known('proxy.set', true, SITE_WIDE)];
    if (refused.length > 0) return [unknown('proxy.set', refused.join('; '))];
    return [known('proxy.set', false, [...looked, SITE_WIDE].join(', '))];
  },
};

const hostOf = (ground: Ground): string => new URL(ground.config.scheduler.url).hostname.replace(/^\[|\]$/g, '');

/** What is set at the end of the file, for requests to `host`. */
export function setsProxy(text: string, host: string): boolean {
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

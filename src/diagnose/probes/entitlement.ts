/**
 * Should this person have access at all? The site says so in a file of its own, `GROUP: [user, …]`; without one,
 * nothing shows it, which is not the same as no.
 */
import { z } from 'zod';
import { PLAIN, readYaml } from '../../yaml-text.ts';
import { factMaker, messageOf, type Probe } from '../ground.ts';

const Listed = z.record(z.string(), z.array(z.string()));

/**
 * Who should be in which group, by the text of the file. Nothing at all, as while it is being written, is no list of nobody:
 * that would take access from everybody. `{}` is one.
 * @throws Error in one line that says what is wrong with it
 */
export function readEntitlements(text: string): Record<string, string[]> {
  const read = readYaml(text, PLAIN);
  if ('faults' in read) {
    const { line, why } = read.faults[0]!;
    throw new Error(/ at line \d/.test(why) ? why : `${why} (line ${line})`);
  }
  if (read.value === null) throw new Error('there is nothing in it');
  const listed = Listed.safeParse(read.value);
  if (!listed.success) throw new Error('not of the form GROUP: [user, …]');
  return listed.data;
}

export const entitlement: Probe = {
  name: 'entitlement',
  facts: ['entitlement.source', 'entitlement.groups', 'entitlement.listed'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const path = ground.config.entitlement.file;
    const source = known('entitlement.source', path, ground.config.file);
    const cannot = (because: string) => [source, ...this.facts.slice(1).map(fact => unknown(fact, because))];
    if (!path) return cannot('the site names no entitlement file');
    try {
      const file = await ground.read(path);
      if (!file) return cannot(`${path}: no such file`);
      const listed = Object.entries(readEntitlements(file.text)).flatMap(([group, users]) =>
        users.includes(user!) ? [group] : [],
      );
      return [
        source,
        known('entitlement.groups', listed, path),
        known('entitlement.listed', listed.includes(ground.config.scheduler.standardGroup), path),
      ];
    } catch (error) {
      const because = messageOf(error);
      return cannot(because.startsWith(path) ? because : `${path}: ${because}`);
    }
  },
};

/**
 * Should this person have access at all? The site says so in a file of its own, `GROUP: [user, …]`; without one,
 * nothing shows it, which is not the same as no.
 */
import { parse } from 'yaml';
import { z } from 'zod';
import { factMaker, messageOf, type Probe } from '../ground.ts';

const Listed = z.record(z.string(), z.array(z.string()));

export const entitlement: Probe = {
  name: 'entitlement',
  facts: ['entitlement.groups', 'entitlement.listed'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const path = ground.config.entitlement.file;
    const cannot = (because: string) => this.facts.map(fact => unknown(fact, because));
    if (!path) return cannot('the site names no entitlement file');
    try {
      const file = await ground.read(path);
      if (!file) return cannot(`${path}: no such file`);
      const read = Listed.safeParse(parse(file.text, { maxAliasCount: 0 }) ?? {});
      if (!read.success) return cannot(`${path}: not of the form GROUP: [user, …]`);
      const listed = Object.entries(read.data).flatMap(([group, users]) => (users.includes(user!) ? [group] : []));
      return [
        known('entitlement.groups', listed, path),
        known('entitlement.listed', listed.includes(ground.config.scheduler.standardGroup), path),
      ];
    } catch (error) {
      return cannot(`${path}: ${messageOf(error).split('\n')[0]}`);
    }
  },
};

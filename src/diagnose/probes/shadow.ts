/**
 * What only the executor may read: is the account expired, is its password locked or too old. A locked password (`!`,
 * `*`) is normal for people who come with a key or a ticket, so it is a fact of its own and no cause.
 */
import type { Fact } from '../../diagnosis.ts';
import { factMaker, type Ground, messageOf, type Probe } from '../ground.ts';
import { accountOf } from '../lookup.ts';

export const shadow: Probe = {
  name: 'shadow',
  facts: ['account.expired', 'account.password-locked', 'account.password-expired', 'account.changed'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const cannot = (because: string) => this.facts.map(fact => unknown(fact, because));
    // The executor is asked about people only: a name that nobody has is no business of its.
    const who = await accountOf(ground, user!);
    if (who.state !== 'found') return cannot(who.state === 'absent' ? `${who.source}: no such account` : who.source);
    try {
      const { entry, account, password, source } = await ground.ask({ probe: 'shadow', user: user! });
      if (entry === 'missing') return cannot(`${source}: no entry, so the account is not kept here`);
      return [
        account === null
          ? unknown('account.expired', `${source}: says nothing`)
          : known('account.expired', account === 'expired', source),
        password === null
          ? unknown('account.password-locked', source)
          : known('account.password-locked', password === 'locked', source),
        password === null
          ? unknown('account.password-expired', source)
          : known('account.password-expired', password === 'expired', source),
        await changed(ground),
      ];
    } catch (error) {
      return cannot(messageOf(error));
    }
  },
};

/** When the database of accounts last changed, whosever entry it was. */
async function changed(ground: Ground): Promise<Fact> {
  const { known, unknown } = factMaker(ground);
  const path = ground.config.paths.shadow;
  const at = await ground.changed(path).catch(() => null);
  return at === null
    ? unknown('account.changed', `${path}: can't be seen`)
    : known('account.changed', new Date(at).toISOString(), `stat ${path}`);
}

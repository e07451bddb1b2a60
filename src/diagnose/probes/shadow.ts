/**
 * What only the executor may read: is the account expired, is its password locked or too old. A locked password (`!`,
 * `*`) is normal for people who come with a key or a ticket, so it is a fact of its own and no cause.
 */
import { factMaker, messageOf, type Probe } from '../ground.ts';

export const shadow: Probe = {
  name: 'shadow',
  facts: ['account.expired', 'account.password-locked', 'account.password-expired'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const cannot = (because: string) => this.facts.map(fact => unknown(fact, because));
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
      ];
    } catch (error) {
      return cannot(messageOf(error));
    }
  },
};

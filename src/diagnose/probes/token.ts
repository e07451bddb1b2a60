/**
 * The token the user's client has cached: what it says of itself. It is read through the safe opening of a home file,
 * never kept and never shown; only a user, group names and a time come out of it.
 */
import { userNames } from '../../names.ts';
import { factMaker, messageOf, type Probe } from '../ground.ts';
import { accountOf } from '../lookup.ts';
import { claimsOf } from '../token.ts';

export const token: Probe = {
  name: 'token',
  facts: ['token.present', 'token.readable', 'token.user', 'token.groups', 'token.expires', 'token.intact'],
  needsUser: true,
  async run({ user }, ground) {
    const { known, unknown } = factMaker(ground);
    const cannot = (because: string, from = 0) => this.facts.slice(from).map(fact => unknown(fact, because));
    const who = await accountOf(ground, user!);
    if (who.state !== 'found') return cannot(who.source);
    const { file: below } = ground.system.token;
    const source = `~${user}/${below}`;
    try {
      const file = await ground.readHome({ path: who.value.home, uid: who.value.uid }, below);
      const claims = file
        ? claimsOf(file.text, ground.system.token, userNames(ground.config.userNames))
        : ({ state: 'none' } as const);
      switch (claims.state) {
        case 'none':
          return [known('token.present', false, source), ...cannot('there is no token', 1)];
        case 'malformed':
          return [
            known('token.present', true, source),
            known('token.readable', false, `${source}: ${claims.why}`),
            ...cannot(claims.why, 2),
          ];
        case 'read':
          return [
            known('token.present', true, source),
            known('token.readable', true, source),
            claims.intact === null
              ? unknown('token.intact', 'signed in a way we do not know')
              : known('token.intact', claims.intact, source),
            claims.user === null
              ? unknown('token.user', 'the token names no user')
              : known('token.user', claims.user, source),
            claims.groups === null
              ? unknown('token.groups', 'the token names no groups')
              : known('token.groups', claims.groups, source),
            claims.expires === null
              ? unknown('token.expires', 'the token has no end')
              : known('token.expires', new Date(claims.expires).toISOString(), source),
          ];
        default:
          return claims satisfies never;
      }
    } catch (error) {
      return cannot(messageOf(error));
    }
  },
};

/**
 * Who somebody is, and the ways to prove it: sessions in the store, the approvers file read anew for each request, and
 * what the site has beside the one-time link. Everything that changes a sign-in is written into the journal.
 */
import type { Approvers } from '../../approve/approvers.ts';
import { type Config, originOf } from '../../config/config.ts';
import { type OidcConfig, rolesOfGroups } from '../../config/sign-in.ts';
import type { Desk } from '../../desk.ts';
import { Refused } from '../../incident.ts';
import type { Logger } from '../../log.ts';
import { deleteSession, deleteSessionsOf, putSession, sessionRow, sessionRowsOf } from '../../store/desk-rows.ts';
import { record } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import { type Identity, Oidc } from '../../web/oidc.ts';
import { type Listed, type SessionRow, Sessions, type Vouched } from '../../web/session.ts';
import type { DirectoryParts, ProviderParts, VouchedPerson, Ways } from '../../web/ways.ts';
import type { Approvals } from '../conduct/approvals.ts';
import { DirectorySignIn } from './directory.ts';
import { Passkeys } from './passkeys.ts';

export interface SigningInParts {
  store: Store;
  config: Config;
  now: () => number;
  log: Logger;
  approvers: () => Approvers;
  approvals: Approvals;
  desk: Pick<Desk, 'vote'>;
}

/** A name of somebody who is not in the approvers file; theirs may look like an address. */
const OUTSIDE_NAME = /^[a-z0-9_][a-z0-9_.@+-]{0,63}$/i;
/** What the journal calls ourselves. */
const OURS = /^(readmit|readmit-.*|operator|root)$/i;
/** Where the provider sends browsers back to; the site registers this address with it. */
export const redirectOf = (config: Config): string => `${new URL(originOf(config)).origin}/sign-in/provider/callback`;

/**
 * The person of this name as they are now. Whom a provider vouches for is that approver only when the approvers file
 * says so: by the provider's own id of the person, or by the uid the directory has. An approver's roles are the file's,
 * and nobody else's roles give a vote: they come without a uid. Null when they are nobody here (any more).
 */
function personNow(
  { approvers }: Approvers,
  name: string,
  vouched: Vouched | undefined,
  { oidc, directory }: { oidc: OidcConfig | null; directory: Pick<DirectorySignIn, 'now'> | null },
): Listed | null {
  const listed = approvers.find(a => a.name === name);
  const asListed = listed ? { name, uid: listed.uid, roles: listed.roles } : null;
  if (!vouched) return asListed;
  switch (vouched.way) {
    case 'oidc':
      if (!oidc) return null;
      if (listed) return listed.subject === vouched.subject ? asListed : null;
      return { name, uid: -1, roles: rolesOfGroups(vouched.groups, oidc.roles) };
    case 'ldap': {
      const now = directory ? directory.now(name) : null;
      if (now === null) return null;
      // Whom nobody vouches for any more is still known, and may do nothing: so it comes back with the directory.
      if (now === 'stale') return { name, uid: -1, roles: [] };
      if (listed) return listed.uid === (now === 'unknown' ? vouched.uid : now.uid) ? asListed : null;
      return { name, uid: -1, roles: now === 'unknown' ? [] : now.roles };
    }
    default:
      return vouched.way satisfies never;
  }
}

/** Sessions of the store, and the ways to begin one. @throws Usage */
export function signingIn(p: SigningInParts): { sessions: Sessions; ways: Ways } {
  const { store, config, now, log, approvers, approvals, desk } = p;
  const { oidc, ldap } = config.web.signIn;
  const directory = ldap && new DirectorySignIn(config, ldap, now, log);
  const sessions = new Sessions({
    store: {
      get: id => sessionRow<SessionRow>(store, id),
      put: row => putSession(store, now(), row),
      delete: id => deleteSession(store, id),
      list: name => sessionRowsOf<SessionRow>(store, name),
      deleteAll: name => deleteSessionsOf(store, name),
    },
    people: (name, vouched) => personNow(approvers(), name, vouched, { oidc, directory }),
    told: (name, what) => store.tx(() => record(store, now(), { actor: name, what })),
    config,
    now,
  });
  const take = (vote: Parameters<Desk['vote']>[0]): void => void desk.vote(vote);
  return {
    sessions,
    ways: {
      passkeys: new Passkeys({ store, config, now, log, approvers, approvals, take }),
      ...(oidc ? { provider: providerOf(oidc, config, now, approvers) } : {}),
      ...(directory ? { directory: directoryOf(directory, now, approvers) } : {}),
    },
  };
}

function providerOf(own: OidcConfig, config: Config, now: () => number, approvers: () => Approvers): ProviderParts {
  const oidc = new Oidc(own, redirectOf(config), config.web.fresh, now);
  return {
    label: own.label,
    begin: () => oidc.begin(),
    finish: async (query, mine) => whoOf(await oidc.finish(query, mine), own, approvers()),
  };
}

/** Our name for whom the provider vouches for. @throws Refused */
function whoOf(identity: Identity, own: OidcConfig, { approvers }: Approvers): VouchedPerson {
  const { subject, since, name } = identity;
  const groups = identity.groups.filter(group => rolesOfGroups([group], own.roles).length > 0);
  const vouched: Vouched = { way: 'oidc', subject, uid: null, groups };
  const linked = approvers.find(a => a.subject === subject);
  if (linked) return { name: linked.name, vouched, since };
  if (name === null) throw new Refused(`${own.label} does not say your name (${own.nameClaim})`);
  if (isTaken(name, approvers))
    throw new Refused(
      `${name} is the name of an approver, and nothing says that it is you; root links it with \`subject: ${subject}\` in the approvers file`,
    );
  mustBeLetIn(name, rolesOfGroups(groups, own.roles));
  return { name, vouched, since };
}

const isTaken = (name: string, approvers: Approvers['approvers']): boolean =>
  approvers.some(a => a.name.toLowerCase() === name.toLowerCase());

/** Of somebody who is not in the approvers file. @throws Refused */
function mustBeLetIn(name: string, roles: string[]): void {
  if (!OUTSIDE_NAME.test(name) || OURS.test(name)) throw new Refused(`${JSON.stringify(name)} can be no name here`);
  if (roles.length === 0) throw new Refused('none of your groups has a role here');
}

function directoryOf(directory: DirectorySignIn, now: () => number, approvers: () => Approvers): DirectoryParts {
  return {
    lookAgain: name => directory.lookAgain(name),
    check: async (typed, password) => {
      const found = await directory.check(typed, password);
      if (!found) return null;
      const { name, uid, roles } = found;
      const people = approvers().approvers;
      const listed = people.find(a => a.name === name);
      if (listed ? listed.uid !== uid : isTaken(name, people))
        throw new Refused(`${name} is the name of an approver, who has another uid than the directory says`);
      if (!listed) mustBeLetIn(name, roles);
      return { name, vouched: { way: 'ldap', subject: null, uid, groups: [] }, since: now() };
    },
  };
}

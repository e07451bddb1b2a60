/**
 * Who somebody is, and the ways to prove it: sessions in the store, the approvers file read anew for each request, and
 * what the site has beside the one-time link. Everything that changes a sign-in is written into the journal.
 */
import type { Approvers } from '../approve/approvers.ts';
import type { Config } from '../config.ts';
import type { Desk } from '../desk.ts';
import type { Logger } from '../log.ts';
import { deleteSession, deleteSessionsOf, putSession, sessionRow, sessionRowsOf } from '../store/desk-rows.ts';
import { record } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import { type Listed, type SessionRow, Sessions, type Vouched } from '../web/session.ts';
import type { Ways } from '../web/ways.ts';
import type { Approvals } from './approvals.ts';
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

/**
 * The person of this name as they are now. Whom a provider vouches for is that approver only when the approvers file
 * says so: by the provider's own id of the person, or by the uid the directory has. An approver's roles are the file's,
 * and nobody else's roles give a vote: they come without a uid.
 */
export function personNow(
  { approvers }: Approvers,
  name: string,
  vouched: Vouched | undefined,
  rolesNow: (name: string, vouched: Vouched) => string[] = (_, { roles }) => roles,
): Listed | null {
  const listed = approvers.find(a => a.name === name);
  if (!listed) return vouched ? { name, uid: -1, roles: rolesNow(name, vouched) } : null;
  const { uid, roles, subject } = listed;
  const same = vouched === undefined || (vouched.way === 'oidc' ? subject === vouched.subject : uid === vouched.uid);
  return same ? { name, uid, roles } : null;
}

/** Sessions of the store, and the ways to begin one. */
export function signingIn(p: SigningInParts): { sessions: Sessions; ways: Ways } {
  const { store, config, now, log, approvers, approvals, desk } = p;
  const sessions = new Sessions({
    store: {
      get: id => sessionRow<SessionRow>(store, id),
      put: row => putSession(store, now(), row),
      delete: id => deleteSession(store, id),
      list: name => sessionRowsOf<SessionRow>(store, name),
      deleteAll: name => deleteSessionsOf(store, name),
    },
    people: (name, vouched) => personNow(approvers(), name, vouched),
    told: (name, what) => store.tx(() => record(store, now(), { actor: name, what })),
    config,
    now,
  });
  const take = (vote: Parameters<Desk['vote']>[0]): void => void desk.vote(vote);
  return {
    sessions,
    ways: { passkeys: new Passkeys({ store, config, now, log, approvers, approvals, take }) },
  };
}

/**
 * Tokens for programs: made and revoked on the host, looked up by the API. The secret is shown once and never kept. A
 * token that does anything acts for one person of the approvers file, whose rights are looked up at every use.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Approvers } from '../approve/approvers.ts';
import type { Config } from '../config/config.ts';
import type { Person } from '../desk.ts';
import { NotFound, Refused, Usage } from '../incident.ts';
import { iso } from '../iso-time.ts';
import { record } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import {
  liveToken,
  liveTokenNamed,
  revokeToken,
  saveToken,
  TOKEN_ROLES,
  type TokenRole,
  type TokenRow,
  tokenRows,
  touchToken,
} from '../store/tokens.ts';
import { maySee } from '../web/rights.ts';
import type { Verb } from './control.ts';

const NAME = /^[a-z_][a-z0-9_.-]{0,63}$/i;
const SECRET = /^rdm_[A-Za-z0-9_-]{43}$/;
const LONGEST_MS = 3660 * 86_400_000;

const hashed = (secret: string): string => createHash('sha256').update(secret).digest('hex');

/** Roles that only read. */
const READS_ONLY = ['viewer', 'auditor'];

/** The roles a token leaves of its person's: what the person has, and no more than the token's own. */
function rolesLeft(token: TokenRole, roles: readonly string[], config: Config): string[] {
  switch (token) {
    case 'viewer':
      return maySee({ roles }, config) ? ['viewer'] : [];
    case 'operator':
      // An administrator may lend the lesser right; any other role is lent only by whoever has it.
      return roles.every(role => READS_ONLY.includes(role))
        ? []
        : [...new Set(roles.map(role => (role === 'administrator' ? 'operator' : role)))];
    case 'administrator':
      return roles.includes('administrator') ? [...roles] : [];
    default:
      return token satisfies never;
  }
}

export interface TokenParts {
  store: Store;
  now: () => number;
  approvers: () => Approvers;
  config: Config;
}

/** A token as it is listed; times are ISO 8601. */
export interface ListedToken {
  id: string;
  name: string;
  role: TokenRole;
  as: string | null;
  created: string;
  expires: string;
  used: string | null;
  state: 'live' | 'expired' | 'revoked';
}

const listed = (row: TokenRow, now: number): ListedToken => ({
  id: row.id,
  name: row.name,
  role: row.role,
  as: row.person,
  created: iso(row.created),
  expires: iso(row.expires),
  used: row.used === null ? null : iso(row.used),
  state: row.revoked !== null ? 'revoked' : row.expires <= now ? 'expired' : 'live',
});

/** Whom a secret speaks for now; null when it is worth nothing. No sign-in was ever made with it: `since` is 0. */
export function tokenCaller({ store, now, approvers, config }: TokenParts, secret: string) {
  const token = SECRET.test(secret) ? liveToken(store, hashed(secret), now()) : null;
  if (!token) return null;
  const person = personOf(token, approvers(), config);
  if (!person?.roles.length) return null;
  touchToken(store, now(), token);
  return { id: token.id, name: token.name, actsFor: token.person, person };
}

function personOf(token: TokenRow, { approvers }: Approvers, config: Config): Person | null {
  if (token.person === null)
    return token.role === 'viewer' ? { name: `token ${token.name}`, uid: -1, roles: ['viewer'], since: 0 } : null;
  const found = approvers.find(a => a.name === token.person);
  return found
    ? { name: found.name, uid: found.uid, roles: rolesLeft(token.role, found.roles, config), since: 0 }
    : null;
}

/** Does something that came by a token, and writes down through which, in one transaction: both or neither. */
export function throughToken<T>(
  { store, now }: TokenParts,
  by: { name: string; actsFor: string | null },
  incident: string | null,
  what: string,
  deed: () => T,
): T {
  return store.tx(() => {
    record(store, now(), {
      actor: by.actsFor ?? `token ${by.name}`,
      what: `${what} through token ${by.name}`,
      incident,
    });
    return deed();
  });
}

const word = (value: unknown, what: string): string => {
  if (typeof value !== 'string' || value.length > 200) throw new Usage(`${what}: a text`);
  return value;
};

/** What the control socket can do with tokens. */
export function tokenVerbs(p: TokenParts): Record<string, Verb> {
  const { store, now } = p;
  return {
    'token-create': body => {
      const asked = checkedToken(p, body);
      const secret = `rdm_${randomBytes(32).toString('base64url')}`;
      return store.tx(() => {
        if (liveTokenNamed(store, asked.name, now()))
          throw new Refused(`there is a token ${asked.name} already: revoke it, or take another name`);
        const id = saveToken(store, now(), { ...asked, hash: hashed(secret) });
        const forWhom = asked.person === null ? '' : ` for ${asked.person}`;
        record(store, now(), {
          actor: `${word(body.by, 'by')} (operator)`,
          what: `made the token ${asked.name}: ${asked.role}${forWhom}, until ${iso(asked.expires)}`,
        });
        return { ...listed(tokenRows(store).find(t => t.id === id)!, now()), token: secret };
      });
    },
    'token-list': () => tokenRows(store).map(t => listed(t, now())),
    'token-revoke': body =>
      store.tx(() => {
        const which = word(body.id, 'id');
        const token = revokeToken(store, now(), which);
        if (!token) throw new NotFound(`there is no token ${which} to revoke; see \`readmit token list\``);
        record(store, now(), {
          actor: `${word(body.by, 'by')} (operator)`,
          what: `revoked the token ${token.name} (${token.id})`,
        });
        return listed(token, now());
      }),
  };
}

/** @throws Usage or Refused, naming what would be right */
function checkedToken(
  { now, approvers, config }: TokenParts,
  body: Record<string, unknown>,
): { name: string; role: TokenRole; person: string | null; expires: number } {
  const name = word(body.name, '--name');
  if (!NAME.test(name)) throw new Usage('--name: a name of letters, digits, _ . -');
  const role = TOKEN_ROLES.find(r => r === body.role);
  if (!role) throw new Usage(`--role: one of ${TOKEN_ROLES.join(', ')}`);
  const lifetime = Number(body.lifetime);
  if (!(lifetime > 0 && lifetime <= LONGEST_MS)) throw new Usage('--expires: a time of at most ten years, e.g. 90d');
  const expires = now() + lifetime;
  if (body.as === undefined || body.as === null) {
    if (role !== 'viewer') throw new Usage(`a token with the role ${role} acts for a person: name one with --as`);
    return { name, role, person: null, expires };
  }
  const person = word(body.as, '--as');
  const found = approvers().approvers.find(a => a.name === person);
  if (!found) throw new Refused(`${person} is not in the approvers file`);
  if (!rolesLeft(role, found.roles, config).length)
    throw new Refused(`${person} is no ${role} and can't lend what they don't have: ${found.roles.join(', ')}`);
  return { name, role, person, expires };
}

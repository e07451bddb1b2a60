/** Tokens for programs: only the hash of a secret is kept. Revoked and expired ones stay in the list, worth nothing. */
import type { Row, Store } from './open.ts';

export const TOKEN_ROLES = ['viewer', 'operator', 'administrator'] as const;
export type TokenRole = (typeof TOKEN_ROLES)[number];

export interface TokenRow {
  id: string;
  name: string;
  role: TokenRole;
  /** Whom it acts for; null for a token that only reads. */
  person: string | null;
  /** Epoch ms. */
  created: number;
  expires: number;
  used: number | null;
  revoked: number | null;
}

const rowOf = (row: Row): TokenRow => ({
  id: String(row.id),
  name: String(row.name),
  role: row.role as TokenRole,
  person: row.person as string | null,
  created: Number(row.created),
  expires: Number(row.expires),
  used: row.used as number | null,
  revoked: row.revoked as number | null,
});

export const saveToken = (
  store: Store,
  now: number,
  token: { hash: string; name: string; role: TokenRole; person: string | null; expires: number },
): string =>
  String(
    store.run(
      'INSERT INTO token (hash, name, role, person, created, expires) VALUES (?,?,?,?,?,?)',
      token.hash,
      token.name,
      token.role,
      token.person,
      now,
      token.expires,
    ).id,
  );

/** The token of this hash, if it is worth something now. */
export const liveToken = (store: Store, hash: string, now: number): TokenRow | null => {
  const row = store.get('SELECT * FROM token WHERE hash = ? AND revoked IS NULL AND expires > ?', hash, now);
  return row ? rowOf(row) : null;
};

/** Is there one of this name that still works? */
export const liveTokenNamed = (store: Store, name: string, now: number): boolean =>
  store.get('SELECT 1 FROM token WHERE name = ? AND revoked IS NULL AND expires > ?', name, now) !== undefined;

export const tokenRows = (store: Store): TokenRow[] => store.all('SELECT * FROM token ORDER BY id').map(rowOf);

/** The token by its number or, while it works, by its name; null when there is none to revoke. */
export function revokeToken(store: Store, now: number, which: string): TokenRow | null {
  const row = store.get(
    'SELECT * FROM token WHERE revoked IS NULL AND (CAST(id AS TEXT) = ? OR (name = ? AND expires > ?)) ORDER BY id DESC LIMIT 1',
    which,
    which,
    now,
  );
  if (!row) return null;
  store.run('UPDATE token SET revoked = ? WHERE id = ?', now, Number(row.id));
  return { ...rowOf(row), revoked: now };
}

/** Notes that it was used, to the minute. */
export const touchToken = (store: Store, now: number, token: TokenRow): void => {
  if (token.used === null || now - token.used >= 60_000)
    store.run('UPDATE token SET used = ? WHERE id = ?', now, Number(token.id));
};

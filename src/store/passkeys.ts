/** Passkeys that people registered on the page, with what is needed to sign in with them. */
import type { Store } from './open.ts';

export interface PasskeyRow {
  /** The credential's id, base64url. */
  id: string;
  name: string;
  /** Public key, SPKI (DER) in base64. */
  key: string;
  label: string;
  /** The device's signature counter when it was last seen; 0 where it keeps none. */
  count: number;
  /** Epoch ms. */
  created: number;
  used: number | null;
}

const rowOf = (row: PasskeyRow): PasskeyRow => ({
  ...row,
  count: Number(row.count),
  created: Number(row.created),
  used: row.used === null ? null : Number(row.used),
});

export const passkeysOf = (store: Store, name: string): PasskeyRow[] =>
  store.all<PasskeyRow>('SELECT * FROM passkey WHERE name = ? ORDER BY created, id', name).map(rowOf);

export const passkeyRow = (store: Store, id: string): PasskeyRow | null => {
  const row = store.get<PasskeyRow>('SELECT * FROM passkey WHERE id = ?', id);
  return row ? rowOf(row) : null;
};

/** @returns false when the credential, or its key, is known already */
export const savePasskey = (store: Store, row: Omit<PasskeyRow, 'used'>): boolean =>
  store.run(
    'INSERT OR IGNORE INTO passkey (id, name, key, label, count, created) VALUES (?,?,?,?,?,?)',
    row.id,
    row.name,
    row.key,
    row.label,
    row.count,
    row.created,
  ).changes > 0;

/** @returns false when the counter did not rise: somebody has a copy of it */
export const usePasskey = (store: Store, now: number, id: string, count: number): boolean =>
  store.run(
    'UPDATE passkey SET used = ?, count = ? WHERE id = ? AND (count < ? OR (count = 0 AND ? = 0))',
    now,
    count,
    id,
    count,
    count,
  ).changes > 0;

export const deletePasskey = (store: Store, name: string, id: string): boolean =>
  store.run('DELETE FROM passkey WHERE name = ? AND id = ?', name, id).changes > 0;

/** Blind times in the store: from when to when a log could not be read, or no word came from a host. */
import type { Row, Store } from './open.ts';

/** Stands for the path where it is the whole host that nobody heard of. */
export const EVERY_LOG = 'every log';

export interface OpenBlind {
  id: number;
  host: string;
  path: string;
  since: number;
}

/** Those that go on: of every host, or of one. */
export const openBlind = (store: Store, host: string | null = null): OpenBlind[] =>
  store
    .all('SELECT id, host, path, since FROM blind WHERE until IS NULL AND (?1 IS NULL OR host = ?1) ORDER BY id', host)
    .map(r => ({ id: Number(r.id), host: String(r.host), path: String(r.path), since: Number(r.since) }));

/** Opens a blind time of a source that has none, or ends the one it has (`why` null). */
export function markBlind(store: Store, at: number, host: string, path: string, why: string | null): void {
  const open = openBlind(store, host).find(b => b.path === path);
  if (why !== null && !open)
    store.run('INSERT INTO blind (host, path, since, why) VALUES (?,?,?,?)', host, path, at, why);
  if (why === null && open) endBlind(store, at, open);
}

export const endBlind = (store: Store, at: number, { id, since }: OpenBlind): void => {
  store.run('UPDATE blind SET until = ? WHERE id = ?', Math.max(at, since), id);
};

export const blindRows = (store: Store, from: number, to: number): Row[] =>
  store.all('SELECT * FROM blind WHERE since < ? AND (until IS NULL OR until > ?) ORDER BY since', to, from);

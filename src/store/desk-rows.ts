/** Rows of the smaller nouns: silences, maintenance, who was told what, reports sent, agents' health, sessions. */
import type { Store } from './open.ts';

export interface Matcher {
  kind?: string;
  key?: string;
  cause?: string;
  host?: string;
  user?: string;
  ip?: string;
}
export interface SilenceRow {
  id: string;
  matcher: Matcher;
  until: number;
  author: string;
  reason: string;
}

export const saveSilence = (store: Store, now: number, silence: Omit<SilenceRow, 'id'>): string =>
  String(
    store.run(
      'INSERT INTO silence (matcher_json, until, author, reason, created) VALUES (?,?,?,?,?)',
      JSON.stringify(silence.matcher),
      silence.until,
      silence.author,
      silence.reason,
      now,
    ).id,
  );
export const endSilence = (store: Store, now: number, id: string): boolean =>
  store.run('UPDATE silence SET until = ? WHERE id = ? AND until > ?', now, Number(id), now).changes > 0;
export const activeSilences = (store: Store, now: number): SilenceRow[] =>
  store.all('SELECT * FROM silence WHERE until > ? ORDER BY id', now).map(r => ({
    id: String(r.id),
    matcher: JSON.parse(String(r.matcher_json)) as Matcher,
    until: Number(r.until),
    author: String(r.author),
    reason: String(r.reason),
  }));

export interface Maintenance {
  started: number;
  author: string;
  reason: string;
}
export const maintenance = (store: Store): Maintenance | null => {
  const row = store.get('SELECT started, author, reason FROM maintenance WHERE ended IS NULL ORDER BY id DESC LIMIT 1');
  return row ? { started: Number(row.started), author: String(row.author), reason: String(row.reason) } : null;
};
export const startMaintenance = (store: Store, now: number, author: string, reason: string): void => {
  store.run('INSERT INTO maintenance (started, author, reason) VALUES (?,?,?)', now, author, reason);
};
export const endMaintenance = (store: Store, now: number): boolean =>
  store.run('UPDATE maintenance SET ended = ? WHERE ended IS NULL', now).changes > 0;

export const tell = (store: Store, now: number, user: string, cause: string): void => {
  store.run('INSERT INTO told (user, cause, at) VALUES (?,?,?)', user, cause, now);
};
/** The letter that was queued then did not go out. */
export const untell = (store: Store, queued: number, user: string, cause: string): void => {
  store.run('DELETE FROM told WHERE user = ? AND cause = ? AND at = ?', user, cause, queued);
};
export const toldOf = (store: Store, user: string): { cause: string; at: number }[] =>
  store
    .all<{ cause: string; at: number }>('SELECT cause, at FROM told WHERE user = ? ORDER BY at DESC LIMIT 50', user)
    .map(r => ({ cause: r.cause, at: Number(r.at) }));
export const toldAt = (store: Store, user: string, cause: string): number | null =>
  store.get<{ at: number | null }>('SELECT max(at) AS at FROM told WHERE user = ? AND cause = ?', user, cause)?.at ??
  null;

/** When this installation first ran. */
export const installedAt = (store: Store): number =>
  Number(store.get<{ value: number }>("SELECT value FROM meta WHERE key = 'installed'")!.value);

/** @returns false when that week was queued before */
export const claimWeek = (store: Store, now: number, week: string): boolean =>
  store.run('INSERT OR IGNORE INTO report (week, queued) VALUES (?,?)', week, now).changes > 0;
export const weeksQueued = (store: Store): string[] =>
  store.all<{ week: string }>('SELECT week FROM report ORDER BY week').map(r => r.week);

export const saveHealth = (store: Store, now: number, host: string, health: unknown): void => {
  store.run(
    'INSERT INTO agent (host, seen, health_json) VALUES (?,?,?) ON CONFLICT DO UPDATE SET seen = excluded.seen, health_json = excluded.health_json',
    host,
    now,
    JSON.stringify(health),
  );
};
export const agentRows = (store: Store): { host: string; seen: number; health: unknown }[] =>
  store
    .all('SELECT * FROM agent ORDER BY host')
    .map(r => ({ host: String(r.host), seen: Number(r.seen), health: JSON.parse(String(r.health_json)) }));

/** Sessions and sign-in links as the page keeps them; whoever restarts `serve` signs nobody out. */
export const putSession = (store: Store, now: number, row: { id: string; name: string; expires: number }): void => {
  store.run('DELETE FROM session WHERE expires <= ?', now);
  store.run(
    'INSERT INTO session (id, name, row_json, expires) VALUES (?,?,?,?) ON CONFLICT DO UPDATE SET row_json = excluded.row_json, expires = excluded.expires',
    row.id,
    row.name,
    JSON.stringify(row),
    row.expires,
  );
};
export const sessionRow = <T>(store: Store, id: string): T | null => {
  const row = store.get<{ row_json: string }>('SELECT row_json FROM session WHERE id = ?', id);
  return row ? (JSON.parse(row.row_json) as T) : null;
};
export const sessionRowsOf = <T>(store: Store, name: string): T[] =>
  store
    .all<{ row_json: string }>('SELECT row_json FROM session WHERE name = ?', name)
    .map(row => JSON.parse(row.row_json) as T);
export const deleteSession = (store: Store, id: string): boolean =>
  store.run('DELETE FROM session WHERE id = ?', id).changes > 0;
export const deleteSessionsOf = (store: Store, name: string): void => {
  store.run('DELETE FROM session WHERE name = ?', name);
};

/** Which troubles people were told of, and since when each is one: kept in `meta` until the trouble is over. */
import type { Store } from './open.ts';

const MARK = 'alarm-';

export const alarmsTold = (store: Store): Map<string, number> =>
  new Map(
    store
      .all<{ key: string; value: number }>('SELECT key, value FROM meta WHERE substr(key, 1, ?) = ?', MARK.length, MARK)
      .map(r => [r.key.slice(MARK.length), Number(r.value)]),
  );

export const noteAlarm = (store: Store, key: string, since: number): void => {
  store.run('INSERT OR REPLACE INTO meta (key, value) VALUES (?,?)', MARK + key, since);
};

export const forgetAlarm = (store: Store, key: string): void => {
  store.run('DELETE FROM meta WHERE key = ?', MARK + key);
};

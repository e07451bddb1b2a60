/**
 * The history of the scheduler's config and of the groups, as the agents saw them. What diagnosis can't ask the system
 * stands here: what was authorised before, who was taken out of a group, and by whom.
 */
import type { Fact } from '../diagnosis.ts';
import type { Snapshot } from '../messages.ts';
import type { Store } from './open.ts';

const REMEMBERED = 90 * 86_400_000;

/**
 * Records what differs from the last snapshot of that host.
 * @param byRun for a membership change, the run of ours that made it, if one did
 * @returns whether anything differed
 */
export function recordSnapshot(
  store: Store,
  now: number,
  snapshot: Snapshot,
  byRun: (group: string, user: string, change: 'added' | 'removed') => string | null,
): boolean {
  return store.tx(() => {
    let changed = false;
    const { host, config } = snapshot;
    if (config) {
      const last = store.get<{ hash: string }>(
        'SELECT hash FROM config_seen WHERE host = ? ORDER BY id DESC LIMIT 1',
        host,
      );
      if (last?.hash !== config.hash) {
        changed = true;
        store.run(
          'INSERT INTO config_seen (host, at, hash, valid, mode, groups_json, snapshot_json) VALUES (?,?,?,?,?,?,?)',
          host,
          now,
          config.hash,
          config.valid ? 1 : 0,
          config.mode,
          JSON.stringify(config.authorizedGroups),
          JSON.stringify(config),
        );
      }
    }
    for (const [group, members] of Object.entries(snapshot.groups))
      changed = recordMembers(store, now, host, group, members, byRun) || changed;
    return changed;
  });
}

function recordMembers(
  store: Store,
  now: number,
  host: string,
  group: string,
  members: string[],
  byRun: (group: string, user: string, change: 'added' | 'removed') => string | null,
): boolean {
  const initial = store.get('SELECT 1 FROM group_seen WHERE host = ? AND "group" = ?', host, group) === undefined;
  if (initial) store.run('INSERT INTO group_seen (host, "group", first) VALUES (?,?,?)', host, group, now);
  const known = new Set(
    store
      .all<{ user: string }>(
        'SELECT user FROM membership WHERE host = ? AND "group" = ? AND until IS NULL',
        host,
        group,
      )
      .map(r => r.user),
  );
  const today = new Set(members);
  let changed = false;
  for (const user of today)
    if (!known.has(user)) {
      changed = true;
      store.run(
        'INSERT INTO membership (host, "group", user, since, added_by, initial) VALUES (?,?,?,?,?,?)',
        host,
        group,
        user,
        now,
        initial ? null : byRun(group, user, 'added'),
        initial ? 1 : 0,
      );
    }
  for (const user of known)
    if (!today.has(user)) {
      changed = true;
      store.run(
        'UPDATE membership SET until = ?, removed_by = ? WHERE host = ? AND "group" = ? AND user = ? AND until IS NULL',
        now,
        byRun(group, user, 'removed'),
        host,
        group,
        user,
      );
    }
  return changed;
}

/** The facts only history knows, for one user of one host. */
export function historyFacts(store: Store, now: number, host: string, user: string | null): Fact[] {
  const at = new Date(now).toISOString();
  const fact = (name: string, value: Fact['value'], source: string, known = true): Fact => ({
    fact: name,
    value,
    known,
    source,
    at,
  });
  const facts: Fact[] = [];
  const configs = store
    .all<{ at: number; mode: string | null; groups_json: string; valid: number }>(
      'SELECT at, mode, groups_json, valid FROM config_seen WHERE host = ? ORDER BY id DESC LIMIT 200',
      host,
    )
    .map(r => ({
      at: Number(r.at),
      mode: r.mode,
      valid: r.valid === 1,
      groups: (JSON.parse(r.groups_json) as string[]).sort(),
    }));
  const [current, ...earlier] = configs;
  const before = earlier.find(
    c => c.valid && c.groups.length > 0 && current && c.groups.some(g => !current.groups.includes(g)),
  );
  if (!current) {
    facts.push(fact('history.config-narrowed', null, "Readmit's history of the config is empty", false));
    facts.push(fact('history.config-removed-groups', null, "Readmit's history of the config is empty", false));
  } else {
    const removed = before ? before.groups.filter(g => !current.groups.includes(g)) : [];
    facts.push(
      fact(
        'history.config-narrowed',
        removed.length > 0,
        `Readmit's history of the config, ${configs.length} version(s) seen`,
      ),
    );
    facts.push(
      fact(
        'history.config-removed-groups',
        removed,
        before ? `authorised until ${new Date(current.at).toISOString()}` : 'no earlier version authorised more',
      ),
    );
  }
  if (current?.valid) {
    const access = (c: typeof current): string[] => [String(c.mode), ...c.groups];
    const other = configs.findIndex(c => !c.valid || access(c).join('\n') !== access(current).join('\n'));
    const since = new Date((configs[other - 1] ?? configs.at(-1)!).at).toISOString();
    facts.push(
      fact('history.config-access', [since, ...access(current)], `in Readmit's history of the config since ${since}`),
    );
  }
  if (user !== null) {
    const removals = store.all<{ group: string; until: number; removed_by: string | null }>(
      `SELECT "group" AS "group", until, removed_by FROM membership WHERE host = ? AND user = ? AND until IS NOT NULL AND until > ?
       AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.host = membership.host AND m."group" = membership."group" AND m.user = membership.user AND m.until IS NULL)
       ORDER BY until DESC`,
      host,
      user,
      now - REMEMBERED,
    );
    facts.push(
      fact(
        'history.group-removed',
        [...new Set(removals.map(r => r.group))],
        removals[0]
          ? `taken out of ${removals[0].group} before ${new Date(Number(removals[0].until)).toISOString()}`
          : "Readmit's history of the groups, 90 days",
      ),
    );
    const member = store.all<{ group: string }>(
      'SELECT "group" AS "group" FROM membership WHERE host = ? AND user = ? AND until IS NULL ORDER BY "group"',
      host,
      user,
    );
    const reverted = store.get<{ group: string; until: number }>(
      `SELECT "group" AS "group", max(until) AS until FROM membership WHERE host = ? AND user = ? AND added_by IS NOT NULL
       AND removed_by IS NULL AND until > ? GROUP BY "group" ORDER BY until DESC LIMIT 1`,
      host,
      user,
      now - REMEMBERED,
    );
    facts.push(
      fact(
        'history.reverted',
        reverted ? [reverted.group] : [],
        reverted ? `taken out by others, seen ${new Date(Number(reverted.until)).toISOString()}` : "Readmit's history",
      ),
    );
    facts.push(
      fact(
        'history.member-of',
        member.map(r => r.group),
        "Readmit's history of the groups, as last seen",
      ),
    );
  }
  return facts;
}

export interface MembershipRow {
  host: string;
  group: string;
  user: string;
  since: number;
  until: number | null;
  addedBy: string | null;
  removedBy: string | null;
  initial: boolean;
}

export const membershipRows = (store: Store, user?: string): MembershipRow[] =>
  (user === undefined
    ? store.all('SELECT * FROM membership ORDER BY host, "group", user, since')
    : store.all('SELECT * FROM membership WHERE user = ? ORDER BY since DESC LIMIT 200', user)
  ).map(r => ({
    host: String(r.host),
    group: String(r.group),
    user: String(r.user),
    since: Number(r.since),
    until: r.until as number | null,
    addedBy: r.added_by as string | null,
    removedBy: r.removed_by as string | null,
    initial: r.initial === 1,
  }));

/** Members, as last seen, of the groups the host's config authorised when it was last seen. */
export function authorizedUsers(store: Store, host: string): string[] {
  const config = store.get<{ groups_json: string }>(
    'SELECT groups_json FROM config_seen WHERE host = ? ORDER BY id DESC LIMIT 1',
    host,
  );
  if (!config) return [];
  const groups = JSON.parse(config.groups_json) as string[];
  return store
    .all<{ user: string }>(
      `SELECT DISTINCT user FROM membership WHERE host = ? AND until IS NULL AND "group" IN (SELECT value FROM json_each(?))`,
      host,
      JSON.stringify(groups),
    )
    .map(r => r.user);
}

/** Who has put this person into the group, where they are in it now: the run of ours, `others`, or nobody. */
export function membershipNow(
  store: Store,
  host: string,
  group: string,
  user: string,
): { by: string | 'others' } | null {
  const row = store.get<{ added_by: string | null }>(
    'SELECT added_by FROM membership WHERE host = ? AND "group" = ? AND user = ? AND until IS NULL',
    host,
    group,
    user,
  );
  return row ? { by: row.added_by ?? 'others' } : null;
}

/** Whether a change of this person in this group is put down to that run already. */
export const hasMade = (store: Store, run: string, of: { host: string; group: string; user: string }): boolean =>
  store.get(
    'SELECT 1 FROM membership WHERE host = ? AND "group" = ? AND user = ? AND (added_by = ? OR removed_by = ?) LIMIT 1',
    of.host,
    of.group,
    of.user,
    run,
    run,
  ) !== undefined;

/** Whether what this run of ours gave was seen there, and was seen to be gone. */
export const takenOut = (store: Store, host: string, group: string, user: string, run: string): boolean =>
  store.get(
    'SELECT 1 FROM membership WHERE host = ? AND "group" = ? AND user = ? AND added_by = ? AND until IS NOT NULL LIMIT 1',
    host,
    group,
    user,
    run,
  ) !== undefined;

/** Who is in a group now by the doing of a run that failed or ended unknown, and has no grant of it. */
export const ungranted = (store: Store, host: string): { run: string; user: string; group: string; since: number }[] =>
  store.all(
    `SELECT m.added_by AS run, m.user, m."group" AS "group", m.since FROM membership m JOIN run r ON r.id = m.added_by
     WHERE m.host = ? AND m.until IS NULL AND r.what = 'plan' AND r.outcome_json ->> '$.result' IN ('failed', 'unknown')
     AND NOT EXISTS (SELECT 1 FROM access_grant g WHERE g.run = r.id AND g.user = m.user AND g."group" = m."group")`,
    host,
  );

/** What we gave in this run and others took back since, and when that was seen; null while it is as we left it. */
export const revertedAt = (store: Store, host: string, group: string, user: string, run: string): number | null =>
  store.get<{ until: number }>(
    'SELECT until FROM membership WHERE host = ? AND "group" = ? AND user = ? AND added_by = ? AND until IS NOT NULL AND removed_by IS NULL ORDER BY until DESC LIMIT 1',
    host,
    group,
    user,
    run,
  )?.until ?? null;

/** Plans, votes, runs and grants in the store: what was offered, who said what, what was done. */
import type { Order } from '../messages.ts';
import type { Outcome, Plan, Vote } from '../plan.ts';
import type { Row, Store } from './open.ts';

export function savePlan(store: Store, now: number, plan: Plan): void {
  store.run(
    'INSERT INTO plan (incident, serial, digest, created, expires, plan_json) VALUES (?,?,?,?,?,?)',
    Number(plan.incident),
    plan.serial,
    plan.digest,
    now,
    Date.parse(plan.expires),
    JSON.stringify(plan),
  );
  store.run('UPDATE incident SET serial = ? WHERE id = ?', plan.serial, Number(plan.incident));
}

export const planOf = (store: Store, incident: string, serial: number): Plan | undefined => {
  const row = store.get<{ plan_json: string }>(
    'SELECT plan_json FROM plan WHERE incident = ? AND serial = ?',
    Number(incident),
    serial,
  );
  return row && (JSON.parse(row.plan_json) as Plan);
};

/** Votes on one serial, oldest first. */
export const votesOf = (store: Store, incident: string, serial: number): Vote[] =>
  store
    .all<{ vote_json: string }>(
      'SELECT vote_json FROM vote WHERE incident = ? AND serial = ? ORDER BY at, rowid',
      Number(incident),
      serial,
    )
    .map(r => JSON.parse(r.vote_json) as Vote);

/** A vote as lists show it. */
export interface StoredVote extends Pick<Vote, 'id' | 'by' | 'decision'> {
  at: string;
}

/** Who said what on the plan each of these incidents has now, oldest first; of all incidents without `ids`. */
export function votesByIncident(store: Store, ids?: readonly string[]): Map<string, StoredVote[]> {
  const found = new Map<string, StoredVote[]>();
  const rows = store.all<StoredVote & { incident: number }>(
    `SELECT v.incident, v.id, v.by, v.decision, json_extract(v.vote_json, '$.issued') AS at FROM vote v
     JOIN incident i ON i.id = v.incident AND i.serial = v.serial
     ${ids ? 'WHERE v.incident IN (SELECT value FROM json_each(?))' : ''} ORDER BY v.incident, v.at, v.rowid`,
    ...(ids ? [JSON.stringify(ids.map(Number))] : []),
  );
  for (const { incident, ...vote } of rows) {
    const votes = found.get(String(incident)) ?? [];
    votes.push(vote);
    found.set(String(incident), votes);
  }
  return found;
}

export const hasVote = (store: Store, id: string): boolean =>
  store.get('SELECT 1 FROM vote WHERE id = ?', id) !== undefined;

export function saveVote(store: Store, now: number, vote: Vote): void {
  store.run(
    'INSERT INTO vote (id, incident, serial, digest, decision, by, uid, at, reason, vote_json) VALUES (?,?,?,?,?,?,?,?,?,?)',
    vote.id,
    Number(vote.incident),
    vote.serial,
    vote.digest,
    vote.decision,
    vote.by,
    vote.uid,
    now,
    vote.reason,
    JSON.stringify(vote),
  );
}

export const denyDigest = (store: Store, digest: string, until: number, incident: string): void => {
  store.run(
    'INSERT INTO denied_digest (digest, until, incident) VALUES (?,?,?) ON CONFLICT DO UPDATE SET until = excluded.until',
    digest,
    until,
    Number(incident),
  );
};
export const deniedUntil = (store: Store, digest: string, now: number): number | null =>
  store.get<{ until: number }>('SELECT until FROM denied_digest WHERE digest = ? AND until > ?', digest, now)?.until ??
  null;

export interface Run {
  id: string;
  incident: string;
  serial: number;
  what: 'plan' | 'undo';
  host: string;
  order: Order;
  created: number;
  started: number | null;
  ended: number | null;
  outcome: Outcome | null;
}

export function saveRun(store: Store, now: number, order: Order): void {
  store.run(
    'INSERT INTO run (id, incident, serial, what, host, order_json, created) VALUES (?,?,?,?,?,?,?)',
    order.run,
    Number(order.incident),
    order.serial,
    order.what,
    order.host,
    JSON.stringify(order),
    now,
  );
}

const runFrom = (row: Record<string, string | number | null>): Run => ({
  id: String(row.id),
  incident: String(row.incident),
  serial: Number(row.serial),
  what: row.what as Run['what'],
  host: String(row.host),
  order: JSON.parse(String(row.order_json)) as Order,
  created: Number(row.created),
  started: row.started as number | null,
  ended: row.ended as number | null,
  outcome: row.outcome_json ? (JSON.parse(String(row.outcome_json)) as Outcome) : null,
});

export const runById = (store: Store, id: string): Run | undefined => {
  const row = store.get('SELECT * FROM run WHERE id = ?', id);
  return row && runFrom(row);
};

/** The newest run of an incident. */
export const lastRun = (store: Store, incident: string, what?: Run['what']): Run | undefined => {
  const row = what
    ? store.get(
        'SELECT * FROM run WHERE incident = ? AND what = ? ORDER BY created DESC, rowid DESC LIMIT 1',
        Number(incident),
        what,
      )
    : store.get('SELECT * FROM run WHERE incident = ? ORDER BY created DESC, rowid DESC LIMIT 1', Number(incident));
  return row && runFrom(row);
};

export const runsOf = (store: Store, incident: string): Run[] =>
  store.all('SELECT * FROM run WHERE incident = ? ORDER BY created, rowid', Number(incident)).map(runFrom);

const EFFECTIVE: readonly Outcome['result'][] = ['done', 'already', 'failed', 'unknown'];

/**
 * The newest plan of an incident that an executor began, with its run: what may have changed something. What the incident
 * offers now can be another plan, or none.
 */
export function begunPlan(store: Store, incident: string): { run: Run; plan: Plan } | null {
  const run = runsOf(store, incident).findLast(
    r => r.what === 'plan' && r.outcome && EFFECTIVE.includes(r.outcome.result),
  );
  const plan = run && planOf(store, incident, run.serial);
  return run && plan ? { run, plan } : null;
}

/** How often something was decided about an incident: plans that ran to whatever end, and plans that were denied. */
export const decisionsOf = (store: Store, incident: string): number =>
  Number(
    store.get<{ n: number }>(
      `SELECT (SELECT count(*) FROM run WHERE incident = ?1 AND what = 'plan' AND ended IS NOT NULL)
            + (SELECT count(*) FROM vote WHERE incident = ?1 AND decision = 'deny') AS n`,
      Number(incident),
    )!.n,
  );

/** What was begun and was not taken back since; null where there is no such plan. */
export function standingPlan(store: Store, incident: string): Plan | null {
  const begun = begunPlan(store, incident);
  return begun && !isTakenBack(store, incident, begun.run.serial) ? begun.plan : null;
}

export const isTakenBack = (store: Store, incident: string, serial: number): boolean =>
  store.get(
    `SELECT 1 FROM run WHERE incident = ? AND serial = ? AND what = 'undo' AND outcome_json ->> '$.result' IN ('done', 'already')`,
    Number(incident),
    serial,
  ) !== undefined;

/** An order without an answer is lost after this time: whoever wanted it then may not want it now. */
const LOST_MS = 86_400_000;

/** Orders to take something back that have no answer yet, oldest first. */
export const openUndos = (store: Store, now: number): Run[] =>
  store
    .all("SELECT * FROM run WHERE what = 'undo' AND ended IS NULL AND created > ? ORDER BY created", now - LOST_MS)
    .map(runFrom);

/** Whether the last undo of an incident still waits for its answer. */
export function undoUnderWay(store: Store, now: number, incident: string): boolean {
  const undo = lastRun(store, incident, 'undo');
  return undo !== undefined && isAwaited(undo, now);
}

export const isAwaited = ({ outcome, created }: Run, now: number): boolean =>
  outcome === null && created > now - LOST_MS;

/** Whether a run that starts or restarts a service goes on there, or ended after `since`. */
export const restartUnderWay = (store: Store, host: string, since: number): boolean =>
  store.get(
    `SELECT 1 FROM run WHERE host = ? AND created > ? - 120000 AND (ended IS NULL OR ended > ?)
     AND (order_json LIKE '%"action":"service.restart"%' OR order_json LIKE '%"action":"service.start"%') LIMIT 1`,
    host,
    since,
    since,
  ) !== undefined;

/** Writes the outcome once. False when it was there already. */
export const endRun = (store: Store, id: string, started: number, ended: number, outcome: Outcome): boolean =>
  store.run(
    'UPDATE run SET started = ?, ended = ?, outcome_json = ? WHERE id = ? AND ended IS NULL',
    started,
    ended,
    JSON.stringify(outcome),
    id,
  ).changes > 0;

export interface GrantRow {
  id: string;
  user: string;
  uid: number;
  group: string;
  host: string;
  incident: string;
  run: string;
  by: string[];
  reason: string;
  entitlement: string | null;
  since: number;
  until: number | null;
  ended: number | null;
}

export function saveGrant(store: Store, grant: GrantRow): void {
  store.run(
    'INSERT OR IGNORE INTO access_grant (id, user, uid, "group", host, incident, run, by_json, reason, entitlement, since, until) VALUES (?,?,?,?,?,?,?,?,?,?,?,?)',
    grant.id,
    grant.user,
    grant.uid,
    grant.group,
    grant.host,
    Number(grant.incident),
    grant.run,
    JSON.stringify(grant.by),
    grant.reason,
    grant.entitlement,
    grant.since,
    grant.until,
  );
}

/** Grants whose end has come and that are still in force. */
export const dueGrants = (store: Store, now: number): GrantRow[] =>
  store
    .all('SELECT * FROM access_grant WHERE ended IS NULL AND until IS NOT NULL AND until <= ? ORDER BY until', now)
    .map(grantOf);

/** Grants in force that end within this time, and were given before it began (ms). */
export const endingGrants = (store: Store, now: number, within: number): GrantRow[] =>
  store
    .all(
      'SELECT * FROM access_grant WHERE ended IS NULL AND until > ?1 AND until <= ?1 + ?2 AND since < until - ?2',
      now,
      within,
    )
    .map(grantOf);

export const grantById = (store: Store, id: string): GrantRow | undefined =>
  store.all('SELECT * FROM access_grant WHERE id = ?', id).map(grantOf)[0];

/** Did this run give access, and is all of it over? */
export function isOver(store: Store, run: string): boolean {
  const row = store.get<{ given: number; open: number | null }>(
    'SELECT count(*) AS given, sum(ended IS NULL) AS open FROM access_grant WHERE run = ?',
    run,
  )!;
  return Number(row.given) > 0 && Number(row.open) === 0;
}

/** The end of one grant; the others of its incident go on. */
export const endGrant = (store: Store, now: number, id: string): void => {
  store.run('UPDATE access_grant SET ended = ? WHERE id = ? AND ended IS NULL', now, id);
};

/** The end of what one plan of an incident gave; what another one gave goes on. */
export const endGrants = (store: Store, now: number, incident: string, serial: number): void => {
  store.run(
    `UPDATE access_grant SET ended = ? WHERE incident = ? AND ended IS NULL
     AND run IN (SELECT id FROM run WHERE incident = ? AND serial = ?)`,
    now,
    Number(incident),
    Number(incident),
    serial,
  );
};

/**
 * Grants, the newest first: of everybody or of one person, in force or ended or both. `before` goes on below the
 * last one of a page; of what began in the same millisecond, the order is that of the ids.
 */
export function grantRows(
  store: Store,
  of: { user?: string; ended?: boolean; before?: Pick<GrantRow, 'since' | 'id'>; limit?: number } = {},
): GrantRow[] {
  const where: string[] = [];
  const values: (string | number)[] = [];
  if (of.user !== undefined) {
    where.push('user = ?');
    values.push(of.user);
  }
  if (of.ended !== undefined) {
    where.push('(ended IS NOT NULL) = ?');
    values.push(of.ended ? 1 : 0);
  }
  if (of.before !== undefined) {
    where.push('since <= ? AND (since < ? OR id > ?)');
    values.push(of.before.since, of.before.since, of.before.id);
  }
  return store
    .all(
      `SELECT * FROM access_grant ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY since DESC, id LIMIT ?`,
      ...values,
      of.limit ?? -1,
    )
    .map(grantOf);
}

const grantOf = (row: Row): GrantRow => ({
  id: String(row.id),
  user: String(row.user),
  uid: Number(row.uid),
  group: String(row.group),
  host: String(row.host),
  incident: String(row.incident),
  run: String(row.run),
  by: JSON.parse(String(row.by_json)) as string[],
  reason: String(row.reason),
  entitlement: row.entitlement as string | null,
  since: Number(row.since),
  until: row.until as number | null,
  ended: row.ended as number | null,
});

/** How many people hold access through Readmit, and how many grants are in force, end by themselves, or have ended. */
export function grantCounts(store: Store): { people: number; inForce: number; ending: number; ended: number } {
  const row = store.get<{ people: number; inForce: number; ending: number; all_: number }>(
    `SELECT count(DISTINCT CASE WHEN ended IS NULL THEN user END) AS people, sum(ended IS NULL) AS inForce,
     sum(ended IS NULL AND until IS NOT NULL) AS ending, count(*) AS all_ FROM access_grant`,
  )!;
  const inForce = Number(row.inForce ?? 0);
  return { people: Number(row.people), inForce, ending: Number(row.ending ?? 0), ended: Number(row.all_) - inForce };
}

/** Grants in force of each of these people. */
export const grantsInForce = (store: Store, users: readonly string[]): Map<string, number> =>
  new Map(
    store
      .all<{ user: string; n: number }>(
        'SELECT user, count(*) AS n FROM access_grant WHERE user IN (SELECT value FROM json_each(?)) AND ended IS NULL GROUP BY user',
        JSON.stringify(users),
      )
      .map(r => [r.user, Number(r.n)]),
  );

/** The newest run that the executor of this host says it did (epoch ms), or null. */
export function newestRunDone(store: Store, host: string): { id: string; ended: number } | null {
  const row = store.get<{ id: string; ended: number }>(
    `SELECT id, ended FROM run WHERE host = ? AND outcome_json ->> '$.result' IN ('done', 'already')
     ORDER BY ended DESC, rowid DESC LIMIT 1`,
    host,
  );
  return row ?? null;
}

/**
 * Incidents in the store, and the one door through which their state changes: `move` looks the transition up, compares
 * and sets, and writes the journal, in one transaction. Nothing else may write `state`.
 */
import type { Diagnosis } from '../diagnosis.ts';
import {
  type EventName,
  type Incident,
  type IncidentKind,
  isEnded,
  mayMove,
  NotFound,
  Refused,
  type State,
} from '../incident.ts';
import { iso } from '../iso-time.ts';
import type { CanaryResult } from '../messages.ts';
import type { Plan, Tier } from '../plan.ts';
import { record } from './journal.ts';
import type { Row, Store } from './open.ts';

/** What the store knows of an incident beyond the noun: when to look again, what happened last. */
export interface IncidentRecord extends Incident {
  event: EventName;
  last: number;
  openedMs: number;
  due: number | null;
  attempts: number;
  changed: number | null;
  note: string;
  /** Who took it over; while somebody has, nothing is offered. */
  takenBy: string | null;
  /** When the access proposed here is to end, epoch ms; null: nobody asked for an end. */
  ends: number | null;
  /** Test jobs that passed after the change of that time, epoch ms. */
  proved: Proved | null;
}

export interface Proved {
  since: number;
  results: CanaryResult[];
}

/** What a list and the whole incident have in common. */
export const columnsOf = (row: Row) => ({
  id: String(row.id),
  kind: row.kind as IncidentKind,
  key: String(row.key),
  host: String(row.host),
  event: row.event as EventName,
  state: row.state as State,
  cause: row.cause as string | null,
  count: Number(row.count),
  users: Number(row.users),
  opened: iso(Number(row.opened)),
  updated: iso(Number(row.updated)),
  tier: row.tier === null ? null : (Number(row.tier) as Tier),
  serial: Number(row.serial),
  inhibitedBy: row.inhibited_by === null ? null : String(row.inhibited_by),
  held: row.held === 1,
  takenBy: row.taken_by as string | null,
});

const recordOf = (row: Row): IncidentRecord => ({
  ...columnsOf(row),
  openedMs: Number(row.opened),
  last: Number(row.last),
  silencedUntil: null,
  diagnosis: row.diagnosis_json ? (JSON.parse(String(row.diagnosis_json)) as Diagnosis) : null,
  plan: row.plan_json ? (JSON.parse(String(row.plan_json)) as Plan) : null,
  due: row.due === null ? null : Number(row.due),
  attempts: Number(row.attempts),
  changed: row.changed === null ? null : Number(row.changed),
  note: String(row.note),
  ends: row.ends === null ? null : Number(row.ends),
  proved: row.proved_json === null ? null : (JSON.parse(String(row.proved_json)) as Proved),
});

/** In SQL: somebody still waits for this incident. */
export const LIVE = "state NOT IN ('resolved', 'expired', 'undone')";

/** @throws NotFound */
export function incident(store: Store, id: string): IncidentRecord {
  const row = /^\d{1,15}$/.test(id) ? store.get('SELECT * FROM incident WHERE id = ?', Number(id)) : undefined;
  if (!row) throw new NotFound(`there is no incident ${id}`);
  return recordOf(row);
}

/** The configuration management that owns what the offered plan changes; null where none does. */
export const managerOf = (store: Store, id: string): string | null =>
  store.get<{ by: string | null }>("SELECT plan_json ->> '$.managedBy' AS by FROM incident WHERE id = ?", Number(id))
    ?.by ?? null;

export const liveIncident = (
  store: Store,
  kind: IncidentKind,
  key: string,
  host: string,
): IncidentRecord | undefined => {
  const row = store.get(
    `SELECT * FROM incident WHERE kind = ? AND key = ? AND host = ? AND ${LIVE} LIMIT 1`,
    kind,
    key,
    host,
  );
  return row && recordOf(row);
};

/** What counting needs to know of an incident: no diagnosis, no plan. */
export type IncidentRef = Pick<
  IncidentRecord,
  'id' | 'kind' | 'key' | 'host' | 'state' | 'cause' | 'inhibitedBy' | 'openedMs'
> & {
  updatedMs: number;
};

/** The newest incident of this key, ended or not, as far as counting needs it. A live one is always the newest. */
export const newestRef = (store: Store, kind: IncidentKind, key: string, host: string): IncidentRef | undefined => {
  const row = store.get(
    `SELECT id, state, cause, inhibited_by, opened, updated FROM incident WHERE kind = ? AND key = ? AND host = ? ORDER BY id DESC LIMIT 1`,
    kind,
    key,
    host,
  );
  return (
    row && {
      id: String(row.id),
      kind,
      key,
      host,
      state: row.state as State,
      cause: row.cause as string | null,
      inhibitedBy: row.inhibited_by === null ? null : String(row.inhibited_by),
      openedMs: Number(row.opened),
      updatedMs: Number(row.updated),
    }
  );
};

/** What an incident is about. */
export const refOf = (store: Store, id: string): { kind: IncidentKind; key: string } | undefined =>
  store.get<{ kind: IncidentKind; key: string }>('SELECT kind, key FROM incident WHERE id = ?', Number(id));

/** The newest incident of this key, ended or not. */
export const lastIncident = (
  store: Store,
  kind: IncidentKind,
  key: string,
  host: string,
): IncidentRecord | undefined => {
  const row = store.get(
    'SELECT * FROM incident WHERE kind = ? AND key = ? AND host = ? ORDER BY id DESC LIMIT 1',
    kind,
    key,
    host,
  );
  return row && recordOf(row);
};

export const liveIncidents = (store: Store): IncidentRecord[] =>
  store.all(`SELECT * FROM incident WHERE ${LIVE} ORDER BY id`).map(recordOf);

export const dueIncidents = (store: Store, now: number): IncidentRecord[] =>
  store.all('SELECT * FROM incident WHERE due IS NOT NULL AND due <= ? ORDER BY due LIMIT 20', now).map(recordOf);

export const nextDue = (store: Store): number | null =>
  (store.get<{ due: number | null }>('SELECT min(due) AS due FROM incident WHERE due IS NOT NULL')?.due ?? null) as
    | number
    | null;

export function openIncident(
  store: Store,
  now: number,
  what: { kind: IncidentKind; key: string; host: string; event: EventName; because: string; held: boolean },
): IncidentRecord {
  return store.tx(() => {
    const { id } = store.run(
      'INSERT INTO incident (kind, key, host, event, state, opened, updated, last, held, due) VALUES (?,?,?,?,?,?,?,?,?,?)',
      what.kind,
      what.key,
      what.host,
      what.event,
      'open',
      now,
      now,
      now,
      what.held ? 1 : 0,
      now,
    );
    record(store, now, {
      actor: 'readmit',
      what: `opened: ${what.because}`,
      incident: String(id),
      after: { state: 'open', kind: what.kind, key: what.key },
    });
    return incident(store, String(id));
  });
}

export interface Change {
  cause?: string | null;
  diagnosis?: Diagnosis | null;
  plan?: Plan | null;
  tier?: Tier | null;
  due?: number | null;
  attempts?: number;
  changed?: number | null;
  inhibitedBy?: string | null;
  note?: string;
  held?: boolean;
  takenBy?: string | null;
  ends?: number | null;
  proved?: Proved | null;
}

const COLUMNS: { [K in keyof Change]-?: [string, (value: NonNullable<Change[K]>) => string | number] } = {
  cause: ['cause', v => v],
  diagnosis: ['diagnosis_json', v => JSON.stringify(v)],
  plan: ['plan_json', v => JSON.stringify(v)],
  tier: ['tier', v => v],
  due: ['due', v => Math.round(v)],
  attempts: ['attempts', v => v],
  changed: ['changed', v => v],
  inhibitedBy: ['inhibited_by', v => Number(v)],
  note: ['note', v => v],
  held: ['held', v => (v ? 1 : 0)],
  takenBy: ['taken_by', v => v],
  ends: ['ends', v => Math.round(v)],
  proved: ['proved_json', v => JSON.stringify(v)],
};

/** Changes what is known of an incident; never its state. */
export function update(store: Store, now: number, id: string, change: Change): void {
  const sets: string[] = [];
  const values: (string | number | null)[] = [];
  for (const [key, value] of Object.entries(change) as [keyof Change, never][]) {
    if (value === undefined) continue;
    const [column, encode] = COLUMNS[key];
    sets.push(`${column} = ?`);
    values.push(value === null ? null : (encode as (v: unknown) => string | number)(value));
  }
  if (!sets.length) return;
  store.run(`UPDATE incident SET ${sets.join(', ')}, updated = ? WHERE id = ?`, ...values, now, Number(id));
}

/**
 * The one door. Moves `id` from the state the caller saw to `to`, with what became known along the way.
 * @throws Refused when the table has no such transition, or somebody else moved it meanwhile
 */
export function move(
  store: Store,
  now: number,
  id: string,
  from: State,
  to: State,
  by: { actor: string; what: string; plan?: string | null },
  change: Change = {},
): IncidentRecord {
  if (!mayMove(from, to)) throw new Refused(`an incident can't go from ${from} to ${to}`);
  return store.tx(() => {
    const ended = isEnded(to);
    const { changes } = store.run(
      'UPDATE incident SET state = ?, updated = ?, attempts = 0, due = ? WHERE id = ? AND state = ?',
      to,
      now,
      ended ? null : now,
      Number(id),
      from,
    );
    if (!changes) throw new Refused(`incident ${id} is ${incident(store, id).state}, not ${from} any more`);
    update(store, now, id, ended ? { inhibitedBy: null, ...change } : change);
    record(store, now, {
      actor: by.actor,
      what: by.what,
      incident: id,
      plan: by.plan ?? null,
      before: { state: from },
      after: { state: to },
    });
    if (ended) releaseInhibited(store, now, id);
    return incident(store, id);
  });
}

/** What an ended incident held back is looked at again at once. */
function releaseInhibited(store: Store, now: number, id: string): void {
  store.run('UPDATE incident SET inhibited_by = NULL, due = ? WHERE inhibited_by = ?', now, Number(id));
}

/** What this incident holds back. */
export const inhibitedBy = (store: Store, id: string): IncidentRecord[] =>
  store.all('SELECT * FROM incident WHERE inhibited_by = ?', Number(id)).map(recordOf);

export const wake = (store: Store, now: number, id: string): void => {
  store.run(`UPDATE incident SET due = ? WHERE id = ? AND ${LIVE}`, now, Number(id));
};

/** The incidents of a host that are in one of these states are looked at now. */
export const wakeIn = (store: Store, now: number, host: string, states: readonly State[]): void => {
  store.run(
    `UPDATE incident SET due = ? WHERE host = ? AND state IN (SELECT value FROM json_each(?)) AND ${LIVE}`,
    now,
    host,
    JSON.stringify(states),
  );
};

/** The id of the incident that was opened last. */
export const newestId = (store: Store): number =>
  Number(store.get<{ id: number | null }>('SELECT max(id) AS id FROM incident')?.id ?? 0);

/** Everybody who waits for the ground to change looks again: config or groups did. */
export const wakeWaiting = (store: Store, now: number, host: string): void => {
  store.run(
    "UPDATE incident SET due = ? WHERE host = ? AND kind <> 'address' AND state IN ('open','proposed','advised','escalated','propagating','verifying','failed','not-effective','denied')",
    now,
    host,
  );
};

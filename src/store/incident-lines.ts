/**
 * Incidents as lists show them, read without their long parts; and how many people wait. Reads only.
 */
import type { IncidentKind } from '../incident.ts';
import { columnsOf, type IncidentRecord, LIVE } from './incidents.ts';
import type { Row, Store } from './open.ts';

/** What a list shows of an incident: all but the diagnosis and the plan, which are long. */
export interface IncidentLine
  extends Pick<
    IncidentRecord,
    | 'id'
    | 'kind'
    | 'key'
    | 'host'
    | 'event'
    | 'state'
    | 'cause'
    | 'count'
    | 'users'
    | 'opened'
    | 'updated'
    | 'tier'
    | 'serial'
    | 'inhibitedBy'
    | 'held'
    | 'takenBy'
  > {
  /** The diagnosis in a sentence, and the deed of the last plan; null where there was none. */
  title: string | null;
  deed: string | null;
  /** False for a person's incident whose name has no account of a person: nobody is kept from working by it. */
  ofSomebody: boolean;
  /** Who would newly gain access by the plan that is offered; null where none is. */
  gains: string[] | null;
}

/** Of what is known of the name; where its denials were thinned out, it was somebody. */
export const OF_SOMEBODY = `(incident.kind <> 'user'
  OR EXISTS (SELECT 1 FROM pair WHERE pair.incident = incident.id AND pair.account = 'user')
  OR NOT EXISTS (SELECT 1 FROM pair WHERE pair.incident = incident.id))`;

const LINE = `id, kind, key, host, event, state, cause, count, users, opened, updated, tier, serial, inhibited_by, held, taken_by, title, deed,
  ${OF_SOMEBODY} AS of_somebody, iif(state = 'proposed', plan_json ->> '$.gains', NULL) AS gains`;

/** Newest first. What is not asked for does not narrow; `before` goes on below an id. */
export function incidentLines(
  store: Store,
  of: {
    state?: string;
    live?: true;
    kind?: IncidentKind;
    key?: string;
    ids?: readonly string[];
    before?: number;
    limit?: number;
  } = {},
): IncidentLine[] {
  const where: string[] = [];
  const values: (string | number)[] = [];
  const narrow = (sql: string, value: string | number | undefined): void => {
    if (value === undefined) return;
    where.push(sql);
    values.push(value);
  };
  narrow('state = ?', of.state);
  if (of.live) where.push(LIVE);
  narrow('kind = ?', of.kind);
  narrow('key = ?', of.key);
  narrow('id IN (SELECT value FROM json_each(?))', of.ids && JSON.stringify(of.ids.map(Number)));
  narrow('id < ?', of.before);
  const limit = of.limit ?? -1;
  // What is narrowed goes by its own index: by the order of ids it would read the whole table.
  const order = of.live || of.state !== undefined || of.key !== undefined || of.ids ? '+id' : 'id';
  return store
    .all(
      `SELECT ${LINE} FROM incident ${where.length ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY ${order} DESC LIMIT ?`,
      ...values,
      limit,
    )
    .map(lineOf);
}

const lineOf = (row: Row): IncidentLine => ({
  ...columnsOf(row),
  title: row.title as string | null,
  deed: row.deed as string | null,
  ofSomebody: row.of_somebody === 1,
  gains: row.gains === null ? null : (JSON.parse(String(row.gains)) as string[]),
});

/**
 * People who can't work now, each counted once however many incidents they are in, and those of them whom a plan that
 * waits for votes would help.
 */
export function blockedPeople(store: Store): { people: number; helped: number } {
  const people = (more: string): number =>
    Number(
      store.get<{ n: number }>(
        `SELECT count(*) AS n FROM (
           SELECT key AS user FROM incident WHERE ${LIVE} AND kind = 'user' AND ${OF_SOMEBODY} AND inhibited_by IS NULL ${more}
           UNION SELECT p.user FROM incident i JOIN pair p ON p.incident = i.id
           WHERE i.${LIVE} AND i.kind = 'service' AND i.inhibited_by IS NULL AND p.account = 'user' AND p.user <> '' ${more})`,
      )!.n,
    );
  return { people: people(''), helped: people("AND state = 'proposed'") };
}

/** The incidents of a report with their history: what they went through, who voted on which plan, what explained them. */
import { loadApprovers } from '../approve/approvers.ts';
import type { Config } from '../config/config.ts';
import { type IncidentKind, isEnded, type State } from '../incident.ts';
import { iso } from '../iso-time.ts';
import type { Outcome, Plan, Tier, Vote } from '../plan.ts';
import type { ReportIncident } from '../report/input.ts';
import { stateIn } from '../store/journal.ts';
import type { Row, Store } from '../store/open.ts';

/** What the report needs of one incident, read for many at once. */
interface Told {
  moves: Map<string, ReportIncident['moves']>;
  votes: Map<string, Vote[]>;
  outcomes: Map<string, Outcome>;
  serials: Map<string, { serial: number; at: string }[]>;
  explained: Map<string, Explained[]>;
}
type Explained = NonNullable<ReportIncident['explained']>[number];

/**
 * Incidents that were open at some time of this, with their history. `updated` moves with everything that
 * happens to one, so what was still then is left out; what a grant of that time came from is not.
 */
export function reportIncidents(store: Store, config: Config, range: { from: string; to: string }): ReportIncident[] {
  const [from, to] = [Date.parse(range.from), Date.parse(range.to)];
  const roles = rolesOf(config);
  const rows = store.all<Row>(
    `SELECT id, kind, key, host, cause, opened, state, users, count, tier, inhibited_by, ifnull(plan_json,
       (SELECT p.plan_json FROM plan p WHERE p.incident = incident.id AND p.serial = incident.serial)) AS plan_json
     FROM incident WHERE opened < ?1 AND (updated >= ?2 OR state NOT IN ('resolved', 'expired', 'undone')
       OR id IN (SELECT incident FROM access_grant WHERE since >= ?2 OR ended >= ?2)) ORDER BY id DESC`,
    to,
    from,
  );
  const told = toldOfIncidents(
    store,
    rows.map(r => Number(r.id)),
  );
  return rows.map(row => reportIncident(row, told, roles));
}

function toldOfIncidents(store: Store, ids: number[]): Told {
  const wanted = JSON.stringify(ids);
  const told: Told = {
    moves: new Map(),
    votes: new Map(),
    outcomes: new Map(),
    serials: new Map(),
    explained: new Map(),
  };
  const add = <T>(to: Map<string, T[]>, id: unknown, value: T): void => {
    const known = to.get(String(id));
    if (known) known.push(value);
    else to.set(String(id), [value]);
  };
  for (const e of store.all<Row>(
    `SELECT incident, time, actor, what, ${stateIn('before_json')} AS was, ${stateIn('after_json')} AS is_
     FROM journal WHERE incident IN (SELECT value FROM json_each(?)) AND ${stateIn('after_json')} IS NOT NULL ORDER BY seq`,
    wanted,
  ))
    add(told.moves, e.incident, {
      at: String(e.time),
      who: String(e.actor),
      from: e.was as State | null,
      to: e.is_ as State,
      what: String(e.what),
    });
  for (const v of store.all<Row>(
    'SELECT incident, vote_json FROM vote WHERE incident IN (SELECT value FROM json_each(?)) ORDER BY at, rowid',
    wanted,
  ))
    add(told.votes, v.incident, JSON.parse(String(v.vote_json)) as Vote);
  for (const r of store.all<Row>(
    `SELECT incident, outcome_json FROM run WHERE incident IN (SELECT value FROM json_each(?)) AND what = 'plan' ORDER BY created, rowid`,
    wanted,
  ))
    if (r.outcome_json) told.outcomes.set(String(r.incident), JSON.parse(String(r.outcome_json)) as Outcome);
    else told.outcomes.delete(String(r.incident));
  for (const p of store.all<Row>(
    'SELECT incident, serial, created FROM plan WHERE incident IN (SELECT value FROM json_each(?)) ORDER BY created, serial',
    wanted,
  ))
    add(told.serials, p.incident, { serial: Number(p.serial), at: iso(Number(p.created)) });
  for (const [id, spans] of explainedOf(store, wanted)) told.explained.set(id, spans);
  return told;
}

/** `explained by incident 7`, `incident 7 does not explain this one: …` */
const HELD_BACK = /^explained by incident (\d+)$/;
const FREED = /^incident (\d+) does not explain this one\b/;

/** When greater incidents explained these, by the journal: until one was freed, or either of the two was over. */
function explainedOf(store: Store, wanted: string): Map<string, Explained[]> {
  const found = new Map<string, Explained[]>();
  const marks = store.all<{ incident: number; time: string; what: string }>(
    `SELECT incident, time, what FROM journal WHERE incident IN (SELECT value FROM json_each(?))
     AND (what LIKE 'explained by incident %' OR what LIKE 'incident % does not explain this one%') ORDER BY seq`,
    wanted,
  );
  for (const { incident, time, what } of marks) {
    const spans = found.get(String(incident)) ?? [];
    found.set(String(incident), spans);
    const by = HELD_BACK.exec(what)?.[1];
    if (by) spans.push({ by, from: time, to: null });
    else for (const s of spans) if (s.by === FREED.exec(what)?.[1]) s.to ??= time;
  }
  const spans = [...found].flatMap(([id, all]) => all.map(span => ({ id, span })));
  const over = Map.groupBy(
    store.all<{ incident: number; time: string }>(
      `SELECT incident, time FROM journal WHERE incident IN (SELECT value FROM json_each(?))
       AND ${stateIn('after_json')} IN ('resolved', 'expired', 'undone') ORDER BY seq`,
      JSON.stringify([...new Set(spans.flatMap(({ id, span }) => [Number(id), Number(span.by)]))]),
    ),
    e => String(e.incident),
  );
  for (const { id, span } of spans) {
    const ends = [...(over.get(id) ?? []), ...(over.get(span.by) ?? [])].map(e => e.time).filter(t => t >= span.from);
    span.to = [...ends, ...(span.to === null ? [] : [span.to])].sort()[0] ?? null;
  }
  return found;
}

function reportIncident(row: Row, told: Told, roles: (name: string) => string[]): ReportIncident {
  const id = String(row.id);
  const moves = told.moves.get(id) ?? [];
  const plan = row.plan_json ? (JSON.parse(String(row.plan_json)) as Plan) : null;
  const state = row.state as State;
  return {
    id,
    kind: row.kind as IncidentKind,
    key: String(row.key),
    host: String(row.host),
    cause: row.cause as string | null,
    opened: iso(Number(row.opened)),
    state,
    ended: isEnded(state) ? (moves.at(-1)?.at ?? null) : null,
    users: Number(row.users),
    count: Number(row.count),
    tier: row.tier === null ? null : (Number(row.tier) as Tier),
    moves,
    votes: (told.votes.get(id) ?? []).map(v => ({
      by: v.by,
      roles: roles(v.by),
      at: v.issued,
      decision: v.decision,
      reason: v.reason,
      proof: v.proof,
      serial: v.serial,
      digest: v.digest,
    })),
    plan: plan && {
      serial: plan.serial,
      digest: plan.digest,
      summary: plan.summary,
      steps: plan.steps,
      gains: plan.gains,
      entitlement: plan.entitlement,
      subject: plan.subject,
    },
    outcome: told.outcomes.get(id) ?? null,
    serials: told.serials.get(id) ?? [],
    explained: held(told.explained.get(id) ?? [], row),
  };
}

/** What is held back without a word of it in the journal was so from its beginning, or from the end of the last time. */
function held(spans: Explained[], { inhibited_by: by, opened }: Row): Explained[] {
  if (by === null || spans.some(s => s.to === null)) return spans;
  return [...spans, { by: String(by), from: spans.at(-1)?.to ?? iso(Number(opened)), to: null }];
}

function rolesOf(config: Config): (name: string) => string[] {
  let known: { name: string; roles: string[] }[] = [];
  try {
    known = loadApprovers(config.approvers).approvers;
  } catch {
    // A report must come out even when the approvers file is broken; `doctor` says that it is.
  }
  return name => known.find(a => a.name === name)?.roles ?? [];
}

/**
 * All there is to say of one incident: diagnosis, plan, history, who was told, where the denials came from, and what comes
 * next. Reads only.
 */
import { type IncidentDetail, type IncidentRow, planInShort, undoText } from '../../desk.ts';
import { iso } from '../../iso-time.ts';
import { begunPlan, deniedUntil, isTakenBack, planOf, votesOf } from '../../store/approvals.ts';
import type { IncidentRecord } from '../../store/incidents.ts';
import { journalOf } from '../../store/journal.ts';
import { askedSince, knownUsersOf, pairsOf, samplesOf } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { toldRows } from '../tell/told.ts';
import type { RowParts } from './rows.ts';
import { type Denied, nextOf } from './words.ts';

/** @param row the same incident as lists show it */
export function detailOf(parts: RowParts, i: IncidentRecord, row: IncidentRow): IncidentDetail {
  const { store } = parts;
  const plan = i.plan ?? (i.serial > 0 ? (planOf(store, i.id, i.serial) ?? null) : null);
  const remedy = i.diagnosis?.remedy;
  const advice = remedy && 'advice' in remedy ? remedy.advice : undefined;
  const short = plan && planInShort(plan);
  return {
    ...row,
    diagnosis: i.diagnosis && {
      user: i.diagnosis.user,
      title: i.diagnosis.title,
      cause: i.diagnosis.cause,
      also: i.diagnosis.also,
      confidence: i.diagnosis.confidence,
      evidence: i.diagnosis.evidence,
      ruledOut: i.diagnosis.ruledOut,
      unknown: i.diagnosis.unknown,
      ...(advice ? { advice } : {}),
      ...(short && remedy?.kind === 'plan' ? { plan: short } : {}),
    },
    plan: plan && {
      ...short!,
      serial: plan.serial,
      deed: plan.deed,
      full: plan.steps,
      undoSteps: plan.undo,
      managedBy: plan.managedBy,
      subject: plan.subject,
    },
    begun: begunOf(store, i.id),
    history: journalOf(store, i.id).map(e => ({ at: e.time, who: e.actor, what: e.what })),
    told: toldRows(store, i.id),
    pairs: pairsOf(store, i.id).map(p => ({
      user: (p.user as string) || null,
      ip: (p.ip as string) || null,
      endpoint: (p.endpoint as string) || null,
      count: Number(p.count),
      first: iso(Number(p.first)),
      last: iso(Number(p.last)),
      selfReported: p.self_reported === 1,
    })),
    samples: samplesOf(store, i.id).map(s => ({
      line: String(s.line),
      source: String(s.source),
      offset: Number(s.offset),
      at: iso(Number(s.at)),
      trust: s.trust as 'server' | 'user-written',
    })),
    next: nextOf(i, parts.needs(i), parts.now(), denialOf(parts, i)),
  };
}

/** The vote that said no, and how often those concerned asked again since. */
function denialOf({ store, now }: RowParts, i: IncidentRecord): Denied | undefined {
  if (i.state !== 'denied' || !i.plan) return undefined;
  const no = votesOf(store, i.id, i.serial).find(v => v.decision === 'deny');
  if (!no) return undefined;
  const users = knownUsersOf(store, i.id);
  const asked = askedSince(store, users, Date.parse(no.issued));
  return { by: no.by, asked, until: deniedUntil(store, i.plan.digest, now()) };
}

function begunOf(store: Store, id: string): IncidentDetail['begun'] {
  const begun = begunPlan(store, id);
  const outcome = begun?.run.outcome;
  if (!outcome) return null;
  const { plan, run } = begun;
  return {
    serial: plan.serial,
    deed: plan.deed,
    undo: undoText(plan),
    undoSteps: plan.undo,
    result: outcome.result,
    takenBack: isTakenBack(store, id, run.serial),
  };
}

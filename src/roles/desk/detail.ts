/**
 * All there is to say of one incident: diagnosis, plan, history, who was told, where the denials came from, and what comes
 * next. Reads only.
 */
import type { IncidentDetail, IncidentRow } from '../../desk.ts';
import type { Step } from '../../plan.ts';
import { deniedUntil, planOf, votesOf } from '../../store/approvals.ts';
import type { IncidentRecord } from '../../store/incidents.ts';
import { journalOf } from '../../store/journal.ts';
import { askedSince, knownUsersOf, pairsOf, samplesOf } from '../../store/observations.ts';
import { toldRows } from '../tell/told.ts';
import type { RowParts } from './rows.ts';
import { type Denied, nextOf } from './words.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

/** @param row the same incident as lists show it */
export function detailOf(parts: RowParts, i: IncidentRecord, row: IncidentRow): IncidentDetail {
  const { store } = parts;
  const plan = i.plan ?? (i.serial > 0 ? (planOf(store, i.id, i.serial) ?? null) : null);
  const remedy = i.diagnosis?.remedy;
  const advice = remedy && 'advice' in remedy ? remedy.advice : undefined;
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
    },
    plan: plan && {
      serial: plan.serial,
      digest: plan.digest,
      summary: plan.summary,
      deed: plan.deed,
      steps: plan.steps.map(s =>
        'diff' in s ? { action: s.action, diff: s.diff } : { action: s.action, argv: s.argv },
      ),
      full: plan.steps,
      gains: plan.gains,
      loses: plan.loses,
      undo: plan.undo.map(stepText).join('; '),
      undoSteps: plan.undo,
      expires: plan.expires,
      entitlement: plan.entitlement,
      notes: plan.notes,
      managedBy: plan.managedBy,
      subject: plan.subject,
    },
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

/** A step as a person reads it. */
const stepText = (step: Step): string =>
  'argv' in step ? step.argv.join(' ') : `${step.action} ${step.group} in ${'file' in step ? step.file : step.dn}`;

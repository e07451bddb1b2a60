/** From an outbox row to the letter, as things stand when it is sent. Joins the store's nouns with the letters. */
import type { Approvers } from '../../approve/approvers.ts';
import { mayStillVote } from '../../approve/voters.ts';
import { type Config, originOf } from '../../config/config.ts';
import type { Receiver } from '../../config/notify.ts';
import { isEnded, Retry, type State } from '../../incident.ts';
import type { Letter, Paper } from '../../notify/letter.ts';
import { accessEnds } from '../../notify/letters/access-ends.ts';
import { accessRestored } from '../../notify/letters/access-restored.ts';
import { addressAlert } from '../../notify/letters/address-alert.ts';
import { alert } from '../../notify/letters/alert.ts';
import { escalation } from '../../notify/letters/escalation.ts';
import { failed } from '../../notify/letters/failed.ts';
import { reminder } from '../../notify/letters/reminder.ts';
import { type Did, resolved } from '../../notify/letters/resolved.ts';
import { needsSecondVote } from '../../notify/letters/second-vote.ts';
import { userTell } from '../../notify/letters/user-tell.ts';
import { weekly } from '../../notify/letters/weekly.ts';
import { begunPlan, grantById, grantRows, isTakenBack, lastRun, standingPlan } from '../../store/approvals.ts';
import { untell } from '../../store/desk-rows.ts';
import { type IncidentRecord, incident } from '../../store/incidents.ts';
import type { Store } from '../../store/open.ts';
import { type OutboxRow, rowsOf } from '../../store/outbox.ts';
import { waitingSince } from '../../store/waiting.ts';
import { countingVotes } from '../conduct/polling.ts';
import { approverMail } from './approver-mail.ts';
import { toldAt, writeDigest, writeMuted } from './digests.ts';
import type { LetterParts, Written } from './letter-parts.ts';
import { channelOf, type LetterPayload } from './telling.ts';

/** What a row that goes to `receiver` is written on. Chats have no addresses. */
export const paperOf = (config: Config, key: string, receiver: Receiver): Paper => ({
  key,
  from: config.mail.from,
  to: receiver.type === 'mail' ? receiver.to : [],
  origin: originOf(config),
  timezone: config.report.timezone,
  tiers: config.policy.tiers,
});

export async function writeLetter(p: LetterParts, row: OutboxRow, to: Receiver, paper: Paper): Promise<Written> {
  const payload = row.payload as LetterPayload;
  const id = payload.incident ?? '';
  switch (payload.letter) {
    case 'alert': {
      const detail = p.desk.show(id);
      return { letter: detail.kind === 'address' ? addressAlert(detail, paper) : alert(detail, paper) };
    }
    case 'failed': {
      const detail = p.desk.show(id);
      if (!FAILED.includes(detail.state) && !/^not-(ended|undone)-/.test(row.key))
        return { not: 'it is not so any more' };
      return { letter: failed(detail, paper, lastRun(p.store, id)?.outcome ?? null) };
    }
    case 'reminder':
    case 'escalation': {
      const waited = p.now() - (waitingSince(p.store, id) ?? p.now());
      const write = payload.letter === 'reminder' ? reminder : escalation;
      return { letter: write(p.desk.show(id), waited, paper) };
    }
    case 'resolved': {
      if (incident(p.store, id).state !== 'resolved') return { not: 'it is not so any more' };
      const rows = ['alert-', 'escalate-'].flatMap(kind => rowsOf(p.store, id, `${kind}${id}`, channelOf(to.name)));
      if (p.config.notify.resolved === 'told' && rows.every(r => toldAt(r, row.created) === null))
        return { not: 'they were not told of it' };
      return { letter: resolved(p.desk.show(id), paper, whatStands(p.store, id)) };
    }
    case 'second-vote':
      return secondVote(p, incident(p.store, id), paper);
    case 'user-tell':
      if (isEnded(incident(p.store, id).state)) return neverTold(p, incident(p.store, id), row);
      return toThePerson(told(p, incident(p.store, id), paper));
    case 'access-restored':
      return restored(p, incident(p.store, id), paper);
    case 'access-ends': {
      const grant = grantById(p.store, payload.grant!);
      if (!grant || grant.ended !== null || grant.until === null) return { not: 'it has ended' };
      return toThePerson(accessEnds({ ...grant, until: new Date(grant.until).toISOString() }, paper, p.config));
    }
    case 'digest':
      return writeDigest(p, row, to, paper);
    case 'muted':
      return writeMuted(p, row, payload.until!, to, paper);
    case 'report':
      return {
        letter: weekly(await p.report(payload.week!), {
          ...paper,
          to: payload.to ?? (p.config.report.to.length ? p.config.report.to : p.config.mail.to),
        }),
      };
    default:
      return payload.letter satisfies never;
  }
}

/** A change that failed may have been taken back at once: who approved it must hear of it all the same. */
const FAILED: readonly State[] = ['failed', 'not-effective', 'undone'];

function secondVote(p: LetterParts, i: IncidentRecord, paper: Paper): Written {
  if (i.state !== 'proposed' || !i.plan || i.tier === null) return { not: 'it does not wait for a vote any more' };
  const approvers = approversNow(p);
  const votes = countingVotes({ ...p, approvers: () => approvers }, i.plan);
  if (!votes.length) return { not: 'the votes have lapsed' };
  const { subject, gains } = i.plan;
  const whom = mayStillVote({ tier: i.tier, subject, gains }, votes, approvers, p.config.policy);
  const to = [...new Set(whom.flatMap(a => approverMail(p.config, a) ?? []))];
  const detail = p.desk.show(i.id);
  if (detail.needs === 0) return { not: 'it has all its votes' };
  // Nobody of them has an address: then those who are told of everything.
  return { letter: needsSecondVote(detail, { ...paper, to: to.length ? to : paper.to }) };
}

/** @throws Retry, since somebody will mend the file */
function approversNow(p: LetterParts): Approvers {
  try {
    return p.approvers();
  } catch (error) {
    throw new Retry((error as Error).message);
  }
}

/** It is over, and nobody wrote: should it come again, the person has not been told. */
function neverTold({ store }: LetterParts, { id, diagnosis }: IncidentRecord, row: OutboxRow): Written {
  if (diagnosis) untell(store, row.created, diagnosis.user, row.key.slice(`tell-${id}-`.length));
  return { not: 'it is over' };
}

/** What a run of ours did for an incident: all of it, something, or nothing that is left. */
function whatStands(store: Store, id: string): Did {
  const begun = begunPlan(store, id);
  const { result, steps } = begun?.run.outcome ?? { result: 'already', steps: [] };
  if (!begun || result === 'already' || isTakenBack(store, id, begun.run.serial)) return 'nothing';
  const { run, plan } = begun;
  if (result === 'done' || grantRows(store, { ended: false }).some(g => g.run === run.id))
    return { summary: plan.summary, by: run.order.votes.map(v => v.by) };
  return result === 'unknown' || steps.some(s => s.result === 'done') ? 'not-known' : 'nothing';
}

function told(p: LetterParts, i: IncidentRecord, paper: Paper): Letter | null {
  const remedy = i.diagnosis?.remedy;
  if (!i.diagnosis || !remedy || !('advice' in remedy) || !remedy.advice) return null;
  const { user, title } = i.diagnosis;
  const at = new Date(i.last).toISOString();
  return userTell({ user, host: i.host, incident: i.id, title, advice: remedy.advice, at }, paper, p.config);
}

function restored(p: LetterParts, i: IncidentRecord, paper: Paper): Written {
  const { restored: wanted } = p.config.notify;
  if (wanted === 'never') return { not: 'switched off (notify.restored)' };
  if (wanted === 'told' && !rowsOf(p.store, i.id, `tell-${i.id}-`).some(r => r.result === 'sent'))
    return { not: 'the person was not told before' };
  if (i.state !== 'resolved') return { not: 'it is not so any more' };
  const plan = standingPlan(p.store, i.id);
  if (!plan?.subject) return { not: 'nobody to write to' };
  const { user } = plan.subject;
  return toThePerson(accessRestored({ user, host: i.host, incident: i.id, steps: plan.steps }, paper, p.config));
}

const toThePerson = (letter: Letter | null): Written => (letter ? { letter } : { not: 'nobody to write to' });

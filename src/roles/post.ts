/**
 * The postman: turns an outbox row into a letter as things stand now and hands it to the mail server. What became
 * pointless while it waited (ended, inhibited, silenced) is not sent; what is over the limit is folded into a digest.
 */
import type { Config } from '../config.ts';
import { originOf } from '../config.ts';
import { isEnded, Refused, Retry } from '../incident.ts';
import type { Letter, Paper } from '../notify/letter.ts';
import { accessEnds } from '../notify/letters/access-ends.ts';
import { accessRestored } from '../notify/letters/access-restored.ts';
import { addressAlert } from '../notify/letters/address-alert.ts';
import { alert } from '../notify/letters/alert.ts';
import { digest } from '../notify/letters/digest.ts';
import { failed } from '../notify/letters/failed.ts';
import { userTell } from '../notify/letters/user-tell.ts';
import { type Rendered, weekly } from '../notify/letters/weekly.ts';
import { DIGEST_EVERY, judgeAlert, judgeDigest } from '../notify/limits.ts';
import type { Mailer } from '../notify/mail.ts';
import { alarmCall, type Call, callWebhook, incidentCall } from '../notify/webhook.ts';
import { grantById, lastRun } from '../store/approvals.ts';
import { type IncidentRecord, incident } from '../store/incidents.ts';
import { journal } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import { enqueue, type OutboxRow, sentSince } from '../store/outbox.ts';
import type { StoreDesk } from './desk/desk.ts';
import { silencedUntil } from './desk/rows.ts';

interface MailPayload {
  letter: 'alert' | 'failed' | 'user-tell' | 'access-restored' | 'access-ends' | 'digest' | 'report';
  incident?: string;
  grant?: string;
  week?: string;
  to?: string[];
}

export interface PostParts {
  store: Store;
  config: Config;
  now: () => number;
  desk: StoreDesk;
  mailer: Mailer | null;
  report(week: string): Promise<Rendered>;
}

const HOUR = 3_600_000;

/** Carries mail rows. */
export const mailCarrier =
  (p: PostParts) =>
  async (row: OutboxRow): Promise<string> => {
    if (!p.mailer) return 'no mail configured';
    const payload = row.payload as MailPayload;
    const paper: Paper = {
      key: row.key,
      from: p.config.mail.from,
      to: p.config.mail.to,
      origin: originOf(p.config),
      timezone: p.config.report.timezone,
      tiers: p.config.policy.tiers,
    };
    const i = payload.incident ? incident(p.store, payload.incident) : null;
    if (payload.letter === 'alert' && i) {
      const pointless = whyNot(p, i);
      if (pointless) return pointless;
      const verdict = judgeAlert(p.now(), sentSince(p.store, 'mail', p.now() - HOUR, 'alert-'), p.config.mail.perHour);
      if (verdict.verdict !== 'send') {
        // At the next quarter of an hour, whatever else is folded until then: one digest for all of it.
        const due = (Math.floor(p.now() / DIGEST_EVERY) + 1) * DIGEST_EVERY;
        enqueue(p.store, p.now(), { key: `digest-${due}`, channel: 'mail', payload: { letter: 'digest' }, due });
        return 'folded';
      }
    }
    const letter = await write(p, payload, i, paper);
    if (letter === 'later') throw new Retry('a digest went out a moment ago');
    if (!letter) return 'nobody to write to';
    if (!letter.to.length) return 'no recipients configured';
    try {
      await p.mailer.send(letter);
      return 'sent';
    } catch (error) {
      // A letter the server will never take is not tried for ever; the page and the second channel still say it.
      if (error instanceof Refused) return `refused: ${error.message}`;
      callSecond(p, row, error as Error);
      throw error;
    }
  };

async function write(
  p: PostParts,
  payload: MailPayload,
  i: IncidentRecord | null,
  paper: Paper,
): Promise<Letter | 'later' | null> {
  switch (payload.letter) {
    case 'alert': {
      const detail = p.desk.show(payload.incident!);
      return i!.kind === 'address' ? addressAlert(detail, paper) : alert(detail, paper);
    }
    case 'failed':
      return failed(p.desk.show(payload.incident!), paper, lastRun(p.store, payload.incident!)?.outcome ?? null);
    case 'user-tell': {
      const remedy = i?.diagnosis?.remedy;
      if (!i?.diagnosis || !remedy || !('advice' in remedy) || !remedy.advice) return null;
      const told = {
        user: i.diagnosis.user,
        host: i.host,
        incident: i.id,
        title: i.diagnosis.title,
        advice: remedy.advice,
        at: new Date(i.last).toISOString(),
      };
      return userTell(told, paper, p.config.mail);
    }
    case 'access-restored':
      return i?.plan?.subject
        ? accessRestored(
            { user: i.plan.subject.user, host: i.host, incident: i.id, steps: i.plan.steps },
            paper,
            p.config.mail,
          )
        : null;
    case 'access-ends': {
      const grant = grantById(p.store, payload.grant!);
      if (!grant || grant.ended !== null || grant.until === null) return null;
      return accessEnds({ ...grant, until: new Date(grant.until).toISOString() }, paper, p.config.mail);
    }
    case 'digest': {
      const sent = sentSince(p.store, 'mail', p.now() - HOUR, 'digest-');
      if (judgeDigest(p.now(), sent).verdict !== 'send') return 'later';
      const since = Math.max(0, ...sent);
      const folded = p.store
        .all<{ incident: number }>(
          "SELECT incident FROM outbox WHERE channel = 'mail' AND result = 'folded' AND done > ?",
          since,
        )
        .map(r => p.desk.show(String(r.incident)));
      const head = journal(p.store, -1, 1)[0];
      return folded.length
        ? digest(folded, folded.length, head ? { seq: head.seq, digest: head.digest } : null, paper)
        : null;
    }
    case 'report':
      return weekly(await p.report(payload.week!), {
        ...paper,
        to: payload.to ?? (p.config.report.to.length ? p.config.report.to : p.config.mail.to),
      });
    default:
      return payload.letter satisfies never;
  }
}

function whyNot(p: PostParts, i: IncidentRecord): string | null {
  if (isEnded(i.state)) return 'ended';
  if (i.inhibitedBy) return 'inhibited';
  if (i.held) return 'held';
  if (silencedUntil(p.store, i, p.now())) return 'silenced';
  return null;
}

/** The mail server is away: the second channel hears of it once per letter. */
function callSecond(p: PostParts, row: OutboxRow, error: Error): void {
  if (!p.config.webhook.url) return;
  enqueue(p.store, p.now(), {
    key: `second-${row.key}`,
    channel: 'webhook',
    incident: row.incident,
    payload: { incident: row.incident, text: `mail can't be sent: ${error.message}` },
  });
}

/** Carries calls to the second channel. */
export const webhookCarrier =
  (p: PostParts) =>
  async (row: OutboxRow): Promise<string> => {
    const { url } = p.config.webhook;
    if (!url) return 'no second channel configured';
    const payload = row.payload as { incident?: string | null; text?: string };
    const paper: Paper = {
      key: row.key,
      from: p.config.mail.from,
      to: [],
      origin: originOf(p.config),
      timezone: p.config.report.timezone,
    };
    const call: Call = payload.incident
      ? incidentCall(p.desk.show(payload.incident), paper, payload.text ? `${payload.text}. ` : '')
      : alarmCall(payload.text ?? '', paper);
    try {
      await callWebhook(url, call);
      return 'sent';
    } catch (error) {
      if (error instanceof Refused) return `refused: ${error.message}`;
      throw error;
    }
  };

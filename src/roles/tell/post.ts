/**
 * The postman: turns an outbox row into a letter as things stand now and hands it to its receiver. What became pointless
 * while it waited is not sent; an alert that is silenced, held or inhibited waits until that is over; what comes up in a
 * quiet time or is over the limit is folded into a digest, and lost is none of it.
 */
import { originOf } from '../../config/config.ts';
import { ADMINISTRATORS, type Receiver } from '../../config/notify.ts';
import { isEnded, Refused } from '../../incident.ts';
import { deliver } from '../../notify/deliver.ts';
import type { Paper } from '../../notify/letter.ts';
import { DIGEST_EVERY, judgeAlert } from '../../notify/limits.ts';
import type { Mailer } from '../../notify/mail.ts';
import { receiverOf, receivers } from '../../notify/routes.ts';
import { alarmCall, type Call, callWebhook, incidentCall } from '../../notify/webhook.ts';
import { type IncidentRecord, incident } from '../../store/incidents.ts';
import { enqueue, type OutboxRow, sentSince } from '../../store/outbox.ts';
import type { Again, Carrier, Carriers } from '../doorbell.ts';
import { alertmanagerCarrier } from './handover.ts';
import { type LetterParts, type LetterPayload, mutedResult, paperOf, writeLetter } from './letters.ts';
import { mutedFor, whyNot, whyNotAgain } from './quiet.ts';
import { channelOf, keyFor } from './telling.ts';

export interface PostParts extends LetterParts {
  mailer: Mailer | null;
}

const HOUR = 3_600_000;
const DIGEST_AGAIN_MS = 60_000;
/** So often it is looked whether a silence, a maintenance or a greater incident still holds an alert back. */
const HELD_BACK_MS = 15_000;

/** Letters to administrators: what a quiet time holds back, and what is limited by the hour. */
const QUIET: readonly LetterPayload['letter'][] = [
  'alert',
  'failed',
  'reminder',
  'escalation',
  'resolved',
  'second-vote',
];
const LIMITED: readonly LetterPayload['letter'][] = ['alert', 'reminder', 'escalation', 'resolved'];

/** Every way out of the outbox but that of jobs. */
export function carriersOf(p: PostParts): Carriers {
  const carriers: Carriers = { mail: mailCarrier(p), webhook: webhookCarrier(p) };
  for (const receiver of receivers(p.config))
    if (receiver.name !== ADMINISTRATORS)
      carriers[channelOf(receiver.name)] =
        receiver.type === 'alertmanager' ? alertmanagerCarrier(p, receiver) : letterCarrier(p, receiver);
  return carriers;
}

/** Carries mail to the administrators and to people. */
const mailCarrier = (p: PostParts): Carrier => letterCarrier(p, receiverOf(p.config, ADMINISTRATORS));

/** Carries the letters of one receiver. */
function letterCarrier(p: PostParts, receiver: Receiver): Carrier {
  const channel = channelOf(receiver.name);
  return async row => {
    if (receiver.type === 'mail' && !p.mailer) return 'no mail configured';
    const payload = row.payload as LetterPayload;
    const i = payload.incident ? incident(p.store, payload.incident) : null;
    const held = i && holdBack(p, receiver, payload.letter, i, row);
    if (held) return held;
    const paper = paperOf(p.config, row.key, receiver);
    const written = await writeLetter(p, row, channel, paper);
    if ('not' in written) {
      if (written.not !== 'later') return written.not;
      return { again: p.now() + DIGEST_AGAIN_MS, result: 'waits: a digest went out a moment ago', payload };
    }
    if (receiver.type === 'mail' && !written.letter.to.length) return 'no recipients configured';
    try {
      const about = i ? p.desk.show(i.id) : null;
      await deliver(receiver, p.mailer, {
        what: payload.letter,
        letter: written.letter,
        row: about,
        paper,
        now: p.now(),
      });
      return 'sent';
    } catch (error) {
      // A letter the server will never take is not tried for ever; the page and the second channel still say it.
      if (error instanceof Refused) return `refused: ${error.message}`;
      if (receiver.type === 'mail') callSecond(p, row, error as Error);
      throw error;
    }
  };
}

/** What becomes of a letter that does not go out now; null when it does. */
function holdBack(
  p: PostParts,
  receiver: Receiver,
  letter: LetterPayload['letter'],
  i: IncidentRecord,
  row: OutboxRow,
): string | Again | null {
  const { store, config, now } = p;
  const channel = channelOf(receiver.name);
  const late = (row.payload as LetterPayload).heldBack === true;
  const pointless =
    letter === 'alert' || isReminder(letter)
      ? (whyNot(store, now(), i) ?? (isReminder(letter) || late ? whyNotAgain(i) : null))
      : null;
  // Nobody was told of it yet: it is said as soon as it may be, and still waits for somebody.
  if (pointless !== null && letter === 'alert' && !isEnded(i.state))
    return {
      again: now() + HELD_BACK_MS,
      result: pointless,
      payload: { ...(row.payload as LetterPayload), heldBack: true },
    };
  if (pointless !== null) return pointless;
  const muted = QUIET.includes(letter) ? mutedFor(config, receiver.name, i, now()) : null;
  // The digest at the end tells of what still waits. What failed, or is over, is told as it is, only later.
  if (muted && (letter === 'resolved' || letter === 'failed'))
    return { again: muted.until, result: 'waits for the end of a quiet time', payload: row.payload };
  if (muted) {
    enqueue(store, now(), {
      key: keyFor(`muted-${muted.until}`, receiver.name),
      channel,
      payload: { letter: 'muted', until: muted.until },
      due: muted.until,
    });
    return mutedResult(muted.until);
  }
  if (!LIMITED.includes(letter)) return null;
  const kind = row.key.slice(0, row.key.indexOf('-') + 1);
  const sent = sentSince(store, channel, now() - HOUR, kind);
  if (judgeAlert(now(), sent, config.mail.perHour).verdict === 'send') return null;
  // At the next quarter of an hour, whatever else is folded until then: one digest for all of it.
  const due = (Math.floor(now() / DIGEST_EVERY) + 1) * DIGEST_EVERY;
  enqueue(store, now(), {
    key: keyFor(`digest-${due}`, receiver.name),
    channel,
    payload: { letter: 'digest' },
    due,
  });
  return 'folded';
}

const isReminder = (letter: LetterPayload['letter']): boolean =>
  letter === 'reminder' || letter === 'escalation' || letter === 'second-vote';

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
const webhookCarrier =
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

/**
 * The postman: turns an outbox row into a letter as things stand now and hands it to its receiver. What became pointless
 * while it waited is not sent; an alert that is silenced, held or inhibited waits until that is over; what comes up in a
 * quiet time or is over the limit is folded into a digest, and lost is none of it.
 */
import { ADMINISTRATORS, type Receiver } from '../../config/notify.ts';
import { isEnded } from '../../incident.ts';
import { deliver } from '../../notify/deliver.ts';
import { judgeAlert } from '../../notify/limits.ts';
import type { Mailer } from '../../notify/mail.ts';
import { receiverOf, receivers } from '../../notify/routes.ts';
import { type IncidentRecord, incident } from '../../store/incidents.ts';
import { enqueue, type OutboxRow, sentSince } from '../../store/outbox.ts';
import type { Again, Carrier, Carriers } from '../doorbell.ts';
import { foldIntoDigest, foldUntil } from './digests.ts';
import { alertmanagerCarrier } from './handover.ts';
import type { LetterParts } from './letter-parts.ts';
import { paperOf, writeLetter } from './letters.ts';
import { mutedFor, whyNot, whyNotAgain } from './quiet.ts';
import { givesUp, tellSecond, webhookCarrier } from './second.ts';
import { channelOf, type LetterPayload } from './telling.ts';

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
/** Of these, what is told as it is, only later: the digest at the end of a quiet time tells of what is open, to everybody. */
const LATER: readonly LetterPayload['letter'][] = ['failed', 'resolved', 'second-vote'];
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
  return async row => {
    if (receiver.type === 'mail' && !p.mailer) return 'no mail configured';
    try {
      return await carry(p, receiver, row);
    } catch (error) {
      const lost = givesUp(error, row);
      tellSecond(p, receiver, row, error as Error, lost ? 'lost' : 'tried again');
      if (lost) return `refused: ${(error as Error).message}`;
      throw error;
    }
  };
}

async function carry(p: PostParts, receiver: Receiver, row: OutboxRow): Promise<string | Again> {
  const payload = row.payload as LetterPayload;
  const i = payload.incident ? incident(p.store, payload.incident) : null;
  const held = i && holdBack(p, receiver, payload, i, row);
  if (held) return held;
  const asked = payload.of === undefined ? row : { ...row, key: payload.of };
  const paper = paperOf(p.config, asked.key, receiver);
  const written = await writeLetter(p, asked, receiver, paper);
  if ('not' in written) {
    if (written.not !== 'later') return written.not;
    return { again: p.now() + DIGEST_AGAIN_MS, result: 'waits: a digest went out a moment ago', payload };
  }
  const letter = payload.of === undefined ? written.letter : { ...written.letter, to: payload.to! };
  if (receiver.type === 'mail' && !letter.to.length) return 'no recipients configured';
  const about = i ? p.desk.show(i.id) : null;
  const left = await deliver(receiver, p.mailer, { what: payload.letter, letter, row: about, paper, now: p.now() });
  // Each by themselves from here on: whether for now or for good is seen then.
  for (const to of left)
    enqueue(p.store, p.now(), {
      key: `for-${to}-${row.key}`,
      channel: row.channel,
      incident: row.incident,
      payload: { ...payload, of: asked.key, to: [to] },
    });
  return 'sent';
}

/** What becomes of a letter that does not go out now; null when it does. */
function holdBack(
  p: PostParts,
  receiver: Receiver,
  payload: LetterPayload,
  i: IncidentRecord,
  row: OutboxRow,
): string | Again | null {
  const { store, config, now } = p;
  const { letter } = payload;
  const settled = isReminder(letter) || payload.heldBack === true ? whyNotAgain(i) : null;
  const pointless = (letter === 'alert' || isReminder(letter) ? whyNot(store, now(), i) : null) ?? settled;
  // What is said once is said as soon as it may be; an alert waits for those who act, too, since nobody was told of it yet.
  const waits = !isEnded(i.state) && (letter === 'alert' || (letter !== 'reminder' && settled === null));
  if (pointless !== null && waits)
    return { again: now() + HELD_BACK_MS, result: pointless, payload: { ...payload, heldBack: true } };
  if (pointless !== null) return pointless;
  const muted = QUIET.includes(letter) ? mutedFor(config, receiver.name, i, now()) : null;
  if (muted && (LATER.includes(letter) || payload.of !== undefined))
    return { again: muted.until, result: 'waits for the end of a quiet time', payload };
  if (muted) return foldUntil(p, row, muted.until);
  if (!LIMITED.includes(letter) || payload.of !== undefined) return null;
  const kind = row.key.slice(0, row.key.indexOf('-') + 1);
  const sent = sentSince(store, channelOf(receiver.name), now() - HOUR, kind);
  if (judgeAlert(now(), sent, config.mail.perHour).verdict === 'send') return null;
  return foldIntoDigest(p, row);
}

const isReminder = (letter: LetterPayload['letter']): boolean =>
  letter === 'reminder' || letter === 'escalation' || letter === 'second-vote';

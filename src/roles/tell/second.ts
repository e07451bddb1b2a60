/**
 * The second channel: hears of letters that don't get through, and of what keeps Readmit from working. The first call goes
 * out at once; what is over the limit is folded into one that says how many there are. Alarms have an allowance of their own.
 */
import { originOf } from '../../config/config.ts';
import type { Receiver } from '../../config/notify.ts';
import { Doubtful, NotFound, Refused, Usage } from '../../incident.ts';
import { judgeDigest, judgePage } from '../../notify/limits.ts';
import { alarmCall, type Call, callWebhook, incidentCall } from '../../notify/webhook.ts';
import { enqueue, lettersWaiting, type OutboxRow, resultOf, rowsIn, sentSince } from '../../store/outbox.ts';
import type { Carrier } from '../doorbell.ts';
import { foldInto } from './digests.ts';
import type { LetterParts } from './letter-parts.ts';
import type { LetterPayload } from './telling.ts';
import { TO_PERSONS } from './told.ts';

const HOUR = 3_600_000;
/** So often a row is tried in about a day (`markFailed`). */
const TRIES_OF_A_DAY = 290;
/** After eight minutes a chat that took too much, or a server that lets strangers wait, has had its time. */
const TRIES_OF_A_WHILE = 9;

interface SecondPayload {
  text: string;
  incident?: string | null;
  /** The row of the letter it is about. */
  row?: number;
  /** It speaks for those that were folded into it. */
  calls?: true;
}

/** Whether what failed so is not tried again. */
export const givesUp = (error: unknown, row: OutboxRow): boolean =>
  error instanceof Refused ||
  error instanceof Usage ||
  error instanceof NotFound ||
  (error instanceof Doubtful && row.attempts >= TRIES_OF_A_DAY);

/** A letter did not get through. Of a dead mail server somebody hears at once, of others when it lasts, of a lost letter always. */
export function tellSecond(
  p: Pick<LetterParts, 'store' | 'config' | 'now'>,
  receiver: Receiver,
  row: OutboxRow,
  error: Error,
  fate: 'lost' | 'tried again',
): void {
  const { letter, of, to } = row.payload as LetterPayload;
  const isMail = receiver.type === 'mail';
  if (!p.config.webhook.url) return;
  // A mailbox that a person does not have is nobody's emergency.
  if (fate === 'lost' && TO_PERSONS.includes(letter)) return;
  if (fate === 'tried again' && !(isMail && of === undefined) && row.attempts < TRIES_OF_A_WHILE) return;
  const what = isMail ? "mail can't be sent" : `${receiver.name} can't be told`;
  const lost = fate === 'lost' ? `a letter${of === undefined ? '' : ` to ${to!.join()}`} is lost, ` : '';
  enqueue(p.store, p.now(), {
    key: `second-${row.key}${fate === 'lost' ? '-lost' : ''}`,
    channel: 'webhook',
    incident: row.incident,
    payload: { incident: row.incident, text: `${lost}${what}: ${error.message}`, row: row.id } satisfies SecondPayload,
  });
}

/** Carries calls to the second channel. */
export const webhookCarrier =
  (p: LetterParts): Carrier =>
  async row => {
    const { url } = p.config.webhook;
    if (!url) return 'no second channel configured';
    const payload = row.payload as SecondPayload;
    const kind = row.key.slice(0, row.key.indexOf('-') + 1);
    const until = notBefore(p, kind);
    if (until !== null && payload.calls) return { again: until, result: 'waits: over the limit of calls', payload };
    if (until !== null) {
      foldInto(p, row, {
        prefix: `${kind}calls-`,
        name: `${kind}calls-${until}`,
        payload: { calls: true },
        due: until,
      });
      return 'folded';
    }
    try {
      const call = callOf(p, row, payload);
      if (call === null) return 'it is not so any more';
      await callWebhook(url, call);
      return 'sent';
    } catch (error) {
      if (givesUp(error, row)) return `refused: ${(error as Error).message}`;
      throw error;
    }
  };

/** When the next call may go out, epoch ms; null: now. Letters are spoken for once in a quarter of an hour. */
function notBefore({ store, now }: LetterParts, kind: string): number | null {
  const sent = sentSince(store, 'webhook', now() - HOUR, kind).filter(at => at <= now());
  const verdicts = [judgePage(now(), sent), ...(kind === 'second-' ? [judgeDigest(now(), sent)] : [])];
  const waits = verdicts.flatMap(v => (v.verdict === 'send' ? [] : [v.until]));
  return waits.length ? Math.max(...waits) : null;
}

/** @returns null when what it would say is over */
function callOf(p: LetterParts, row: OutboxRow, payload: SecondPayload): Call | null {
  const site = { origin: originOf(p.config) };
  if (!payload.calls) {
    if (hasGone(p, payload)) return null;
    if (!payload.incident) return alarmCall(payload.text, site);
    return incidentCall(p.desk.show(payload.incident), site, `${payload.text}. `);
  }
  const folded = rowsIn(p.store, row, 'folded').map(r => r.payload as SecondPayload);
  const still = folded.filter(f => !hasGone(p, f));
  const last = still.at(-1);
  if (!last) return null;
  return alarmCall(last.row === undefined ? troubles(still) : letters(p, still, last), site);
}

/** The letter it is about has gone out, or need not go any more. */
function hasGone({ store }: LetterParts, { row }: SecondPayload): boolean {
  const result = row === undefined ? null : resultOf(store, row);
  return result !== null && !result.startsWith('refused');
}

function letters({ store }: LetterParts, still: SecondPayload[], last: SecondPayload): string {
  const lost = still.filter(f => resultOf(store, f.row!) !== null).length;
  const waiting = lettersWaiting(store);
  const many = (n: number, one: string, more: string): string => (n === 1 ? `1 letter ${one}` : `${n} letters ${more}`);
  const counts = [
    ...(waiting ? [many(waiting, 'waits', 'wait')] : []),
    ...(lost ? [many(lost, 'was refused', 'were refused')] : []),
  ];
  return `${counts.join(', ')}. ${last.text}.`;
}

const SHOWN = 3;
function troubles(still: SecondPayload[]): string {
  const more = still.length - SHOWN;
  const head = still.length === 1 ? '' : `${still.length} more troubles. `;
  const texts = still.slice(0, SHOWN).map(f => f.text);
  return `${head}${texts.join(' ')}${more > 0 ? ` And ${more} more, on the page.` : ''}`;
}

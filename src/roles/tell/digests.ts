/**
 * What goes out together: alerts over the hourly limit, and what came up in a quiet time. A row that is folded knows its
 * digest by name, so that no clock decides what is told. What can't be told when the digest goes out (its incident is
 * silenced, held or inhibited, or another quiet time has begun) goes its own way again and is lost by neither.
 */
import type { Receiver } from '../../config/notify.ts';
import { isEnded } from '../../incident.ts';
import type { Letter, Paper } from '../../notify/letter.ts';
import { digest } from '../../notify/letters/digest.ts';
import { mutedDigest } from '../../notify/letters/muted.ts';
import { DIGEST_EVERY, judgeDigest } from '../../notify/limits.ts';
import { incident } from '../../store/incidents.ts';
import { journal } from '../../store/journal.ts';
import { enqueue, intoDigest, type OutboxRow, openDigest, reopen, rowsIn, sentSince } from '../../store/outbox.ts';
import type { LetterParts, Written } from './letter-parts.ts';
import { mutedFor, whyNot } from './quiet.ts';
import { channelOf, keyOn, type LetterPayload } from './telling.ts';

/** What a row says that was not sent in a quiet time. */
export const mutedResult = (until: number): string => `${MUTED}${new Date(until).toISOString()}`;
const MUTED = 'muted until ';

/** When somebody read it, by itself or in a digest, epoch ms; null: nobody did by `now`. A digest leaves out what was over. */
export function toldAt({ done, result }: { done: number | null; result: string }, now: number): number | null {
  if (done !== null && (result === 'sent' || result === 'folded')) return done;
  const until = result.startsWith(MUTED) ? Date.parse(result.slice(MUTED.length)) : Number.POSITIVE_INFINITY;
  return until <= now ? until : null;
}

/** Over the limit: told at the next quarter of an hour, with whatever else is folded until then. */
export function foldIntoDigest(p: Pick<LetterParts, 'store' | 'now'>, row: OutboxRow): string {
  const due = (Math.floor(p.now() / DIGEST_EVERY) + 1) * DIGEST_EVERY;
  foldInto(p, row, { prefix: 'digest-', name: `digest-${due}`, payload: { letter: 'digest' }, due });
  return 'folded';
}

/** In a quiet time: told at its end, if it is still open. */
export function foldUntil(p: Pick<LetterParts, 'store' | 'now'>, row: OutboxRow, until: number): string {
  const name = `muted-${until}`;
  foldInto(p, row, { prefix: name, name, payload: { letter: 'muted', until }, due: until });
  return mutedResult(until);
}

/**
 * One that still waits takes the row in; one of this name that has gone out already (a clock was set back) takes in nothing.
 * @param into `prefix`: with what the names of all begin that will do
 */
export function foldInto(
  { store, now }: Pick<LetterParts, 'store' | 'now'>,
  { id, channel }: OutboxRow,
  into: { prefix: string; name: string; payload: object; due: number },
): void {
  const { prefix, payload, due } = into;
  store.tx(() => {
    const key =
      openDigest(store, channel, prefix) ??
      [into.name, `${into.name}-${id}`]
        .map(name => keyOn(channel, name))
        .find(one => enqueue(store, now(), { key: one, channel, payload, due }));
    if (key !== undefined) intoDigest(store, id, key);
  });
}

/** The digest of what was over the limit. */
export function writeDigest(p: LetterParts, row: OutboxRow, to: Receiver, paper: Paper): Written {
  // One from the future is of a clock that was set back since, and tells nothing.
  const sent = sentSince(p.store, channelOf(to.name), p.now() - DIGEST_EVERY, 'digest-').filter(at => at <= p.now());
  if (!isAlone(row) && judgeDigest(p.now(), sent).verdict !== 'send') return { not: 'later' };
  const rows = p.store.tx(() => tellable(p, row, rowsIn(p.store, row, 'folded'), to));
  if (!rows.length) return { not: 'nothing was folded' };
  const head = journal(p.store, -1, 1)[0];
  return letterOf(digest(shown(p, rows), rows.length, head ? { seq: head.seq, digest: head.digest } : null, paper));
}

/** The digest at the end of a quiet time. */
export function writeMuted(p: LetterParts, row: OutboxRow, until: number, to: Receiver, paper: Paper): Written {
  const rows = p.store.tx(() => tellable(p, row, rowsIn(p.store, row, mutedResult(until)), to));
  const open = shown(p, rows).filter(i => !isEnded(i.state));
  return open.length ? letterOf(mutedDigest(open, until, paper)) : { not: 'none of them is open' };
}

const letterOf = (letter: Letter): Written => ({ letter });

const shown = (p: LetterParts, rows: OutboxRow[]) =>
  [...new Set(rows.map(r => r.incident!))].map(id => p.desk.show(id));

/** For one who was left out when the others got theirs. */
const isAlone = (digest: OutboxRow): boolean => (digest.payload as LetterPayload).of !== undefined;

/** Those of them that may be told now. The others are carried by themselves again, which says what becomes of each. */
function tellable(
  { store, config, now }: LetterParts,
  digest: OutboxRow,
  rows: OutboxRow[],
  to: Receiver,
): OutboxRow[] {
  return rows.filter(row => {
    const i = incident(store, row.incident!);
    const heldBack = !isEnded(i.state) && whyNot(store, now(), i) !== null;
    if (!heldBack && mutedFor(config, to.name, i, now()) === null) return true;
    if (!isAlone(digest)) reopen(store, now(), row.id);
    return false;
  });
}

/**
 * Access with an end: somebody asks for it before the vote, which makes a plan of its own; when the time has come it is
 * taken back by itself, under the votes that gave it, and only while it is still our own doing. What others took back
 * before is noticed, said, and not repeated.
 */
import type { Config } from '../../config/config.ts';
import type { Person } from '../../desk.ts';
import { Refused } from '../../incident.ts';
import { iso } from '../../iso-time.ts';
import type { Logger } from '../../log.ts';
import { withEnd } from '../../remedy/plan.ts';
import {
  dueGrants,
  endGrant,
  endingGrants,
  type GrantRow,
  grantRows,
  isAwaited,
  openUndos,
  planOf,
  runById,
  runsOf,
  savePlan,
} from '../../store/approvals.ts';
import { membershipNow, revertedAt, takenOut } from '../../store/history.ts';
import { incident, move, update } from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import { enqueue } from '../../store/outbox.ts';
import { mayDecide } from '../../web/rights.ts';
import { tellRouted } from '../tell/telling.ts';
import { makeOrder, sendOrder } from './approvals.ts';

export interface EndingParts {
  store: Store;
  config: Config;
  now: () => number;
  log: Logger;
}

const LOOK_EVERY_MS = 1000;
/** An order that got no answer is sent again, one that failed is made again. */
const RESEND_MS = 60_000;
const RETRY_MS = 600_000;

/**
 * The plan of a proposed incident, with this end (null: for good): a new serial, so votes on the old one lapse.
 * @throws Refused naming the rule
 */
export function endBy({ store, config, now }: EndingParts, person: Person, id: string, until: number | null): void {
  store.tx(() => {
    const at = now();
    const i = incident(store, id);
    if (i.state !== 'proposed' || !i.plan)
      throw new Refused(`an incident that is ${i.state} has no plan to give an end`);
    if (!mayDecide(person, config)) throw new Refused(`${person.name} has no role that may decide`);
    if (i.plan.subject?.uid === person.uid) throw new Refused(`${person.name} is the person concerned`);
    if (until === i.ends) return;
    const made = withEnd(i.plan, until === null ? null : iso(until), { now: at, config });
    if ('refused' in made) throw new Refused(made.refused);
    savePlan(store, at, made);
    const what = until === null ? 'asked for access without an end' : `asked for access until ${iso(until)}`;
    move(store, at, id, 'proposed', 'proposed', { actor: person.name, what, plan: made.digest }, { plan: made });
    update(store, at, id, { ends: until });
  });
}

/** Takes back what has come to its end; called every second, so that nothing is forgotten over a restart. */
export function startEndings(parts: EndingParts): { stop(): void } {
  const sent = new Map<string, number>();
  const look = (): void => {
    announce(parts);
    sendAgain(parts, sent);
    for (const grant of dueGrants(parts.store, parts.now()))
      try {
        parts.store.tx(() => end(parts, grant));
      } catch (error) {
        parts.log.error({ err: error, grant: grant.id }, 'access could not be ended');
      }
  };
  const timer = setInterval(look, LOOK_EVERY_MS);
  look();
  return { stop: () => clearInterval(timer) };
}

/** An undo whose answer does not come is ordered again for a day: the executor acts once, whatever it is sent. */
function sendAgain({ store, now, log }: EndingParts, sent: Map<string, number>): void {
  try {
    const open = openUndos(store, now());
    for (const { id, order, incident: of, created } of open) {
      // After one minute, two, four and so on: an agent may be away for long.
      const attempt = Math.floor(Math.log2(Math.max(1, ((now() - created) / RESEND_MS) * 2)));
      if (attempt <= (sent.get(id) ?? 0)) continue;
      sendOrder(store, now(), order, of, attempt);
      sent.set(id, attempt);
    }
    for (const id of sent.keys()) if (!open.some(run => run.id === id)) sent.delete(id);
  } catch (error) {
    log.error({ err: error }, 'an undo could not be ordered again');
  }
}

/** Once for each grant: its name is the key. */
function announce({ store, config, now, log }: EndingParts): void {
  const within = config.policy.announceEnd * 1000;
  if (within === 0 || !config.mail.userDomain) return;
  try {
    for (const grant of endingGrants(store, now(), within)) {
      const payload = { letter: 'access-ends', grant: grant.id };
      enqueue(store, now(), { key: `ends-${grant.id}`, channel: 'mail', incident: grant.incident, payload });
    }
  } catch (error) {
    log.error({ err: error }, 'the end of access could not be announced');
  }
}

function end({ store, config, now }: EndingParts, grant: GrantRow): void {
  const at = now();
  const i = incident(store, grant.incident);
  const member = membershipNow(store, grant.host, grant.group, grant.user);
  const left = (what: string): void => {
    endGrant(store, at, grant.id);
    record(store, at, { actor: 'readmit', what, incident: i.id });
  };
  // Never seen there is not gone from there: the host may not list members, or nobody looked since.
  if (member === null && takenOut(store, grant.host, grant.group, grant.user, grant.run))
    return left(`access of ${grant.user} to ${grant.group} was to end, and is gone already`);
  if (member !== null && member.by !== grant.run)
    return left(`access of ${grant.user} to ${grant.group} was to end, but others gave it since: it stays as it is`);
  const run = runById(store, grant.run);
  const before = run && runsOf(store, i.id).findLast(r => r.what === 'undo' && r.serial === run.serial);
  if (before && isAwaited(before, at)) return;
  if (before?.ended && at - before.ended < RETRY_MS) return;
  // One that could not be done was told of when the answer came.
  if (before && !before.outcome) tellRouted(store, config, at, i.id, 'failed', `not-ended-${i.id}-${run.serial}`);
  const plan = run && planOf(store, i.id, run.serial);
  if (!run || !plan)
    return left(`access of ${grant.user} to ${grant.group} can't be taken back: its plan is not known`);
  record(store, at, {
    actor: 'readmit',
    what: `access of ${grant.user} to ${grant.group} ends: it was given until ${iso(grant.until!)}`,
    incident: i.id,
    plan: plan.digest,
  });
  makeOrder(store, at, plan, 'undo', run.order.votes, i.id);
}

/** What we gave and others took back: said once, in the journal and in the list of access, and not given again by us. */
export function noticeReverted(store: Store, now: number, host: string): void {
  for (const grant of grantRows(store, { ended: false })) {
    if (grant.host !== host) continue;
    const at = revertedAt(store, host, grant.group, grant.user, grant.run);
    if (at === null || membershipNow(store, host, grant.group, grant.user)?.by === grant.run) continue;
    endGrant(store, now, grant.id);
    record(store, now, {
      actor: 'others',
      what: `reverted-externally: ${grant.user} was taken out of ${grant.group} by others; it is not repeated by itself`,
      incident: grant.incident,
    });
  }
}

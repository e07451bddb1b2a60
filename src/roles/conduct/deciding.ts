/** Where a diagnosis leads: to a plan that is offered, to a word with the person, or to a human. */
import type { Diagnosis, Fact } from '../../diagnosis.ts';
import { mayMove, type State } from '../../incident.ts';
import type { Snapshot } from '../../messages.ts';
import { GROUP_WAIT_MS } from '../../notify/routes.ts';
import { letsIn } from '../../remedy/access-model.ts';
import { makePlan } from '../../remedy/plan.ts';
import { decisionsOf, deniedUntil, lastRun, restartUnderWay, savePlan } from '../../store/approvals.ts';
import { maintenance, tell, toldAt } from '../../store/desk-rows.ts';
import { type IncidentRecord, incident, inhibitedBy, move, update } from '../../store/incidents.ts';
import { journalOf, record } from '../../store/journal.ts';
import { knownUsersOf } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { enqueue } from '../../store/outbox.ts';
import { tellRouted } from '../tell/telling.ts';
import type { Diagnosing, DiagnosingParts } from './diagnosing.ts';
import { askEachOf, explainsNobody, gather, release } from './gathering.ts';
import { recheckMs } from './pace.ts';

/** While somebody edits a file and restarts, each moment has a cause of its own: another cause must be seen this long. */
const SETTLING_MS = 2500;
/** A restart of ours and what follows from it is over after this time. */
const RESTART_MS = 5000;
/** An address from which nobody was refused for so long is no incident any more. Whoever comes back opens another. */
const GONE_MS = 86_400_000;
/** How many people of a service incident are asked about before it is said that they share no cause. */
export const ASKED_OF_MANY = 5;

export class Deciding {
  readonly #p: DiagnosingParts;
  readonly #diagnosing: Diagnosing;
  /** Another cause than the one an incident has, since when it was seen. Lost at a restart, it is seen again. */
  readonly #unsettled = new Map<string, { cause: string | null; since: number }>();

  /** Looks in a row that found no shared cause, of denied incidents of many. Lost at a restart, they are looked at again. */
  readonly #clear = new Map<string, number>();

  constructor(parts: DiagnosingParts, diagnosing: Diagnosing) {
    this.#p = parts;
    this.#diagnosing = diagnosing;
  }

  /** Call it in a transaction. */
  decide(i: IncidentRecord, diagnosis: Diagnosis, facts: Fact[], snapshot: Snapshot | null): void {
    const { store, now, config } = this.#p;
    const at = now();
    const again = at + recheckMs(config, now(), i);
    const base = { diagnosis, cause: diagnosis.cause };
    const isQuiet = i.kind === 'address' && at - i.last >= GONE_MS;
    if (isQuiet && i.takenBy === null && mayMove(i.state, 'expired')) return this.#gone(i, diagnosis);
    if (i.kind === 'service' && i.state === 'denied' && !this.#diagnosing.isShared(diagnosis.cause))
      return this.#mayBeMended(i, diagnosis, facts);
    this.#clear.delete(i.id);
    if (diagnosis.cause === null) return this.#withoutCause(i, diagnosis, facts, again);
    if (i.kind === 'service' && !this.#diagnosing.isShared(diagnosis.cause))
      return this.#withoutShared(i, diagnosis, again);
    if (this.#unsettledYet(i, diagnosis.cause) || (i.state === 'open' && this.#restarting(i, diagnosis.cause)))
      return update(store, at, i.id, { due: at + 1000 });
    if (this.#diagnosing.isShared(diagnosis.cause)) {
      if (i.state === 'open') update(store, at, i.id, base);
      if (gather(store, at, i, diagnosis.cause, config.scheduler.unit)) return;
      // Others may be refused for it too, and are heard of in a moment: one plan is for all of them.
      const alone = i.kind === 'user' && i.state === 'open' ? i.openedMs + GROUP_WAIT_MS : at;
      if (alone > at) return update(store, at, i.id, { due: alone });
    }
    const { remedy } = diagnosis;
    // A denial stands until another change can be offered, or the person works without one.
    if (i.state === 'denied' && (i.takenBy !== null || remedy.kind !== 'plan'))
      return update(store, at, i.id, { diagnosis, due: at + 60_000 });
    if (i.takenBy !== null)
      return i.state === 'escalated'
        ? update(store, at, i.id, { ...base, due: again })
        : this.#to(i, 'escalated', `left to ${i.takenBy}`, { ...base, due: again });
    if (i.state === 'failed' || i.state === 'not-effective') return update(store, at, i.id, { due: again });
    if (remedy.kind === 'plan') return this.#offer(i, { diagnosis, facts, snapshot }, again);
    if (remedy.kind === 'tell')
      return this.#to(i, 'advised', `advised: ${diagnosis.title}`, {
        ...base,
        plan: null,
        tier: 0,
        note: '',
        due: again,
      });
    const why = remedy.kind === 'none' ? remedy.why : remedy.advice.text;
    return this.#to(i, 'escalated', `needs a human: ${diagnosis.title}`, {
      ...base,
      plan: null,
      tier: null,
      note: why,
      due: again,
    });
  }

  #offer(
    i: IncidentRecord,
    { diagnosis, facts, snapshot }: { diagnosis: Diagnosis; facts: Fact[]; snapshot: Snapshot | null },
    again: number,
  ): void {
    const { store, now, config } = this.#p;
    const at = now();
    const base = { diagnosis, cause: diagnosis.cause };
    const made = makePlan({
      incident: i.id,
      serial: i.serial + 1,
      host: i.host,
      diagnosis,
      facts,
      snapshot,
      config,
      now: at,
      until: i.ends === null ? null : new Date(i.ends).toISOString(),
    });
    if ('refused' in made)
      return i.state === 'denied'
        ? update(store, at, i.id, { diagnosis, due: at + 60_000 })
        : this.#to(i, 'escalated', made.refused, { ...base, note: made.refused, due: again });
    const until = deniedUntil(store, made.digest, at);
    if (until !== null) {
      if (i.state === 'denied') return update(store, at, i.id, { diagnosis, due: Math.min(until, at + 60_000) });
      return this.#to(i, 'escalated', 'the same change was denied', {
        ...base,
        note: `this change was denied; it is offered again after ${new Date(until).toISOString()}`,
        due: Math.min(until, again),
      });
    }
    if (made.gains.length && maintenance(store))
      return update(store, at, i.id, { ...base, held: true, due: at + 30_000 });
    const plan = { ...made, notes: [...made.notes, ...this.#triedBefore(i)] };
    const same =
      i.state === 'proposed' &&
      i.plan !== null &&
      i.plan.digest === plan.digest &&
      Date.parse(i.plan.expires) - at > 60_000;
    // What the notes tell (how many jobs run now) is no part of the digest, and must be of today when somebody reads it.
    if (same) return update(store, at, i.id, { diagnosis, plan: { ...i.plan!, notes: plan.notes }, due: again });
    savePlan(store, at, plan);
    this.#to(
      i,
      'proposed',
      `proposed: ${plan.summary}`,
      { ...base, plan, tier: plan.tier, note: '', due: again },
      plan.digest,
    );
  }

  /** An approver should know what became of the last try. */
  #triedBefore(i: IncidentRecord): string[] {
    const last = lastRun(this.#p.store, i.id, 'plan');
    if (!last?.outcome || !last.ended) return [];
    const { result, detail } = last.outcome;
    const came = result === 'done' ? 'it did not help' : `${result}: ${detail}`;
    return [`Tried before, ${new Date(last.ended).toISOString()}: ${came}`];
  }

  /** No cause holds: either the person can work, or a human must find out. */
  #withoutCause(i: IncidentRecord, diagnosis: Diagnosis, facts: Fact[], again: number): void {
    const { store, now } = this.#p;
    const at = now();
    const base = { diagnosis, cause: i.cause };
    if (letsIn(facts).verdict === 'in') {
      // What was in the way stays told, with its evidence: that it is gone stands in the history.
      const told = i.diagnosis?.cause ? i.diagnosis : diagnosis;
      if (i.state === 'denied') return this.#to(i, 'resolved', 'access was given by other means', { diagnosis: told });
      return this.#tryIt(i, told, again);
    }
    if (this.#unsettledYet(i, null)) return update(store, at, i.id, { due: at + 1000 });
    // A probe that could not answer this time may answer the next: a human is called after the third try.
    if (i.state === 'open' && i.attempts < 3)
      return update(store, at, i.id, { diagnosis, due: at + 1000 * (i.attempts + 1) });
    if (i.state === 'denied' || i.state === 'failed' || i.state === 'not-effective')
      return update(store, at, i.id, { due: again });
    return this.#to(i, 'escalated', 'no known cause holds', {
      ...base,
      note: 'no known cause holds; all facts are here',
      due: again,
    });
  }

  /** Test jobs show whether it is so; after the third time that they don't, somebody has to look. */
  #tryIt(i: IncidentRecord, diagnosis: Diagnosis, again: number): void {
    const { store, now } = this.#p;
    const base = { diagnosis, cause: i.cause };
    const tries = journalOf(store, i.id).filter(e => e.what.startsWith('nothing in the way')).length;
    if (tries < 3)
      return this.#to(i, 'verifying', 'nothing in the way any more: test jobs show whether it is so', {
        ...base,
        changed: i.changed ?? now(),
        due: now(),
      });
    return this.#to(i, 'escalated', 'the facts let the person in, the test jobs do not', {
      ...base,
      note: 'no known cause holds, and yet the test jobs fail',
      due: again,
    });
  }

  /** An incident of many, and whoever was asked about has a cause of their own: that explains nobody else. */
  #withoutShared(i: IncidentRecord, diagnosis: Diagnosis, again: number): void {
    const { store, now } = this.#p;
    // What they shared is gone; those who still can't work are told apart by what they have themselves.
    if (this.#diagnosing.isShared(i.cause)) return this.#tryIt(i, i.diagnosis ?? diagnosis, again);
    if (i.attempts < knownUsersOf(store, i.id, ASKED_OF_MANY).length) return update(store, now(), i.id, { due: now() });
    // What one of them lacks is told in their own incident; here it would read as the cause of all.
    const note = 'the people concerned share no cause; each has an incident of their own';
    this.#to(i, 'expired', 'the people concerned share no cause', { diagnosis: null, note });
    release(store, now(), i);
  }

  /** Whoever tried names from there has gone, and the names that were tried are nobody's business any more. */
  #gone(i: IncidentRecord, diagnosis: Diagnosis): void {
    const { store, now } = this.#p;
    const at = now();
    const what = 'nobody came from there for a day';
    for (const name of inhibitedBy(store, i.id))
      if (mayMove(name.state, 'expired'))
        move(
          store,
          at,
          name.id,
          name.state,
          'expired',
          { actor: 'readmit', what: `over with incident ${i.id}` },
          { note: what },
        );
    this.#to(i, 'expired', what, { diagnosis, note: what });
  }

  /** One of them whom it does not concern says little: what they shared is gone when nobody who is asked has it any more. */
  #mayBeMended(i: IncidentRecord, diagnosis: Diagnosis, facts: Fact[]): void {
    const { store, now } = this.#p;
    const at = now();
    if (letsIn(facts).verdict === 'unknown') return update(store, at, i.id, { due: at + 60_000 });
    const clear = (this.#clear.get(i.id) ?? 0) + 1;
    if (clear < knownUsersOf(store, i.id, ASKED_OF_MANY).length) {
      this.#clear.set(i.id, clear);
      return update(store, at, i.id, { due: at + 1000 });
    }
    this.#clear.delete(i.id);
    this.#to(i, 'resolved', 'what they shared was mended by other means', { diagnosis });
  }

  /** While the service is restarted by us, what it looks like from outside is no cause to offer anything. */
  #restarting(i: IncidentRecord, cause: string): boolean {
    const { store, now } = this.#p;
    return this.#diagnosing.isShared(cause) && restartUnderWay(store, i.host, now() - RESTART_MS);
  }

  /** Whether a cause that differs from the one the incident has was only just seen. */
  #unsettledYet(i: IncidentRecord, cause: string | null): boolean {
    const { now } = this.#p;
    const offered = i.state === 'proposed' || i.state === 'advised' || i.state === 'escalated';
    if (!offered || i.cause === null || i.cause === cause) {
      this.#unsettled.delete(i.id);
      return false;
    }
    const seen = this.#unsettled.get(i.id);
    if (seen?.cause === cause) return now() - seen.since < SETTLING_MS;
    this.#unsettled.set(i.id, { cause, since: now() });
    return true;
  }

  /** Moves, or stays and notes what is new; then tells whom it concerns. */
  #to(
    i: IncidentRecord,
    to: State,
    what: string,
    change: Parameters<typeof update>[3],
    plan: string | null = null,
  ): void {
    const { store, now } = this.#p;
    const at = now();
    this.#unsettled.delete(i.id);
    if (i.state === to && to !== 'proposed') update(store, at, i.id, change);
    else move(store, at, i.id, i.state, to, { actor: 'readmit', what, plan }, change);
    if (to === 'escalated' && explainsNobody({ ...i, state: to, cause: change?.cause ?? null }))
      askEachOf(store, at, i);
    if (to === 'proposed' || to === 'escalated') this.#alert(i, at);
    if (to === 'advised') this.#tellPerson(i.id, at, i.state === to ? 'again' : 'first');
  }

  /** Once; and once more after each run and each denial: who believes that it is decided must hear that it is not. */
  #alert(i: IncidentRecord, at: number): void {
    const { store, config } = this.#p;
    const before = decisionsOf(store, i.id);
    if (before > 0 && i.takenBy !== null) return;
    tellRouted(store, config, at, i.id, 'alert', before ? `alert-${i.id}-again-${before}` : `alert-${i.id}`);
  }

  /** @param how `first`: it was not advised until now */
  #tellPerson(id: string, at: number, how: 'first' | 'again'): void {
    const { store, config } = this.#p;
    const { diagnosis } = incident(store, id);
    if (!diagnosis?.cause || !config.mail.userDomain) return;
    const last = toldAt(store, diagnosis.user, diagnosis.cause);
    if (last !== null && at - last < config.mail.userInterval * 1000) {
      if (how === 'again' || enqueueSeen(store, id)) return;
      record(store, at, {
        actor: 'readmit',
        what: `${diagnosis.user} was told at ${new Date(last).toISOString()}; not told again yet`,
        incident: id,
      });
      return;
    }
    const letter = { letter: 'user-tell', incident: id };
    const isNew = enqueue(store, at, {
      key: `tell-${id}-${diagnosis.cause}`,
      channel: 'mail',
      incident: id,
      payload: letter,
    });
    if (isNew) tell(store, at, diagnosis.user, diagnosis.cause);
  }
}

const enqueueSeen = (store: Store, id: string): boolean =>
  store.get("SELECT 1 FROM outbox WHERE incident = ? AND substr(key, 1, 5) = 'tell-'", Number(id)) !== undefined;

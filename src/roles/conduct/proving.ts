/** Did it help? What an agent saw after a change ends an incident, leaves it waiting, or opens it for what else there is. */
import type { Fact } from '../../diagnosis.ts';
import { mayMove } from '../../incident.ts';
import type { CanaryResult, ServeMessage } from '../../messages.ts';
import type { Plan } from '../../plan.ts';
import { letsIn } from '../../remedy/access-model.ts';
import { judge } from '../../remedy/verify.ts';
import { begunPlan, type Run, runsOf, standingPlan, undoUnderWay } from '../../store/approvals.ts';
import { authorizedUsers } from '../../store/history.ts';
import { type IncidentRecord, incident, inhibitedBy, move, update, wakeWaiting } from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import { denialsSince, knownUsersOf, lastOwnSuccess } from '../../store/observations.ts';
import { enqueue } from '../../store/outbox.ts';
import { tellRouted } from '../tell/telling.ts';
import { makeOrder } from './approvals.ts';
import type { Diagnosing, DiagnosingParts } from './diagnosing.ts';
import { recheckMs } from './pace.ts';

type Verified = Extract<ServeMessage, { name: 'verified' }>['data'];

export class Proving {
  readonly #p: DiagnosingParts;
  readonly #diagnosing: Diagnosing;

  constructor(parts: DiagnosingParts, diagnosing: Diagnosing) {
    this.#p = parts;
    this.#diagnosing = diagnosing;
  }

  /** Whose access is looked at, and who of them has to pass the test jobs. */
  whom(i: IncidentRecord): { users: string[]; canary: string[] } {
    const known = knownUsersOf(this.#p.store, i.id);
    // For a service, some of those it turned away speak for all; everybody else is told apart when it is mended.
    const users = known.length ? known.slice(0, i.kind === 'service' ? 5 : 50) : i.kind === 'user' ? [i.key] : [];
    const { canary: who, account } = this.#p.config.verify;
    switch (who) {
      case 'off':
        return { users, canary: [] };
      case 'account':
        return { users, canary: this.#unproved(i, [account ?? users[0] ?? ''].filter(Boolean)) };
      case 'user':
        // Test jobs would pass where the person's own do not: by them nothing is proved before that is mended too.
        if (i.kind === 'user' && this.#diagnosing.ownMatters(i.diagnosis).length) return { users, canary: [] };
        return { users, canary: this.#unproved(i, i.kind === 'service' ? users : users.slice(0, 1)) };
      default:
        return who satisfies never;
    }
  }

  /** Test jobs that passed since the change are proof until it ends: the scheduler is not given them at every look. */
  #unproved(i: IncidentRecord, canary: string[]): string[] {
    return proofsOf(i).length ? [] : canary;
  }

  take(message: Verified): void {
    const { store, now, config } = this.#p;
    store.tx(() => {
      const at = now();
      const i = incident(store, message.incident);
      if (i.state !== 'verifying' && i.state !== 'propagating') return;
      // What is being taken back proves nothing, either way.
      if (undoUnderWay(store, at, i.id)) return update(store, at, i.id, { due: at + recheckMs(config, at, i) });
      const since = i.changed ?? i.openedMs;
      const passed = message.canary.filter(c => c.passed);
      if (passed.length) update(store, at, i.id, { proved: { since, results: passed } });
      const rest = i.kind === 'user' ? this.#whatRemains(i, message.facts[i.key]) : null;
      const begun = begunPlan(store, i.id);
      // What ran is what is proved, from the time it ended; what is merely offered, or ran for an earlier obstacle, is not.
      const made = begun && begun.run.ended === i.changed ? begun : null;
      const verdict = judge({
        whom: i.kind === 'service' ? 'service' : 'person',
        plan: made?.plan ?? null,
        cause: i.cause,
        facts: message.facts,
        canary: [...proofsOf(i), ...message.canary],
        alive: message.alive,
        ...this.#denials(i, message.facts, since),
        ownSuccess: i.kind === 'user' ? lastOwnSuccess(store, i.key) : null,
        since,
        now: at,
        // What else is in the person's own way is said before test jobs are asked for.
        config: rest?.other ? { ...config, verify: { ...config.verify, canary: 'off' } } : config,
      });
      const ran = made?.run.outcome?.result === 'done';
      const by = { actor: 'readmit', what: verdict.because, plan: made?.plan.digest ?? null };
      // Where nothing of ours has to arrive, a cause is a cause; else only one that is no effect of what we did.
      const goesOn = ran ? rest?.other && (verdict.state === 'resolved' || rest.before) : rest;
      if (rest && goesOn) return this.#goOn(i, `${verdict.because}; and yet ${rest.title}`);
      // A service we changed nothing of has nothing on its way: who is refused now is refused for something else.
      const ranBefore = runsOf(store, i.id).some(isDone);
      if (i.kind === 'service' && !ran && verdict.state === 'propagating')
        return this.#goOn(i, verdict.because, ranBefore ? recheckMs(config, at, i) : 0);
      switch (verdict.state) {
        case 'resolved':
          this.#resolveWith(i, at);
          move(store, at, i.id, i.state, 'resolved', by, { note: '' });
          if (ranBefore) this.#restored(i, at);
          wakeWaiting(store, at, i.host);
          return;
        case 'propagating':
        case 'verifying':
          if (i.state !== verdict.state)
            move(store, at, i.id, i.state, verdict.state, by, { due: at + recheckMs(config, at, i) });
          else update(store, at, i.id, { due: at + recheckMs(config, at, i) });
          return;
        case 'not-effective':
        case 'failed':
          if (!ran) return this.#goOn(i, `still refused: ${verdict.because}`, recheckMs(config, at, i));
          move(store, at, i.id, i.state, verdict.state, by, {
            note: verdict.because,
            due: at + recheckMs(config, at, i),
          });
          tellRouted(store, config, at, i.id, 'failed', `not-effective-${i.id}-${i.serial}`);
          if (verdict.state === 'failed' && made && isUnwell(message.facts)) this.#putConfigBack(i, made, at);
          return;
        default:
          verdict.state satisfies never;
      }
    });
  }

  /**
   * What stands in the person's way now. `other`: not what the incident was for; `before`: it did so before the change too,
   * so it is no effect of the change that only has to arrive.
   */
  #whatRemains(
    i: IncidentRecord,
    asked: Fact[] | undefined,
  ): { title: string; other: boolean; before: boolean } | null {
    if (!asked) return null;
    const { cause, title } = this.#diagnosing.diagnose(i, i.key, this.#diagnosing.allFacts(i, i.key, asked));
    if (cause === null || this.#diagnosing.isLatent(cause)) return null;
    return { title, other: cause !== i.cause, before: this.#diagnosing.ownMatters(i.diagnosis).includes(cause) };
  }

  /** Denials since the change that count against it: for a service, of those whom it should let in. */
  #denials(i: IncidentRecord, facts: Verified['facts'], since: number) {
    const users = Object.keys(facts).filter(
      user => user !== '' && (i.kind !== 'service' || letsIn(facts[user]!).verdict === 'in'),
    );
    if (i.kind === 'service' && users.length === 0) return { newDenials: 0, lastDenial: null };
    return denialsSince(this.#p.store, users.slice(0, 300), since);
  }

  /** What was done is done; the next thing in the way is looked for. */
  #goOn(i: IncidentRecord, what: string, inMs = 0): void {
    const { store, now } = this.#p;
    const by = { actor: 'readmit', what, plan: i.plan?.digest ?? null };
    // What had to arrive has arrived; the way from there to a new look leads through verifying.
    if (i.state === 'propagating') move(store, now(), i.id, 'propagating', 'verifying', by);
    move(store, now(), i.id, 'verifying', 'open', by, { changed: null, due: now() + inMs });
  }

  /**
   * Whoever was held back by a mended service, has an authorised group and no cause of their own can work again too; the
   * rest is looked at anew.
   */
  #resolveWith(i: IncidentRecord, at: number): void {
    const { store } = this.#p;
    const authorized = new Set(authorizedUsers(store, i.host));
    for (const other of inhibitedBy(store, i.id))
      if (
        other.kind === 'user' &&
        authorized.has(other.key) &&
        !this.#diagnosing.hasOwnCause(other) &&
        mayMove(other.state, 'resolved')
      )
        move(store, at, other.id, other.state, 'resolved', {
          actor: 'readmit',
          what: `resolved with incident ${i.id}, which explained it`,
        });
  }

  /** A service that stays unwell with a file we changed gets the file back at once, under the votes it was changed with. */
  #putConfigBack(i: IncidentRecord, { run, plan }: { run: Run; plan: Plan }, at: number): void {
    const { store } = this.#p;
    if (!plan.undo.some(s => s.action === 'config.restore')) return;
    record(store, at, {
      actor: 'readmit',
      what: 'the service is not well with the changed configuration: it is put back',
      incident: i.id,
      plan: plan.digest,
    });
    makeOrder(store, at, plan, 'undo', run.order.votes, i.id);
  }

  #restored(i: IncidentRecord, at: number): void {
    if (standingPlan(this.#p.store, i.id)?.subject && this.#p.config.mail.userDomain)
      enqueue(this.#p.store, at, {
        key: `restored-${i.id}`,
        channel: 'mail',
        incident: i.id,
        payload: { letter: 'access-restored', incident: i.id },
      });
  }
}

const isDone = ({ what, outcome }: Run): boolean => what === 'plan' && outcome?.result === 'done';

/** What passed after the change that is being proved; of an earlier one it says nothing. */
const proofsOf = (i: IncidentRecord): CanaryResult[] =>
  i.proved?.since === (i.changed ?? i.openedMs) ? i.proved.results : [];

/** Seen to be unwell: that nobody could ask is no reason to take anything back. */
const isUnwell = (facts: Verified['facts']): boolean =>
  Object.values(facts).some(list => list.some(f => f.fact === 'scheduler.health4' && f.known && f.value !== 'healthy'));

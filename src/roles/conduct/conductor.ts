/**
 * What happens next to an incident: asks for facts, diagnoses, plans, offers, verifies. Every wait has a time in the
 * store, so nothing is stuck after a crash: who comes back takes up what is due.
 */
import type { Logger } from 'pino';
import type { Config } from '../../config.ts';
import type { Cause } from '../../diagnose/causes.ts';
import { DERIVED, derive } from '../../diagnose/derive.ts';
import { diagnose } from '../../diagnose/diagnose.ts';
import type { System } from '../../diagnose/system.ts';
import { type Diagnosis, type Fact, mayMove, type State } from '../../incident.ts';
import type { AgentMessage, ServeMessage, Snapshot } from '../../messages.ts';
import { letsIn } from '../../remedy/access-model.ts';
import { makePlan } from '../../remedy/plan.ts';
import { judge } from '../../remedy/verify.ts';
import {
  deniedUntil,
  endGrants,
  endRun,
  lastRun,
  restartUnderWay,
  runById,
  runsOf,
  saveGrant,
  savePlan,
  votesOf,
} from '../../store/approvals.ts';
import { maintenance, tell, toldAt } from '../../store/desk-rows.ts';
import { authorizedUsers, historyFacts, recordSnapshot } from '../../store/history.ts';
import {
  dueIncidents,
  type IncidentRecord,
  incident,
  inhibitedBy,
  move,
  nextDue,
  update,
  wakeWaiting,
} from '../../store/incidents.ts';
import { journalOf, record } from '../../store/journal.ts';
import { denialsSince, knownUsersOf, lastSuccess } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { enqueue } from '../../store/outbox.ts';
import { makeOrder, RESEND_MS, sendOrder } from './approvals.ts';
import { noticeReverted } from './endings.ts';
import { gather, release } from './gathering.ts';
import { denialFacts, nothingInTheWay } from './given-facts.ts';

type Message<N extends ServeMessage['name']> = Extract<ServeMessage, { name: N }>['data'];

export interface ConductorParts {
  store: Store;
  config: Config;
  now: () => number;
  log: Logger;
  causes: readonly Cause[];
  /** What the pack says of its system, for conclusions from facts. */
  system: System;
  /** Sends to a host's agent now; losing it is no loss, the due time asks again. */
  send(host: string, message: AgentMessage): Promise<void>;
}

/** States in which the facts are looked at again and again, because the world may mend itself. */
const WAITING: readonly State[] = ['proposed', 'advised', 'escalated', 'failed', 'not-effective', 'denied'];
const PROBE_ANSWER_MS = 6000;
const VERIFY_ANSWER_MS = 60_000;
const GROUP_WAIT_MS = 1500;
const PUT_OFF_MS = 5000;
/** While somebody edits a file and restarts, each moment has a cause of its own: another cause must be seen this long. */
const SETTLING_MS = 2500;
/** A restart of ours and what follows from it is over after this time. */
const RESTART_MS = 5000;
/** How many people of a service incident are asked about before it is said that they share no cause. */
const ASKED_OF_MANY = 5;

export class Conductor {
  readonly #p: ConductorParts;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  /** Another cause than the one an incident has, since when it was seen. Lost at a restart, it is seen again. */
  readonly #unsettled = new Map<string, { cause: string | null; since: number }>();

  constructor(parts: ConductorParts) {
    this.#p = parts;
  }

  /** Takes up everything that is due; call it at start and after every commit. */
  tick = (): void => {
    if (this.#stopped) return;
    if (this.#timer) clearTimeout(this.#timer);
    const { store, now, log } = this.#p;
    for (const i of dueIncidents(store, now())) {
      try {
        store.tx(() => this.#take(i));
      } catch (error) {
        log.error({ err: error, incident: i.id }, 'incident could not be taken further');
        if (!this.#putOff(i.id)) return;
      }
    }
    const due = nextDue(store);
    if (due !== null) this.#timer = setTimeout(this.tick, Math.max(5, Math.min(30_000, due - now())));
  };

  /** Later, then. A store that can't be written either (a full disk) ends nothing: all of it is tried again. */
  #putOff(id: string): boolean {
    const { store, now } = this.#p;
    try {
      update(store, now(), id, { due: now() + PUT_OFF_MS });
      return true;
    } catch {
      this.#timer = setTimeout(this.tick, PUT_OFF_MS);
      return false;
    }
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
  }

  #take(i: IncidentRecord): void {
    const { store, now, config } = this.#p;
    if (i.held && i.state === 'open' && maintenance(store)) return update(store, now(), i.id, { due: now() + 30_000 });
    if (i.inhibitedBy && i.state !== 'verifying' && i.state !== 'propagating')
      return update(store, now(), i.id, { due: null });
    switch (i.state) {
      case 'open':
      case 'stale':
      case 'proposed':
      case 'advised':
      case 'escalated':
      case 'failed':
      case 'not-effective':
      case 'denied':
        return this.#ask(i);
      case 'approved':
      case 'running': {
        const run = lastRun(store, i.id, 'plan');
        if (run && !run.outcome) sendOrder(store, now(), run.order, i.id, i.attempts + 1);
        return update(store, now(), i.id, { due: now() + RESEND_MS, attempts: i.attempts + 1 });
      }
      case 'propagating':
      case 'verifying':
        this.#fire(i.host, {
          name: 'verify',
          data: {
            v: 1,
            request: `${i.id}.${i.attempts}`,
            incident: i.id,
            ...this.#whoToVerify(i),
            since: i.changed ?? i.openedMs,
          },
        });
        return update(store, now(), i.id, {
          due: now() + VERIFY_ANSWER_MS + config.verify.recheck * 1000,
          attempts: i.attempts + 1,
        });
      case 'resolved':
      case 'expired':
      case 'undone':
        return update(store, now(), i.id, { due: null });
      default:
        i.state satisfies never;
    }
  }

  #fire(host: string, message: AgentMessage): void {
    this.#p
      .send(host, message)
      .catch(error =>
        this.#p.log.warn({ host, message: message.name, reason: (error as Error).message }, 'message not sent'),
      );
  }

  #ask(i: IncidentRecord): void {
    const { store, now } = this.#p;
    const user = subjectOf(store, i);
    this.#fire(i.host, {
      name: 'probe',
      data: { v: 1, request: `${i.id}.${i.attempts}`, user, until: now() + PROBE_ANSWER_MS },
    });
    update(store, now(), i.id, {
      due: now() + PROBE_ANSWER_MS + Math.min(60_000, i.attempts * 1000),
      attempts: i.attempts + 1,
    });
  }

  #whoToVerify(i: IncidentRecord): { users: string[]; canary: string[] } {
    const known = knownUsersOf(this.#p.store, i.id);
    // For a service, some of those it turned away speak for all; everybody else is told apart when it is mended.
    const users = known.length ? known.slice(0, i.kind === 'service' ? 5 : 50) : i.kind === 'user' ? [i.key] : [];
    const { canary: who, account } = this.#p.config.verify;
    switch (who) {
      case 'off':
        return { users, canary: [] };
      case 'account':
        return { users, canary: [account ?? users[0] ?? ''].filter(Boolean) };
      case 'user':
        // Test jobs would pass where the person's own do not: by them nothing is proved before that is mended too.
        if (i.kind === 'user' && this.#ownMatters(i.diagnosis).length) return { users, canary: [] };
        return { users, canary: i.kind === 'service' ? users : users.slice(0, 1) };
      default:
        return who satisfies never;
    }
  }

  /** Causes beside the first that no plan mends: only the person, or somebody by hand, can. */
  #ownMatters(diagnosis: Diagnosis | null): string[] {
    const rule = (name: string): Cause | undefined => this.#p.causes.find(c => c.name === name);
    return (diagnosis?.also ?? []).map(a => a.cause).filter(name => !('plan' in (rule(name)?.remedy ?? {})));
  }

  /** Facts came back: the diagnosis is made anew and the incident goes where it leads. */
  onFacts(message: Message<'facts'>): void {
    const { store, log } = this.#p;
    if (message.snapshot) this.onSnapshot(message.snapshot);
    const id = message.request.split('.')[0]!;
    const i = incident(store, id);
    if (i.state !== 'open' && i.state !== 'stale' && !WAITING.includes(i.state)) return;
    if (i.inhibitedBy) return;
    store.tx(() => {
      const facts = this.#allFacts(i, message.user, message.facts);
      const diagnosis = this.#diagnose(i, message.user, facts);
      log.info({ incident: id, state: i.state, cause: diagnosis.cause }, 'diagnosed');
      this.#decide(i, diagnosis, facts, message.snapshot);
    });
  }

  /** What many share is looked for first; what only the one of them has who was asked about explains nothing. */
  #diagnose(i: IncidentRecord, user: string | null, facts: Fact[]): Diagnosis {
    const among = (causes: readonly Cause[]): Diagnosis => {
      const made = diagnose({ user: user ?? i.key, facts, causes, config: this.#p.config });
      return made.cause === null && letsIn(facts).verdict === 'in'
        ? { ...made, title: nothingInTheWay(made.user) }
        : made;
    };
    if (i.kind !== 'service') return among(this.#p.causes);
    const shared = among(this.#p.causes.filter(c => c.kind !== 'user'));
    return shared.cause === null ? among(this.#p.causes) : shared;
  }

  #allFacts(i: IncidentRecord, user: string | null, asked: Fact[]): Fact[] {
    const { store, now, config, system } = this.#p;
    const given = [...historyFacts(store, now(), i.host, user), ...denialFacts(store, now(), i, user, config)];
    // Conclusions are drawn again: the agent had no history to draw them from.
    const raw = asked.filter(f => !(DERIVED as readonly string[]).includes(f.fact));
    return derive([...raw, ...given], { scheduler: config.scheduler, paths: config.paths, system, user, now: now() });
  }

  #decide(i: IncidentRecord, diagnosis: Diagnosis, facts: Fact[], snapshot: Snapshot | null): void {
    const { store, now, config } = this.#p;
    const at = now();
    const again = at + this.#recheckMs(i);
    const base = { diagnosis, cause: diagnosis.cause };
    if (diagnosis.cause === null) return this.#withoutCause(i, diagnosis, facts, again);
    if (i.kind === 'service' && !this.#isShared(diagnosis.cause)) return this.#withoutShared(i, diagnosis, again);
    if (this.#unsettledYet(i, diagnosis.cause) || (i.state === 'open' && this.#restarting(i, diagnosis.cause)))
      return update(store, at, i.id, { due: at + 1000 });
    if (this.#isShared(diagnosis.cause)) {
      if (i.state === 'open') update(store, at, i.id, base);
      if (gather(store, at, i, diagnosis.cause, config.scheduler.unit)) return;
    }
    if (i.takenBy !== null)
      return i.state === 'escalated'
        ? update(store, at, i.id, { ...base, due: again })
        : this.#to(i, 'escalated', `left to ${i.takenBy}`, { ...base, due: again });
    const { remedy } = diagnosis;
    if (i.state === 'failed' || i.state === 'not-effective') return update(store, at, i.id, { due: again });
    if (remedy.kind === 'plan') {
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
      if ('refused' in made) return this.#to(i, 'escalated', made.refused, { ...base, note: made.refused, due: again });
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
      const same =
        i.state === 'proposed' &&
        i.plan !== null &&
        i.plan.digest === made.digest &&
        Date.parse(i.plan.expires) - at > 60_000;
      // What the notes tell (how many jobs run now) is no part of the digest, and must be of today when somebody reads it.
      if (same) return update(store, at, i.id, { diagnosis, plan: { ...i.plan!, notes: made.notes }, due: again });
      savePlan(store, at, made);
      return this.#to(
        i,
        'proposed',
        `proposed: ${made.summary}`,
        { ...base, plan: made, tier: made.tier, note: '', due: again },
        made.digest,
      );
    }
    if (i.state === 'denied') return update(store, at, i.id, { diagnosis, due: at + 60_000 });
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

  /** No cause holds: either the person can work, or a human must find out. */
  #withoutCause(i: IncidentRecord, diagnosis: Diagnosis, facts: Fact[], again: number): void {
    const { store, now } = this.#p;
    const at = now();
    const base = { diagnosis, cause: i.cause };
    if (letsIn(facts).verdict === 'in') {
      if (i.state === 'denied') return this.#to(i, 'resolved', 'access was given by other means', { diagnosis });
      return this.#tryIt(i, diagnosis, again);
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

  /** A cause of the service, or of an address: not of one person alone. */
  #isShared(cause: string | null): boolean {
    return cause !== null && this.#p.causes.find(c => c.name === cause)?.kind !== 'user';
  }

  /** An incident of many, and whoever was asked about has a cause of their own: that explains nobody else. */
  #withoutShared(i: IncidentRecord, diagnosis: Diagnosis, again: number): void {
    const { store, now } = this.#p;
    // What they shared is gone; those who still can't work are told apart by what they have themselves.
    if (this.#isShared(i.cause)) return this.#tryIt(i, i.diagnosis ?? diagnosis, again);
    if (i.attempts < knownUsersOf(store, i.id, ASKED_OF_MANY).length)
      return update(store, now(), i.id, { diagnosis, due: now() });
    const note = 'the people concerned share no cause; each has an incident of their own';
    this.#to(i, 'expired', 'the people concerned share no cause', { diagnosis, note });
    release(store, now(), i);
  }

  /** While the service is restarted by us, what it looks like from outside is no cause to offer anything. */
  #restarting(i: IncidentRecord, cause: string): boolean {
    const { store, now } = this.#p;
    return this.#isShared(cause) && restartUnderWay(store, i.host, now() - RESTART_MS);
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

  #recheckMs(i: IncidentRecord): number {
    const { config, now } = this.#p;
    // What is never healed does not mend itself: a human looks, or a change of config or groups wakes it.
    if (i.state === 'escalated' && (i.kind === 'address' || i.diagnosis?.remedy.kind === 'none'))
      return config.detect.quiet * 1000;
    const age = Math.max(0, now() - i.openedMs) / 60_000;
    const pace =
      i.state === 'advised' || i.state === 'open' || i.state === 'propagating' || i.state === 'verifying' ? 1 : 2;
    return Math.min(300_000, config.verify.recheck * 1000 * pace * (1 + age));
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
    if (to === 'proposed' || to === 'escalated') this.#alert(i, at);
    if (to === 'advised') this.#tellPerson(i.id, at);
  }

  #alert(i: IncidentRecord, at: number): void {
    enqueue(this.#p.store, at, {
      key: `alert-${i.id}`,
      channel: 'mail',
      incident: i.id,
      payload: { letter: 'alert', incident: i.id },
      due: at + GROUP_WAIT_MS,
    });
  }

  #tellPerson(id: string, at: number): void {
    const { store, config } = this.#p;
    const { diagnosis } = incident(store, id);
    if (!diagnosis?.cause || !config.mail.userDomain) return;
    const last = toldAt(store, diagnosis.user, diagnosis.cause);
    if (last !== null && at - last < config.mail.userInterval * 1000) {
      if (enqueueSeen(store, id)) return;
      record(store, at, {
        actor: 'readmit',
        what: `${diagnosis.user} was told at ${new Date(last).toISOString()}; not told again yet`,
        incident: id,
      });
      return;
    }
    tell(store, at, diagnosis.user, diagnosis.cause);
    enqueue(store, at, {
      key: `tell-${id}-${diagnosis.cause}`,
      channel: 'mail',
      incident: id,
      payload: { letter: 'user-tell', incident: id },
    });
  }

  onSnapshot(snapshot: Snapshot): void {
    const { store, now } = this.#p;
    const at = now();
    const byRun = (group: string, user: string, change: 'added' | 'removed'): string | null => {
      const wanted =
        change === 'added' ? ['group.add', 'directory.group-add'] : ['group.remove', 'directory.group-remove'];
      const row = store
        .all<{ id: string; order_json: string }>(
          'SELECT id, order_json FROM run WHERE host = ? ORDER BY created DESC LIMIT 50',
          snapshot.host,
        )
        .find(r => {
          const order = JSON.parse(r.order_json) as {
            what: string;
            steps: { action: string; user?: string; group?: string }[];
            undo: { action: string; user?: string; group?: string }[];
          };
          return (order.what === 'plan' ? order.steps : order.undo).some(
            s => wanted.includes(s.action) && s.user === user && s.group === group,
          );
        });
      return row?.id ?? null;
    };
    if (!recordSnapshot(store, at, snapshot, byRun)) return;
    noticeReverted(store, at, snapshot.host);
    wakeWaiting(store, at, snapshot.host);
  }

  /** The order is on its way: BullMQ has it. */
  onSent(run: string): void {
    const { store, now } = this.#p;
    const found = runById(store, run);
    if (found?.what !== 'plan') return;
    const i = incident(store, found.incident);
    if (i.state === 'approved')
      move(
        store,
        now(),
        i.id,
        'approved',
        'running',
        { actor: 'readmit', what: `handed to ${i.host}` },
        { due: now() + RESEND_MS },
      );
  }

  onOutcome(message: Message<'outcome'>): void {
    const { store, now } = this.#p;
    const at = now();
    store.tx(() => {
      const run = runById(store, message.run);
      if (!run || !endRun(store, run.id, Date.parse(message.started), at, message.outcome)) return;
      const { result, detail } = message.outcome;
      const i = this.#running(run.incident);
      const digest = run.order.digest;
      if (run.what === 'undo') return this.#undone(i, result, detail, digest);
      const by = { actor: `executor on ${run.host}`, plan: digest };
      switch (result) {
        case 'done':
        case 'already': {
          if (result === 'done') this.#saveGrants(i, run.id, at);
          move(
            store,
            at,
            i.id,
            i.state,
            'verifying',
            { ...by, what: result === 'done' ? detail : `nothing to do: ${detail}` },
            { changed: at, due: at },
          );
          wakeWaiting(store, at, i.host);
          return;
        }
        case 'stale':
          move(store, at, i.id, i.state, 'stale', { ...by, what: `stale: ${detail}` }, { plan: null, note: detail });
          return;
        case 'refused':
        case 'failed':
        case 'unknown':
          move(
            store,
            at,
            i.id,
            i.state,
            'failed',
            { ...by, what: `${result}: ${detail}` },
            { note: detail, due: at + this.#recheckMs(i) },
          );
          enqueue(store, at, {
            key: `failed-${run.id}`,
            channel: 'mail',
            incident: i.id,
            payload: { letter: 'failed', incident: i.id },
          });
          return;
        default:
          result satisfies never;
      }
    });
  }

  /** An outcome can overtake the note that the order was sent. */
  #running(id: string): IncidentRecord {
    const { store, now } = this.#p;
    const i = incident(store, id);
    return i.state === 'approved'
      ? move(store, now(), id, 'approved', 'running', { actor: 'readmit', what: `handed to ${i.host}` })
      : i;
  }

  #undone(i: IncidentRecord, result: string, detail: string, digest: string): void {
    const { store, now } = this.#p;
    const at = now();
    if (result === 'done' || result === 'already') {
      endGrants(store, at, i.id);
      move(store, at, i.id, i.state, 'undone', {
        actor: `executor on ${i.host}`,
        what: detail,
        plan: digest,
      });
    } else
      record(store, at, {
        actor: `executor on ${i.host}`,
        what: `the undo was ${result}: ${detail}`,
        incident: i.id,
        plan: digest,
      });
  }

  #saveGrants(i: IncidentRecord, run: string, at: number): void {
    const { store } = this.#p;
    const votes = votesOf(store, i.id, i.serial);
    for (const step of i.plan?.steps ?? [])
      if (step.action === 'group.add' || step.action === 'directory.group-add')
        saveGrant(store, {
          id: `${run}.${step.group}`,
          user: step.user,
          uid: step.uid,
          group: step.group,
          host: i.host,
          incident: i.id,
          run,
          by: votes.map(v => v.by),
          reason: votes
            .map(v => v.reason)
            .filter(Boolean)
            .join('; '),
          entitlement: i.plan?.entitlement ?? null,
          since: at,
          until: step.until ? Date.parse(step.until) : null,
          ended: null,
        });
  }

  onVerified(message: Message<'verified'>): void {
    const { store, now, config } = this.#p;
    store.tx(() => {
      const at = now();
      const i = incident(store, message.incident);
      if (i.state !== 'verifying' && i.state !== 'propagating') return;
      const since = i.changed ?? i.openedMs;
      const rest = i.kind === 'user' ? this.#whatRemains(i, message.facts[i.key]) : null;
      const verdict = judge({
        whom: i.kind === 'service' ? 'service' : 'person',
        plan: i.plan,
        cause: i.cause,
        facts: message.facts,
        canary: message.canary,
        alive: message.alive,
        ...this.#denials(i, message.facts, since),
        ownSuccess: i.kind === 'user' ? lastSuccess(store, i.key) : null,
        since,
        now: at,
        // What else is in the person's own way is said before test jobs are asked for.
        config: rest?.other ? { ...config, verify: { ...config.verify, canary: 'off' } } : config,
      });
      const ran = runsOf(store, i.id).some(r => r.what === 'plan' && r.outcome?.result === 'done');
      const by = { actor: 'readmit', what: verdict.because, plan: i.plan?.digest ?? null };
      // Where nothing of ours has to arrive, a cause is a cause; else only one that is no effect of what we did.
      const goesOn = ran ? rest?.other && (verdict.state === 'resolved' || rest.before) : rest;
      if (rest && goesOn) return this.#goOn(i, `${verdict.because}; and yet ${rest.title}`);
      switch (verdict.state) {
        case 'resolved':
          this.#resolveWith(i, at);
          move(store, at, i.id, i.state, 'resolved', by, { note: '' });
          if (ran) this.#restored(i, at);
          wakeWaiting(store, at, i.host);
          return;
        case 'propagating':
        case 'verifying':
          if (i.state !== verdict.state)
            move(store, at, i.id, i.state, verdict.state, by, { due: at + this.#recheckMs(i) });
          else update(store, at, i.id, { due: at + this.#recheckMs(i) });
          return;
        case 'not-effective':
        case 'failed':
          if (!ran) return this.#goOn(i, `still refused: ${verdict.because}`, this.#recheckMs(i));
          move(store, at, i.id, i.state, verdict.state, by, { note: verdict.because, due: at + this.#recheckMs(i) });
          enqueue(store, at, {
            key: `not-effective-${i.id}-${i.serial}`,
            channel: 'mail',
            incident: i.id,
            payload: { letter: 'failed', incident: i.id },
          });
          if (verdict.state === 'failed' && isUnwell(message.facts)) this.#putConfigBack(i, at);
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
    const { cause, title } = this.#diagnose(i, i.key, this.#allFacts(i, i.key, asked));
    if (cause === null) return null;
    return { title, other: cause !== i.cause, before: this.#ownMatters(i.diagnosis).includes(cause) };
  }

  /** Denials since the change that count against it: for a service, of those whom it should let in. */
  #denials(i: IncidentRecord, facts: Message<'verified'>['facts'], since: number) {
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

  /** Whoever was held back by a mended service and has an authorised group can work again too; the rest is looked at anew. */
  #resolveWith(i: IncidentRecord, at: number): void {
    const { store } = this.#p;
    const authorized = new Set(authorizedUsers(store, i.host));
    for (const other of inhibitedBy(store, i.id))
      if (other.kind === 'user' && authorized.has(other.key) && mayMove(other.state, 'resolved'))
        move(store, at, other.id, other.state, 'resolved', {
          actor: 'readmit',
          what: `resolved with incident ${i.id}, which explained it`,
        });
  }

  /** A service that stays unwell with a file we changed gets the file back at once, under the votes it was changed with. */
  #putConfigBack(i: IncidentRecord, at: number): void {
    const { store } = this.#p;
    const run = lastRun(store, i.id, 'plan');
    if (!run || !i.plan?.undo.some(s => s.action === 'config.restore')) return;
    record(store, at, {
      actor: 'readmit',
      what: 'the service is not well with the changed configuration: it is put back',
      incident: i.id,
      plan: i.plan.digest,
    });
    makeOrder(store, at, i.plan, 'undo', run.order.votes, i.id);
  }

  #restored(i: IncidentRecord, at: number): void {
    if (i.plan?.subject && this.#p.config.mail.userDomain)
      enqueue(this.#p.store, at, {
        key: `restored-${i.id}`,
        channel: 'mail',
        incident: i.id,
        payload: { letter: 'access-restored', incident: i.id },
      });
  }
}

/** Seen to be unwell: that nobody could ask is no reason to take anything back. */
const isUnwell = (facts: Message<'verified'>['facts']): boolean =>
  Object.values(facts).some(list => list.some(f => f.fact === 'scheduler.health4' && f.known && f.value !== 'healthy'));

const enqueueSeen = (store: Store, id: string): boolean =>
  store.get("SELECT 1 FROM outbox WHERE incident = ? AND substr(key, 1, 5) = 'tell-'", Number(id)) !== undefined;

/**
 * Whose facts are asked for: the person, or for a service one of those who were refused most, the next one each time;
 * null when nobody is known.
 */
export function subjectOf(store: Store, i: IncidentRecord): string | null {
  if (i.kind === 'user') return i.key;
  if (i.kind === 'address') return null;
  const users = knownUsersOf(store, i.id, ASKED_OF_MANY);
  return users[i.attempts % Math.max(1, users.length)] ?? null;
}

/**
 * What happens next to an incident: asks for facts, diagnoses, plans, offers, verifies. Every wait has a time in the
 * store, so nothing is stuck after a crash: who comes back takes up what is due.
 */
import type { Logger } from 'pino';
import type { Diagnosis } from '../../diagnosis.ts';
import type { State } from '../../incident.ts';
import type { AgentMessage, ServeMessage, Snapshot } from '../../messages.ts';
import { lastRun } from '../../store/approvals.ts';
import { maintenance } from '../../store/desk-rows.ts';
import { dueIncidents, type IncidentRecord, incident, nextDue, update } from '../../store/incidents.ts';
import { record } from '../../store/journal.ts';
import { knownUsersOf } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { RESEND_MS, sendOrder } from './approvals.ts';
import { ASKED_OF_MANY, Deciding } from './deciding.ts';
import { Diagnosing, type DiagnosingParts } from './diagnosing.ts';
import { explainsNobody } from './gathering.ts';
import { Outcomes } from './outcomes.ts';
import { recheckMs } from './pace.ts';
import { Proving } from './proving.ts';

type Message<N extends ServeMessage['name']> = Extract<ServeMessage, { name: N }>['data'];

export interface ConductorParts extends DiagnosingParts {
  log: Logger;
  /** Sends to a host's agent now; losing it is no loss, the due time asks again. */
  send(host: string, message: AgentMessage): Promise<void>;
}

/** States in which the facts are looked at again and again, because the world may mend itself. */
const WAITING: readonly State[] = ['proposed', 'advised', 'escalated', 'failed', 'not-effective', 'denied'];
const PROBE_ANSWER_MS = 6000;
const VERIFY_ANSWER_MS = 60_000;
const PUT_OFF_MS = 5000;
/** Each incident taken up waits for the disk; after so long others have their turn. */
const TURN_MS = 10;

export class Conductor {
  readonly #p: ConductorParts;
  readonly #diagnosing: Diagnosing;
  readonly #deciding: Deciding;
  readonly #proving: Proving;
  readonly #outcomes: Outcomes;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;

  constructor(parts: ConductorParts) {
    this.#p = parts;
    this.#diagnosing = new Diagnosing(parts);
    this.#deciding = new Deciding(parts, this.#diagnosing);
    this.#proving = new Proving(parts, this.#diagnosing);
    this.#outcomes = new Outcomes(parts);
  }

  /** Takes up everything that is due; call it at start and after every commit. */
  tick = (): void => {
    if (this.#stopped) return;
    if (this.#timer) clearTimeout(this.#timer);
    const { store, now, log } = this.#p;
    const until = now() + TURN_MS;
    for (const i of dueIncidents(store, now())) {
      // The rest is due still, and taken up a moment later: lines that are written meanwhile come in between.
      if (now() > until) break;
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
      return explainsNobody(incident(store, i.inhibitedBy)) ? this.#ask(i) : update(store, now(), i.id, { due: null });
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
            ...this.#proving.whom(i),
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

  /** Facts came back: the diagnosis is made anew and the incident goes where it leads. */
  onFacts(message: Message<'facts'>): void {
    const { store, log } = this.#p;
    if (message.snapshot) this.onSnapshot(message.snapshot);
    const id = message.request.split('.')[0]!;
    const i = incident(store, id);
    if (i.state !== 'open' && i.state !== 'stale' && !WAITING.includes(i.state)) return;
    if (i.inhibitedBy && !explainsNobody(incident(store, i.inhibitedBy))) return;
    store.tx(() => {
      const facts = this.#diagnosing.allFacts(i, message.user, message.facts);
      const diagnosis = this.#diagnosing.diagnose(i, message.user, facts);
      if (i.inhibitedBy && !this.#goesItsOwnWay(i, diagnosis)) return;
      log.info({ incident: id, state: i.state, cause: diagnosis.cause }, 'diagnosed');
      this.#deciding.decide(i, diagnosis, facts, message.snapshot);
    });
  }

  /** Whoever has a cause of their own is not held back by an incident that nobody knows the cause of. */
  #goesItsOwnWay(i: IncidentRecord, { cause }: Diagnosis): boolean {
    const { store, now, config } = this.#p;
    if (!this.#diagnosing.isOwn(cause)) {
      update(store, now(), i.id, { due: now() + recheckMs(config, now(), i) });
      return false;
    }
    const what = `incident ${i.inhibitedBy} does not explain this one: it has a cause of its own`;
    update(store, now(), i.id, { inhibitedBy: null });
    record(store, now(), { actor: 'readmit', what, incident: i.id });
    return true;
  }

  onSnapshot(snapshot: Snapshot): void {
    this.#outcomes.saw(snapshot);
  }

  onSent(run: string): void {
    this.#outcomes.sent(run);
  }

  onOutcome(message: Message<'outcome'>): void {
    this.#outcomes.take(message);
  }

  onVerified(message: Message<'verified'>): void {
    this.#proving.take(message);
  }
}

/**
 * Whose facts are asked for: the person, or for a service one of those who were refused most, the next one each time;
 * null when nobody is known.
 */
function subjectOf(store: Store, i: IncidentRecord): string | null {
  if (i.kind === 'user') return i.key;
  if (i.kind === 'address') return null;
  const users = knownUsersOf(store, i.id, ASKED_OF_MANY);
  return users[i.attempts % Math.max(1, users.length)] ?? null;
}

/**
 * The desk over the store: what people read and do, for the page and for the command line alike. Reading needs only a
 * store opened for reading; acting needs `serve`'s own store and a way to ring.
 */
import type {
  AddressDetail,
  AddressRow,
  AuditRow,
  ChainState,
  Desk,
  Grant,
  Health,
  Hits,
  IncidentDetail,
  IncidentRow,
  Page,
  Person,
  PersonDetail,
  PersonRow,
  Timeline,
} from '../../desk.ts';
import { type IncidentKind, NotFound, Refused, type State } from '../../incident.ts';
import type { Step, Vote } from '../../plan.ts';
import { deniedUntil, grantCounts, grantRows, planOf, votesOf } from '../../store/approvals.ts';
import { saveSilence } from '../../store/desk-rows.ts';
import { blockedPeople, type IncidentRecord, incident, incidentLines, move, update } from '../../store/incidents.ts';
import { journal, journalOf, record, searchJournal } from '../../store/journal.ts';
import { askedSince, knownUsersOf, pairsOf, samplesOf } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { causesSince, denialsByHour, heardSince, places, seenSince } from '../../store/seen.ts';
import { plainReason } from '../conduct/reason.ts';
import { toldRows } from '../tell/told.ts';
import type { DeskActs } from './acts.ts';
import { ChainWalk } from './chain.ts';
import { healthOf } from './health.ts';
import { address, addresses, type PeopleParts, people, person } from './people.ts';
import { grantOf, rowsOf, timelineOf } from './rows.ts';
import { type Denied, nextOf } from './words.ts';

const HOUR = 3_600_000;
/** How far the pages about people, addresses and rules look back. */
const MONTH = 30 * 24 * HOUR;
const iso = (ms: number): string => new Date(ms).toISOString();

/** An answer is used again until something was written, and for a second at most: pages ask the same things. */
const KEPT_MS = 1000;
const PAST_KEPT_MS = 60_000;

export class StoreDesk implements Desk {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #acts: DeskActs;
  readonly #version: string;
  readonly #listeners = new Set<(ids: string[]) => void>();
  #told = 0;
  readonly #kept = new Map<string, { writes: number; at: number; value: unknown }>();
  #older: { from: number; before: number; at: number; timeline: Timeline } = {
    from: 0,
    before: 0,
    at: 0,
    timeline: [],
  };
  readonly #people: PeopleParts;
  readonly #chain: ChainWalk;

  constructor(store: Store, now: () => number, acts: DeskActs, version: string) {
    this.#store = store;
    this.#now = now;
    this.#acts = acts;
    this.#version = version;
    this.#people = { store, now, needs: i => acts.needs(i), shared: ip => acts.shared(ip) };
    this.#chain = new ChainWalk(store);
  }

  #once<T>(question: string, ask: () => T): T {
    const now = this.#now();
    const known = this.#kept.get(question);
    if (known && known.writes === this.#store.writes && Math.abs(now - known.at) < KEPT_MS) return known.value as T;
    if (this.#kept.size > 50) this.#kept.clear();
    const value = ask();
    this.#kept.set(question, { writes: this.#store.writes, at: now, value });
    return value;
  }

  incidents(
    filter: { state?: string; all?: boolean; kind?: IncidentKind; key?: string; limit?: number } = {},
  ): IncidentRow[] {
    const { state, all, kind, key, limit } = filter;
    const rows = this.#once(`incidents ${JSON.stringify(filter)}`, () =>
      rowsOf(
        this.#people,
        incidentLines(this.#store, {
          ...(state === undefined ? {} : { state }),
          ...(all === false && state === undefined ? { live: true as const } : {}),
          ...(kind ? { kind } : {}),
          ...(key === undefined ? {} : { key }),
          ...(limit === undefined ? {} : { limit }),
        }),
      ),
    );
    return [...rows];
  }

  #rowOf(id: string): IncidentRow {
    const [row] = rowsOf(this.#people, incidentLines(this.#store, { ids: [id] }));
    if (!row) throw new NotFound(`there is no incident ${id}`);
    return row;
  }

  show(id: string): IncidentDetail {
    this.#acts.fold();
    const i = incident(this.#store, id);
    const plan = i.plan ?? (i.serial > 0 ? (planOf(this.#store, id, i.serial) ?? null) : null);
    const remedy = i.diagnosis?.remedy;
    const advice = remedy && 'advice' in remedy ? remedy.advice : undefined;
    return {
      ...this.#rowOf(i.id),
      diagnosis: i.diagnosis && {
        user: i.diagnosis.user,
        title: i.diagnosis.title,
        cause: i.diagnosis.cause,
        also: i.diagnosis.also,
        confidence: i.diagnosis.confidence,
        evidence: i.diagnosis.evidence,
        ruledOut: i.diagnosis.ruledOut,
        unknown: i.diagnosis.unknown,
        ...(advice ? { advice } : {}),
      },
      plan: plan && {
        serial: plan.serial,
        digest: plan.digest,
        summary: plan.summary,
        deed: plan.deed,
        steps: plan.steps.map(s =>
          'diff' in s ? { action: s.action, diff: s.diff } : { action: s.action, argv: s.argv },
        ),
        full: plan.steps,
        gains: plan.gains,
        loses: plan.loses,
        undo: plan.undo.map(stepText).join('; '),
        undoSteps: plan.undo,
        expires: plan.expires,
        entitlement: plan.entitlement,
        notes: plan.notes,
        managedBy: plan.managedBy,
        subject: plan.subject,
      },
      history: journalOf(this.#store, id).map(e => ({ at: e.time, who: e.actor, what: e.what })),
      told: toldRows(this.#store, id),
      pairs: pairsOf(this.#store, id).map(p => ({
        user: (p.user as string) || null,
        ip: (p.ip as string) || null,
        endpoint: (p.endpoint as string) || null,
        count: Number(p.count),
        first: iso(Number(p.first)),
        last: iso(Number(p.last)),
        selfReported: p.self_reported === 1,
      })),
      samples: samplesOf(this.#store, id).map(s => ({
        line: String(s.line),
        source: String(s.source),
        offset: Number(s.offset),
        at: iso(Number(s.at)),
        trust: s.trust as 'server' | 'user-written',
      })),
      next: nextOf(i, this.#acts.needs(i), this.#now(), this.#denied(i)),
    };
  }

  #denied(i: IncidentRecord): Denied | undefined {
    if (i.state !== 'denied' || !i.plan) return undefined;
    const no = votesOf(this.#store, i.id, i.serial).find(v => v.decision === 'deny');
    if (!no) return undefined;
    const users = knownUsersOf(this.#store, i.id);
    const asked = askedSince(this.#store, users, Date.parse(no.issued));
    return { by: no.by, asked, until: deniedUntil(this.#store, i.plan.digest, this.#now()) };
  }

  vote(vote: Vote): IncidentRow {
    this.#acts.vote(vote);
    this.changed([vote.incident]);
    return this.#rowOf(vote.incident);
  }

  voteAs(person: Person, id: string, digest: string, decision: Vote['decision'], reason: string): IncidentRow {
    incident(this.#store, id);
    return this.vote(this.#acts.signFor(person, id, digest, decision, reason));
  }

  undo(person: Person, id: string): IncidentRow {
    this.#acts.undo(person, id);
    return this.#rowOf(id);
  }

  retry(person: Person, id: string): IncidentRow {
    this.#acts.retry(person, id);
    return this.#rowOf(id);
  }

  endBy(person: Person, id: string, until: string | null): IncidentDetail {
    this.#acts.endBy(person, id, until === null ? null : Date.parse(until));
    return this.show(id);
  }

  silence(person: Person, id: string, until: string, reason: string): IncidentRow {
    const i = incident(this.#store, id);
    const end = Date.parse(until);
    if (!(end > this.#now())) throw new Refused('a silence ends in the future');
    if (!plainReason(reason).trim()) throw new Refused('a silence needs a reason');
    this.#store.tx(() => {
      saveSilence(this.#store, this.#now(), {
        matcher: { kind: i.kind, key: i.key, host: i.host },
        until: end,
        author: person.name,
        reason,
      });
      record(this.#store, this.#now(), {
        actor: person.name,
        what: `silenced until ${iso(end)}: ${reason}`,
        incident: id,
      });
    });
    this.changed([id]);
    return this.#rowOf(id);
  }

  handOver(person: Person, id: string, to: string | null, note: string): IncidentRow {
    const store = this.#store;
    const now = this.#now();
    store.tx(() => {
      const i = incident(store, id);
      if (to === null) {
        if (i.takenBy === null) throw new Refused('nobody has taken this over');
        record(store, now, {
          actor: person.name,
          what: `gave it back to Readmit${note ? `: ${note}` : ''}`,
          incident: id,
        });
        return update(store, now, id, { takenBy: null, note: '', due: now });
      }
      if (!to.trim()) throw new Refused('say who takes it over');
      plainReason(note);
      if (!HANDED_OVER.includes(i.state)) throw new Refused(`an incident that is ${i.state} can't be handed over`);
      const what = `handed over to ${to}${note ? `: ${note}` : ''}`;
      const change = { takenBy: to, note, plan: null, due: now + AGAIN_MS };
      if (i.state === 'escalated') {
        record(store, now, { actor: person.name, what, incident: id });
        update(store, now, id, change);
      } else move(store, now, id, i.state, 'escalated', { actor: person.name, what }, change);
    });
    return this.#rowOf(id);
  }

  blocked(): { people: number; helped: number; changes: number } {
    return this.#once('blocked', () => {
      const proposed = incidentLines(this.#store, { state: 'proposed' }).filter(
        i => !i.inhibitedBy && i.kind !== 'address',
      );
      return { ...blockedPeople(this.#store), changes: new Set(proposed.map(i => `${i.host} ${i.deed}`)).size };
    });
  }

  grants(filter: { ended?: boolean; before?: string; limit?: number } = {}): Grant[] {
    return grantRows(this.#store, {
      ...(filter.ended === undefined ? {} : { ended: filter.ended }),
      ...(filter.before === undefined ? {} : { before: Date.parse(filter.before) }),
      ...(filter.limit === undefined ? {} : { limit: filter.limit }),
    }).map(grantOf);
  }

  grantCounts(): ReturnType<Desk['grantCounts']> {
    return grantCounts(this.#store);
  }

  health(): Health {
    return this.#once('health', () =>
      healthOf({ store: this.#store, now: this.#now, acts: this.#acts, version: this.#version }),
    );
  }

  timeline(from: number): Timeline {
    return this.#once(`timeline ${from}`, () => {
      this.#acts.fold();
      const recent = Math.max(from, this.#now() - (this.#now() % HOUR) - 23 * HOUR);
      return [...this.#past(from, recent), ...timelineOf(denialsByHour(this.#store, recent))];
    });
  }

  /** The days before yesterday hardly change: they are counted once a minute. */
  #past(from: number, before: number): Timeline {
    if (from >= before) return [];
    const now = this.#now();
    const known = this.#older;
    if (known.from === from && known.before === before && now - known.at < PAST_KEPT_MS) return known.timeline;
    const timeline = timelineOf(denialsByHour(this.#store, from, { before }));
    this.#older = { from, before, at: now, timeline };
    return timeline;
  }

  matrix(from: number): ReturnType<Desk['matrix']> {
    return this.#once(`matrix ${from}`, () => {
      this.#acts.fold();
      return places(this.#store, from);
    });
  }

  seen(from: number): { people: number; names: number; addresses: number } {
    return this.#once(`seen ${from}`, () => {
      this.#acts.fold();
      return seenSince(this.#store, from);
    });
  }

  people(filter: Parameters<Desk['people']>[0]): Page<PersonRow> {
    this.#acts.fold();
    return people(this.#people, filter);
  }

  person(name: string): PersonDetail {
    this.#acts.fold();
    return person(this.#people, name);
  }

  addresses(filter: Parameters<Desk['addresses']>[0]): Page<AddressRow> {
    this.#acts.fold();
    return addresses(this.#people, filter);
  }

  address(ip: string): AddressDetail {
    this.#acts.fold();
    return address(this.#people, ip);
  }

  hits(): Hits {
    return this.#once('hits', () => {
      this.#acts.fold();
      const from = this.#now() - MONTH;
      return {
        lines: heardSince(this.#store, from).map(h => ({ ...h, last: iso(h.last) })),
        causes: causesSince(this.#store, from).map(c => ({ ...c, last: iso(c.last) })),
      };
    });
  }

  audit(from = -1, limit = 200): AuditRow[] {
    return journal(this.#store, from, limit).map(auditRow);
  }

  searchAudit(text: string, before: number | null, limit: number): AuditRow[] {
    return searchJournal(this.#store, text, before, limit).map(auditRow);
  }

  chain(): ChainState {
    return this.#chain.state(this.#now());
  }

  told(): number {
    return this.#told;
  }

  onChange(listener: (ids: string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells the listeners; `serve` calls it after commits. */
  changed(ids: string[]): void {
    this.#told++;
    for (const listener of this.#listeners) listener(ids);
  }
}

/** States in which nothing is under way that a person could take over from the middle of. */
const HANDED_OVER: readonly State[] = ['open', 'proposed', 'advised', 'not-effective', 'failed', 'stale', 'escalated'];
const AGAIN_MS = 5000;

const auditRow = (e: AuditRow): AuditRow => ({
  seq: e.seq,
  time: e.time,
  actor: e.actor,
  what: e.what,
  digest: e.digest,
  incident: e.incident,
});

/** A step as a person reads it. */
const stepText = (step: Step): string =>
  'argv' in step ? step.argv.join(' ') : `${step.action} ${step.group} in ${'file' in step ? step.file : step.dn}`;

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
import { type IncidentKind, NotFound } from '../../incident.ts';
import { iso } from '../../iso-time.ts';
import type { Vote } from '../../plan.ts';
import { grantCounts, grantRows } from '../../store/approvals.ts';
import { blockedPeople, incidentLines } from '../../store/incident-lines.ts';
import { incident } from '../../store/incidents.ts';
import { journal, searchJournal } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';
import { incidentsAbout } from '../../store/people.ts';
import { causesSince, denialsByHour, heardSince, places, seenSince } from '../../store/seen.ts';
import type { DeskActs } from './acts.ts';
import { ChainWalk } from './chain.ts';
import { detailOf } from './detail.ts';
import { healthOf } from './health.ts';
import { handOver, silence } from './marks.ts';
import { address, addresses, type PeopleParts, people, person } from './people.ts';
import { grantOf, rowsOf, timelineOf } from './rows.ts';

const HOUR = 3_600_000;
/** How far the pages about people, addresses and rules look back. */
const MONTH = 30 * 24 * HOUR;
/** Incidents of one person or address whose entries a search finds: more than anyone reads. */
const SEARCHED = 1000;

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
    this.#people = {
      store,
      now,
      needs: i => acts.needs(i),
      lapsed: i => acts.lapsed(i),
      shared: ip => acts.shared(ip),
    };
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
    filter: { state?: string; all?: boolean; kind?: IncidentKind; key?: string; limit?: number; before?: number } = {},
  ): IncidentRow[] {
    const { state, all, kind, key, limit, before } = filter;
    const rows = this.#once(`incidents ${JSON.stringify(filter)}`, () =>
      rowsOf(
        this.#people,
        incidentLines(this.#store, {
          ...(state === undefined ? {} : { state }),
          ...(all === false && state === undefined ? { live: true as const } : {}),
          ...(kind ? { kind } : {}),
          ...(key === undefined ? {} : { key }),
          ...(limit === undefined ? {} : { limit }),
          ...(before === undefined ? {} : { before }),
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
    return detailOf(this.#people, i, this.#rowOf(i.id));
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

  undo(person: Person, id: string, grant?: string, reason?: string): IncidentRow {
    this.#acts.undo(person, id, grant, reason);
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
    silence(this.#store, this.#now(), person, id, until, reason);
    this.changed([id]);
    return this.#rowOf(id);
  }

  handOver(person: Person, id: string, to: string | null, note: string): IncidentRow {
    handOver(this.#store, this.#now(), person, id, to, note);
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

  grants(filter: Parameters<Desk['grants']>[0] = {}): Grant[] {
    return grantRows(this.#store, {
      ...(filter.ended === undefined ? {} : { ended: filter.ended }),
      ...(filter.before === undefined ? {} : { before: { ...filter.before, since: Date.parse(filter.before.since) } }),
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
    const about = incidentsAbout(this.#store, text, SEARCHED);
    return searchJournal(this.#store, text, before, limit, about).map(auditRow);
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

const auditRow = (e: AuditRow): AuditRow => ({
  seq: e.seq,
  time: e.time,
  actor: e.actor,
  what: e.what,
  digest: e.digest,
  incident: e.incident,
});

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
import { addressKey } from '../../detect/address.ts';
import { type IncidentKind, NotFound, Refused, type State, type Step, type Vote } from '../../incident.ts';
import {
  type GrantRow,
  grantCounts,
  grantRows,
  grantsInForce,
  planOf,
  votesByIncident,
} from '../../store/approvals.ts';
import { activeSilences, agentRows, maintenance, type SilenceRow, saveSilence, toldOf } from '../../store/desk-rows.ts';
import { membershipRows } from '../../store/history.ts';
import {
  blockedPeople,
  type IncidentLine,
  type IncidentRecord,
  incident,
  incidentLines,
  move,
  update,
} from '../../store/incidents.ts';
import {
  CHAIN_START,
  type ChainMark,
  journal,
  journalOf,
  record,
  searchJournal,
  walkChain,
} from '../../store/journal.ts';
import { linesByPath, pairsOf, samplesOf } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { pending, waitingRows } from '../../store/outbox.ts';
import {
  accountsOf,
  addressRow,
  addressRows,
  blockedOf,
  causesSince,
  denialsByHour,
  heardSince,
  hoursByIncident,
  incidentsOfPerson,
  type Mark,
  personRow,
  personRows,
  places,
  placesOf,
  seenSince,
  sumsOf,
} from '../../store/seen.ts';
import { headlineOf, nextOf } from './words.ts';

const HOUR = 3_600_000;
/** How far the pages about people, addresses and rules look back. */
const MONTH = 30 * 24 * HOUR;
const iso = (ms: number): string => new Date(ms).toISOString();

export interface DeskActs {
  vote(vote: Vote): void;
  signFor(person: Person, id: string, digest: string, decision: Vote['decision'], reason: string): Vote;
  undo(person: Person, id: string): void;
  retry(person: Person, id: string): void;
  endBy(person: Person, id: string, until: number | null): void;
  /** How many votes of which kind a plan still needs. */
  needs(incident: Pick<IncidentRecord, 'id' | 'state' | 'serial' | 'tier'>): number;
  queue(): { up: boolean; detail: string };
  mail(): { up: boolean; detail: string };
  /** Brings the sums up to date with the event store. */
  fold(): void;
  /** Is this an address many honest people share? */
  shared(ip: string): boolean;
}

/** What a desk opened only for reading may say of acting. */
export const readingOnly = (needs: DeskActs['needs']): DeskActs => {
  const refuse = (): never => {
    throw new Refused('this copy is opened for reading only');
  };
  return {
    vote: refuse,
    signFor: refuse,
    undo: refuse,
    retry: refuse,
    endBy: refuse,
    needs,
    queue: () => ({ up: true, detail: '' }),
    mail: () => ({ up: true, detail: '' }),
    fold: () => {},
    shared: () => false,
  };
};

/** An answer is used again until something was written, and for a second at most: pages ask the same things. */
const KEPT_MS = 1000;
const PAST_KEPT_MS = 60_000;
/** Entries of the chain that one call looks at, and how long a finished walk counts. */
const CHAIN_STEP = 1000;
const CHAIN_AGAIN = 10 * 60_000;

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
  #chain: { mark: ChainMark; at: number; bad: ChainState['bad'] };

  constructor(store: Store, now: () => number, acts: DeskActs, version: string) {
    this.#store = store;
    this.#now = now;
    this.#acts = acts;
    this.#version = version;
    this.#chain = { mark: CHAIN_START, at: 0, bad: null };
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
      this.#rows(
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

  /** What every row needs is asked once: a list of ten thousand is three questions, not thirty thousand. */
  #rows(lines: IncidentLine[]): IncidentRow[] {
    if (!lines.length) return [];
    const ids = lines.length > 1000 ? undefined : lines.map(l => l.id);
    const from = Math.floor(this.#now() / HOUR) * HOUR - 23 * HOUR;
    const sparks = new Map<string, number[]>();
    for (const { incident: id, hour, count } of hoursByIncident(this.#store, from, ids)) {
      const spark = sparks.get(id) ?? new Array<number>(24).fill(0);
      const at = Math.floor((hour - from) / HOUR);
      if (at < 24) spark[at] = count;
      sparks.set(id, spark);
    }
    const votes = votesByIncident(this.#store, ids);
    const silences = activeSilences(this.#store, this.#now());
    return lines.map(line => this.#row(line, { sparks, silences, votes: votes.get(line.id) ?? [] }));
  }

  #row(i: IncidentLine, around: Around): IncidentRow {
    return {
      id: i.id,
      kind: i.kind,
      key: i.key,
      host: i.host,
      state: i.state,
      cause: i.cause,
      count: i.count,
      users: i.users,
      opened: i.opened,
      tier: i.tier,
      votes: around.votes,
      needs: this.#acts.needs(i),
      headline: headlineOf(i),
      updated: i.updated,
      marks: [
        ...(i.inhibitedBy ? ['inhibited' as const] : []),
        ...(silencedBy(around.silences, i) !== null ? ['silenced' as const] : []),
        ...(i.held ? ['held' as const] : []),
      ],
      spark: around.sparks.get(i.id) ?? new Array<number>(24).fill(0),
      event: i.event,
      deed: i.deed,
      takenBy: i.takenBy,
    };
  }

  #rowOf(id: string): IncidentRow {
    const [row] = this.#rows(incidentLines(this.#store, { ids: [id] }));
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
      next: nextOf(i, this.#acts.needs(i), this.#now()),
    };
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
    if (!reason.trim()) throw new Refused('a silence needs a reason');
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
    return this.#once('health', () => this.#health());
  }

  #health(): Health {
    const now = this.#now();
    const agents = agentRows(this.#store).map(a => ({ ...a, health: a.health as AgentHealth }));
    const queue = this.#acts.queue();
    const mail = { ...this.#acts.mail(), pending: pending(this.#store, 'mail').count };
    const rows = new Map(linesByPath(this.#store).map(r => [`${r.host} ${r.path}`, r]));
    const down = maintenance(this.#store);
    const banner = [
      ...(down ? [`Maintenance since ${iso(down.started)} (${down.author}: ${down.reason}): incidents are held.`] : []),
      ...(queue.up ? [] : [`Redis does not answer: ${queue.detail}. Votes are kept; nothing runs until it is back.`]),
      ...(mail.up ? [] : [`Mail can't be sent: ${mail.detail}. ${mail.pending} waiting.`]),
      ...agents
        .filter(a => now - a.seen > 30_000)
        .map(a => `No word from the agent on ${a.host} since ${iso(a.seen)}.`),
      ...agents.flatMap(a =>
        (a.health.sources ?? [])
          .filter(s => s.kind === 'server' && s.state !== 'ok' && s.state !== 'catching-up')
          .map(s => `${s.path} on ${a.host}: ${s.why || s.state}.`),
      ),
    ];
    return {
      banner,
      sources: agents.flatMap(a =>
        (a.health.sources ?? []).map(s => {
          const row = rows.get(`${a.host} ${s.path}`);
          return { host: a.host, ...s, lines: row?.lines ?? 0, unparsed: row?.unparsed ?? 0 };
        }),
      ),
      queue: { up: queue.up, detail: queue.up ? '' : queue.detail },
      mail: { ...mail, detail: mail.up ? '' : mail.detail },
      executor: agents.map(a => a.health.executor).join('; ') || 'unknown',
      agents: agents.map(a => ({
        host: a.host,
        seen: iso(a.seen),
        files: a.health.files ?? 0,
        spooled: a.health.spooled ?? 0,
        refused: a.health.refused ?? 0,
      })),
      version: this.#version,
      versions: {
        Node: process.version.slice(1),
        SQLite: String(this.#store.get<{ v: string }>('SELECT sqlite_version() AS v')!.v),
      },
      waiting: { jobs: waitingRows(this.#store, 'job'), mails: waitingRows(this.#store, 'mail') },
    };
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

  people(filter: { account: 'user' | 'other'; q?: string; after?: string | null; limit: number }): Page<PersonRow> {
    this.#acts.fold();
    const { account, q, limit } = filter;
    const found = personRows(this.#store, {
      account,
      after: markOf(filter.after),
      limit: limit + 1,
      ...(q ? { q } : {}),
    });
    const rows = found.slice(0, limit);
    const names = rows.map(r => r.name);
    const sums = sumsOf(this.#store, names, this.#now() - MONTH);
    const blocked = blockedOf(this.#store, names);
    const grants = grantsInForce(this.#store, names);
    return {
      rows: rows.map(r => ({
        name: r.name,
        account: r.account,
        denials: sums.get(r.name)?.count ?? 0,
        addresses: sums.get(r.name)?.addresses ?? 0,
        first: iso(r.first),
        last: iso(r.last),
        blocked: blocked.get(r.name) ?? null,
        grants: grants.get(r.name) ?? 0,
      })),
      next: found.length > limit ? markText(rows.at(-1)!.last, rows.at(-1)!.name) : null,
    };
  }

  person(name: string): PersonDetail {
    this.#acts.fold();
    const from = this.#now() - MONTH;
    const row = personRow(this.#store, name);
    const incidents = this.#rows(incidentLines(this.#store, { ids: incidentsOfPerson(this.#store, name) }));
    const grants = grantRows(this.#store, { user: name, limit: 200 }).map(grantOf);
    const groups = membershipRows(this.#store, name);
    if (!row && !incidents.length && !grants.length && !groups.length)
      throw new NotFound(`nothing is known of ${name}`);
    const timeline = timelineOf(denialsByHour(this.#store, from, { user: name }));
    return {
      name,
      account: row?.account ?? null,
      denials: timeline.reduce((n, p) => n + p.count, 0),
      first: row && iso(row.first),
      last: row && iso(row.last),
      timeline,
      places: placesOf(this.#store, { user: name }, from).map(p => ({ ip: p.ip, count: p.count, last: iso(p.last) })),
      incidents,
      grants,
      groups: groups.map(g => ({
        group: g.group,
        host: g.host,
        since: iso(g.since),
        addedBy: g.initial ? null : g.addedBy ? ('readmit' as const) : ('others' as const),
        until: g.until === null ? null : iso(g.until),
        removedBy: g.until === null ? null : g.removedBy ? ('readmit' as const) : ('others' as const),
      })),
      told: toldOf(this.#store, name).map(t => ({ at: iso(t.at), cause: t.cause })),
    };
  }

  addresses(filter: { after?: string | null; limit: number }): Page<AddressRow> {
    this.#acts.fold();
    const from = this.#now() - MONTH;
    const found = addressRows(this.#store, from, { after: markOf(filter.after), limit: filter.limit + 1 });
    const rows = found.slice(0, filter.limit);
    return {
      rows: rows.map(r => ({
        ip: r.ip,
        denials: r.count,
        names: r.names,
        first: iso(r.first),
        last: iso(r.last),
        shared: this.#acts.shared(r.ip),
      })),
      next: found.length > filter.limit ? markText(rows.at(-1)!.last, rows.at(-1)!.ip) : null,
    };
  }

  address(ip: string): AddressDetail {
    this.#acts.fold();
    const from = this.#now() - MONTH;
    const row = addressRow(this.#store, ip);
    // An IPv6 address is one of many of its network, and the incident is the network's.
    const keys = ip.includes('/') ? [ip] : [ip, addressKey(ip)];
    const lines = [...new Set(keys)].flatMap(key => incidentLines(this.#store, { kind: 'address', key, limit: 50 }));
    if (!row && !lines.length) throw new NotFound(`nothing is known of ${ip}`);
    const seen = row
      ? placesOf(this.#store, { ip }, from).map(p => ({ name: p.user, count: p.count, last: p.last }))
      : lines.slice(0, 1).flatMap(l =>
          pairsOf(this.#store, l.id).map(p => ({
            name: String(p.user),
            count: Number(p.count),
            last: Number(p.last),
          })),
        );
    const accounts = accountsOf(
      this.#store,
      seen.map(p => p.name),
    );
    return {
      ip,
      denials: row?.count ?? lines.reduce((n, l) => n + l.count, 0),
      first: row && iso(row.first),
      last: row && iso(row.last),
      shared: this.#acts.shared(ip),
      timeline: denialsByHour(this.#store, from, { ip }).map(p => ({
        hour: iso(p.hour),
        cause: 'denials',
        count: Number(p.count),
      })),
      people: seen.map(p => ({ ...p, account: accounts.get(p.name) ?? 'unknown', last: iso(p.last) })),
      incidents: this.#rows(lines),
    };
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

  /** Walks on a little at each call, so that a long chain keeps nobody waiting; begins anew after some minutes. */
  chain(): ChainState {
    const now = this.#now();
    const newest = journal(this.#store, -1, 1)[0];
    const entries = newest?.seq ?? 0;
    if (!this.#chain.bad) {
      const finished = this.#chain.mark.entries >= entries;
      if (finished && now - this.#chain.at > CHAIN_AGAIN) this.#chain = { mark: CHAIN_START, at: now, bad: null };
      const verdict = walkChain(this.#store, this.#chain.mark, CHAIN_STEP);
      if (verdict.ok) this.#chain.mark = verdict;
      else this.#chain.bad = { seq: verdict.firstBad, why: verdict.why };
      if (this.#chain.at === 0) this.#chain.at = now;
    }
    const { mark, at, bad } = this.#chain;
    return { entries, head: newest?.digest ?? null, verified: mark.entries, at: at ? iso(at) : null, bad };
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

const grantOf = (g: GrantRow): Grant => ({
  id: g.id,
  user: g.user,
  uid: g.uid,
  group: g.group,
  host: g.host,
  incident: g.incident,
  by: g.by,
  reason: g.reason,
  entitlement: g.entitlement,
  since: iso(g.since),
  until: g.until === null ? null : iso(g.until),
  ended: g.ended === null ? null : iso(g.ended),
});

const auditRow = (e: AuditRow): AuditRow => ({
  seq: e.seq,
  time: e.time,
  actor: e.actor,
  what: e.what,
  digest: e.digest,
  incident: e.incident,
});

const timelineOf = (rows: { hour: number; cause: string | null; count: number }[]): Timeline =>
  rows.map(r => ({ hour: iso(Number(r.hour)), cause: r.cause ?? 'unexplained', count: Number(r.count) }));

/** `1700000000000.alice`: where a list goes on. */
const markText = (last: number, name: string): string => `${last}.${name}`;
function markOf(text: string | null | undefined): Mark | null {
  const found = /^(\d{1,15})\.(.+)$/s.exec(text ?? '');
  return found ? { last: Number(found[1]), name: found[2]! } : null;
}

interface AgentHealth {
  sources?: { path: string; kind: string; state: string; why: string; lag: number }[];
  files?: number;
  spooled?: number;
  refused?: number;
  executor?: string;
}

/** A step as a person reads it. */
export const stepText = (step: Step): string =>
  'argv' in step ? step.argv.join(' ') : `${step.action} ${step.group} in ${'file' in step ? step.file : step.dn}`;

interface Around {
  /** Denials per hour of the last 24, by incident. */
  sparks: Map<string, number[]>;
  silences: SilenceRow[];
  votes: IncidentRow['votes'];
}

type Silenceable = { kind: string; key: string; host: string; cause: string | null };

/** Until when these silences mute it; null when none does. */
function silencedBy(silences: readonly SilenceRow[], i: Silenceable): number | null {
  const hit = silences.filter(s =>
    (['kind', 'key', 'host', 'cause'] as const).every(k => {
      const wanted = s.matcher[k];
      return (
        wanted === undefined || (wanted.endsWith('*') ? (i[k] ?? '').startsWith(wanted.slice(0, -1)) : i[k] === wanted)
      );
    }),
  );
  return hit.length ? Math.max(...hit.map(s => s.until)) : null;
}

export const silencedUntil = (store: Store, i: Silenceable, now: number): number | null =>
  silencedBy(activeSilences(store, now), i);

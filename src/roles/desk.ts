/**
 * The desk over the store: what people read and do, for the page and for the command line alike. Reading needs only a
 * store opened for reading; acting needs `serve`'s own store and a way to ring.
 */
import type { Desk, Grant, Health, IncidentDetail, IncidentRow, Person } from '../desk.ts';
import { isEnded, Refused, type Step, type Vote } from '../incident.ts';
import { grantRows, planOf, votesOf } from '../store/approvals.ts';
import { activeSilences, agentRows, maintenance, type SilenceRow, saveSilence } from '../store/desk-rows.ts';
import { type IncidentRecord, incident, incidents } from '../store/incidents.ts';
import { journal, journalOf, record } from '../store/journal.ts';
import { hoursByIncident, pairsOf, samplesOf, sources } from '../store/observations.ts';
import type { Row, Store } from '../store/open.ts';
import { pending } from '../store/outbox.ts';
import { headlineOf, nextOf } from './words.ts';

const HOUR = 3_600_000;
const iso = (ms: number): string => new Date(ms).toISOString();

export interface DeskActs {
  vote(vote: Vote): void;
  signFor(person: Person, id: string, digest: string, decision: Vote['decision'], reason: string): Vote;
  undo(person: Person, id: string): void;
  /** How many votes of which kind a plan still needs. */
  needs(record: IncidentRecord): number;
  queue(): { up: boolean; detail: string };
  mail(): { up: boolean; detail: string };
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
    needs,
    queue: () => ({ up: true, detail: '' }),
    mail: () => ({ up: true, detail: '' }),
  };
};

export class StoreDesk implements Desk {
  readonly #store: Store;
  readonly #now: () => number;
  readonly #acts: DeskActs;
  readonly #version: string;
  readonly #listeners = new Set<(ids: string[]) => void>();

  constructor(store: Store, now: () => number, acts: DeskActs, version: string) {
    this.#store = store;
    this.#now = now;
    this.#acts = acts;
    this.#version = version;
  }

  incidents(filter: { state?: string; all?: boolean } = {}): IncidentRow[] {
    const chosen = incidents(this.#store, 10_000).filter(i =>
      filter.state ? i.state === filter.state : filter.all !== false || !isEnded(i.state),
    );
    const around = this.#around();
    return chosen.map(i => this.#row(i, around));
  }

  /** What every row needs, asked once: a list of ten thousand is one question, not ten thousand. */
  #around(id?: string): Around {
    const from = Math.floor(this.#now() / HOUR) * HOUR - 23 * HOUR;
    const sparks = new Map<string, number[]>();
    for (const { incident, hour, count } of hoursByIncident(this.#store, from, id)) {
      const spark = sparks.get(incident) ?? new Array<number>(24).fill(0);
      spark[Math.floor((hour - from) / HOUR)] = count;
      sparks.set(incident, spark);
    }
    return { sparks, silences: activeSilences(this.#store, this.#now()) };
  }

  show(id: string): IncidentDetail {
    const i = incident(this.#store, id);
    const plan = i.plan ?? (i.serial > 0 ? (planOf(this.#store, id, i.serial) ?? null) : null);
    const remedy = i.diagnosis?.remedy;
    const advice = remedy && 'advice' in remedy ? remedy.advice : undefined;
    return {
      ...this.#row(i),
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

  #row(i: IncidentRecord, around: Around = this.#around(i.id)): IncidentRow {
    const spark = around.sparks.get(i.id) ?? new Array<number>(24).fill(0);
    const silenced = silencedBy(around.silences, i) !== null;
    const votes = i.serial > 0 ? votesOf(this.#store, i.id, i.serial) : [];
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
      votes: votes.map(v => ({ by: v.by, at: v.issued, decision: v.decision })),
      needs: this.#acts.needs(i),
      headline: headlineOf(i),
      updated: i.updated,
      marks: [
        ...(i.inhibitedBy ? ['inhibited' as const] : []),
        ...(silenced ? ['silenced' as const] : []),
        ...(i.held ? ['held' as const] : []),
      ],
      spark,
    };
  }

  vote(vote: Vote): IncidentRow {
    this.#acts.vote(vote);
    return this.#row(incident(this.#store, vote.incident));
  }

  voteAs(person: Person, id: string, digest: string, decision: Vote['decision'], reason: string): IncidentRow {
    incident(this.#store, id);
    return this.vote(this.#acts.signFor(person, id, digest, decision, reason));
  }

  undo(person: Person, id: string): IncidentRow {
    this.#acts.undo(person, id);
    return this.#row(incident(this.#store, id));
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
    return this.#row(incident(this.#store, id));
  }

  grants(): Grant[] {
    return grantRows(this.#store).map(g => ({
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
    }));
  }

  health(): Health {
    const now = this.#now();
    const agents = agentRows(this.#store).map(a => ({ ...a, health: a.health as AgentHealth }));
    const queue = this.#acts.queue();
    const mail = { ...this.#acts.mail(), pending: pending(this.#store, 'mail').count };
    const rows = new Map(sources(this.#store).map(r => [`${r.host} ${r.path}`, r]));
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
          const row: Row | undefined = rows.get(`${a.host} ${s.path}`);
          return { host: a.host, ...s, lines: Number(row?.lines ?? 0), unparsed: Number(row?.unparsed ?? 0) };
        }),
      ),
      queue,
      mail,
      executor: agents.map(a => a.health.executor).join('; ') || 'unknown',
      agents: agents.map(a => ({
        host: a.host,
        seen: iso(a.seen),
        files: a.health.files ?? 0,
        spooled: a.health.spooled ?? 0,
      })),
      version: this.#version,
    };
  }

  timeline(from: number): { hour: string; cause: string; count: number }[] {
    return this.#store
      .all<{ hour: number; cause: string | null; count: number }>(
        `SELECT h.hour, i.cause, sum(h.count) AS count FROM hour h LEFT JOIN incident i ON i.id = h.incident
         WHERE h.hour >= ? AND h.event = 'denied' GROUP BY h.hour, i.cause ORDER BY h.hour`,
        from,
      )
      .map(r => ({ hour: iso(Number(r.hour)), cause: r.cause ?? 'unexplained', count: Number(r.count) }));
  }

  matrix(from: number): { user: string; ip: string; count: number }[] {
    return this.#store
      .all<{ user: string; ip: string; count: number }>(
        "SELECT user, ip, sum(count) AS count FROM hour WHERE hour >= ? AND event = 'denied' AND self_reported = 0 GROUP BY user, ip ORDER BY count DESC, user, ip LIMIT 2000",
        from,
      )
      .map(r => ({ user: r.user, ip: r.ip, count: Number(r.count) }));
  }

  audit(from = -1, limit = 200): ReturnType<Desk['audit']> {
    return journal(this.#store, from, limit).map(e => ({
      seq: e.seq,
      time: e.time,
      actor: e.actor,
      what: e.what,
      digest: e.digest,
      incident: e.incident,
    }));
  }

  onChange(listener: (ids: string[]) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Tells the listeners; `serve` calls it after commits. */
  changed(ids: string[]): void {
    for (const listener of this.#listeners) listener(ids);
  }
}

interface AgentHealth {
  sources?: { path: string; kind: string; state: string; why: string; lag: number }[];
  files?: number;
  spooled?: number;
  executor?: string;
}

/** A step as a person reads it. */
export const stepText = (step: Step): string =>
  'argv' in step ? step.argv.join(' ') : `${step.action} ${step.group} in ${'file' in step ? step.file : step.dn}`;

interface Around {
  /** Denials per hour of the last 24, by incident. */
  sparks: Map<string, number[]>;
  silences: SilenceRow[];
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

/**
 * Says on the second channel what keeps Readmit itself from working: an agent that went silent, a log that can't be read,
 * an executor that can't act, a Redis that is away or can lose jobs. Each trouble is told once, when it has lasted: the store
 * remembers which were, over a restart, until the trouble is over.
 */
import { type Config, originOf } from '../config/config.ts';
import type { Health } from '../desk.ts';
import type { Logger } from '../log.ts';
import { alarmCall, callWebhook } from '../notify/webhook.ts';
import { alarmsTold, forgetAlarm, noteAlarm } from '../store/alarms.ts';
import { record } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import { enqueue } from '../store/outbox.ts';
import { SILENCE_MS } from './blind.ts';

export interface AlarmParts {
  store: Store;
  config: Config;
  now: () => number;
  log: Logger;
  health(): Health;
  /** What is unsafe about Redis; empty while nothing is, or nobody can say. */
  redisFaults(): readonly string[];
  /** Why the last message of an agent could not be stored; null when it was. */
  storeFault(): string | null;
}

interface Trouble {
  /** The same trouble has the same key, however its text goes on. */
  key: string;
  text: string;
  /** Since when it is one, epoch ms; null: since it was first seen here. */
  since: number | null;
  /** How long it may last before anybody hears of it, ms. */
  grace: number;
}

const LOOK_EVERY_MS = 2000;
/** Parts that are started again are away for a moment. */
const GRACE_MS = 10_000;
/** So many troubles that began together are spelled out in a call. */
const MOST_IN_ONE = 3;

/** Known since it was first seen here, and told of when it has lasted. */
const standing = (key: string, text: string, grace = GRACE_MS): Trouble => ({ key, text, since: null, grace });

/** What is wrong now, each with its own clock. */
function troubles(p: Pick<AlarmParts, 'config' | 'redisFaults' | 'storeFault'>, health: Health): Trouble[] {
  const { agents, sources, executor, queue } = health;
  const store = p.storeFault();
  const found: Trouble[] = agents.map(a => ({
    key: `agent-${a.host}`,
    text: `No word from the agent on ${a.host} since ${a.seen}: nobody watches its logs.`,
    since: Date.parse(a.seen),
    grace: SILENCE_MS,
  }));
  for (const s of sources)
    if (s.kind === 'server' && s.state !== 'ok' && s.state !== 'catching-up')
      found.push(standing(`source-${s.host}-${s.path}`, `${s.path} on ${s.host}: ${s.why || s.state}.`));
  if (p.config.executor.enabled && agents.length > 0 && !executor.split('; ').every(e => e === 'ok'))
    found.push(standing('executor', `The executor can't act: ${executor}. Nothing approved is run.`));
  if (store !== null)
    found.push(standing('store', `The store can't be written: ${store}. Nothing is counted until it can.`));
  if (!queue.up) found.push(standing('redis', 'Redis does not answer: nothing is counted or run until it is back.'));
  for (const fault of p.redisFaults()) found.push(standing(`redis-${fault}`, `Redis is not safe: ${fault}.`, 0));
  return found;
}

/** Looks every two seconds. @returns the way to stop it */
export function startAlarms(p: AlarmParts): { stop(): void } {
  const alarms = new Alarms(p);
  const timer = setInterval(() => {
    try {
      alarms.look();
    } catch (error) {
      p.log.error({ err: error }, 'alarms could not be looked at');
    }
  }, LOOK_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

type Lasting = Trouble & { since: number };

export class Alarms {
  readonly #p: AlarmParts;
  readonly #started: number;
  /** Since when each trouble that is there was seen. */
  #first = new Map<string, number>();
  /** Since when each of those that people were told of is not there any more; null: it is there. */
  readonly #told: Map<string, number | null>;
  /** Those of them that the store remembers. */
  readonly #kept: Set<string>;

  constructor(parts: AlarmParts) {
    this.#p = parts;
    this.#started = parts.now();
    const kept = alarmsTold(parts.store);
    this.#kept = new Set(kept.keys());
    this.#told = new Map([...kept.keys()].map(key => [key, null]));
  }

  look(): void {
    const now = this.#p.now();
    const health = this.#p.health();
    const all = troubles(this.#p, health);
    const found = all.map((t): Lasting => ({ ...t, since: t.since ?? this.#first.get(t.key) ?? now }));
    this.#first = new Map(found.map(t => [t.key, t.since]));
    const there = all.filter(t => t.since === null || now - t.since >= t.grace).map(t => t.key);
    for (const key of [...this.#told.keys()]) this.#see(key, there.includes(key), now, health);
    // Whoever was away as long as we were gets the same time to come back.
    const lasting = found.filter(t => now - Math.max(t.since, this.#started) >= t.grace && !this.#told.has(t.key));
    for (const { key } of lasting) this.#told.set(key, null);
    if (lasting.length > 0) this.#tell(lasting);
    this.#keep();
  }

  /** What is over for a while, as somebody says who has been asked since the start, would be another trouble. */
  #see(key: string, there: boolean, now: number, { agents, queue }: Health): void {
    const since = there ? null : (this.#told.get(key) ?? now);
    this.#told.set(key, since);
    const [, host] = /^(?:agent|source)-(.*?)(?:-\/.*)?$/s.exec(key) ?? [];
    const asked =
      host === undefined
        ? !key.startsWith('redis') || queue.up
        : agents.some(a => a.host === host && Date.parse(a.seen) > this.#started);
    if (since !== null && asked && now - since >= GRACE_MS) this.#told.delete(key);
  }

  /** What began together is one call. Through the outbox; directly where the store can't be written. */
  #tell(lasting: Lasting[]): void {
    const { store, config, now, log } = this.#p;
    for (const { key, text } of lasting) log.error({ trouble: key, text }, 'alarm');
    const { url } = config.webhook;
    const more = lasting.length - MOST_IN_ONE;
    const text = `${lasting
      .slice(0, MOST_IN_ONE)
      .map(t => t.text)
      .join(' ')}${more > 0 ? ` And ${more} more, on the page.` : ''}`;
    const [{ key, since }] = lasting as [Lasting];
    try {
      store.tx(() => {
        for (const t of lasting) {
          record(store, now(), { actor: 'readmit', what: `alarm: ${t.text}` });
          noteAlarm(store, t.key, t.since);
        }
        if (url) enqueue(store, now(), { key: `alarm-${key}-${since}`, channel: 'webhook', payload: { text } });
      });
      for (const t of lasting) this.#kept.add(t.key);
    } catch (error) {
      log.error({ err: error }, 'alarm could not be stored');
      if (!url) return;
      const both = `${text} And the store can't be written: ${(error as Error).message}.`;
      callWebhook(url, alarmCall(both, { origin: originOf(config) })).catch(cause =>
        log.error({ reason: (cause as Error).message }, 'second channel fails'),
      );
    }
  }

  /** Brings the store up to what people know. One that can't be written is tried again at the next look. */
  #keep(): void {
    const { store } = this.#p;
    const told = [...this.#told.keys()];
    const missing = told.filter(key => !this.#kept.has(key));
    const over = [...this.#kept].filter(key => !this.#told.has(key));
    if (missing.length + over.length === 0) return;
    try {
      store.tx(() => {
        for (const key of missing) noteAlarm(store, key, this.#first.get(key) ?? this.#p.now());
        for (const key of over) forgetAlarm(store, key);
      });
    } catch {
      return;
    }
    for (const key of missing) this.#kept.add(key);
    for (const key of over) this.#kept.delete(key);
  }
}

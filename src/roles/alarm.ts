/**
 * Says on the second channel what keeps Readmit itself from working: an agent that went silent, a log that can't be read,
 * an executor that can't act, a Redis that is away or can lose jobs. Each trouble is told once, when it has lasted.
 */
import { type Config, originOf } from '../config/config.ts';
import type { Health } from '../desk.ts';
import type { Logger } from '../log.ts';
import { alarmCall, callWebhook } from '../notify/webhook.ts';
import { record } from '../store/journal.ts';
import type { Store } from '../store/open.ts';
import { enqueue } from '../store/outbox.ts';

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
/** An agent reports every five seconds. */
const SILENCE_MS = 30_000;
/** Parts that are started again are away for a moment. */
const GRACE_MS = 10_000;

/** Known since it was first seen here, and told of when it has lasted. */
const standing = (key: string, text: string, grace = GRACE_MS): Trouble => ({ key, text, since: null, grace });

/** What is wrong now, each with its own clock. */
function troubles(p: Pick<AlarmParts, 'config' | 'health' | 'redisFaults' | 'storeFault'>): Trouble[] {
  const { agents, sources, executor, queue } = p.health();
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
  const started = p.now();
  const first = new Map<string, number>();
  const told = new Set<string>();
  const look = (): void => {
    const now = p.now();
    const found = troubles(p).map(t => ({ ...t, since: t.since ?? first.get(t.key) ?? now }));
    first.clear();
    for (const { key, since } of found) first.set(key, since);
    // Whoever was away as long as we were gets the same time to come back.
    const lasting = found.filter(t => now - Math.max(t.since, started) >= t.grace);
    for (const key of [...told]) if (!lasting.some(t => t.key === key)) told.delete(key);
    for (const { key, text, since } of lasting) {
      if (told.has(key)) continue;
      told.add(key);
      tell(p, key, text, since);
    }
  };
  const timer = setInterval(() => {
    try {
      look();
    } catch (error) {
      p.log.error({ err: error }, 'alarms could not be looked at');
    }
  }, LOOK_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

/** Through the outbox, which remembers it over a restart; directly where the store can't be written. */
function tell({ store, config, now, log }: AlarmParts, key: string, text: string, since: number): void {
  log.error({ trouble: key, text }, 'alarm');
  const { url } = config.webhook;
  try {
    store.tx(() => {
      const row = { key: `alarm-${key}-${since}`, channel: 'webhook' as const, payload: { text } };
      if (url && !enqueue(store, now(), row)) return;
      record(store, now(), { actor: 'readmit', what: `alarm: ${text}` });
    });
  } catch (error) {
    log.error({ err: error }, 'alarm could not be stored');
    if (!url) return;
    const both = `${text} And the store can't be written: ${(error as Error).message}.`;
    callWebhook(url, alarmCall(both, { origin: originOf(config) })).catch(cause =>
      log.error({ reason: (cause as Error).message }, 'second channel fails'),
    );
  }
}

/**
 * When nobody saw what happened: a log that could not be read, an agent that said nothing. It is written down as it begins
 * and ends, so that a report never takes silence for peace.
 */
import { iso } from '../iso-time.ts';
import type { Logger } from '../log.ts';
import type { ServeMessage } from '../messages.ts';
import type { BlindTime } from '../report/input.ts';
import { blindRows, EVERY_LOG, endBlind, markBlind, openBlind } from '../store/blind.ts';
import { agentRows, saveHealth } from '../store/desk-rows.ts';
import type { Store } from '../store/open.ts';

type Health = Extract<ServeMessage, { name: 'health' }>['data'];

/** An agent reports every five seconds; one that says nothing for so long is silent. */
export const SILENCE_MS = 30_000;
/** A host of which nothing was heard for so long is taken to be no part of the cluster any more. */
export const RETIRED_MS = 30 * 86_400_000;

const LOOK_EVERY_MS = 5000;
const SILENT = 'no word from the agent';

/** What an agent says of itself: how it is, which of its logs it can't read, and that it is there again. */
export function heard(store: Store, now: number, { host, ...said }: Health): void {
  store.tx(() => {
    const last = agentRows(store).find(a => a.host === host);
    const before = Date.parse((last?.health as Partial<Health> | undefined)?.at ?? '');
    // By its own clock: what waited in Redis comes at once.
    const gap = Date.parse(said.at) - before;
    if (gap > SILENCE_MS && gap < RETIRED_MS) markBlind(store, Math.min(before, now), host, EVERY_LOG, SILENT);
    saveHealth(store, now, host, { host, ...said });
    const logs = said.sources.filter(s => s.kind === 'server');
    if (!logs.length) return;
    // What it still catches up on stays as it was: nobody has seen it yet.
    for (const s of logs)
      if (s.state !== 'catching-up') markBlind(store, now, host, s.path, s.state === 'ok' ? null : s.why || s.state);
    if (!said.sources.some(s => s.state === 'catching-up')) markBlind(store, now, host, EVERY_LOG, null);
    // What it names no more it was told not to watch.
    for (const open of openBlind(store, host))
      if (open.path !== EVERY_LOG && !logs.some(s => s.path === open.path)) endBlind(store, now, open);
  });
}

/**
 * Hosts that are silent, since when, and are not noted as such.
 * @param started since when we listen, epoch ms: whoever was away as long as we were gets the time to come back
 */
function unnoted(store: Store, now: number, started: number): { host: string; seen: number }[] {
  const open = openBlind(store).filter(b => b.path === EVERY_LOG);
  return agentRows(store).filter(
    ({ host, seen }) =>
      now - Math.max(seen, started) >= SILENCE_MS && now - seen < RETIRED_MS && !open.some(b => b.host === host),
  );
}

/** Blind times that meet this one, with those that nobody has noted because nobody listens. */
export const blindTimes = (store: Store, now: number, from: number, to: number): BlindTime[] => [
  ...blindRows(store, from, to).map(b => ({
    host: String(b.host),
    source: String(b.path),
    from: iso(Number(b.since)),
    to: b.until === null ? null : iso(Number(b.until)),
    why: String(b.why),
  })),
  ...unnoted(store, now, 0)
    .filter(a => a.seen < to)
    .map(({ host, seen }) => ({ host, source: EVERY_LOG, from: iso(seen), to: null, why: SILENT })),
];

/** Begins the blind time of every host that is silent, and ends those of hosts that are no more. */
export function noticeSilent(store: Store, now: number, started: number): void {
  const silent = unnoted(store, now, started);
  const seen = new Map(agentRows(store).map(a => [a.host, a.seen]));
  const over = openBlind(store).filter(b => now - (seen.get(b.host) ?? 0) >= RETIRED_MS);
  if (!silent.length && !over.length) return;
  store.tx(() => {
    for (const a of silent) markBlind(store, a.seen, a.host, EVERY_LOG, SILENT);
    for (const b of over) endBlind(store, (seen.get(b.host) ?? now - RETIRED_MS) + RETIRED_MS, b);
  });
}

/** Looks every few seconds. @returns the way to stop it */
export function startNoticing({ store, now, log }: { store: Store; now: () => number; log: Logger }): { stop(): void } {
  const started = now();
  const timer = setInterval(() => {
    try {
      noticeSilent(store, now(), started);
    } catch (error) {
      log.error({ err: error }, 'blind times could not be noted');
    }
  }, LOOK_EVERY_MS);
  return { stop: () => clearInterval(timer) };
}

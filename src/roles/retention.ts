/** Lets go of what is older than the site keeps: now and then, in small steps with a pause after each. */
import type { Config } from '../config/config.ts';
import type { Logger } from '../log.ts';
import type { Store } from '../store/open.ts';
import { letGo } from '../store/retention.ts';

const DAY = 86_400_000;
const EVERY_MS = 3_600_000;
const PAUSE_MS = 50;

export function startRetention({
  store,
  config,
  now,
  log,
}: {
  store: Store;
  config: Config;
  now: () => number;
  log: Logger;
}): { stop(): void } {
  const step = (): 'more' | 'done' => {
    try {
      return letGo(store, now() - config.retention.observations * DAY);
    } catch (error) {
      // A full disk, most likely; nothing depends on it.
      log.warn({ reason: (error as Error).message }, 'nothing old could be let go of');
      return 'done';
    }
  };
  let timer: NodeJS.Timeout;
  const on = (): void => {
    timer = setTimeout(on, step() === 'more' ? PAUSE_MS : EVERY_MS);
  };
  timer = setTimeout(on, PAUSE_MS);
  return { stop: () => clearTimeout(timer) };
}

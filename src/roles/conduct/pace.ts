/** How soon an incident is looked at again: often while somebody waits, more rarely the longer it goes on. */
import type { Config } from '../../config/config.ts';
import type { IncidentRecord } from '../../store/incidents.ts';

/** Milliseconds. */
export function recheckMs(config: Config, now: number, i: IncidentRecord): number {
  // What is never healed does not mend itself: a human looks, or a change of config or groups wakes it.
  if (i.state === 'escalated' && (i.kind === 'address' || i.diagnosis?.remedy.kind === 'none'))
    return config.detect.quiet * 1000;
  const age = Math.max(0, now - i.openedMs) / 60_000;
  const pace =
    i.state === 'advised' || i.state === 'open' || i.state === 'propagating' || i.state === 'verifying' ? 1 : 2;
  return Math.min(300_000, config.verify.recheck * 1000 * pace * (1 + age));
}

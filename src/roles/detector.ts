/** The detector as `serve` runs it: the thresholds of the configuration, and what each event means to the site's packs. */
import type { Config } from '../config/config.ts';
import { Clusters } from '../detect/cluster.ts';
import type { Pack } from '../rules/pack.ts';

/** Makes empty clusters. @param packs ours first: what the site's own say of an event takes its place */
export function detector(config: Config, packs: readonly Pack[]): () => Clusters {
  const events = Object.assign({}, ...packs.map(pack => pack.events)) as Pack['events'];
  return () => new Clusters(config.detect, { unit: config.scheduler.unit, events });
}

/**
 * Runs the probes, all at once, each with its own time limit: one that hangs costs its own facts and nothing else.
 */
import type { Fact } from '../diagnosis.ts';
import { derive } from './derive.ts';
import { factMaker, type Ground, messageOf, type Probe, sharedGround } from './ground.ts';
import { GIVEN, PROBES } from './probes.ts';

/** The longest one probe may take (ms), when nobody waits for it at a terminal. */
const PROBE_LIMIT = 2500;

export interface CollectOptions {
  limitMs?: number;
  /** Probes a site has turned off, by name. */
  off?: readonly string[];
  probes?: Readonly<Record<string, Probe>>;
}

/**
 * Every fact about a user, or about the service alone.
 * @param given what the logs and our own history know; never overrides what the system itself answered
 */
export async function collect(
  user: string | null,
  ground: Ground,
  given: readonly Fact[],
  options: CollectOptions = {},
): Promise<Fact[]> {
  const { limitMs = PROBE_LIMIT, off = [], probes = PROBES } = options;
  const shared = sharedGround(ground);
  const asked = await Promise.all(
    Object.values(probes)
      .filter(probe => user !== null || !probe.needsUser)
      .map(probe =>
        off.includes(probe.name)
          ? refuseAll(probe, ground, 'this probe is switched off')
          : within(probe, user, shared, limitMs),
      ),
  );
  const allowed = given.filter(fact => (GIVEN as readonly string[]).includes(fact.fact));
  const { config, system } = ground;
  return derive([...allowed, ...asked.flat().map(bounded)], {
    scheduler: config.scheduler,
    paths: config.paths,
    policy: config.policy,
    system,
    user,
    now: ground.now(),
  });
}

/** Longer values are no facts but somebody's attempt to flood us; what carries facts on refuses them too. */
const LONGEST = { text: 4000, list: 2000 };

function bounded(fact: Fact): Fact {
  const { value } = fact;
  const texts = Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
  const source = fact.source.slice(0, 2000);
  if (texts.length <= LONGEST.list && texts.every(text => text.length <= LONGEST.text)) return { ...fact, source };
  return { ...fact, value: null, known: false, source: `${source}: the answer is too long` };
}

const refuseAll = (probe: Probe, ground: Ground, because: string): Fact[] =>
  probe.facts.map(fact => factMaker(ground).unknown(fact, because));

async function within(probe: Probe, user: string | null, ground: Ground, limitMs: number): Promise<Fact[]> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Fact[]>(resolve => {
    timer = setTimeout(() => resolve(refuseAll(probe, ground, `no answer within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([probe.run({ user }, ground), late]);
  } catch (error) {
    return refuseAll(probe, ground, messageOf(error));
  } finally {
    clearTimeout(timer);
  }
}

/** What stands in somebody's way, of all that is known: the facts an agent answered, our history, and the logs. */
import type { Config } from '../../config/config.ts';
import type { Cause } from '../../diagnose/causes.ts';
import { DERIVED, derive } from '../../diagnose/derive.ts';
import { diagnose } from '../../diagnose/diagnose.ts';
import type { System } from '../../diagnose/system.ts';
import type { Diagnosis, Fact } from '../../diagnosis.ts';
import { letsIn } from '../../remedy/access-model.ts';
import { historyFacts } from '../../store/history.ts';
import type { IncidentRecord } from '../../store/incidents.ts';
import type { Store } from '../../store/open.ts';
import { denialFacts, nothingInTheWay } from './given-facts.ts';

export interface DiagnosingParts {
  store: Store;
  config: Config;
  now: () => number;
  causes: readonly Cause[];
  /** What the pack says of its system, for conclusions from facts. */
  system: System;
}

export class Diagnosing {
  readonly #p: DiagnosingParts;

  constructor(parts: DiagnosingParts) {
    this.#p = parts;
  }

  /** What many share is looked for first; what only the one of them has who was asked about explains nothing. */
  diagnose(i: IncidentRecord, user: string | null, facts: Fact[]): Diagnosis {
    const among = (causes: readonly Cause[]): Diagnosis => {
      const made = diagnose({ user: user ?? i.key, facts, causes, config: { ...this.#p.config, host: i.host } });
      return made.cause === null && letsIn(facts).verdict === 'in'
        ? { ...made, title: nothingInTheWay(made.user) }
        : made;
    };
    if (i.kind !== 'service') return among(this.#p.causes);
    const shared = among(this.#p.causes.filter(c => c.kind !== 'user' && !c.latent));
    return shared.cause === null ? among(this.#p.causes) : shared;
  }

  allFacts(i: IncidentRecord, user: string | null, asked: Fact[]): Fact[] {
    const { store, now, config, system } = this.#p;
    const given = [...historyFacts(store, now(), i.host, user), ...denialFacts(store, now(), i, user, config)];
    // Conclusions are drawn again: the agent had no history to draw them from.
    const raw = asked.filter(f => !(DERIVED as readonly string[]).includes(f.fact));
    return derive([...raw, ...given], {
      scheduler: config.scheduler,
      paths: config.paths,
      policy: config.policy,
      system,
      user,
      now: now(),
    });
  }

  #rule(cause: string): Cause | undefined {
    return this.#p.causes.find(c => c.name === cause);
  }

  /** A cause of the service, or of an address: not of one person alone. One that keeps nobody out is no reason they share. */
  isShared(cause: string | null): boolean {
    return cause !== null && this.#rule(cause)?.kind !== 'user' && !this.isLatent(cause);
  }

  /** Something that will be the matter, and is not yet. */
  isLatent(cause: string | null): boolean {
    return cause !== null && this.#rule(cause)?.latent === true;
  }

  /** Causes beside the first that no plan mends: only the person, or somebody by hand, can. */
  ownMatters(diagnosis: Diagnosis | null): string[] {
    return (diagnosis?.also ?? [])
      .map(a => a.cause)
      .filter(name => !this.isLatent(name) && !('plan' in (this.#rule(name)?.remedy ?? {})));
  }

  /** A cause that keeps one person out, whatever becomes of the service. */
  isOwn(cause: string | null): boolean {
    return cause !== null && !this.isShared(cause) && !this.isLatent(cause);
  }

  /** Has this person a cause of their own, by the last look at them? Mending the service does not mend that. */
  hasOwnCause({ cause, diagnosis }: Pick<IncidentRecord, 'cause' | 'diagnosis'>): boolean {
    return this.isOwn(cause) || this.ownMatters(diagnosis).length > 0;
  }
}

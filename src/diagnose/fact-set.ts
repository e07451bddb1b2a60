/** Facts by name, so that a conclusion can name what it was drawn from: a fact that is not known has no value. Pure. */
import type { Fact, FactValue } from '../diagnosis.ts';

export class FactSet {
  readonly facts: ReadonlyMap<string, Fact>;
  constructor(facts: readonly Fact[]) {
    this.facts = new Map(facts.map(f => [f.fact, f]));
  }
  value(name: string): FactValue | undefined {
    const fact = this.facts.get(name);
    return fact?.known ? fact.value : undefined;
  }
  list(name: string): string[] | undefined {
    const value = this.value(name);
    return Array.isArray(value) ? value : undefined;
  }
  /** Epoch milliseconds of a fact that is a time. */
  time(name: string): number | undefined {
    const value = this.value(name);
    const time = typeof value === 'string' ? Date.parse(value) : Number.NaN;
    return Number.isNaN(time) ? undefined : time;
  }
  source(name: string): string {
    return this.facts.get(name)?.source ?? 'nobody was asked';
  }
}

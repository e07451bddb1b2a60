/** Facts by name, as plans and verdicts read them: a fact that is not known has no value. Pure. */
import type { Fact, FactValue } from '../diagnosis.ts';

export class Facts {
  readonly #facts: ReadonlyMap<string, Fact>;
  constructor(facts: readonly Fact[]) {
    this.#facts = new Map(facts.map(f => [f.fact, f]));
  }
  value(name: string): FactValue | undefined {
    const fact = this.#facts.get(name);
    return fact?.known ? fact.value : undefined;
  }
  list(name: string): string[] | undefined {
    const value = this.value(name);
    return Array.isArray(value) ? value : undefined;
  }
  number(name: string): number | undefined {
    const value = this.value(name);
    return typeof value === 'number' ? value : undefined;
  }
  text(name: string): string | undefined {
    const value = this.value(name);
    return typeof value === 'string' ? value : undefined;
  }
  /** Where the answer came from, or why there is none. */
  source(name: string): string {
    return this.#facts.get(name)?.source ?? 'nobody was asked';
  }
}

/**
 * A rule as it runs: plain data, so that a pack that was checked once can be kept (`cache.ts`). `RuleSpec` in `pack.ts` is
 * how it is written.
 */
import type { EventName, SourceKind } from '../incident.ts';

/** A field of the JSON body, and the template its text must be. */
interface Condition {
  /** The json field of the line, then keys: `['body', 'error']`. */
  path: string[];
  template: string;
}

export interface Rule {
  pack: string;
  name: string;
  log: SourceKind;
  event: EventName;
  /** The template of the whole line. */
  line: string;
  /** Matched in turn, all of them. */
  where: Condition[];
}

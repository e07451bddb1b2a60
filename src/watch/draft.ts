/**
 * A batch before it is sent. While lines are merged into it, and while it waits for its answer, it is numbers in columns;
 * tallies are made as it is sent, a part at a time, so that nobody waits for a quarter of a million of them.
 */
import type { Batch } from '../messages.ts';
import { Merge } from './merge.ts';

/**
 * Rows that serve counts in one go, some ten milliseconds: nobody waits longer for that. A batch of no more is sent whole,
 * with a line of each; a larger one in parts, in which everything of one person stands together, since it lies together
 * in the store too.
 */
const PART = 500;

export type Head = Omit<Batch, 'tallies' | 'part'>;

export class Draft {
  readonly batch: Head;
  readonly merge = new Merge();
  /** The room it takes, in rows. */
  weight = 0;
  /** Steady time, and how often before. */
  sentAt = Number.NEGATIVE_INFINITY;
  tries = 0;
  /** What is sent of it: less, once serve has refused it. */
  goes: 'all' | 'what fits' | 'nothing' = 'all';

  constructor(batch: Head) {
    this.batch = batch;
  }

  get inParts(): boolean {
    return this.merge.size > PART;
  }

  whole(): Batch {
    return { ...this.batch, tallies: this.merge.tallies() };
  }

  *parts(): Generator<Batch> {
    const { batch, merge } = this;
    if (this.goes === 'nothing') {
      const { strange, ...bare } = batch;
      yield { ...bare, tallies: [] };
      return;
    }
    if (!this.inParts) {
      yield this.whole();
      return;
    }
    const rows = merge.ordered();
    const of = Math.ceil(rows.length / PART);
    for (let n = 1; n <= of; n++)
      yield { ...batch, tallies: merge.joined(rows.subarray((n - 1) * PART, n * PART)), part: { n, of } };
  }
}

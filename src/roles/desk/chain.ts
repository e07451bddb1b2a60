/** How far the journal's chain was walked, and whether it held. */
import type { ChainState } from '../../desk.ts';
import { iso } from '../../iso-time.ts';
import { CHAIN_START, type ChainMark, journal, walkChain } from '../../store/journal.ts';
import type { Store } from '../../store/open.ts';

/** Entries that one call looks at, and how long a finished walk counts (ms). */
const CHAIN_STEP = 1000;
const CHAIN_AGAIN = 10 * 60_000;

export class ChainWalk {
  readonly #store: Store;
  #walk: { mark: ChainMark; at: number; bad: ChainState['bad'] } = { mark: CHAIN_START, at: 0, bad: null };

  constructor(store: Store) {
    this.#store = store;
  }

  /** Walks on a little at each call, so that a long chain keeps nobody waiting; begins anew after some minutes. */
  state(now: number): ChainState {
    const newest = journal(this.#store, -1, 1)[0];
    const entries = newest?.seq ?? 0;
    if (!this.#walk.bad) {
      const finished = this.#walk.mark.entries >= entries;
      if (finished && now - this.#walk.at > CHAIN_AGAIN) this.#walk = { mark: CHAIN_START, at: now, bad: null };
      const verdict = walkChain(this.#store, this.#walk.mark, CHAIN_STEP);
      if (verdict.ok) this.#walk.mark = verdict;
      else this.#walk.bad = { seq: verdict.firstBad, why: verdict.why };
      if (this.#walk.at === 0) this.#walk.at = now;
    }
    const { mark, at, bad } = this.#walk;
    return { entries, head: newest?.digest ?? null, verified: mark.entries, at: at ? iso(at) : null, bad };
  }
}

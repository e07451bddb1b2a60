/**
 * Packed rotations that are being written still: how much one will hold nobody can tell, and its last four bytes are no
 * length. With the first line of a log that we know, or none, it is left alone until it is whole.
 */
import type { Allowance } from './packed.ts';
import type { Surveyed } from './survey.ts';

/** So often such a file is looked at again, for so long after it was last written to. */
const AGAIN_MS = 5000;
const GIVEN_UP_MS = 600_000;

export interface Clocks {
  now: () => number;
  /** Milliseconds that only go forward. */
  steady: () => number;
}

export class Unfinished {
  /** Steady time at which all files are looked at again, whatever the live one shows. */
  againAt = Number.POSITIVE_INFINITY;
  /** Those that were read to their end once, as they were then. */
  #whole = new Set<string>();
  #clocks: Clocks;

  constructor(clocks: Clocks) {
    this.#clocks = clocks;
  }

  get any(): boolean {
    return this.againAt < Number.POSITIVE_INFINITY;
  }

  /**
   * The files without those that are unfinished.
   * @param known first lines of the lives that are known
   * @param allowance how much may be unpacked to see it
   * @throws TooMuch
   */
  async without(
    files: readonly Surveyed[],
    known: ReadonlySet<string | null>,
    allowance: Allowance | null,
  ): Promise<Surveyed[]> {
    const whole: Surveyed[] = [];
    const seen = new Set<string>();
    this.againAt = Number.POSITIVE_INFINITY;
    for (const file of files) {
      const state = `${file.key} ${file.stored} ${file.mtime}`;
      const concerned = file.packed !== null && (file.fp === null || known.has(file.fp));
      if (!concerned || this.#whole.has(state) || (await isWhole(file, allowance))) {
        whole.push(file);
        if (concerned) seen.add(state);
      } else if (this.#clocks.now() - file.mtime < GIVEN_UP_MS) this.againAt = this.#clocks.steady() + AGAIN_MS;
    }
    this.#whole = seen;
    return whole;
  }
}

async function isWhole({ packed }: Surveyed, allowance: Allowance | null): Promise<boolean> {
  const own = packed!.allowance;
  packed!.allowance = allowance;
  const whole = await packed!.whole();
  packed!.allowance = own;
  return whole === 'yes';
}

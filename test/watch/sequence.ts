/** Numbers without an order, the same at every run. */

/** @returns asked for a whole number from 0 to below `below`; without that, to below 2²⁴ */
export function sequence(seed: number): (below?: number) => number {
  let state = seed;
  return (below = 1 << 24) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
}

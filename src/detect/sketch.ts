/**
 * How many different texts went by, approximately and in 1 KB (HyperLogLog with 1024 registers, off by about 3 %): what is
 * said of the names that are no longer kept one by one.
 */

const REGISTERS = 1024;
const INDEX_BITS = 10;
// The bias constant of the method for so many registers (Flajolet et al. 2007).
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);

export class Sketch {
  private readonly registers = new Uint8Array(REGISTERS);

  add(text: string): void {
    const hash = mixed(text);
    const index = hash >>> (32 - INDEX_BITS);
    const rank = Math.clz32((hash << INDEX_BITS) | (1 << (INDEX_BITS - 1))) + 1;
    if (rank > this.registers[index]!) this.registers[index] = rank;
  }

  get count(): number {
    let sum = 0;
    let empty = 0;
    for (const rank of this.registers) {
      sum += 2 ** -rank;
      if (rank === 0) empty++;
    }
    const estimate = (ALPHA * REGISTERS * REGISTERS) / sum;
    // With many empty registers, counting those is more exact.
    return Math.round(estimate <= 2.5 * REGISTERS && empty ? REGISTERS * Math.log(REGISTERS / empty) : estimate);
  }
}

/** FNV-1a, then the finisher of MurmurHash3, so that near texts fall far apart. */
function mixed(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

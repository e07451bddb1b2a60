/**
 * Numbers counted by a key of numbers, in two flat arrays: what lines are counted in by the million, where a map of objects
 * would cost a look into memory for every step.
 */

/** Rows of `width` numbers found by their first `keys` numbers: open addressing, doubled when half full. */
export class Table {
  private slots: Int32Array;
  private rows: Int32Array;
  size = 0;
  private readonly keys: number;
  private readonly width: number;

  /** @param room for so many rows at first, a power of two */
  constructor(keys: number, width: number, room = 1 << 11) {
    this.keys = keys;
    this.width = width;
    this.slots = new Int32Array(2 * room);
    this.rows = new Int32Array(room * width);
  }

  /** The row of a key, made with zeros when it is new (`size` grows then). */
  row(a: number, b: number, c: number, d: number): number {
    const { slots, rows, width } = this;
    const mask = slots.length - 1;
    let slot = hash(a, b, c, d) & mask;
    for (;;) {
      const row = slots[slot]! - 1;
      if (row < 0) break;
      const at = row * width;
      if (rows[at] === a && rows[at + 1] === b && rows[at + 2] === c && (this.keys === 3 || rows[at + 3] === d))
        return row;
      slot = (slot + 1) & mask;
    }
    const row = this.size++;
    slots[slot] = row + 1;
    const at = row * width;
    rows[at] = a;
    rows[at + 1] = b;
    rows[at + 2] = c;
    if (this.keys === 4) rows[at + 3] = d;
    if (this.size * 2 >= slots.length) this.grow();
    return row;
  }

  get(row: number, column: number): number {
    return this.rows[row * this.width + column]!;
  }
  set(row: number, column: number, value: number): void {
    this.rows[row * this.width + column] = value;
  }
  add(row: number, column: number, count: number): void {
    this.rows[row * this.width + column]! += count;
  }
  /** All rows, for another thread. */
  data(): Int32Array {
    return this.rows.slice(0, this.size * this.width);
  }

  private grow(): void {
    const rows = new Int32Array(this.rows.length * 2);
    rows.set(this.rows);
    this.rows = rows;
    this.slots = new Int32Array(this.slots.length * 2);
    const mask = this.slots.length - 1;
    for (let row = 0; row < this.size; row++) {
      const at = row * this.width;
      let slot = hash(rows[at]!, rows[at + 1]!, rows[at + 2]!, this.keys === 4 ? rows[at + 3]! : 0) & mask;
      while (this.slots[slot]) slot = (slot + 1) & mask;
      this.slots[slot] = row + 1;
    }
  }
}

function hash(a: number, b: number, c: number, d: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35) ^ Math.imul(d, 0x27d4eb2f);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

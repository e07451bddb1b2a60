/**
 * What one batch holds, merged by key: who, from where, for what, what came of it, and in which hour. A line that is like
 * one before it costs a look into a table of numbers; tallies are made of the rows as they are sent.
 */
import { EVENTS, type ParsedLine, type Tally } from '../incident.ts';
import { Table } from '../table.ts';
import { MOST_ENDPOINTS } from '../tally-pack.ts';

const HOUR = 3_600_000;
/** A file's time can be anything: hours beyond these are one. */
const LAST_HOUR = 100_000_000;
/** From so many addresses and endpoints lines of one person are sent as they stand: an incident shows no more. */
const SAMPLES_OF_ONE = 20;
/** So many characters weigh as much as a row. */
const TEXT_OF_A_ROW = 64;

/** Columns of the table: four that make the key, how many, and whether one of them had no time of its own. */
const [USER, IP, ENDPOINT, WHAT, COUNT, APPROXIMATE, WIDTH] = [0, 1, 2, 3, 4, 5, 6];

/** Each different text once, by a number. */
class Texts {
  readonly texts: (string | null)[] = [];
  characters = 0;
  readonly #numbers = new Map<string | null, number>();

  number(text: string | null): number {
    let number = this.#numbers.get(text);
    if (number === undefined) {
      number = this.texts.push(text) - 1;
      this.#numbers.set(text, number);
      this.characters += text?.length ?? 0;
    }
    return number;
  }
}

export class Merge {
  readonly #table = new Table(4, WIDTH, 16);
  readonly #users = new Texts();
  readonly #addresses = new Texts();
  readonly #endpoints = new Texts();
  /** Of each row. */
  readonly #first: number[] = [];
  readonly #last: number[] = [];
  readonly #offset: number[] = [];
  readonly #samples = new Map<number, string>();
  #sampled = 0;
  /** Rows of each user. */
  readonly #rowsOf: number[] = [];

  /** Its rows, and the room its texts take, in rows. */
  get weight(): number {
    const { characters } = this.#users;
    const texts = characters + this.#addresses.characters + this.#endpoints.characters + this.#sampled;
    return this.#table.size + Math.floor(texts / TEXT_OF_A_ROW);
  }

  /** Different keys so far. */
  get size(): number {
    return this.#table.size;
  }
  /** Everybody it tells of; null where a line named nobody. */
  get users(): readonly (string | null)[] {
    return this.#users.texts;
  }

  /**
   * Counts one line.
   * @param first and `last`: when it may have been written, epoch ms
   * @param approximate that is not its own word, and it was not read as it was written
   * @param offset where it begins in its source
   * @param sample its text, asked for only where it is wanted
   * @returns whether there was none like it
   */
  add(
    line: ParsedLine,
    first: number,
    last: number,
    approximate: boolean,
    offset: number,
    sample: (line: ParsedLine) => string,
  ): boolean {
    const user = this.#users.number(line.user);
    const hour = Math.min(LAST_HOUR, Math.max(0, Math.floor(last / HOUR)));
    const what = (hour * EVENTS.length + EVENTS.indexOf(line.event)) * 2 + (line.selfReported ? 1 : 0);
    const table = this.#table;
    const row = table.row(user, this.#addresses.number(line.ip), this.#endpoints.number(line.endpoint), what);
    table.add(row, COUNT, 1);
    if (approximate) table.set(row, APPROXIMATE, 1);
    if (row < this.#first.length) {
      if (first < this.#first[row]!) this.#first[row] = first;
      if (last > this.#last[row]!) this.#last[row] = last;
      return false;
    }
    this.#first.push(first);
    this.#last.push(last);
    this.#offset.push(offset);
    const rows = this.#rowsOf[user] ?? 0;
    this.#rowsOf[user] = rows + 1;
    if (rows < SAMPLES_OF_ONE) {
      const text = sample(line);
      this.#samples.set(row, text);
      this.#sampled += text.length;
    }
    return true;
  }

  /** One tally of each row, in the order in which they were met. */
  tallies(): Tally[] {
    return Array.from({ length: this.size }, (_, row) => this.#tally(row));
  }

  /** The rows, all of one person together, and of one address within. */
  ordered(): Int32Array {
    const rows = new Int32Array(this.size);
    for (let row = 0; row < rows.length; row++) rows[row] = row;
    return this.#sorted(this.#sorted(rows, IP, this.#addresses), USER, this.#users);
  }

  /**
   * By counting: two steps for every row, however many there are; equals keep their order. Lines that are written now wait
   * for it, so it is plain loops over a column of its own: a quarter of a million rows in ten milliseconds.
   */
  #sorted(rows: Int32Array, column: number, { texts }: Texts): Int32Array {
    const keys = new Int32Array(rows.length);
    const places = new Int32Array(texts.length + 1);
    for (let row = 0; row < keys.length; row++) {
      const key = this.#table.get(row, column);
      keys[row] = key;
      places[key + 1]!++;
    }
    for (let n = 1; n < places.length; n++) places[n]! += places[n - 1]!;
    const out = new Int32Array(rows.length);
    for (let n = 0; n < rows.length; n++) {
      const row = rows[n]!;
      out[places[keys[row]!]!++] = row;
    }
    return out;
  }

  /** Tallies of ordered rows: one for everything that is the same but for the endpoint. */
  joined(rows: Int32Array): Tally[] {
    const out: Tally[] = [];
    /** Of the person and address that the last row was of. */
    let open: { what: number; tally: Tally }[] = [];
    let [user, ip] = [-1, -1];
    for (const row of rows) {
      const table = this.#table;
      if (table.get(row, USER) !== user || table.get(row, IP) !== ip) {
        [user, ip, open] = [table.get(row, USER), table.get(row, IP), []];
      }
      const what = table.get(row, WHAT);
      const same = open.find(o => o.what === what && (o.tally.endpoints?.length ?? 1) < MOST_ENDPOINTS);
      const tally = this.#tally(row);
      if (same) join(same.tally, tally);
      else {
        open.push({ what, tally });
        out.push(tally);
      }
    }
    return out;
  }

  #tally(row: number): Tally {
    const table = this.#table;
    const what = table.get(row, WHAT);
    return {
      event: EVENTS[(what >> 1) % EVENTS.length]!,
      user: this.#users.texts[table.get(row, USER)]!,
      ip: this.#addresses.texts[table.get(row, IP)]!,
      endpoint: this.#endpoints.texts[table.get(row, ENDPOINT)]!,
      account: 'unknown',
      count: table.get(row, COUNT),
      first: this.#first[row]!,
      last: this.#last[row]!,
      approximate: table.get(row, APPROXIMATE) === 1,
      selfReported: (what & 1) === 1,
      sample: this.#samples.get(row) ?? '',
      offset: this.#offset[row]!,
    };
  }
}

function join(into: Tally, other: Tally): void {
  into.endpoints ??= [[into.endpoint, into.count]];
  into.endpoints.push([other.endpoint, other.count]);
  into.count += other.count;
  if (other.last > into.last) into.endpoint = other.endpoint;
  into.first = Math.min(into.first, other.first);
  into.last = Math.max(into.last, other.last);
  into.approximate ||= other.approximate;
  into.sample ||= other.sample;
}

/**
 * What a scan counts, as numbers in flat tables: denials by user, address and endpoint, and at which time things happened
 * for the detector's replay. One thread has one; a second thread's is added to the first's at the end.
 */
import { EVENTS } from '../../incident.ts';
import type { LineParser } from '../../rules/parser.ts';
import { Table } from '../../table.ts';

/** A number for each of a growing set of small numbers. */
class Column {
  values = new Float64Array(256).fill(Number.NaN);
  get(at: number): number {
    return at < this.values.length ? this.values[at]! : Number.NaN;
  }
  set(at: number, value: number): void {
    if (at >= this.values.length) {
      const larger = new Float64Array(Math.max(at + 1, this.values.length * 2)).fill(Number.NaN);
      larger.set(this.values);
      this.values = larger;
    }
    this.values[at] = value;
  }
  least(at: number, value: number): void {
    if (!(this.get(at) <= value)) this.set(at, value);
  }
  most(at: number, value: number): void {
    if (!(this.get(at) >= value)) this.set(at, value);
  }
}

/** What one thread tells another. */
export interface Counts {
  lines: number;
  unparsed: number;
  observations: number[];
  names: { users: string[]; addresses: string[]; endpoints: string[] };
  denials: Int32Array;
  seen: Float64Array;
  moments: Int32Array;
  step: number;
  first: Float64Array;
  last: Float64Array;
}

// So many moments are kept apart; then they are joined into longer ones.
const MOST_MOMENTS = 1 << 19;
const STEPS = [1, 60, 3600, 86_400, 2_592_000];
const CLIENT = 1;

export class Counter {
  readonly parser: LineParser;
  lines = 0;
  unparsed = 0;
  readonly observations = new Array<number>(EVENTS.length).fill(0);
  /** user, address, endpoint * 2 + (1: a client said it) → count. */
  readonly denials = new Table(3, 4);
  /** Where each row of `denials` was first seen; for the untimed, the order of the replay. */
  readonly seen = new Column();
  /** user, address, event * 2 + client, start of the moment in seconds (0: no time) → count. */
  moments = new Table(4, 5);
  /** How long a moment is, in seconds. */
  step = 1;
  /** Times of each user's denials. */
  readonly first = new Column();
  readonly last = new Column();
  private readonly latest: number;
  private readonly denied = EVENTS.indexOf('denied');
  /** Of each rule: the number of its event, and whether a client writes it. */
  private readonly eventOf: Uint8Array;
  private readonly clientOf: Uint8Array;
  private readonly opensNothing = Uint8Array.from(EVENTS, event =>
    event === 'succeeded' || event === 'error' ? 1 : 0,
  );

  /** @param latest times later than this (epoch ms) are taken for none: clients write what they like */
  constructor(parser: LineParser, latest: number) {
    this.parser = parser;
    this.latest = latest;
    this.eventOf = Uint8Array.from(parser.rules, rule => EVENTS.indexOf(rule.event));
    this.clientOf = Uint8Array.from(parser.rules, rule => (rule.log === 'client' ? CLIENT : 0));
  }

  /** Counts the complete lines in the search's text; `offset` is where that text stands in the whole input. */
  count(from: number, to: number, offset: number): void {
    const { parser } = this;
    const { search } = parser;
    search.find(from, to);
    this.lines += search.lines;
    for (let n = 0; n < search.found; n++) {
      const taken = parser.takeFound(n, null);
      if (taken === 'taken') this.observe(offset + search.start(n));
      else if (taken !== 'none') this.unparsed++;
    }
  }

  private observe(offset: number): void {
    const { parser } = this;
    const event = this.eventOf[parser.rule]!;
    this.observations[event]!++;
    if (this.opensNothing[event] === 1) return;
    const client = this.clientOf[parser.rule]!;
    const { time } = parser;
    const timed = time > 0 && time <= this.latest;
    if (event === this.denied) {
      const row = this.denials.row(parser.user, parser.ip, parser.endpoint * 2 + client, 0);
      if (this.denials.get(row, 3) === 0) this.seen.set(row, offset);
      this.denials.add(row, 3, 1);
      if (!timed) return;
      this.first.least(parser.user, time);
      this.last.most(parser.user, time);
    }
    this.moment(parser.user, parser.ip, event * 2 + client, timed ? Math.floor(time / 1000) : 0, 1);
  }

  private moment(user: number, ip: number, what: number, second: number, count: number): void {
    this.moments.add(this.moments.row(user, ip, what, (second - (second % this.step)) | 0), 4, count);
    if (this.moments.size < MOST_MOMENTS || this.step === STEPS.at(-1)) return;
    this.lengthen(STEPS[STEPS.indexOf(this.step) + 1]!);
  }

  /** Joins moments into longer ones. */
  private lengthen(step: number): void {
    const old = this.moments;
    this.moments = new Table(4, 5);
    this.step = step;
    for (let row = 0; row < old.size; row++) {
      const second = old.get(row, 3) >>> 0;
      this.moments.add(
        this.moments.row(old.get(row, 0), old.get(row, 1), old.get(row, 2), (second - (second % step)) | 0),
        4,
        old.get(row, 4),
      );
    }
  }

  result(): Counts {
    const { users, addresses, endpoints } = this.parser.vocabulary;
    return {
      lines: this.lines,
      unparsed: this.unparsed,
      observations: this.observations,
      names: { users: users.texts, addresses: addresses.texts, endpoints: endpoints.texts },
      denials: this.denials.data(),
      seen: this.seen.values.slice(0, this.denials.size),
      moments: this.moments.data(),
      step: this.step,
      first: this.first.values.slice(0, users.texts.length),
      last: this.last.values.slice(0, users.texts.length),
    };
  }

  /** Adds what another thread counted. */
  add(other: Counts): void {
    const { users, addresses, endpoints } = this.parser.vocabulary;
    const [user, ip, endpoint] = [
      other.names.users.map(n => users.of(n)),
      other.names.addresses.map(n => addresses.of(n)),
      other.names.endpoints.map(n => endpoints.of(n)),
    ];
    this.lines += other.lines;
    this.unparsed += other.unparsed;
    other.observations.forEach((n, i) => {
      this.observations[i]! += n;
    });
    const d = other.denials;
    for (let row = 0, at = 0; at < d.length; row++, at += 4) {
      const mine = this.denials.row(
        user[d[at]!]!,
        ip[d[at + 1]!]!,
        endpoint[d[at + 2]! >> 1]! * 2 + (d[at + 2]! & 1),
        0,
      );
      this.denials.add(mine, 3, d[at + 3]!);
      this.seen.least(mine, other.seen[row]!);
    }
    while (this.step < other.step) this.lengthen(STEPS[STEPS.indexOf(this.step) + 1]!);
    const m = other.moments;
    for (let at = 0; at < m.length; at += 5)
      this.moment(user[m[at]!]!, ip[m[at + 1]!]!, m[at + 2]!, m[at + 3]! >>> 0, m[at + 4]!);
    other.first.forEach((time, i) => {
      if (!Number.isNaN(time)) this.first.least(user[i]!, time);
    });
    other.last.forEach((time, i) => {
      if (!Number.isNaN(time)) this.last.most(user[i]!, time);
    });
  }
}

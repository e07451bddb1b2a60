/**
 * What a scan says: one JSON document, or tables for a person. Both are made of the same rows, sorted by count, then by
 * name, by code unit. A scan can have a hundred thousand pairs: they stay numbers until they are written.
 */
import { EVENTS } from '../../incident.ts';
import { Table } from '../../table.ts';
import { visible } from '../../visible.ts';
import type { Counter } from './count.ts';
import type { FoundIncident } from './replay.ts';

export interface PairRow {
  user: string;
  ip: string | null;
  count: number;
  endpoints: [string, number][];
  selfReported: boolean;
}

export interface ScanResult {
  lines: number;
  bytes: number;
  unparsed: number;
  observations: Record<string, number>;
  users: {
    user: string;
    count: number;
    addresses: number;
    first: string | null;
    last: string | null;
    selfReported?: true;
  }[];
  addresses: { ip: string; count: number; users: number }[];
  /** Made one at a time. */
  pairs: { length: number; at(i: number): PairRow; json(): Iterable<string> };
  incidents: FoundIncident[];
}

/** The place of each name in their order by code unit. */
function ranks(names: readonly string[]): Int32Array {
  const order = Array.from(names, (_, i) => i).sort((a, b) =>
    names[a]! < names[b]! ? -1 : names[a]! > names[b]! ? 1 : 0,
  );
  const rank = new Int32Array(names.length);
  order.forEach((id, place) => {
    rank[id] = place;
  });
  return rank;
}

/** From the counter's numbers to rows. */
export function scanResult(counter: Counter, bytes: number, incidents: FoundIncident[]): ScanResult {
  const { users, addresses } = counter.parser.vocabulary;
  const pairs = new Pairs(counter);
  const byUser = users.texts.map(() => ({ count: 0, addresses: 0, server: false }));
  const byAddress = addresses.texts.map(() => ({ count: 0, users: 0 }));
  const met = new Table(3, 3);
  pairs.each((user, ip, client, count) => {
    const of = byUser[user]!;
    of.count += count;
    of.server ||= !client;
    byAddress[ip]!.count += count;
    const known = met.size;
    if (met.row(user, ip, 0, 0) < known) return;
    if (ip) of.addresses++;
    if (user) byAddress[ip]!.users++;
  });
  const iso = (time: number): string | null => (Number.isNaN(time) ? null : new Date(time).toISOString());
  const order = (counts: { count: number }[], rank: Int32Array): number[] =>
    counts
      .map((_, id) => id)
      .filter(id => id > 0 && counts[id]!.count > 0)
      .sort((a, b) => counts[b]!.count - counts[a]!.count || rank[a]! - rank[b]!);
  return {
    lines: counter.lines,
    bytes,
    unparsed: counter.unparsed,
    observations: Object.fromEntries(
      EVENTS.map((event, i) => [event, counter.observations[i]!] as const).filter(
        ([event, n]) => n > 0 || event === 'denied',
      ),
    ),
    users: order(byUser, pairs.userRank).map(id => ({
      user: users.texts[id]!,
      count: byUser[id]!.count,
      addresses: byUser[id]!.addresses,
      first: iso(counter.first.get(id)),
      last: iso(counter.last.get(id)),
      ...(byUser[id]!.server ? {} : { selfReported: true as const }),
    })),
    addresses: order(byAddress, pairs.ipRank).map(id => ({ ip: addresses.texts[id]!, ...byAddress[id]! })),
    pairs,
    incidents,
  };
}

const [USER, IP, CLIENT, COUNT, FIRST_ROW] = [0, 1, 2, 3, 4];

/** Rows by user and address; what a client said of itself stands apart from what the scheduler said. */
class Pairs {
  readonly userRank: Int32Array;
  readonly ipRank: Int32Array;
  readonly length: number;
  private readonly table = new Table(3, 5);
  /** Of each row of the counter's denials, the next one of its pair (plus one). */
  private readonly next: Int32Array;
  private readonly order: Uint32Array;
  private readonly counter: Counter;
  private readonly endpointRank: Int32Array;

  constructor(counter: Counter) {
    const { denials, parser } = counter;
    const { table } = this;
    this.counter = counter;
    this.userRank = ranks(parser.vocabulary.users.texts);
    this.ipRank = ranks(parser.vocabulary.addresses.texts);
    this.endpointRank = ranks(parser.vocabulary.endpoints.texts);
    this.next = new Int32Array(denials.size);
    for (let row = 0; row < denials.size; row++) {
      const pair = table.row(denials.get(row, 0), denials.get(row, 1), denials.get(row, 2) & 1, 0);
      table.add(pair, COUNT, denials.get(row, 3));
      const before = table.get(pair, FIRST_ROW);
      this.next[row] = before;
      table.add(pair, FIRST_ROW, row + 1 - before);
    }
    const { userRank, ipRank } = this;
    this.order = Uint32Array.from({ length: table.size }, (_, i) => i)
      .filter(i => table.get(i, USER) > 0)
      .sort(
        (a, b) =>
          table.get(b, COUNT) - table.get(a, COUNT) ||
          userRank[table.get(a, USER)]! - userRank[table.get(b, USER)]! ||
          ipRank[table.get(a, IP)]! - ipRank[table.get(b, IP)]!,
      );
    this.length = this.order.length;
  }

  each(take: (user: number, ip: number, client: boolean, count: number) => void): void {
    const { table } = this;
    for (let i = 0; i < table.size; i++)
      take(table.get(i, USER), table.get(i, IP), table.get(i, CLIENT) === 1, table.get(i, COUNT));
  }

  /** The rows of the i-th pair that have an endpoint, the greatest first. */
  private rows(i: number): number[] {
    const { counter, endpointRank } = this;
    const rows: number[] = [];
    for (let row = this.table.get(this.order[i]!, FIRST_ROW); row > 0; row = this.next[row - 1]!)
      if (this.endpointOf(row - 1)) rows.push(row - 1);
    const before = (a: number, b: number): boolean => {
      const [m, n] = [counter.denials.get(a, 3), counter.denials.get(b, 3)];
      return m > n || (m === n && endpointRank[this.endpointOf(a)]! < endpointRank[this.endpointOf(b)]!);
    };
    // Mostly there are a few: sorted where they stand.
    if (rows.length > 16) return rows.sort((a, b) => (before(a, b) ? -1 : 1));
    for (let at = 1; at < rows.length; at++)
      for (let k = at; k > 0 && before(rows[k]!, rows[k - 1]!); k--) [rows[k], rows[k - 1]] = [rows[k - 1]!, rows[k]!];
    return rows;
  }

  private endpointOf(row: number): number {
    return this.counter.denials.get(row, 2) >> 1;
  }

  at(i: number): PairRow {
    const { table, counter } = this;
    const { users, addresses, endpoints } = counter.parser.vocabulary;
    const pair = this.order[i]!;
    const ip = table.get(pair, IP);
    return {
      user: users.texts[table.get(pair, USER)]!,
      ip: ip ? addresses.texts[ip]! : null,
      count: table.get(pair, COUNT),
      endpoints: this.rows(i).map(row => [endpoints.texts[this.endpointOf(row)]!, counter.denials.get(row, 3)]),
      selfReported: table.get(pair, CLIENT) === 1,
    };
  }

  /** All of them as JSON, in pieces. A name stands there a hundred thousand times, but is quoted once. */
  *json(): Generator<string> {
    const { table, counter } = this;
    const { vocabulary } = counter.parser;
    const users = vocabulary.users.texts.map(name => `{"user":${JSON.stringify(name)},"ip":`);
    const addresses = vocabulary.addresses.texts.map((ip, id) => `${id ? JSON.stringify(ip) : 'null'},"count":`);
    const endpoints = vocabulary.endpoints.texts.map(path => `${JSON.stringify(path)}:`);
    let piece = '';
    for (let i = 0; i < this.length; i++) {
      const pair = this.order[i]!;
      if (i) piece += ',';
      piece += `${users[table.get(pair, USER)]!}${addresses[table.get(pair, IP)]!}${table.get(pair, COUNT)},"endpoints":{`;
      const rows = this.rows(i);
      for (let k = 0; k < rows.length; k++)
        piece += `${k ? ',' : ''}${endpoints[this.endpointOf(rows[k]!)]!}${counter.denials.get(rows[k]!, 3)}`;
      piece += table.get(pair, CLIENT) ? '},"selfReported":true}' : '}}';
      if (piece.length < 1 << 18) continue;
      yield piece;
      piece = '';
    }
    yield piece;
  }
}

/** The JSON document, in pieces. */
export function* scanJson(result: ScanResult): Generator<string> {
  const { pairs, incidents, ...head } = result;
  yield `${JSON.stringify(head).slice(0, -1)},"pairs":[`;
  yield* pairs.json();
  yield `],"incidents":${JSON.stringify(incidents)}}\n`;
}

const SHOWN = 15;

/** The same for a person: totals, the greatest rows of each table, the incidents. */
export function scanText(result: ScanResult): string {
  const { lines, bytes, unparsed, observations, users, addresses, pairs, incidents } = result;
  const events = Object.entries(observations).map(([event, n]) => `${n.toLocaleString('en')} ${event}`);
  const shown = Array.from({ length: Math.min(SHOWN, pairs.length) }, (_, i) => pairs.at(i));
  return [
    `${lines.toLocaleString('en')} lines, ${bytes.toLocaleString('en')} bytes: ${events.join(', ')}; ${unparsed.toLocaleString('en')} unparsed`,
    ...table(
      'USER',
      ['denials', 'addresses', 'last'],
      users.map(u => [u.user + (u.selfReported ? ' (own log only)' : ''), u.count, u.addresses, u.last ?? '-']),
    ),
    ...table(
      'ADDRESS',
      ['denials', 'users'],
      addresses.map(a => [a.ip, a.count, a.users]),
    ),
    ...table(
      'USER AND ADDRESS',
      ['denials', 'endpoints'],
      shown.map(p => [
        `${p.user} ${p.ip ?? '(own log)'}`,
        p.count,
        p.endpoints.map(([e, n]) => `${e} ${n}`).join(', '),
      ]),
      pairs.length,
    ),
    ...table(
      'INCIDENTS THAT WOULD OPEN',
      ['denials'],
      incidents.map(i => [`${i.kind} ${i.key}`, i.count]),
    ),
    '',
  ].join('\n');
}

type Cell = string | number;

function table(title: string, heads: string[], rows: Cell[][], total = rows.length): string[] {
  if (!rows.length) return [];
  const shown = rows.slice(0, SHOWN);
  const text = [[title, ...heads], ...shown].map(row =>
    row.map(cell => (typeof cell === 'number' ? cell.toLocaleString('en') : visible(cell))),
  );
  const widths = text[0]!.map((_, column) => Math.max(...text.map(row => row[column]!.length)));
  const aligned = (cell: string, column: number): string =>
    typeof shown[0]![column] === 'number' ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!);
  const more = total > SHOWN ? [`… and ${(total - SHOWN).toLocaleString('en')} more (--json has all)`] : [];
  return ['', ...text.map(row => row.map(aligned).join('  ').trimEnd()), ...more];
}

/** What the pages read: sums that agree with the event store however they were made, and lists that go on where they stopped. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IncidentRow } from '../../src/desk.ts';
import type { Tally } from '../../src/incident.ts';
import { release } from '../../src/roles/conduct/gathering.ts';
import { readingOnly } from '../../src/roles/desk/acts.ts';
import { StoreDesk } from '../../src/roles/desk/desk.ts';
import { Counting } from '../../src/store/counting.ts';
import { blockedPeople, incidentLines } from '../../src/store/incident-lines.ts';
import { incident, liveIncidents, move, openIncident } from '../../src/store/incidents.ts';
import { CHAIN_START, record, verifyJournal, walkChain } from '../../src/store/journal.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { addressRows, blockedOf, personRows, placesOf, sumsOf } from '../../src/store/people.ts';
import { denialsByHour, fold, hoursByIncident, places, seenSince } from '../../src/store/seen.ts';
import { blockedBy } from '../../src/web/pages/now.ts';
import { fillStore } from '../bench/fill-store.ts';
import { aDenial } from '../detect/a-tally.ts';

const HOUR = 3_600_000;
const NOON = Date.parse('2026-11-23T12:00:00Z');
let dir: string;
let store: Store;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-seen-'));
  store = openStore(join(dir, 'readmit.db'));
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

const told = (more: Partial<Tally> & { fresh?: number }, incident: string | null = null): void => {
  const { fresh, ...rest } = more;
  const tally = aDenial(NOON, { ip: '10.0.0.1', ...rest });
  const counting = new Counting(store, NOON, 'head', { id: 'src', path: '/log' });
  counting.take(tally, fresh ?? tally.count, incident);
  counting.settle();
};
const folded = (): void => {
  while (fold(store) === 'behind');
};
const desk = (): StoreDesk => new StoreDesk(store, () => NOON, { ...readingOnly(() => 0), fold: folded }, '1');

describe('the sums', () => {
  it('count each denial once, and its address though the client told of it first', () => {
    told({ ip: null, selfReported: true });
    told({ fresh: 0 });
    told({ user: 'bob', count: 3, last: NOON - 2 * HOUR, first: NOON - 2 * HOUR });
    folded();
    expect(personRows(store, { account: 'user', limit: 9 }).map(p => [p.name, p.count])).toEqual([
      ['alice', 1],
      ['bob', 3],
    ]);
    expect(places(store, NOON - 3 * HOUR).map(c => [c.user, c.ip, c.count])).toEqual([
      ['bob', '10.0.0.1', 3],
      ['alice', '10.0.0.1', 1],
    ]);
    expect(places(store, NOON - HOUR).map(c => c.user)).toEqual(['alice']);
    expect(denialsByHour(store, NOON - 3 * HOUR).reduce((n, p) => n + p.count, 0)).toBe(4);
    expect(denialsByHour(store, NOON - 3 * HOUR, { ip: '10.0.0.1' }).map(p => Number(p.count))).toEqual([3, 1]);
  });

  it('are the same whether they are made at once or bit by bit', () => {
    for (let n = 0; n < 50; n++) {
      told({ user: `u${n % 7}`, ip: `10.0.0.${n % 5}`, last: NOON + n * 60_000 });
      if (n % 3 === 0) fold(store);
    }
    folded();
    fold(store);
    const direct = store.all<{ user: string; n: number }>(
      "SELECT user, sum(fresh) AS n FROM observation WHERE event = 'denied' GROUP BY user ORDER BY user",
    );
    const sums = store.all<{ user: string; n: number }>('SELECT name AS user, count AS n FROM person ORDER BY name');
    expect(sums).toEqual(direct);
    expect(Number(store.get<{ n: number }>('SELECT sum(count) AS n FROM place')!.n)).toBe(50);
  });

  it('tell people from names nobody has', () => {
    told({});
    told({ user: 'oracle', account: 'unknown' });
    told({ user: 'daemon', account: 'system' });
    folded();
    expect(seenSince(store, NOON - HOUR)).toEqual({ people: 1, names: 2, addresses: 1 });
    expect(
      personRows(store, { account: 'other', limit: 9 })
        .map(p => p.name)
        .sort(),
    ).toEqual(['daemon', 'oracle']);
  });

  it('of a large store agree with its event store', () => {
    fillStore(store, { incidents: 120, denials: 4000, users: 300 }, NOON);
    const count = (sql: string): number => Number(store.get<{ n: number }>(sql)!.n);
    expect(count('SELECT sum(count) AS n FROM person')).toBe(4000);
    expect(count('SELECT sum(count) AS n FROM place')).toBe(4000);
    expect(count('SELECT sum(count) AS n FROM incident_hour')).toBe(4000);
    expect(count('SELECT sum(count) AS n FROM line_hour')).toBe(4000);
    expect(verifyJournal(store)).toMatchObject({ ok: true });
  });
});

describe('an incident of many that turns out to be one of each', () => {
  const open = (kind: 'service' | 'user', key: string) =>
    openIncident(store, NOON, { kind, key, host: 'head', event: 'denied', because: 'test', held: false });

  it('hands each their denials, by the hour too, whether they were summed before or not', () => {
    const many = open('service', 'claw-scheduler');
    told({ user: 'alice', count: 2 }, many.id);
    told({ user: 'bob', count: 3 }, many.id);
    folded();
    told({ user: 'alice', count: 4 }, many.id);
    store.tx(() => release(store, NOON, incident(store, many.id)));
    folded();
    const counts = new Map(hoursByIncident(store, NOON - HOUR).map(h => [h.incident, h.count]));
    const own = liveIncidents(store).filter(i => i.kind === 'user');
    expect(Object.fromEntries(own.map(i => [i.key, [i.count, counts.get(i.id)]]))).toEqual({
      alice: [6, 6],
      bob: [3, 3],
    });
    expect(counts.has(many.id)).toBe(false);
  });
});

describe('the lists', () => {
  it('go on where they stopped, also among those denied in the same moment', () => {
    for (let n = 0; n < 25; n++)
      told({ user: `u${String(n).padStart(2, '0')}`, ip: `10.0.0.${n}`, last: NOON - (n % 3) * 1000 });
    folded();
    const d = desk();
    const read: string[] = [];
    for (let after: string | null = null; ; ) {
      const page = d.people({ account: 'user', after, limit: 4 });
      read.push(...page.rows.map(r => r.name));
      if (!page.next) break;
      after = page.next;
    }
    expect(read).toHaveLength(25);
    expect(new Set(read).size).toBe(25);
    const addresses: string[] = [];
    for (let after: string | null = null; ; ) {
      const page = d.addresses({ after, limit: 7 });
      addresses.push(...page.rows.map(r => r.ip));
      if (!page.next) break;
      after = page.next;
    }
    expect(new Set(addresses).size).toBe(25);
    expect(d.people({ account: 'user', q: 'u0', limit: 50 }).rows).toHaveLength(10);
    expect(d.people({ account: 'user', q: '%', limit: 50 }).rows).toEqual([]);
    expect(d.people({ account: 'user', after: 'nonsense', limit: 50 }).rows).toHaveLength(25);
  });

  it('count who was refused from an address, and from where a person was', () => {
    told({});
    told({ user: 'bob', count: 2 });
    told({ ip: '10.0.0.2', last: NOON - HOUR });
    folded();
    expect(addressRows(store, NOON - 2 * HOUR, { limit: 9 }).map(a => [a.ip, a.names, a.count])).toEqual([
      ['10.0.0.1', 2, 3],
      ['10.0.0.2', 1, 1],
    ]);
    expect(placesOf(store, { ip: '10.0.0.1' }, NOON - 2 * HOUR).map(p => [p.user, p.count])).toEqual([
      ['bob', 2],
      ['alice', 1],
    ]);
    expect(sumsOf(store, ['alice', 'bob'], NOON - 2 * HOUR).get('alice')).toEqual({ count: 2, addresses: 2 });
  });
});

describe('who can’t work', () => {
  const opened = (kind: 'user' | 'service', key: string): string =>
    openIncident(store, NOON, { kind, key, host: 'head', event: 'denied', because: 'test', held: false }).id;

  it('counts each person once, however many incidents they are in', () => {
    const own = opened('user', 'alice');
    const service = opened('service', 'claw-scheduler');
    told({}, own);
    told({}, service);
    told({ user: 'bob' }, service);
    told({ user: 'oracle', account: 'unknown' }, service);
    expect(blockedPeople(store)).toEqual({ people: 2, helped: 0 });
    move(store, NOON, own, 'open', 'resolved', { actor: 'readmit', what: 'test' });
    move(store, NOON, service, 'open', 'proposed', { actor: 'readmit', what: 'test' });
    expect(blockedPeople(store)).toEqual({ people: 2, helped: 2 });
  });
});

describe('a name without an account', () => {
  const opened = (key: string): string =>
    openIncident(store, NOON, { kind: 'user', key, host: 'head', event: 'denied', because: 'test', held: false }).id;

  it('is nobody who can’t work: not in the headline, not in its row, not in the list of names', () => {
    told({}, opened('alice'));
    for (let n = 0; n < 3; n++) told({ user: 'no.such.person', account: 'unknown' }, opened('no.such.person'));
    told({ user: 'daemon', account: 'system' }, opened('daemon'));
    expect(blockedPeople(store)).toEqual({ people: 1, helped: 0 });
    expect(new Map(incidentLines(store, { live: true }).map(i => [i.key, i.ofSomebody]))).toEqual(
      new Map([
        ['alice', true],
        ['no.such.person', false],
        ['daemon', false],
      ]),
    );
    expect([...blockedOf(store, ['alice', 'no.such.person', 'daemon']).keys()]).toEqual(['alice']);
    expect(blockedBy({ ...ROW, ofSomebody: false })).toBe(0);
    expect(blockedBy(ROW)).toBe(1);
  });
});

const ROW = { kind: 'user', state: 'open', users: 1, marks: [] } as unknown as IncidentRow;

describe('handing over', () => {
  const person = { name: 'root-ann', uid: 1, roles: ['administrator'], since: NOON };

  it('goes through the one door, names who takes it, and can be given back', () => {
    const { id } = openIncident(store, NOON, {
      kind: 'user',
      key: 'alice',
      host: 'head',
      event: 'denied',
      because: 'test',
      held: false,
    });
    const d = desk();
    expect(d.handOver(person, id, 'root-ben', 'knows her')).toMatchObject({ state: 'escalated', takenBy: 'root-ben' });
    expect(d.show(id).next).toContain('root-ben has taken it over');
    expect(d.show(id).history.at(-1)).toMatchObject({ who: 'root-ann', what: 'handed over to root-ben: knows her' });
    expect(d.handOver(person, id, null, '')).toMatchObject({ takenBy: null });
    expect(() => d.handOver(person, id, null, '')).toThrow(/nobody/);
    expect(() => d.handOver(person, id, '  ', '')).toThrow(/who/);
  });

  it('is refused from the middle of a run', () => {
    const { id } = openIncident(store, NOON, {
      kind: 'user',
      key: 'alice',
      host: 'head',
      event: 'denied',
      because: 'test',
      held: false,
    });
    move(store, NOON, id, 'open', 'proposed', { actor: 'readmit', what: 'test' });
    move(store, NOON, id, 'proposed', 'approved', { actor: 'readmit', what: 'test' });
    expect(() => desk().handOver(person, id, 'root-ben', 'x')).toThrow(/approved can't be handed over/);
  });
});

describe('the chain on the page', () => {
  it('is walked in pieces, and a changed entry is named', () => {
    for (let n = 0; n < 30; n++) store.tx(() => record(store, NOON + n, { actor: 'readmit', what: `entry ${n}` }));
    const first = walkChain(store, CHAIN_START, 10);
    expect(first).toMatchObject({ ok: true, entries: 10 });
    expect(first.ok && walkChain(store, first, 100)).toMatchObject({ ok: true, entries: 30 });
    expect(desk().chain()).toMatchObject({ entries: 30, verified: 30, bad: null });
    store.run("UPDATE journal SET what = 'something else' WHERE seq = 17");
    expect(desk().chain()).toMatchObject({ bad: { seq: 17 } });
    expect(
      desk()
        .searchAudit('entry 2', null, 50)
        .map(e => e.what),
    ).toEqual([
      'entry 29',
      'entry 28',
      'entry 27',
      'entry 26',
      'entry 25',
      'entry 24',
      'entry 23',
      'entry 22',
      'entry 21',
      'entry 20',
      'entry 2',
    ]);
    expect(desk().searchAudit('100%', null, 50)).toEqual([]);
  });

  it('finds all that was done about a person or an address, whoever did it', () => {
    const opened = (kind: 'user' | 'service' | 'address', key: string) =>
      openIncident(store, NOON, { kind, key, host: 'head', event: 'denied', because: 'test', held: false }).id;
    const alice = opened('user', 'alice');
    const storm = opened('service', 'scheduler');
    const scanner = opened('address', '203.0.113.66');
    const bob = opened('user', 'bob');
    told({ user: 'alice' }, storm);
    const deeds = { [alice]: 'approved', [storm]: 'restarted it', [scanner]: 'looked at', [bob]: 'silenced' };
    for (const [incident, what] of Object.entries(deeds))
      store.tx(() => record(store, NOON, { actor: 'root-ann', what, incident }));
    const found = (text: string) =>
      desk()
        .searchAudit(text, null, 50)
        .map(e => e.what);
    expect(found('alice')).toEqual(expect.arrayContaining(['restarted it', 'approved']));
    expect(found('alice')).not.toContain('silenced');
    expect(found('203.0.113.66')).toContain('looked at');
    expect(
      desk()
        .searchAudit('alice', 5, 50)
        .map(e => e.seq),
    ).toEqual([2, 1]);
  });
});

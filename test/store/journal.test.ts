/** The journal when somebody, or the disk, changed it behind Readmit's back: what is verified, and what can still be read. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readingOnly } from '../../src/roles/desk/acts.ts';
import { StoreDesk } from '../../src/roles/desk/desk.ts';
import { numbersOf } from '../../src/roles/desk/numbers.ts';
import { move, openIncident } from '../../src/store/incidents.ts';
import { record, verifyJournal } from '../../src/store/journal.ts';
import { openStore, type Store } from '../../src/store/open.ts';
import { newlyIn, waitingSince } from '../../src/store/waiting.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');
let dir: string;
let store: Store;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'readmit-journal-'));
  store = openStore(join(dir, 'readmit.db'));
  for (let n = 1; n <= 20; n++) wrote(`entry ${n}`);
});
afterEach(() => {
  store.close();
  rmSync(dir, { recursive: true, force: true });
});

const wrote = (what: string): void =>
  store.tx(() => record(store, NOON, { actor: 'root-ann', what, after: { reason: 'joined', votes: 2 } }));
const desk = (): StoreDesk =>
  new StoreDesk(
    store,
    () => NOON,
    readingOnly(() => 0),
    '1',
  );
const another = (seq: number | bigint): void =>
  void store.run(
    `INSERT INTO journal SELECT ?, time, actor, 'was let in', incident, plan, before_json, after_json, previous, digest
     FROM journal WHERE seq = 20`,
    seq,
  );

describe('the first bad entry is named', () => {
  it.each<[string, string, number, RegExp]>([
    ['a byte of its JSON was lost', "UPDATE journal SET after_json = '{' WHERE seq = 12", 12, /after_json/],
    ['its JSON is empty', "UPDATE journal SET before_json = '' WHERE seq = 12", 12, /before_json/],
    [
      'a space was put into its JSON',
      `UPDATE journal SET after_json = replace(after_json, ':', ': ') WHERE seq = 12`,
      12,
      /after_json/,
    ],
    [
      'its JSON says something else',
      `UPDATE journal SET after_json = replace(after_json, '2', '1') WHERE seq = 12`,
      12,
      /changed/,
    ],
    [
      'its incident is a number that no program reads',
      'UPDATE journal SET incident = 9223372036854775807 WHERE seq = 12',
      12,
      /c/,
    ],
    ['it was taken out', 'DELETE FROM journal WHERE seq = 12', 12, /entry 12 is missing/],
    [
      'the newest ones were taken out',
      'DELETE FROM journal WHERE seq > 17',
      18,
      /entry 18 is missing: 20 were written/,
    ],
    ['all of them were taken out', 'DELETE FROM journal', 1, /entry 1 is missing: 20 were written/],
  ])('%s', (_, sql, firstBad, why) => {
    store.run(sql);
    expect(verifyJournal(store)).toEqual({ ok: false, firstBad, why: expect.stringMatching(why) });
    expect(desk().chain().bad).toMatchObject({ seq: firstBad });
  });

  it.each([0, -3, 9_007_199_254_740_993n])('one was put there with the number %s', seq => {
    another(seq);
    expect(verifyJournal(store)).toEqual({ ok: false, firstBad: Number(seq), why: expect.stringMatching(/put there/) });
    expect(desk().audit(-1, 1)[0]!.seq).toBe(20);
    wrote('entry 21');
    expect(desk().audit(-1, 1)[0]!.seq).toBe(21);
  });
});

it('newest entries that were taken out leave a gap, however many are written after them', () => {
  store.run('DELETE FROM journal WHERE seq > 18');
  for (const n of [21, 22, 23]) wrote(`entry ${n}`);
  expect(verifyJournal(store)).toMatchObject({ ok: false, firstBad: 19 });
  expect(
    desk()
      .audit(-1, 4)
      .map(e => e.seq),
  ).toEqual([23, 22, 21, 18]);
});

it('a store of an earlier version, which kept no such number, stays valid, and goes on', () => {
  store.run("DELETE FROM meta WHERE key = 'journal'");
  expect(verifyJournal(store)).toMatchObject({ ok: true, entries: 20 });
  wrote('entry 21');
  expect(verifyJournal(store)).toMatchObject({ ok: true, entries: 21 });
});

it('a damaged entry is listed with what can be read of it, and hides no other', () => {
  store.run("UPDATE journal SET after_json = '{' WHERE seq = 12");
  const listed = desk().audit(-1, 50);
  expect(listed.length).toBe(20);
  expect(listed.find(e => e.seq === 12)).toMatchObject({
    actor: 'root-ann',
    what: 'entry 12 [damaged: after_json]',
    incident: null,
  });
  expect(listed.filter(e => e.what.includes('damaged')).length).toBe(1);
  expect(desk().searchAudit('entry 1', null, 50).length).toBe(11);
});

it('an entry with a number that no program reads stops neither those who wait nor the metrics', () => {
  const { id } = openIncident(store, NOON, {
    kind: 'user',
    key: 'alice',
    host: 'head',
    event: 'denied',
    because: 'test',
    held: false,
  });
  newlyIn(store, 'escalated');
  const numbers = numbersOf(store, () => NOON);
  another(9_007_199_254_740_993n);
  store.run('UPDATE journal SET incident = 9223372036854775807 WHERE seq = 12');
  expect(numbers()).toMatchObject({ access: [] });
  move(store, NOON, id, 'open', 'escalated', { actor: 'readmit', what: 'a human has to look' });
  expect(newlyIn(store, 'escalated')).toEqual([id]);
  expect(newlyIn(store, 'escalated')).toEqual([]);
});

it('a damaged entry of an incident holds up nobody who waits', () => {
  const { id } = openIncident(store, NOON, {
    kind: 'user',
    key: 'alice',
    host: 'head',
    event: 'denied',
    because: 'test',
    held: false,
  });
  newlyIn(store, 'escalated');
  move(store, NOON, id, 'open', 'escalated', { actor: 'readmit', what: 'a human has to look' });
  store.run("UPDATE journal SET after_json = '{' WHERE seq = 12 OR (incident = ? AND what LIKE 'opened%')", Number(id));
  expect(newlyIn(store, 'escalated')).toEqual([id]);
  expect(waitingSince(store, id)).toBe(NOON);
  expect(desk().show(id).history.length).toBeGreaterThan(1);
});

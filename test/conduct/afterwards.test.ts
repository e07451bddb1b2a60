/** After a change: it is proved by what ran, whose doing it is, when it ends, and who is told. Taking it back: `undo.test.ts`. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { drift } from '../../src/remedy/assumptions.ts';
import { startEndings } from '../../src/roles/conduct/endings.ts';
import { grantRows, lastRun } from '../../src/store/approvals.ts';
import { recordSnapshot } from '../../src/store/history.ts';
import { facts, NO_GROUP, STRICT } from '../diagnose/a-host.ts';
import { ADD, AUTHORIZE, aCase, type Case, HOST, PUT_BACK, RESTART, TAKE } from './a-case.ts';

const MIN = 60_000;

let c: Case;
beforeEach(() => {
  c = aCase();
});
afterEach(() => c.end());

describe('proof', () => {
  it('is asked of what ran: a plan that was only offered has left nothing behind', () => {
    const id = c.open('verifying', 'user', { cause: 'openclaw/missing-group' });
    c.offer(id, [ADD], [TAKE]);
    // Somebody gave alice another authorised group by hand.
    const other = {
      'groups.nss': ['alice', 'hpc-staff'],
      'groups.file': ['alice', 'hpc-staff'],
      'access.authorized-groups': ['claw-users', 'hpc-staff'],
      'config.loaded-groups': ['claw-users', 'hpc-staff'],
      'access.group-ids': ['claw-users:2500', 'hpc-staff:2700'],
    };
    expect(c.proved(id, other).state).toBe('resolved');
    expect(c.rows('restored-%')).toEqual([]);
  });

  it('is asked of what ran last: a change for an earlier obstacle may be gone since', () => {
    const id = c.open('verifying', 'user', { cause: 'openclaw/missing-group' });
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.pass(MIN);
    c.store.run('UPDATE incident SET changed = ? WHERE id = ?', c.now(), Number(id));
    expect(c.proved(id, NO_GROUP).state).toBe('open');
    expect(c.rows('not-effective-%')).toEqual([]);
  });

  it('of a change that is not there is the end of it', () => {
    const id = c.open('verifying', 'user', { cause: 'openclaw/missing-group' });
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    expect(c.proved(id, NO_GROUP).state).toBe('not-effective');
    expect(c.rows('not-effective-%')).toHaveLength(1);
  });

  it('is not held up by what keeps nobody out yet: a broken file that the running scheduler has no need of', () => {
    const broken = { 'config.valid': false, 'config.problem': 'line 4: a tab' };
    const id = c.open('verifying', 'user', { cause: 'openclaw/missing-group' });
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.pass(90_000);
    expect(c.proved(id, broken).state).toBe('resolved');
    expect(c.rows('restored-%')).toHaveLength(1);
  });

  it.each(['verifying', 'propagating'] as const)(
    'a service that dies while its change is %s gets its file back',
    state => {
      const id = c.open(state, 'service', { cause: 'openclaw/config-too-strict' });
      c.offer(id, [AUTHORIZE, RESTART], [PUT_BACK, RESTART]);
      c.ran(id);
      c.pass(90_000);
      expect(c.proved(id, { 'scheduler.health4': 'down', 'scheduler.active': 'failed' }, []).state).toBe('failed');
      expect(lastRun(c.store, id, 'undo')!.order.undo).toEqual([PUT_BACK, RESTART]);
      expect(c.rows('not-effective-%')).toHaveLength(1);
    },
  );
});

test('what a plan leaves behind is no drift when its order comes again', () => {
  const plan = { assumes: { 'config.hash': 'a'.repeat(64), 'config.valid': true }, steps: [AUTHORIZE, RESTART] };
  const now = (hash: string) => drift(plan, facts({ 'config.hash': hash }));
  expect(now('a'.repeat(64))).toBeNull();
  expect(now('b'.repeat(64))).toBeNull();
  expect(now('c'.repeat(64))?.what).toContain('config.hash');
  expect(drift({ ...plan, steps: [RESTART] }, facts({ 'config.hash': 'b'.repeat(64) }))).not.toBeNull();
});

describe('a service that nobody may mend by our plan', () => {
  const KEYLESS = { 'token.present': false };
  function denied(people: string[]): string {
    const id = c.open('denied', 'service', { cause: 'openclaw/config-too-strict' });
    for (const user of people)
      c.store.run(
        "INSERT INTO pair (incident, user, ip, endpoint, self_reported, account, count, first, last) VALUES (?, ?, '10.0.0.1', '', 0, 'user', 1, 1, 1)",
        Number(id),
        user,
      );
    return id;
  }

  it('is not well because one of those who were asked has other troubles', () => {
    const id = denied(['alice', 'bob', 'carol']);
    for (const seen of [KEYLESS, {}, { ...STRICT, 'config.splice': undefined }, KEYLESS, KEYLESS]) c.decided(id, seen);
    expect(c.at(id).state).toBe('denied');
    c.decided(id, { 'access.authorized-groups': undefined });
    expect(c.at(id).state).toBe('denied');
    c.decided(id, KEYLESS);
    expect(c.at(id).state).toBe('resolved');
  });
});

describe('what others do is theirs', () => {
  const rows = () =>
    c.store
      .all<{ added_by: string | null; removed_by: string | null }>(
        'SELECT added_by, removed_by FROM membership ORDER BY rowid',
      )
      .map(r => [r.added_by, r.removed_by]);

  it('whatever we did with the same person and group before', () => {
    c.seen([]);
    const id = c.open('verifying');
    c.offer(id, [ADD], [TAKE]);
    const first = c.ran(id);
    c.seen(['alice']);
    const back = c.undo(id);
    c.pass(MIN);
    c.answered(back, 'done');
    c.seen([]);
    // By hand, a month later; and taken away by hand again.
    c.pass(30 * 24 * 60 * MIN);
    c.seen(['alice']);
    c.seen([]);
    const next = c.open('verifying');
    c.offer(next, [ADD], [TAKE]);
    const second = c.ran(next);
    c.seen(['alice']);
    c.pass(MIN);
    c.seen([]);
    expect(rows()).toEqual([
      [first.id, back.id],
      [null, null],
      [second.id, null],
    ]);
    expect(c.grants().map(ended => ended !== null)).toEqual([true, true]);
    expect(c.said(next).at(-1)).toContain('reverted-externally');
  });

  it('also where we wanted to, and were refused', () => {
    c.seen([]);
    const id = c.open('failed');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id, 'refused');
    c.seen(['alice']);
    expect(rows()).toEqual([[null, null]]);
  });
});

describe('access with an end', () => {
  const groups = (members: string[], by: string | null): void => {
    const snapshot = {
      v: 1,
      host: HOST,
      at: new Date(c.now()).toISOString(),
      config: null,
      groups: { 'claw-users': members },
    };
    recordSnapshot(c.store, c.now(), snapshot as never, () => by);
  };
  function given(): { id: string; run: string } {
    const id = c.open('resolved');
    c.offer(id, [ADD], [TAKE]);
    return { id, run: c.ran(id, 'done', c.now() + MIN).id };
  }
  const look = (): void => startEndings({ ...c, log: pino({ level: 'silent' }) }).stop();

  it('ends, though the host never listed who is in the group', () => {
    const { id } = given();
    c.pass(MIN);
    look();
    expect(lastRun(c.store, id, 'undo')?.order.undo).toEqual([TAKE]);
    expect(c.grants()).toEqual([null]);
  });

  it('that others ended before is only noted', () => {
    groups([], null);
    const { id, run } = given();
    groups(['alice'], run);
    groups([], null);
    c.pass(MIN);
    look();
    expect(lastRun(c.store, id, 'undo')).toBeUndefined();
    expect(c.grants()).toEqual([c.now()]);
  });
});

describe('access that was given by a run that broke off', () => {
  const until = (): string => new Date(c.now() + MIN).toISOString();
  function ordered() {
    const id = c.open('running', 'user', { cause: 'openclaw/missing-group' });
    c.offer(id, [{ ...ADD, until: until() } as typeof ADD], [TAKE]);
    return { id, run: c.order(id, 'root-ann', 'asked by phone') };
  }
  const given = () => grantRows(c.store).map(g => ({ ...g, until: g.until && new Date(g.until).toISOString() }));

  it('is a grant as soon as it is seen in the group, and ends when it was to end', () => {
    c.seen([]);
    const { id, run } = ordered();
    const end = until();
    c.answered(run, 'unknown', 'interrupted: no space left on device');
    expect(given()).toEqual([]);
    c.seen(['alice']);
    const granted = { user: 'alice', group: 'claw-users', incident: id, run: run.id, by: ['root-ann'], until: end };
    expect(given()).toMatchObject([{ ...granted, reason: 'asked by phone', since: c.now(), ended: null }]);
    c.pass(MIN);
    startEndings({ ...c, log: pino({ level: 'silent' }) }).stop();
    expect(lastRun(c.store, id, 'undo')?.order.undo).toEqual([TAKE]);
  });

  it('is one when it was seen there before the answer came', () => {
    c.seen([]);
    const { run } = ordered();
    c.seen(['alice']);
    c.answered(run, 'failed', 'usermod did not answer in time');
    expect(given()).toMatchObject([{ user: 'alice', run: run.id, ended: null }]);
  });

  it('is one when the executor saw that step done, whatever failed after it', () => {
    const { run } = ordered();
    const seen = { action: 'group.add', before: 'alice', after: 'alice, claw-users' };
    c.answered(run, 'failed', 'the second step failed', [{ ...seen, result: 'done' }]);
    expect(given()).toMatchObject([{ user: 'alice', run: run.id, by: ['root-ann'] }]);
  });

  it('is none when nobody is there by its doing', () => {
    c.seen([]);
    const { run } = ordered();
    c.answered(run, 'failed', 'usermod failed', [{ action: 'group.add', result: 'failed', before: '', after: '' }]);
    c.seen(['bob']);
    expect(given()).toEqual([]);
  });
});

describe('who is told', () => {
  it('of another plan, when one was carried out or denied before: they believe that it is decided', () => {
    const id = c.open('open');
    c.decided(id, NO_GROUP);
    expect(c.rows('alert-%')).toEqual([`alert-${id}`]);
    c.ran(id, 'stale');
    c.go(id, 'stale');
    c.decided(id, NO_GROUP);
    expect(c.at(id).state).toBe('proposed');
    expect(c.rows('alert-%')).toEqual([`alert-${id}`, `alert-${id}-again-1`]);
  });

  it('when it was given back, and a human is needed again', () => {
    const id = c.open('escalated');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.decided(id, { 'selinux.denials': 3 });
    expect(c.at(id).state).toBe('escalated');
    expect(c.rows('alert-%')).toEqual([`alert-${id}-again-1`]);
  });

  it('of nothing, while somebody has taken it over', () => {
    const id = c.open('not-effective', 'user', { takenBy: 'root-ann' });
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.decided(id, NO_GROUP);
    expect(c.at(id).state).toBe('escalated');
    expect(c.rows('alert-%')).toEqual([]);
  });

  it('what to do, once; and it stands as told only when a letter goes out', () => {
    const EXPIRED = { 'token.present': false };
    const id = c.open('open');
    for (let n = 0; n < 4; n++) {
      c.decided(id, EXPIRED);
      c.pass(24 * 60 * MIN);
    }
    const told = (): number => c.store.all('SELECT * FROM told').length;
    expect([c.rows('tell-%').length, told()]).toEqual([1, 1]);
    c.go(id, 'resolved');
    const next = c.open('open');
    for (let n = 0; n < 3; n++) c.decided(next, EXPIRED);
    expect(c.rows('tell-%')).toHaveLength(2);
    expect(c.said(next).filter(what => what.includes('not told again'))).toEqual([]);
  });
});

test('an address is over when nobody came from it for a day, and so are the names that were tried from there', () => {
  const id = c.open('escalated', 'address', { cause: 'openclaw/probing' });
  const name = c.open('open', 'user', { inhibitedBy: id });
  const looked = (): string[] => [c.decided(id, { 'denial.kind': 'address' }).state, c.at(name).state];
  expect(looked()).toEqual(['escalated', 'open']);
  c.pass(23 * 60 * MIN);
  expect(looked()).toEqual(['escalated', 'open']);
  c.pass(60 * MIN);
  expect(looked()).toEqual(['expired', 'expired']);
  expect(c.rows()).toEqual([`alert-${id}`]);
});

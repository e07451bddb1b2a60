/** Taking back: what was begun, wherever its incident is by then, ordered until there is an answer, and only once. */
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { Refused, STATES, type State } from '../../src/incident.ts';
import { Approvals } from '../../src/roles/conduct/approvals.ts';
import { startEndings } from '../../src/roles/conduct/endings.ts';
import { begunPlan, lastRun, runById } from '../../src/store/approvals.ts';
import { journalOf } from '../../src/store/journal.ts';
import { NO_GROUP } from '../diagnose/a-host.ts';
import { ADD, AUTHORIZE, aCase, type Case, PUT_BACK, RESTART, TAKE } from './a-case.ts';

const MIN = 60_000;
const ANN = { name: 'root-ann', uid: 2000, roles: ['administrator'], since: 0 };

let c: Case;
beforeEach(() => {
  c = aCase();
});
afterEach(() => c.end());

const approvals = (): Approvals =>
  new Approvals(
    c.store,
    c.config,
    c.now,
    () => ({ approvers: [], session: { keys: [] } }),
    () => '',
  );

describe('an undo', () => {
  it.each(STATES)('that was done has its end in an incident that is %s', state => {
    const id = c.open('verifying');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    const run = c.undo(id);
    c.go(id, state);
    c.answered(run, 'done');
    expect(runById(c.store, run.id)!.outcome!.result).toBe('done');
    expect(c.grants()).toEqual([c.now()]);
    const taken: State[] = ['propagating', 'verifying', 'not-effective', 'failed', 'resolved', 'undone'];
    expect(c.at(id).state).toBe(taken.includes(state) ? 'undone' : state);
    expect(c.said(id)).toContain('took it back');
  });

  it('is not asked for what others have taken away already, since what is there by then is another plan’s', () => {
    const id = c.open('resolved');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.store.run('UPDATE access_grant SET ended = ?', c.now());
    expect(() => approvals().undo(ANN, id)).toThrow(/ended already/);
    // The file is as we made it all the same.
    const file = c.open('resolved', 'service', { cause: 'openclaw/config-too-strict' });
    c.offer(file, [AUTHORIZE, RESTART, ADD], [TAKE, PUT_BACK, RESTART]);
    c.ran(file);
    c.store.run('UPDATE access_grant SET ended = ?', c.now());
    approvals().undo(ANN, file);
    expect(lastRun(c.store, file, 'undo')).toBeTruthy();
  });

  it('ends what its own plan gave, and nothing else', () => {
    const id = c.open('verifying');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    const run = c.undo(id);
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.answered(run, 'done');
    expect(c.grants()).toEqual([c.now(), null]);
  });

  it('of an older plan leaves what ran later standing, to be proved and taken back', () => {
    const id = c.open('verifying', 'service', { cause: 'openclaw/config-too-strict' });
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    const run = c.undo(id);
    c.pass(MIN);
    c.offer(id, [AUTHORIZE, RESTART], [PUT_BACK, RESTART]);
    c.ran(id);
    c.answered(run, 'done');
    expect(c.at(id).state).toBe('verifying');
    expect(c.grants()).toEqual([c.now()]);
    approvals().undo(ANN, id);
    expect(lastRun(c.store, id, 'undo')!.serial).toBe(2);
  });

  it('that could not be done is told of', () => {
    const id = c.open('verifying');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.answered(c.undo(id), 'failed', 'the group file is locked');
    expect(c.at(id).state).toBe('verifying');
    expect(c.grants()).toEqual([null]);
    expect(c.rows('not-undone-%')).toEqual([`not-undone-${id}-1`]);
  });

  it('is ordered again until there is an answer, more and more rarely', () => {
    const id = c.open('verifying');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    const run = c.undo(id);
    const sent = (): number => c.rows(`run-${run.id}-%`).length;
    /** As after a restart of serve, each time. */
    const look = (): void => startEndings({ ...c, log: pino({ level: 'silent' }) }).stop();
    look();
    expect(sent()).toBe(1);
    c.pass(MIN);
    look();
    look();
    expect(sent()).toBe(2);
    c.pass(MIN);
    look();
    expect(sent()).toBe(3);
    c.pass(MIN);
    look();
    expect(sent()).toBe(3);
    c.pass(MIN);
    look();
    expect(sent()).toBe(4);
    c.answered(run, 'done');
    c.pass(60 * MIN);
    look();
    expect(sent()).toBe(4);
  });

  it('that nobody answered for a day is lost: it is not ordered any more, and may be asked for again', () => {
    const id = c.open('not-effective');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    const run = c.undo(id);
    expect(() => approvals().undo(ANN, id)).toThrow('the undo is under way');
    c.pass(24 * 60 * MIN + 1);
    startEndings({ ...c, log: pino({ level: 'silent' }) }).stop();
    expect(c.rows(`run-${run.id}-%`)).toHaveLength(1);
    approvals().undo(ANN, id);
    expect(lastRun(c.store, id, 'undo')!.id).not.toBe(run.id);
  });

  it('under way proves nothing: a group that is gone again is no failure of the change', () => {
    const id = c.open('verifying', 'user', { cause: 'openclaw/missing-group' });
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.undo(id);
    expect(c.proved(id, NO_GROUP).state).toBe('verifying');
    expect(c.rows('not-effective-%')).toEqual([]);
  });

  it('is of what ran, when the incident offers something else by now, or nothing', () => {
    const id = c.open('resolved');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    c.store.run('UPDATE incident SET plan_json = NULL WHERE id = ?', Number(id));
    approvals().undo(ANN, id);
    const run = lastRun(c.store, id, 'undo')!;
    expect([run.serial, run.order.undo]).toEqual([1, [TAKE]]);
    c.answered(run, 'done');
    expect(c.at(id).state).toBe('undone');
  });

  it('is written down with why, where somebody says why; a secret is no reason', () => {
    const id = c.open('resolved');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    expect(() => approvals().undo(ANN, id, undefined, 'password=hunter2hunter2')).toThrow('looks like a password');
    approvals().undo(ANN, id, undefined, 'left the project');
    expect(journalOf(c.store, id).at(-1)!.what).toBe('asked for the undo: left the project');
  });

  it('is not asked for twice', () => {
    const id = c.open('verifying');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id);
    approvals().undo(ANN, id);
    expect(() => approvals().undo(ANN, id)).toThrow('the undo is under way');
    c.go(id, 'open');
    c.answered(lastRun(c.store, id, 'undo')!, 'done');
    c.go(id, 'not-effective');
    expect(() => approvals().undo(ANN, id)).toThrow('it was taken back already');
  });

  it('there is none of a plan that changed nothing', () => {
    const id = c.open('failed');
    c.offer(id, [ADD], [TAKE]);
    c.ran(id, 'stale');
    expect(() => approvals().undo(ANN, id)).toThrow(Refused);
  });
});

test('what is taken back is what gave the access that somebody clicked at, not what ran last', () => {
  const id = c.open('advised');
  c.offer(id, [ADD], [TAKE]);
  const given = c.ran(id);
  c.pass(MIN);
  c.offer(id, [RESTART], []);
  c.ran(id);
  const grant = `${given.id}.claw-users`;
  expect(() => approvals().undo(ANN, id)).toThrow('nothing of ours');
  expect(() => approvals().undo(ANN, id, 'another')).toThrow('has no grant');
  approvals().undo(ANN, id, grant);
  const run = lastRun(c.store, id, 'undo')!;
  expect([run.serial, run.order.undo]).toEqual([1, [TAKE]]);
  c.answered(run, 'done');
  expect(c.grants()).toEqual([c.now()]);
  expect(() => approvals().undo(ANN, id, grant)).toThrow('has ended already');
});

test('the plan that was begun is the newest that changed something', () => {
  const id = c.open('open');
  expect(begunPlan(c.store, id)).toBeNull();
  c.offer(id, [ADD], [TAKE]);
  c.ran(id);
  c.offer(id, [RESTART], []);
  c.ran(id, 'refused');
  expect(begunPlan(c.store, id)!.plan.serial).toBe(1);
});

/** Somebody approved and is no approver any more: what counts of it, and whom it keeps from deciding. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Outcomes } from '../../src/roles/conduct/outcomes.ts';
import { lastRun, votesOf } from '../../src/store/approvals.ts';
import { incident } from '../../src/store/incidents.ts';
import { aSite, NOON, type Site } from '../web/a-site.ts';

const STARTED = new Date(NOON).toISOString();
let site: Site;
beforeEach(() => {
  site = aSite({ proof: 'key' });
});
afterEach(() => site.end());

const leaves = (name: string): void => {
  const { approvers } = site.approvers;
  approvers.splice(
    approvers.findIndex(a => a.name === name),
    1,
  );
};
const vote = (name: string, decision: 'approve' | 'deny' = 'approve'): void =>
  void site.desk.vote(site.signed(name, site.service, decision));
const state = (): string => incident(site.store, site.service).state;

test('their vote counts for nothing, and two others decide', () => {
  vote('root-ann');
  leaves('root-ann');
  vote('root-ben');
  expect(state()).toBe('proposed');
  vote('alice');
  expect(state()).toBe('approved');
  expect(lastRun(site.store, site.service, 'plan')!.order.votes.map(v => v.by)).toEqual(['root-ben', 'alice']);
});

test('what they approved can still be denied', () => {
  vote('root-ann');
  leaves('root-ann');
  vote('root-ben', 'deny');
  expect(state()).toBe('denied');
});

test('who has lost the role for it has not voted either', () => {
  vote('root-ann');
  site.approvers.approvers.find(a => a.name === 'root-ann')!.roles = ['viewer'];
  vote('root-ben');
  expect(state()).toBe('proposed');
  expect(votesOf(site.store, site.service, 1)).toHaveLength(2);
});

test('who voted with a key that was replaced votes again, on the page too', async () => {
  site.end();
  site = aSite();
  site.config.policy.tiers[1].votes = 2;
  site.desk.vote(site.signed('root-ann', site.user));
  const ann = site.approvers.approvers.find(a => a.name === 'root-ann')!;
  ann.keys = site.approvers.approvers.find(a => a.name === 'root-ben')!.keys;
  expect(site.desk.show(site.user)).toMatchObject({ needs: 2, votes: [{ by: 'root-ann', lapsed: true }] });
  const page = await site.signIn('root-ann');
  expect(await page.page('/approvals')).toContain('2 plans wait for you.');
  expect(await page.page(`/incidents/${site.user}`)).toContain('which counts no more');
  const again = { digest: site.digest(site.user), reason: 'with the new key' };
  expect((await page.post(`/incidents/${site.user}/approve`, again)).status).toBe(303);
  const { needs, votes } = site.desk.show(site.user);
  expect([needs, votes.map(v => v.lapsed ?? false)]).toEqual([1, [true, false]]);
  site.desk.vote(site.signed('root-ben', site.user));
  const { id: run } = lastRun(site.store, site.user, 'plan')!;
  const outcome = { result: 'done' as const, detail: 'done', steps: [] };
  new Outcomes({ ...site.parts }).take({
    v: 1,
    host: 'claw-head-01',
    run,
    incident: site.user,
    started: STARTED,
    outcome,
  });
  expect(site.desk.grants().map(g => g.by)).toEqual([['root-ann', 'root-ben']]);
});

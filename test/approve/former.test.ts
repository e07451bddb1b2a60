/** Somebody approved and is no approver any more: what counts of it, and whom it keeps from deciding. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { lastRun, votesOf } from '../../src/store/approvals.ts';
import { incident } from '../../src/store/incidents.ts';
import { aSite, type Site } from '../web/a-site.ts';

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

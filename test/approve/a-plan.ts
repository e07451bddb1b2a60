/** The plan that people vote on in these tests: alice into a group, tier 1. */
import type { VotedPlan } from '../../src/approve/policy.ts';

export const aPlan = (over: Partial<VotedPlan> = {}): VotedPlan => ({
  host: 'head-01',
  incident: 'inc-7',
  serial: 3,
  digest: 'd'.repeat(64),
  tier: 1,
  subject: { user: 'alice', uid: 1001 },
  expires: '2026-11-23T09:00:00.000Z',
  ...over,
});

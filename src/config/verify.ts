/**
 * `verify` of readmit.yaml: how it is shown that a person can work again, and how long a change may take to reach everybody.
 */
import { z } from 'zod';
import { seconds } from './values.ts';

export const Verify = z
  .strictObject({
    canary: z
      .enum(['user', 'account', 'off'])
      .default('user')
      .describe('who submits the test jobs: the user concerned, a canary account, or nobody'),
    account: z.string().nullable().default(null).describe('the canary account'),
    through: z
      .enum(['runuser', 'systemd-run'])
      .default('runuser')
      .describe(
        'how the executor becomes the one who submits; systemd-run: in a unit of its own, so that the executor needs neither the network nor the right to change its uid',
      ),
    submits: z
      .number()
      .int()
      .min(0)
      .max(50)
      .default(10)
      .describe('how many test jobs; each must be accepted within a second'),
    recheck: seconds(5, 'how often a propagating or advised incident is looked at again'),
    propagation: seconds(1800, 'how long a change may take to reach everybody'),
    directoryPropagation: seconds(
      5400,
      'how long what a directory has may take to show on the host: as long as its caches keep an answer (SSSD: entry_cache_timeout); the longer of the two counts',
    ),
    quiet: seconds(3, 'no new denial for this long before an incident counts as resolved'),
  })
  .prefault({})
  .describe('the proof that the person can work again');

/** One denial as the agent counts it: alice, refused once at this time, unless a test says otherwise. */
import type { Tally } from '../../src/incident.ts';

export const aDenial = (at: number, more: Partial<Tally> = {}): Tally => ({
  event: 'denied',
  user: 'alice',
  ip: '192.168.1.100',
  endpoint: '/submit',
  account: 'user',
  count: 1,
  first: at,
  last: at,
  approximate: false,
  selfReported: false,
  sample: '',
  offset: 0,
  ...more,
});

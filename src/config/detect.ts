/**
 * `detect` of readmit.yaml: from how many denials on, within what time, somebody hears of it.
 */
import { z } from 'zod';
import { network, seconds } from './values.ts';

export const Detect = z
  .strictObject({
    window: seconds(600, 'the sliding window of a cluster'),
    unknownThreshold: z
      .number()
      .int()
      .default(10)
      .describe('denials of names that do not exist before anyone hears of it'),
    serviceUsers: z
      .number()
      .int()
      .default(5)
      .describe('so many different known users within serviceWindow are one service incident'),
    serviceWindow: seconds(60, 'the window for it'),
    addressNames: z
      .number()
      .int()
      .default(5)
      .describe('so many different names from one address, most of them unknown, are probing'),
    sharedAddresses: z.array(network).default([]).describe('login nodes and NAT gateways: never one attacker'),
    maxClusters: z
      .number()
      .int()
      .default(10000)
      .describe('live clusters kept in memory; the rest is counted as "other"'),
    quiet: seconds(
      3600,
      'no second incident for the same key within this time after one ended, unless someone is denied again who was let in',
    ),
  })
  .prefault({})
  .describe('when an incident opens');

/**
 * `paths` of readmit.yaml: where the system keeps its accounts, groups, processes and commands. A practice cluster has them
 * in a directory of its own.
 */
import { z } from 'zod';
import { absolute } from './values.ts';

export const Paths = z
  .strictObject({
    passwd: absolute.default('/etc/passwd'),
    group: absolute.default('/etc/group'),
    shadow: absolute.default('/etc/shadow').describe('read by the executor only'),
    proc: absolute.default('/proc').describe('process table'),
    commands: z
      .array(absolute)
      .default(['/usr/sbin', '/usr/bin', '/sbin', '/bin'])
      .describe('where commands are looked for, in this order; nothing else is searched'),
  })
  .prefault({})
  .describe('where the system keeps things');

/**
 * `watch` of readmit.yaml: which logs are read, how often they are looked at, and how much is kept while Redis is away.
 */
import { z } from 'zod';
import { absolute, seconds } from './values.ts';

export const Watch = z
  .strictObject({
    log: absolute.default('/var/log/claw-scheduler.log').describe("the scheduler's log"),
    homes: z.boolean().default(true).describe("read every user's client log"),
    clientLog: z.string().default('.claw/clw.log').describe('where the client log lies below a home directory'),
    homePattern: z
      .string()
      .nullable()
      .default(null)
      .describe(
        'a glob of home directories to watch beside those of the passwd database, e.g. /home/*; each must belong to the person whose name it has',
      ),
    minUid: z
      .number()
      .int()
      .default(1000)
      .describe('homes of smaller uids are not watched; nobody below it is ever changed'),
    serviceShells: z
      .array(z.string())
      .default(['nologin', 'false', 'sync', 'halt', 'shutdown'])
      .describe(
        'shells of accounts nobody signs in with: their denials are counted and open no incident; [] where this host gives nobody a shell',
      ),
    sweep: seconds(1, 'how often every file is looked at, whatever inotify said'),
    idleSweep: seconds(5, 'the same for files that have been quiet for an hour'),
    maxLine: z.number().int().default(65536).describe('longer lines are cut (bytes)'),
    spool: z.number().int().default(10000).describe('batches kept while Redis is away; then reading pauses'),
  })
  .prefault({})
  .describe('what is read');

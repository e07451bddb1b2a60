/**
 * `executor` of readmit.yaml: the privileged part, whom it takes orders from and where it writes down what it did.
 */
import { z } from 'zod';
import { absolute, seconds } from './values.ts';

export const Executor = z
  .strictObject({
    enabled: z.boolean().default(true).describe('false: observe and propose only'),
    socket: absolute
      .default('/run/readmit/exec/exec.sock')
      .describe("unix socket in a directory only the agent's uid can enter"),
    agentUid: z
      .number()
      .int()
      .nullable()
      .default(null)
      .describe('the uid orders must come from; null: whoever owns the socket directory'),
    timeout: seconds(60, 'longest a command may take'),
    audit: absolute.nullable().default(null).describe('audit file; default STATE/exec/audit.jsonl'),
    backups: z.number().int().min(1).default(10).describe('backups kept of each patched file'),
  })
  .prefault({})
  .describe('the privileged part');

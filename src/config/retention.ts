/**
 * `retention` of readmit.yaml: how long what was seen is kept one by one. What it adds up to is kept for ever.
 */
import { z } from 'zod';

export const Retention = z
  .strictObject({
    observations: z
      .number()
      .int()
      .min(14)
      .default(90)
      .describe(
        'days that single observations, and the raw lines of incidents that are over, are kept; hours, weeks, incidents, votes and the journal stay',
      ),
  })
  .prefault({})
  .describe('what is let go, and when');

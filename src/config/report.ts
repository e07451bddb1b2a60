/**
 * `report` of readmit.yaml: when the weekly report is sent, and to whom.
 */
import { z } from 'zod';

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

export const Report = z
  .strictObject({
    cron: z.string().default('0 7 * * 1').describe('when the weekly report is mailed (cron, in timezone)'),
    timezone: z.string().refine(isTimeZone, 'a time zone of the IANA database, e.g. Europe/Berlin').default('UTC'),
    to: z.array(z.string()).default([]).describe('default: mail.to'),
    sendEmpty: z.boolean().default(true).describe('mail it in a week without denials too'),
    title: z.string().default('Access report'),
  })
  .prefault({})
  .describe('the weekly report');

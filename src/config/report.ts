/**
 * `report` of readmit.yaml: when the weekly report is sent, and to whom.
 */
import { z } from 'zod';
import { mailbox } from './values.ts';

function isTimeZone(text: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

const MONTHS = 'january february march april may june july august september october november december'.split(' ');
const DAYS = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ');
/** Least and greatest number of each field, and the words that may stand there. */
const CRON_FIELDS: [least: number, most: number, words: string[]][] = [
  [0, 59, []],
  [0, 59, []],
  [0, 23, []],
  [1, 31, []],
  [1, 12, MONTHS],
  [0, 7, DAYS],
];

/**
 * What the library that keeps the time takes (report/schedule.ts), in short: five fields, or six with seconds. Asked here by
 * ourselves, since the executor reads this file too and loads as little as it can.
 */
export function isCron(text: string): boolean {
  const fields = text.trim().split(/\s+/);
  if (fields.length !== 5 && fields.length !== 6) return false;
  return fields.every((field, n) => {
    const [least, most, words] = CRON_FIELDS[n + 6 - fields.length]!;
    const one = (value: string): boolean =>
      words.some(word => [word, word.slice(0, 3)].includes(value.toLowerCase())) ||
      (/^\d{1,2}$/.test(value) && Number(value) >= least && Number(value) <= most);
    return field.split(',').every(part => {
      const [range, step, ...more] = part.split('/');
      if (more.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) return false;
      const ends = range!.split('-');
      return range === '*' || ((ends.length === 2 || (ends.length === 1 && step === undefined)) && ends.every(one));
    });
  });
}

export const Report = z
  .strictObject({
    cron: z
      .string()
      .refine(isCron, 'a cron expression, e.g. "0 7 * * 1" (Mondays at seven)')
      .default('0 7 * * 1')
      .describe('when the weekly report is mailed (cron, in timezone)'),
    timezone: z.string().refine(isTimeZone, 'a time zone of the IANA database, e.g. Europe/Berlin').default('UTC'),
    to: z.array(mailbox).default([]).describe('default: mail.to'),
    sendEmpty: z.boolean().default(true).describe('mail it in a week without denials too'),
    title: z.string().default('Access report'),
  })
  .prefault({})
  .describe('the weekly report');

/**
 * `mail` and `webhook` of readmit.yaml: the mail server and whom it writes to; the second channel, for when mail fails.
 */
import { z } from 'zod';
import { absolute, mailbox, port, seconds } from './values.ts';

export const Mail = z
  .strictObject({
    host: z.string().nullable().default(null).describe('SMTP server; null: no mail is sent'),
    port: port.default(25),
    secure: z.boolean().default(false).describe('TLS from the first byte (port 465)'),
    user: z.string().nullable().default(null),
    passwordFile: absolute.nullable().default(null),
    from: mailbox.default('readmit@localhost'),
    to: z.array(mailbox).default([]).describe('administrators who get alerts'),
    userDomain: z
      .string()
      .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/i, 'a domain')
      .nullable()
      .default(null)
      .describe('users are written to at NAME@userDomain; null: never'),
    userInterval: seconds(86400, 'a person is told the same thing at most once in this time'),
    perHour: z
      .number()
      .int()
      .default(30)
      .describe('alerts per hour and receiver; what is over is folded into a digest'),
  })
  .prefault({})
  .describe('mail');

export const Webhook = z
  .strictObject({
    url: z
      .string()
      .nullable()
      .default(null)
      .describe('second channel: JSON is posted here when mail fails, and for alarms'),
  })
  .prefault({})
  .describe('the second channel');

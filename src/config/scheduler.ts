/**
 * `scheduler` of readmit.yaml: where it answers, its unit and configuration, and which groups it lets in.
 */
import { z } from 'zod';
import { absolute, name } from './values.ts';

export const Scheduler = z
  .strictObject({
    config: absolute.default('/etc/claw-scheduler/config.yaml').describe("the scheduler's own configuration"),
    unit: z
      .string()
      .regex(/^[A-Za-z0-9@_.-]+$/)
      .default('claw-scheduler')
      .describe('systemd unit'),
    url: z.string().default('http://127.0.0.1:8080').describe('where it answers, IPv4'),
    url6: z.string().nullable().default(null).describe('the same over IPv6; null: not tried'),
    standardGroup: name.default('claw-users').describe('the group that gives ordinary users access'),
    elevatedGroups: z.array(name).default(['claw-admins']).describe('groups nobody is ever added to by Readmit'),
  })
  .prefault({})
  .describe('the scheduler we let people back into');

/**
 * `scheduler` of readmit.yaml: where it answers, its unit and configuration, and which groups it lets in.
 */
import { z } from 'zod';
import { isThisMachine } from '../addresses.ts';
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
    userUrl: z
      .string()
      .refine(text => URL.canParse(text), 'a URL, e.g. https://claw-head-01:8080')
      .nullable()
      .default(null)
      .describe(
        'where people reach it, as their client is told; null: url, by the name of this host where it is a loopback address',
      ),
    standardGroup: name.default('claw-users').describe('the group that gives ordinary users access'),
    elevatedGroups: z.array(name).default(['claw-admins']).describe('groups nobody is ever added to by Readmit'),
  })
  .prefault({})
  .describe('the scheduler we let people back into');

/** Where people reach the scheduler of a host: an address that is this machine's alone leads nowhere from another. */
export function userUrlOf(host: string, { url, userUrl }: z.infer<typeof Scheduler>): string {
  if (userUrl !== null) return userUrl.replace(/\/$/, '');
  const parsed = URL.parse(url);
  if (parsed === null || !isThisMachine(parsed.hostname)) return url;
  parsed.hostname = host;
  return parsed.href.replace(/\/$/, '');
}

/**
 * `directory` and `entitlement` of readmit.yaml: the user directory behind NSS, how it is reached itself, and where the site
 * says who should have access.
 */
import { z } from 'zod';
import { Ldap } from './ldap.ts';
import { absolute } from './values.ts';

export const Directory = z
  .strictObject({
    service: z
      .enum(['sss', 'ldap'])
      .default('sss')
      .describe('the NSS service that speaks for the directory, as in nsswitch.conf'),
    unit: z
      .string()
      .regex(/^[A-Za-z0-9@_.-]+$/)
      .default('sssd')
      .describe('systemd unit of its client on this host'),
    canary: z
      .string()
      .nullable()
      .default(null)
      .describe(
        'an account that only the directory knows: while it is not found, the directory does not answer; null: only its unit, or a lookup that fails, shows that',
      ),
    ldap: Ldap.nullable()
      .default(null)
      .describe('the directory itself, asked and changed over LDAP; null: only what NSS says of it is known'),
  })
  .prefault({})
  .describe('the user directory behind NSS, where there is one');

export const Entitlement = z
  .strictObject({
    file: absolute.nullable().default(null).describe('YAML: `GROUP: [user, …]`, who should be in which group'),
  })
  .prefault({})
  .describe('where the site says who should have access');

/**
 * `directory.ldap` of readmit.yaml: how the site's directory is reached, who may read and who may change it, and where its
 * groups and people lie. What would send a password in clear, or names half an account, is refused here.
 */
import { z } from 'zod';
import { isThisMachine } from '../addresses.ts';
import { dnParts, isBelow, sameDn } from '../dn.ts';
import { absolute } from './values.ts';

/** Plain LDAP carries a password as it is: it stays on this machine, or TLS goes around it. */
const onLoopback = (url: string): boolean => {
  const parsed = URL.parse(url);
  return parsed?.protocol === 'ldap:' && isThisMachine(parsed.hostname);
};
const distinguishedName = z
  .string()
  .refine(text => dnParts(text) !== null, 'a distinguished name, e.g. ou=groups,dc=site,dc=example');
const filter = z.string().regex(/^\(.+\)$/s, 'an LDAP filter in brackets, e.g. (objectClass=posixGroup)');

export const Ldap = z
  .strictObject({
    url: z
      .string()
      .regex(
        /^ldaps?:\/\/(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?\/?$/,
        'ldap://HOST[:PORT] or ldaps://HOST[:PORT]',
      )
      .describe('the directory server; changes go to it and to no other'),
    startTls: z.boolean().default(false).describe('speak TLS on the port of plain LDAP'),
    caFile: absolute
      .nullable()
      .default(null)
      .describe("certificates that the server's must be signed by; null: those of the system"),
    bindDn: distinguishedName
      .nullable()
      .default(null)
      .describe(
        'the service account that may write the member attribute below groupBase; null: changes are exported as LDIF',
      ),
    passwordFile: absolute.nullable().default(null).describe('its password; readable by the executor only'),
    readDn: distinguishedName.nullable().default(null).describe('the account the agent reads with; null: anonymous'),
    readPasswordFile: absolute.nullable().default(null).describe('its password; readable by the agent'),
    base: distinguishedName.describe('the top of the directory, e.g. dc=site,dc=example'),
    groupBase: distinguishedName
      .nullable()
      .default(null)
      .describe('groups lie below this entry, and no other is ever changed; null: base'),
    userBase: distinguishedName.nullable().default(null).describe('people lie below this entry; null: base'),
    memberAttribute: z
      .enum(['memberUid', 'member', 'uniqueMember'])
      .default('memberUid')
      .describe("memberUid holds a user's name, the others the distinguished name of the person's entry"),
    groupFilter: filter
      .default('(|(objectClass=posixGroup)(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))')
      .describe('what a group is'),
    userFilter: filter.default('(objectClass=*)').describe('what a person is, beside having the name'),
    userAttribute: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9-]*$/)
      .default('uid')
      .describe("the attribute that holds a user's name"),
    timeout: z.number().positive().default(5).describe('longest the directory may take to answer (seconds)'),
    through: z
      .enum(['child', 'systemd-run'])
      .nullable()
      .default(null)
      .describe(
        'how the executor starts the helper that speaks to the directory; systemd-run: in a unit of its own, so that the executor needs no network; null: as verify.through says',
      ),
  })
  .superRefine((ldap, context) => {
    const fault = (key: keyof typeof ldap, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (ldap.url.startsWith('ldaps:') && ldap.startTls)
      fault('startTls', 'ldaps:// speaks TLS already: use one of the two');
    if (ldap.url.startsWith('ldap:') && !ldap.startTls && !onLoopback(ldap.url))
      fault('url', 'ldap:// would carry the password in clear over the network: use ldaps://, or startTls: true');
    for (const [dn, file] of [
      ['bindDn', 'passwordFile'],
      ['readDn', 'readPasswordFile'],
    ] as const)
      if ((ldap[dn] === null) !== (ldap[file] === null))
        fault(ldap[dn] === null ? dn : file, `${dn} and ${file} go together`);
    for (const key of ['groupBase', 'userBase'] as const)
      if (ldap[key] !== null && !sameDn(ldap[key], ldap.base) && !isBelow(ldap[key], ldap.base))
        fault(key, `lies below base (${ldap.base})`);
  });

export type LdapConfig = z.infer<typeof Ldap>;

/** Below which entry a site's groups lie, and its people. */
export const groupBaseOf = ({ groupBase, base }: LdapConfig): string => groupBase ?? base;
export const userBaseOf = ({ userBase, base }: LdapConfig): string => userBase ?? base;

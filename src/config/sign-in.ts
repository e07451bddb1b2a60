/**
 * `web.signIn` of readmit.yaml: an identity provider and a directory that vouch for people, and which of their groups
 * have which role here. They let people look and act; who may vote, and with what, the approvers file alone says.
 */
import { z } from 'zod';
import { isThisMachine } from '../addresses.ts';
import { absolute } from './values.ts';

const groups = (what: string) =>
  z.array(z.string().min(1).max(200)).default([]).describe(`groups whose members ${what}`);

const Roles = z
  .strictObject({
    viewer: groups('look at everything'),
    operator: groups('silence, hand over and ask for another try, too'),
    administrator: groups('do the same; votes are for people of the approvers file'),
  })
  .prefault({})
  .describe('which groups have which role; whoever has none is not let in');

/** Plain http carries codes and secrets as they are: it stays on this machine. */
const issuer = z.string().refine(text => {
  const url = /^https?:\/\/[^/?#\s@]+(\/[^?#\s]*)?$/.test(text) ? URL.parse(text) : null;
  return url !== null && (url.protocol === 'https:' || isThisMachine(url.hostname));
}, 'https://HOST[/PATH], as the provider itself writes it');

const Oidc = z.strictObject({
  issuer: issuer.describe('the OpenID Connect provider; nothing that another one signed is believed'),
  clientId: z.string().min(1).describe('what this console is called there'),
  clientSecretFile: absolute.describe('its secret; readable by serve only'),
  scopes: z.array(z.string().regex(/^\S+$/)).default(['openid', 'profile']).describe('what is asked for'),
  nameClaim: z
    .string()
    .default('preferred_username')
    .describe('the claim that names a person who is not in the approvers file'),
  rolesClaim: z.string().default('groups').describe("the claim with a person's groups; dots lead inwards"),
  roles: Roles,
  label: z.string().min(1).max(40).default('your account').describe('the button says: Sign in with LABEL'),
});

const Directory = z.strictObject({
  roles: Roles,
  passwordFile: absolute
    .nullable()
    .default(null)
    .describe('the password of directory.ldap.readDn where serve may read it; null: readPasswordFile'),
});

export const SignIn = z.strictObject({
  oidc: Oidc.nullable().default(null).describe('sign-in through an identity provider; null: none'),
  ldap: Directory.nullable()
    .default(null)
    .describe('sign-in with name and password of the directory in directory.ldap; null: none'),
});

export type OidcConfig = z.infer<typeof Oidc>;
export type DirectorySignInConfig = z.infer<typeof Directory>;
export type RoleGroups = z.infer<typeof Roles>;

/** The roles that these groups have. */
export const rolesOfGroups = (groups: readonly string[], roles: RoleGroups): string[] =>
  Object.entries(roles)
    .filter(([, names]) => names.some(name => groups.includes(name)))
    .map(([role]) => role);

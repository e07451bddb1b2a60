/**
 * `readmit doctor` about the directory: does it answer, are the groups that may be given in it, does the service account's
 * password fit. Reads only; where this user may not read the password, it says who has to ask.
 */
import { accessSync, constants } from 'node:fs';
import type { Config } from '../../config/config.ts';
import { groupBaseOf, type LdapConfig } from '../../config/ldap.ts';
import { type Credential, readCredential, withDirectory } from '../../ldap.ts';
import type { Found } from './finding.ts';

const ok = (what: string): Found => ({ what, level: 'ok', todo: null });

export async function directoryFindings({ directory, policy }: Config): Promise<Found[]> {
  const { ldap } = directory;
  if (ldap === null) return [];
  return [...(await reading(ldap, policy.groups)), ...(await writing(ldap))];
}

async function reading(ldap: LdapConfig, groups: string[]): Promise<Found[]> {
  try {
    const credential = ldap.readDn && ldap.readPasswordFile ? readCredential(ldap.readDn, ldap.readPasswordFile) : null;
    const found = await withDirectory(ldap, credential, directory => directory.groupsNamed(groups));
    const missing = groups.filter(name => !found.some(group => group.name === name));
    const twice = groups.filter(name => found.filter(group => group.name === name).length > 1);
    return [
      ok(`${ldap.url} answers${credential ? '' : ' (asked anonymously)'}`),
      ...missing.map(
        (name): Found => ({
          what: `it has no group ${name} below ${groupBaseOf(ldap)} that we may see`,
          level: 'note',
          todo: 'fine for a local group; else set directory.ldap.groupBase, groupFilter or the reading account',
        }),
      ),
      ...twice.map(
        (name): Found => ({
          what: `it has more than one group ${name}`,
          level: 'problem',
          todo: 'set directory.ldap.groupBase so that one is left: nothing is changed while nobody can say which is meant',
        }),
      ),
    ];
  } catch (error) {
    return [
      {
        what: (error as Error).message,
        level: 'problem',
        todo: 'mend directory.ldap: url, caFile, readDn or readPasswordFile',
      },
    ];
  }
}

async function writing(ldap: LdapConfig): Promise<Found[]> {
  const { bindDn, passwordFile } = ldap;
  if (bindDn === null || passwordFile === null)
    return [
      {
        what: 'no account may change it: plans for its groups are exported',
        level: 'note',
        todo: 'set directory.ldap.bindDn and passwordFile',
      },
    ];
  if (!mayRead(passwordFile))
    return [{ what: `${passwordFile} is not ours to read`, level: 'note', todo: 'ask as root whether it fits' }];
  try {
    const credential: Credential = readCredential(bindDn, passwordFile, 'own');
    await withDirectory(ldap, credential, directory => directory.groupsNamed([]));
    return [ok(`${bindDn} may sign in`)];
  } catch (error) {
    return [{ what: (error as Error).message, level: 'problem', todo: 'mend directory.ldap.bindDn or passwordFile' }];
  }
}

function mayRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES';
  }
}

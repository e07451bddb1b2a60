/**
 * The facts in an administrator's words, for the page, the letters and the command line alike. A fact without an entry here
 * is shown by its own name, which is what the rules call it.
 */
import type { FactValue } from './diagnosis.ts';

const WORDS: Record<string, string> = {
  'access.belongs': 'belongs in a group that counts',
  'access.elevated': 'has elevated rights',
  'access.lacks-group': 'is in no authorised group',
  'access.member': 'is in an authorised group',
  'access.member-of': 'authorised groups they are in',
  'access.missing-group': 'the group that is missing',
  'access.mode': 'how the scheduler decides',
  'access.removed': 'was taken out on purpose',
  'access.standard-authorized': 'the standard group is authorised',
  'account.exists': 'has an account',
  'account.expired': 'the account is expired',
  'account.system': 'is a system account',
  'account.password-locked': 'the password is locked',
  'account.password-expired': 'the password is expired',
  'client.event': 'what their client saw last',
  'config.directory-lag': 'how long the directory may lag',
  'config.loaded': 'the scheduler has loaded the file as it is',
  'config.loaded-groups': 'groups the running scheduler accepts',
  'config.loaded-standard': 'the running scheduler accepts the standard group',
  'config.splice': 'how the config would be changed',
  'config.valid': 'the config file is valid',
  'container.root': 'the request came as root from a container',
  'denial.event': 'what was seen',
  'denial.kind': 'who was refused',
  'denial.server': 'the server logged it',
  'directory.canary': 'the directory finds a name it must know',
  'directory.member': 'the directory lists them in the group',
  'directory.standard-group': 'the directory has the standard group',
  'entitlement.groups': 'groups they should be in',
  'entitlement.listed': 'is listed by the entitlement source',
  'firewall.open': 'the firewall lets the port through',
  'groups.directory': 'groups by the directory',
  'groups.file': 'groups by the group file',
  'groups.lag': 'which side lags behind',
  'groups.nss': 'groups by the system',
  'proxy.set': 'a proxy is set in their profile',
  'queue.free': 'free queue slots',
  'queue.full': 'the queue is full',
  'queue.running': 'jobs that run now',
  'scheduler.active': 'the scheduler’s unit is',
  'scheduler.clock': 'the scheduler’s clock',
  'scheduler.date': 'the scheduler’s time',
  'scheduler.date-skew': 'how far the scheduler’s clock is off',
  'scheduler.health4': 'the scheduler answers over IPv4',
  'scheduler.health6': 'the scheduler answers over IPv6',
  'selinux.denials': 'SELinux refused the scheduler lately',
  'selinux.mode': 'SELinux mode',
  'session.stale': 'a session is older than the group change',
  'token.expired': 'the token is expired',
  'token.expired-here': 'the token is expired by this host’s clock',
  'token.groups': 'groups in the token',
  'token.groups-stale': 'the token’s groups are out of date',
  'token.present': 'there is a cached token',
  'token.readable': 'the cached token can be read',
  'token.wrong-user': 'the token is somebody else’s',
};

/** The fact in words, or its own name. */
export const factWords = (fact: string): string => (Object.hasOwn(WORDS, fact) ? WORDS[fact]! : fact);

/** What was found of it: `yes`, `claw-users, staff`, `none`. */
export function factValue(value: FactValue): string {
  if (value === null) return 'none';
  if (value === true) return 'yes';
  if (value === false) return 'no';
  return Array.isArray(value) ? value.join(', ') || 'none' : String(value);
}

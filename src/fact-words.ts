/**
 * The facts in an administrator's words, for the page, the letters and the command line alike. Every fact of ours
 * has its words here; one of a site's own is shown by its name, which is what its rules call it.
 */
import type { FactValue } from './diagnosis.ts';

const WORDS: Record<string, string> = {
  'access.authorized-groups': 'the authorised groups',
  'access.belongs': 'belongs in a group that counts',
  'access.belongs-to': 'the group they belong in',
  'access.elevated': 'has elevated rights',
  'access.group-ids': 'the numbers of those groups',
  'access.lacks-group': 'is in no authorised group',
  'access.local-groups': 'which of those groups the group file has',
  'access.member': 'is in an authorised group',
  'access.member-of': 'authorised groups they are in',
  'access.missing-group': 'the group that is missing',
  'access.mode': 'how the scheduler decides',
  'access.removal-unclear': 'lost a group, and nothing says whether on purpose',
  'access.removed': 'was taken out on purpose',
  'access.standard-authorized': 'the standard group is authorised',
  'account.changed': 'when the account database was last changed',
  'account.exists': 'has an account',
  'account.expired': 'the account is expired',
  'account.password-expired': 'the password is expired',
  'account.password-locked': 'the password is locked',
  'account.system': 'is a system account',
  'account.uid': 'their uid',
  'client.at': 'when their client last wrote',
  'client.container': 'their client ran in a container',
  'client.event': 'what their client saw last',
  'client.proxy': 'their client went through a proxy',
  'config.directory-lag': 'how long the directory may lag',
  'config.hash': 'the digest of the config file',
  'config.loaded': 'the scheduler has loaded the file as it is',
  'config.loaded-groups': 'groups the running scheduler accepts',
  'config.loaded-standard': 'the running scheduler accepts the standard group',
  'config.mtime': 'when the config file was last changed',
  'config.problem': 'what is wrong with the config file',
  'config.splice': 'how the config would be changed',
  'config.valid': 'the config file is valid',
  'container.root': 'the request came as root from a container',
  'denial.addresses': 'addresses they were refused from',
  'denial.as-root': 'the request came as root',
  'denial.client': 'their client logged it too',
  'denial.event': 'what was seen',
  'denial.kind': 'whom it is about',
  'denial.last': 'when they were last refused',
  'denial.names': 'names that were tried',
  'denial.opened': 'when the incident was opened',
  'denial.server': 'the server logged it',
  'denial.unknown-names': 'names that were tried and nobody has',
  'directory.canary': 'the directory finds a name it must know',
  'directory.entries': 'the groups as the directory has them',
  'directory.group': 'the group the directory is asked for',
  'directory.member': 'the directory lists them in the group',
  'directory.person': 'the person as the directory has them',
  'directory.standard-group': 'the directory has the standard group',
  'entitlement.groups': 'groups they should be in',
  'entitlement.listed': 'is listed by the entitlement source',
  'entitlement.problem': 'what is wrong with the entitlement source',
  'entitlement.source': 'the entitlement source',
  'firewall.open': 'the firewall lets the port through',
  'firewall.port': 'the port the firewall is asked about',
  'groups.directory': 'groups by the directory',
  'groups.file': 'groups by the group file',
  'groups.lag': 'which side lags behind',
  'groups.nss': 'groups by the system',
  'history.config-access': 'who the config has let in since when',
  'history.config-narrowed': 'the config lets fewer groups in than before',
  'history.config-removed-groups': 'groups the config lets in no more',
  'history.group-removed': 'groups they were taken out of',
  'history.member-of': 'groups they were in before',
  'history.mode-changed': 'the way the scheduler decides was changed',
  'history.reverted': 'a change of Readmit was taken back by others',
  'profile.changed': 'when their start files were last changed',
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
  'scheduler.listening': 'something listens on its port',
  'scheduler.started': 'when the scheduler was started',
  'selinux.denials': 'SELinux refused the scheduler lately',
  'selinux.label': 'the label SELinux sees',
  'selinux.last': 'when SELinux last refused the scheduler',
  'selinux.mode': 'SELinux mode',
  'selinux.path': 'the path SELinux keeps it from',
  'selinux.port': 'the port SELinux keeps it from',
  'selinux.target': 'what SELinux keeps it from',
  'session.gids': 'the groups of their open sessions',
  'session.pids': 'their open sessions',
  'session.stale': 'a session is older than the group change',
  'success.last': 'when they last got through',
  'success.proved': 'when a test job last got through for them',
  'token.expired': 'the token is expired',
  'token.expired-here': 'the token is expired by this host’s clock',
  'token.expires': 'when the token expires',
  'token.groups': 'groups in the token',
  'token.groups-stale': 'the token’s groups are out of date',
  'token.intact': 'the token’s signature fits',
  'token.present': 'there is a cached token',
  'token.readable': 'the cached token can be read',
  'token.user': 'whose token it is',
  'token.wrong-user': 'the token is somebody else’s',
  'usermod.removes': 'usermod can take somebody out of a group',
};

/** What is so when the answer is no: a fact in words is true as it stands, or it is said the other way round. */
const NOT: Record<string, string> = {
  'access.belongs': 'does not belong in a group that counts',
  'access.elevated': 'has no elevated rights',
  'access.lacks-group': 'is in an authorised group',
  'access.member': 'is in no authorised group',
  'access.removal-unclear': 'no loss of a group is left unexplained',
  'access.removed': 'was not taken out on purpose',
  'access.standard-authorized': 'the standard group is not authorised',
  'account.exists': 'has no account',
  'account.expired': 'the account is not expired',
  'account.password-expired': 'the password is not expired',
  'account.password-locked': 'the password is not locked',
  'account.system': 'is not a system account',
  'client.container': 'their client did not run in a container',
  'client.proxy': 'their client went through no proxy',
  'config.loaded': 'the scheduler has not loaded the file as it is',
  'config.loaded-standard': 'the running scheduler does not accept the standard group',
  'config.valid': 'the config file is not valid',
  'container.root': 'the request did not come as root from a container',
  'denial.as-root': 'the request did not come as root',
  'denial.client': 'their client did not log it',
  'denial.server': 'the server did not log it',
  'directory.canary': 'the directory does not find a name it must know',
  'directory.member': 'the directory does not list them in the group',
  'directory.standard-group': 'the directory does not have the standard group',
  'entitlement.listed': 'is not listed by the entitlement source',
  'firewall.open': 'the firewall does not let the port through',
  'history.config-narrowed': 'the config lets no fewer groups in than before',
  'history.mode-changed': 'the way the scheduler decides was not changed',
  'history.reverted': 'no change of Readmit was taken back by others',
  'proxy.set': 'no proxy is set in their profile',
  'queue.full': 'the queue is not full',
  'scheduler.health4': 'the scheduler does not answer over IPv4',
  'scheduler.health6': 'the scheduler does not answer over IPv6',
  'scheduler.listening': 'nothing listens on its port',
  'session.stale': 'no session is older than the group change',
  'token.expired': 'the token is not expired',
  'token.expired-here': 'the token is not expired by this host’s clock',
  'token.groups-stale': 'the token’s groups are not out of date',
  'token.intact': 'the token’s signature does not fit',
  'token.present': 'there is no cached token',
  'token.readable': 'the cached token cannot be read',
  'token.wrong-user': 'the token is nobody else’s',
};

/** What is so when there is none of it. */
const NONE: Record<string, string> = {
  'access.member-of': 'in none of the authorised groups',
  'access.missing-group': 'no group is missing',
  'config.loaded-groups': 'the running scheduler accepts no group',
  'config.problem': 'nothing is wrong with the config file',
  'config.splice': 'the config needs no change',
  'entitlement.groups': 'should be in no group',
  'entitlement.problem': 'nothing is wrong with the entitlement source',
  'entitlement.source': 'the site names no entitlement source',
  'groups.directory': 'in no group by the directory',
  'groups.file': 'in no group by the group file',
  'groups.lag': 'neither side lags behind',
  'groups.nss': 'in no group by the system',
  'token.groups': 'no groups in the token',
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

/**
 * A fact with what was found of it, to be read once: `is not a system account`, with nothing more to say; or the fact in words
 * and the value. Never a question with a no behind it, where words are known.
 */
export function factSaid(fact: string, value: FactValue): { words: string; value: string | null } {
  const empty = value === null || value === 'none' || (Array.isArray(value) && value.length === 0);
  const other = value === false ? NOT : empty ? NONE : {};
  if (Object.hasOwn(other, fact)) return { words: other[fact]!, value: null };
  return value === true && Object.hasOwn(NOT, fact)
    ? { words: factWords(fact), value: null }
    : { words: factWords(fact), value: factValue(value) };
}

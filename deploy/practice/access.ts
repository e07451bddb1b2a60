/**
 * Who may do what: the practice scheduler's access model. Identity comes from the token, groups from where `auth.mode`
 * says, and the verdict names what was wrong, though the person is told no more than the article shows.
 */
import { randomInt } from 'node:crypto';
import { appendFileSync, copyFileSync, existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Layout } from './layout.ts';
import { account, accountExpired, groupNames, groupsIn } from './people.ts';
import type { SchedulerConfig } from './scheduler-config.ts';
import { check, claimsOf } from './tokens.ts';

/** What a request says of itself. The token is the only part that proves anything. */
export interface Caller {
  token: string | null;
  /** Name given by a client without a token. */
  claimed: string | null;
  /** Login session: a directory below DIR/proc. */
  session: string | null;
  uid: number | null;
}

export type Verdict =
  | { kind: 'allowed'; user: string; groups: string[] }
  | { kind: 'rejected-account'; user: string }
  | { kind: 'bad-token'; user: string; why: 'expired' | 'forged' | 'unreadable' }
  | { kind: 'denied'; user: string };

/** Seconds until the directory's replica has what its master has. */
const DIRECTORY_LAG = 300;

export const claimedUser = (caller: Caller): string =>
  (caller.token && claimsOf(caller.token)?.user) || caller.claimed || 'anonymous';

/** @param now milliseconds by the scheduler's own clock */
export function decide(at: Layout, config: SchedulerConfig, key: string, caller: Caller, now: number): Verdict {
  const user = claimedUser(caller);
  const who = account(at, user);
  if (who && accountExpired(at, user, Date.now())) return { kind: 'rejected-account', user };
  if (!caller.token) return { kind: 'denied', user };
  const token = check(caller.token, key, now);
  if (token !== 'valid') return { kind: 'bad-token', user, why: token };
  if (!who || who.uid < 1000) return { kind: 'denied', user };
  const session = sessionOf(at, caller.session);
  const uid = caller.uid ?? session?.uid ?? who.uid;
  if (uid !== who.uid) return { kind: 'denied', user };
  const groups = effectiveGroups(at, config, caller, who, session);
  if (!groups) return { kind: 'denied', user };
  return groups.some(g => config.authorizedGroups.includes(g))
    ? { kind: 'allowed', user, groups }
    : { kind: 'denied', user };
}

/** The groups that count for this request in this mode; null when they can't be had. */
export function effectiveGroups(
  at: Layout,
  config: SchedulerConfig,
  caller: Caller,
  who: NonNullable<ReturnType<typeof account>>,
  session = sessionOf(at, caller.session),
): string[] | null {
  if (config.mode === 'jwt') return claimsOf(caller.token ?? '')?.groups ?? [];
  if (deniedBySelinux(at)) return null;
  if (config.mode === 'ldap') return directoryGroups(at, who);
  if (session && session.uid === who.uid) {
    const names = groupNames(at.group);
    return session.gids.map(gid => names.get(gid) ?? String(gid));
  }
  return groupsIn(at.group, who);
}

/** A login session as DIR/proc shows it: uid and supplementary groups of its first process. */
function sessionOf(at: Layout, id: string | null): { uid: number; gids: number[] } | null {
  if (!id || !/^[0-9]{1,10}$/.test(id)) return null;
  try {
    const status = readFileSync(join(at.proc, id, 'status'), 'utf8');
    const field = (name: string): number[] =>
      (new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '').split(/\s+/).filter(Boolean).map(Number);
    return { uid: field('Uid')[0] ?? -1, gids: [...new Set([field('Gid')[0] ?? -1, ...field('Groups')])] };
  } catch {
    return null;
  }
}

/** What the directory's replica says, which follows its master after a while; null while it does not answer. */
function directoryGroups(at: Layout, who: { name: string; uid: number; gid: number; home: string }): string[] | null {
  if (existsSync(join(at.directory, 'down'))) {
    process.stderr.write('claw-scheduler: directory unavailable: ldap.practice.example: connection refused\n');
    return null;
  }
  const [master, replica] = [join(at.directory, 'master'), join(at.directory, 'replica')];
  const [changed, synced] = [statSync(master).mtimeMs, statSync(replica).mtimeMs];
  if (changed > synced && Date.now() - changed > DIRECTORY_LAG * 1000) copyFileSync(master, replica);
  return groupsIn(replica, who);
}

/** Asking for groups goes through a socket; with a wrong label on it and SELinux enforcing, the kernel says no and notes it. */
function deniedBySelinux(at: Layout): boolean {
  const read = (file: string): string => readFileSync(join(at.selinux, file), 'utf8');
  if (read('mode').trim() !== 'Enforcing') return false;
  const label = read('labels')
    .split('\n')
    .map(line => line.split('\t'))
    .find(([path]) => path === at.pipes)?.[1];
  if (label === PIPES_LABEL) return false;
  const time = `${(Date.now() / 1000).toFixed(3)}:${randomInt(1000, 9999)}`;
  appendFileSync(
    at.audit,
    `type=AVC msg=audit(${time}): avc:  denied  { connectto } for  pid=${process.pid} comm="claw-scheduler" path="${at.pipes}/nss" ` +
      `scontext=system_u:system_r:claw_scheduler_t:s0 tcontext=${label ?? 'system_u:object_r:default_t:s0'} tclass=unix_stream_socket permissive=0\n`,
  );
  return true;
}

export const PIPES_LABEL = 'system_u:object_r:sssd_var_lib_t:s0';

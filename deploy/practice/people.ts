/**
 * Who lives in the practice cluster, and the user database made of them: passwd, group, shadow and gshadow in the forms
 * of passwd(5) and group(5), read back with the same few lines by the scheduler and the causes.
 */
import { readFileSync } from 'node:fs';
import type { Layout } from './layout.ts';

interface Person {
  name: string;
  uid: number;
  full: string;
  groups: string[];
  /** Where this person's requests come from. */
  address: string;
}

const user = (name: string, uid: number, full: string, address: string, groups = ['claw-users']): Person => ({
  name,
  uid,
  full,
  address,
  groups: ['domain-users', ...groups],
});

export const USERS: Person[] = [
  user('alice', 2001, 'Alice Ahlgren', '192.168.1.100'),
  user('bob', 2002, 'Bob Brandt', '192.168.1.101'),
  user('carol', 2003, 'Carol Castro', '192.168.1.102'),
  user('dave', 2004, 'Dave Dogan', '192.168.1.103'),
  user('erin', 2005, 'Erin Egede', '192.168.1.104'),
  user('frank', 2006, 'Frank Ferro', '192.168.1.105'),
  user('grace', 2007, 'Grace Gruber', '192.168.1.106'),
  user('heidi', 2008, 'Heidi Holm', '192.168.1.107'),
  user('ivan', 2009, 'Ivan Ilic', '192.168.1.108'),
  user('judy', 2010, 'Judy Janssen', '192.168.1.109'),
  user('mallory', 2666, 'Mallory Moss', '192.168.1.166', []),
  user('root-ann', 5001, 'Ann Andersen, administrator', '192.168.1.11', ['claw-admins']),
  user('root-ben', 5002, 'Ben Bauer, administrator', '192.168.1.12', ['claw-admins']),
];

export const GROUPS = { 'domain-users': 3000, 'claw-users': 3001, 'claw-admins': 3002 };

const SERVICES: [name: string, uid: number, home: string][] = [
  ['root', 0, '/root'],
  ['daemon', 1, '/usr/sbin'],
  ['backup', 34, '/var/backups'],
  ['sssd', 989, '/var/lib/sss'],
  ['claw-sched', 990, '/var/lib/claw-scheduler'],
  ['nobody', 65534, '/nonexistent'],
];

/** The four files of the user database, as they are on the first day. */
export function userDatabase(at: Layout): Record<'passwd' | 'group' | 'shadow' | 'gshadow', string> {
  const names = [...SERVICES.map(([name]) => name), ...USERS.map(u => u.name)];
  const shared = Object.entries(GROUPS).map(([name, gid]) => ({
    name,
    gid,
    members: USERS.filter(u => u.groups.includes(name)).map(u => u.name),
  }));
  const own = [...SERVICES.map(([name, uid]) => [name, uid] as const), ...USERS.map(u => [u.name, u.uid] as const)];
  const lines = (rows: string[]): string => `${rows.join('\n')}\n`;
  return {
    passwd: lines([
      ...SERVICES.map(([name, uid, home]) => `${name}:x:${uid}:${uid}:${name}:${home}:/usr/sbin/nologin`),
      ...USERS.map(u => `${u.name}:x:${u.uid}:${u.uid}:${u.full}:${at.home}/${u.name}:/bin/sh`),
    ]),
    group: lines([
      ...own.map(([name, id]) => `${name}:x:${id}:`),
      ...shared.map(g => `${g.name}:x:${g.gid}:${g.members.join(',')}`),
    ]),
    shadow: lines(names.map(name => `${name}:!:20000:0:99999:7:::`)),
    gshadow: lines([...own.map(([name]) => `${name}:!::`), ...shared.map(g => `${g.name}:!::${g.members.join(',')}`)]),
  };
}

// ---------------------------------------------------------------- reading it back

export interface Account {
  name: string;
  uid: number;
  gid: number;
  home: string;
}

const rows = (file: string): string[][] => {
  try {
    return readFileSync(file, 'utf8')
      .split('\n')
      .filter(line => line.includes(':'))
      .map(line => line.split(':'));
  } catch {
    return [];
  }
};

export function account(at: Layout, name: string): Account | null {
  const row = rows(at.passwd).find(r => r[0] === name);
  return row ? { name, uid: Number(row[2]), gid: Number(row[3]), home: row[5]! } : null;
}

/** Whether the account's day of expiry (8th field of shadow(5), days since 1970) has come. */
export function accountExpired(at: Layout, name: string, now: number): boolean {
  const day = rows(at.shadow).find(r => r[0] === name)?.[7];
  return !!day && Number(day) * 86_400_000 <= now;
}

/** The names of the groups a group file gives to a user, the primary one first. */
export function groupsIn(file: string, who: Account): string[] {
  const all = rows(file);
  const primary = all.filter(r => Number(r[2]) === who.gid).map(r => r[0]!);
  return [...new Set([...primary, ...all.filter(r => r[3]?.split(',').includes(who.name)).map(r => r[0]!)])];
}

/** The name of each group id. */
export const groupNames = (file: string): Map<number, string> =>
  new Map(rows(file).map(r => [Number(r[2]), r[0]!] as const));

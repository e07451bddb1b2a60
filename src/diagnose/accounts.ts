/**
 * The passwd and group databases as text: what one line of each says. Pure; used on the local files and on what
 * `getent` prints, which has the same form.
 */

export interface PasswdEntry {
  name: string;
  uid: number;
  gid: number;
  home: string;
  shell: string;
}

export interface GroupEntry {
  name: string;
  gid: number;
  members: string[];
}

const number = (text: string | undefined): number =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;

/** Malformed lines, comments and NIS markers (`+::…`) are left out. */
export function parsePasswd(text: string): PasswdEntry[] {
  return text.split('\n').flatMap(line => {
    const [name, , uid, gid, , home, shell] = line.split(':');
    if (!name || home === undefined || !Number.isInteger(number(uid)) || !Number.isInteger(number(gid))) return [];
    return [{ name, uid: number(uid), gid: number(gid), home, shell: shell ?? '' }];
  });
}

export function parseGroup(text: string): GroupEntry[] {
  return text.split('\n').flatMap(line => {
    const [name, , gid, members] = line.split(':');
    if (!name || members === undefined || !Number.isInteger(number(gid))) return [];
    return [
      {
        name,
        gid: number(gid),
        members: members
          .split(',')
          .map(m => m.trim())
          .filter(Boolean),
      },
    ];
  });
}

/** The groups somebody would get at a login, by the files alone: the primary one first. */
export const groupsOf = (user: PasswdEntry, groups: GroupEntry[]): string[] => {
  const primary = groups.find(g => g.gid === user.gid)?.name;
  const named = groups.filter(g => g.members.includes(user.name)).map(g => g.name);
  return [...new Set([...(primary ? [primary] : []), ...named])];
};

/** Everyone who has the group, by name or as primary group. Sorted, so that two looks can be compared. */
export const membersOf = (group: GroupEntry, users: PasswdEntry[]): string[] =>
  [...new Set([...group.members, ...users.filter(u => u.gid === group.gid).map(u => u.name)])].sort();

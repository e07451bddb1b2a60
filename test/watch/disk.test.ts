/** What lies on another machine, how many files may be open, and which of them is closed first. */
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Descriptors, type Pin } from '../../src/watch/descriptors.ts';
import { type Disk, descriptorLimit, localDisk, Mounts, networkDisk, networkMounts } from '../../src/watch/disk.ts';
import { homePlace } from '../../src/watch/place.ts';
import { freshDir, removeDirs } from './lab.ts';

afterAll(removeDirs);

const TABLE = `22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:40 / /home rw shared:2 - nfs4 server:/home rw,vers=4.2
31 30 8:2 / /home/local rw - xfs /dev/sdb1 rw
32 22 0:41 / /scratch rw - lustre mds@tcp:/scratch rw
33 22 0:42 / /mnt/with\\040space rw - cifs //server/share rw
34 22 0:43 / /mnt/sshfs rw - fuse.sshfs host:/ rw`;

describe('the mount table', () => {
  const isNetwork = networkMounts(TABLE);
  test.each([
    ['/var/log/claw-scheduler.log', false],
    ['/home/alice/.claw/clw.log', true],
    ['/home', true],
    ['/homeless/bob', false],
    ['/home/local/bob', false],
    ['/scratch/carol/.claw/clw.log', true],
    ['/mnt/with space/x', true],
    ['/mnt/sshfs/x', true],
  ])('%s: network %s', (path, network) => {
    expect(isNetwork(path)).toBe(network);
  });
  test.each([
    ['/people/alice', true],
    ['/people/alice/.claw/clw.log', true],
    ['/people/bob', false],
    ['/elsewhere/carol', true],
    ['/elsewhere/../people/bob', false],
    ['/round/and', false],
  ])('links are followed, and nothing beyond the local disk is touched: %s, network %s', (path, network) => {
    const links: Record<string, string> = {
      '/people': '/srv/people',
      '/srv/people/alice': '../../home/alice',
      '/elsewhere': 'scratch',
      '/round': '/about',
      '/about': '/round',
    };
    const asked: string[] = [];
    const isAway = networkMounts(TABLE, at => {
      asked.push(at);
      return links[at] ?? null;
    });
    expect(isAway(path)).toBe(network);
    expect(asked.filter(at => /^\/(home|scratch)\b/.test(at))).toEqual([]);
  });
  test('what is mounted later is seen when it is looked at again; the last one mounted lies above', () => {
    const file = join(freshDir(), 'mountinfo');
    writeFileSync(file, `${TABLE.split('\n')[0]}\n`);
    const mounts = new Mounts(file);
    expect(mounts.diskOf('/home/alice')).toBe(localDisk);
    expect(mounts.read()).toBe('same');
    writeFileSync(file, TABLE);
    expect(mounts.read()).toBe('other');
    expect(mounts.diskOf('/home/alice')).toBe(networkDisk);
    writeFileSync(file, `${TABLE}\n50 22 8:3 / /home rw - ext4 /dev/sdc1 rw`);
    mounts.read();
    expect(mounts.diskOf('/home/alice')).toBe(localDisk);
  });
  test('without a table everything is local', () => {
    expect(networkMounts('')('/home/alice')).toBe(false);
  });
});

test('G13 the limit of open files is the soft one', () => {
  const file = join(freshDir(), 'limits');
  writeFileSync(
    file,
    'Limit   Soft Limit   Hard Limit   Units\nMax open files            256                  524288               files\n',
  );
  expect(descriptorLimit(file)).toBe(256);
  expect(descriptorLimit('/nonexistent')).toBe(256);
});

describe('G13 open files', () => {
  const open = (limit: number, inUse: string[] = []) => {
    const closed: string[] = [];
    const files = new Descriptors<string>(
      limit,
      name => closed.push(name),
      name => inUse.includes(name),
    );
    return { closed, use: (name: string, pin: Pin = 'free') => files.use(name, pin), files };
  };
  test('the one that was longest not read is closed first', () => {
    const { closed, use } = open(4);
    for (const name of ['a', 'b', 'c', 'd', 'a', 'e', 'f']) use(name);
    expect(closed).toEqual(['b', 'c']);
  });
  test('a file without a name is closed last, one that is being read never', () => {
    const { closed, use, files } = open(4, ['d']);
    use('a', 'only');
    use('b', 'needed');
    for (const name of ['c', 'd', 'e', 'f', 'g', 'h']) use(name, name === 'c' ? 'needed' : 'free');
    expect(closed).toEqual(['b', 'e', 'f', 'g']);
    use('i', 'only');
    use('j', 'only');
    expect(closed.slice(4)).toEqual(['h', 'c']);
    expect(files.size).toBe(4);
  });
});

describe.each([
  ['local', localDisk],
  ['network', networkDisk],
] as [string, Disk][])('a look at a log in a home (%s)', (_name, disk) => {
  test('goes through no link that its owner made, and sees it come and go', async () => {
    const dir = freshDir();
    const place = homePlace(dir, '.claw/clw.log', 'mallory', disk);
    expect(await place.hint()).toBeNull();
    mkdirSync(join(dir, '.claw'));
    expect(await place.hint()).toBeNull();
    writeFileSync(join(dir, '.claw/clw.log'), 'x;\n');
    expect((await place.hint())?.size).toBe(3);
    renameSync(join(dir, '.claw'), join(dir, 'there'));
    expect(await place.hint()).toBeNull();
    symlinkSync('there', join(dir, '.claw'));
    expect(await place.hint()).toBeNull();
    rmSync(join(dir, '.claw'));
    renameSync(join(dir, 'there'), join(dir, '.claw'));
    expect((await place.hint())?.size).toBe(3);
  });
});

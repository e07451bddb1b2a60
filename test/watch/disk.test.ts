/** What lies on another machine, how many files may be open, and which of them is closed first. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Descriptors, type Pin } from '../../src/watch/descriptors.ts';
import { descriptorLimit, networkMounts } from '../../src/watch/disk.ts';
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

/** Whose name is it: the local file, NSS on a budget, and what never counts as a person. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { RunCommand } from '../../src/command.ts';
import { parseConfig } from '../../src/config/config.ts';
import { USUAL_NAMES, userNames } from '../../src/names.ts';
import { Accounts } from '../../src/watch/accounts.ts';
import { Homes } from '../../src/watch/homes.ts';
import { PasswdFile } from '../../src/watch/passwd.ts';
import { freshDir, removeDirs } from './lab.ts';

afterAll(removeDirs);

const LDAP = 'carol:x:3001:100::/home/carol:/bin/bash\nsvc:x:3002:100::/home/svc:/usr/sbin/nologin\n';

const { serviceShells: USUAL_SHELLS } = parseConfig('{}', 'readmit.yaml').watch;

function setUp(
  nss: (names: string[]) => string | null,
  pattern: string | null = null,
  serviceShells: readonly string[] = USUAL_SHELLS,
) {
  const file = join(freshDir(), 'passwd');
  writeFileSync(
    file,
    'root:x:0:0::/root:/bin/sh\nalice:x:2001:100::/home/alice:/bin/bash\ndaemon:x:2:2::/:/usr/sbin/nologin\nlocked:x:2002:1::/home/l:/bin/false\nboss:x:2003:1::/home/boss:/bin/bash\n',
  );
  const clock = { now: 0 };
  const asked: string[][] = [];
  const run: RunCommand = async argv => {
    asked.push(argv.slice(2));
    const stdout = nss(argv.slice(2));
    const base = { argv: [...argv], signal: null, stderr: '', ms: 1 };
    return stdout === null
      ? { ...base, code: null, stdout: '', timedOut: true }
      : { ...base, code: stdout ? 0 : 2, stdout, timedOut: false };
  };
  const passwd = new PasswdFile(file, () => clock.now);
  const directories = { of: [] as string[] };
  const homes = new Homes({
    passwd,
    run,
    names: userNames(USUAL_NAMES),
    minUid: 1000,
    pattern,
    steady: () => clock.now,
    glob: () => directories.of,
  });
  const accounts = new Accounts({
    passwd,
    run,
    names: userNames(USUAL_NAMES),
    people: { minUid: 1000, denyUsers: ['boss'], serviceShells },
    steady: () => clock.now,
    listed: name => homes.person(name),
  });
  return {
    file,
    clock,
    asked,
    accounts,
    homes,
    directories,
    of: async (...names: string[]) => Object.fromEntries(await accounts.of(new Set(names))),
  };
}

describe('accounts', () => {
  test('the local file answers without asking anybody', async () => {
    const { of, asked } = setUp(() => '');
    expect(await of('alice', 'root', 'daemon', 'locked', 'boss')).toEqual({
      alice: 'user',
      root: 'system',
      daemon: 'system',
      locked: 'system',
      boss: 'system',
    });
    expect(asked).toEqual([]);
  });

  test('where the host gives nobody a shell, people are people all the same', async () => {
    const { of } = setUp(names => (names.includes('svc') ? LDAP : ''), null, []);
    expect(await of('locked', 'svc', 'daemon', 'boss')).toEqual({
      locked: 'user',
      svc: 'user',
      daemon: 'system',
      boss: 'system',
    });
  });

  test('names of the directory are asked together, and remembered', async () => {
    const { of, asked } = setUp(names => (names.includes('carol') ? LDAP : ''));
    expect(await of('carol', 'svc', 'nobody-here')).toEqual({ carol: 'user', svc: 'system', 'nobody-here': 'unknown' });
    expect(await of('carol', 'svc', 'nobody-here')).toEqual({ carol: 'user', svc: 'system', 'nobody-here': 'unknown' });
    expect(asked).toEqual([['carol', 'svc', 'nobody-here']]);
  });

  test.each(['--root=/tmp', '-h', 'a b', 'ALICE;id', '$(id)', '', 'x'.repeat(40), 'a:b', 'a\nb'])(
    '%j is never handed to a command',
    async name => {
      const { of, asked } = setUp(() => '');
      expect(await of(name)).toEqual({ [name]: 'unknown' });
      expect(asked).toEqual([]);
    },
  );

  test('a million invented names are a few questions', async () => {
    const { of, asked, clock } = setUp(() => '');
    for (let i = 0; i < 100; i++) {
      await of(...Array.from({ length: 100 }, (_, k) => `fake${i}-${k}`));
      clock.now += 10;
    }
    expect(asked.flat().length).toBeLessThanOrEqual(200 + 20);
    expect(asked.length).toBeLessThan(30);
  });

  test('a thousand people of a directory that lists nobody are people, and names that nobody has take nothing from them', async () => {
    const people = Array.from({ length: 1000 }, (_, n) => `ldap${n}`);
    const { of, asked } = setUp(names =>
      names
        .filter(name => name.startsWith('ldap'))
        .map(name => `${name}:x:3001:100::/home/${name}:/bin/bash\n`)
        .join(''),
    );
    const found = Object.values(await of(...people));
    expect(found.filter(account => account === 'user')).toHaveLength(1000);
    expect(asked).toHaveLength(20);
    await of(...people);
    expect(asked).toHaveLength(20);
    // The budget is for those nobody has, and it is all still there.
    await of(...Array.from({ length: 1000 }, (_, n) => `fake${n}`));
    expect(asked.slice(20).flat()).toHaveLength(200);
    expect(await of('ldap7', 'fake999')).toEqual({ ldap7: 'user', fake999: 'unknown' });
  });

  test('whom the list of NSS has is known without a question, however many they are, and while it does not answer', async () => {
    const people = Array.from({ length: 1000 }, (_, n) => `ldap${n}`);
    const list = people.map((name, n) => `${name}:x:${3000 + n}:100::/home/${name}:/bin/bash\n`).join('');
    let up = true;
    const { of, asked, homes } = setUp(() => (up ? list : null));
    await homes.read();
    up = false;
    expect(Object.values(await of(...people)).filter(account => account === 'user')).toHaveLength(1000);
    expect(asked).toHaveLength(1);
  });

  test('a directory that does not answer is left alone for a while, and nobody is called unknown for good', async () => {
    let up = false;
    const { of, asked, clock } = setUp(() => (up ? LDAP : null));
    expect(await of('carol')).toEqual({ carol: 'unknown' });
    expect(await of('carol')).toEqual({ carol: 'unknown' });
    expect(asked).toHaveLength(1);
    up = true;
    clock.now += 11_000;
    expect(await of('carol')).toEqual({ carol: 'user' });
  });

  test('a user made a minute ago is known', async () => {
    const { of, clock, file } = setUp(() => '');
    expect(await of('dave')).toEqual({ dave: 'unknown' });
    writeFileSync(file, 'dave:x:2009:100::/home/dave:/bin/bash\n');
    clock.now += 1000;
    expect(await of('dave')).toEqual({ dave: 'user' });
  });
});

describe('homes', () => {
  test('of people, local and in the directory, each once; a new list only when there is one', async () => {
    const { homes, clock, file } = setUp(names => (names.length === 0 ? LDAP : ''));
    expect(await homes.read()).toEqual([
      { owner: 'alice', dir: '/home/alice' },
      { owner: 'locked', dir: '/home/l' },
      { owner: 'boss', dir: '/home/boss' },
      { owner: 'carol', dir: '/home/carol' },
      { owner: 'svc', dir: '/home/svc' },
    ]);
    clock.now += 5000;
    expect(await homes.read()).toBeNull();
    writeFileSync(
      file,
      'alice:x:2001:100::/home/alice:/bin/bash\nodd:x:2005:1::relative:/bin/sh\nall:x:2006:1::/:/bin/sh\n+::::::\n',
    );
    clock.now += 5000;
    expect((await homes.read())?.map(h => h.owner)).toEqual(['alice', 'carol', 'svc']);
  });

  test('a directory that is away takes nobody away, nor does a passwd file that is empty for a moment', async () => {
    let up = true;
    const { homes, clock, file } = setUp(() => (up ? LDAP : null));
    expect(await homes.read()).toHaveLength(5);
    up = false;
    clock.now += 700_000;
    expect(await homes.read()).toBeNull();
    writeFileSync(file, '');
    clock.now += 5000;
    expect(await homes.read()).toBeNull();
  });

  test('whom one list leaves out has not gone: SSSD that is down lists the local people and says nothing else', async () => {
    let down = false;
    const { homes, clock } = setUp(names =>
      names.length > 0 ? '' : down ? 'alice:x:2001:100::/home/alice:/bin/sh\n' : LDAP,
    );
    expect(await homes.read()).toHaveLength(5);
    down = true;
    for (let lists = 1; lists <= 2; lists++) {
      clock.now += 600_000;
      expect(await homes.read()).toBeNull();
    }
    down = false;
    clock.now += 600_000;
    expect(await homes.read()).toBeNull();
    down = true;
    for (let lists = 1; lists <= 2; lists++) {
      clock.now += 600_000;
      expect(await homes.read()).toBeNull();
    }
    clock.now += 600_000;
    expect((await homes.read())?.map(h => h.owner)).toEqual(['alice', 'locked', 'boss']);
  });

  test('directories of a pattern are away while their file system is not mounted; who is gone for a minute has gone', async () => {
    const { homes, clock, directories } = setUp(names => (names.includes('carol') ? LDAP : ''), '/data/*');
    directories.of = ['/data/alice', '/data/carol', '/data/stranger', '/data/not a name'];
    const all = [
      { owner: 'alice', dir: '/home/alice' },
      { owner: 'locked', dir: '/home/l' },
      { owner: 'boss', dir: '/home/boss' },
      { owner: 'alice', dir: '/data/alice', uid: 2001 },
      { owner: 'carol', dir: '/data/carol', uid: 3001 },
      { owner: 'stranger', dir: '/data/stranger', uid: 'nobody' },
      { owner: 'not a name', dir: '/data/not a name', uid: 'nobody' },
    ];
    expect(await homes.read()).toEqual(all);
    directories.of = [];
    clock.now += 30_000;
    expect(await homes.read()).toBeNull();
    clock.now += 10_000;
    expect(await homes.read()).toBeNull();
    clock.now += 30_000;
    expect(await homes.read()).toEqual(all.slice(0, 3));
  });

  test('whose name a directory of a pattern has is asked of NSS, not guessed, and not asked again at every look', async () => {
    let up = false;
    const { homes, clock, directories, asked } = setUp(
      names => (!up ? null : names.includes('carol') ? LDAP : ''),
      '/data/*',
    );
    directories.of = ['/data/carol'];
    expect((await homes.read())?.map(h => h.dir)).not.toContain('/data/carol');
    up = true;
    clock.now += 10_000;
    expect((await homes.read())?.at(-1)).toEqual({ owner: 'carol', dir: '/data/carol', uid: 3001 });
    const before = asked.length;
    clock.now += 10_000;
    expect(await homes.read()).toBeNull();
    expect(asked.length).toBe(before);
  });
});

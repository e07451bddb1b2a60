/** The directory as it is asked: names, filters, passwords, and a real server with its moods. */
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { directoryFindings } from '../../src/cli/doctor/directory.ts';
import { parseConfig } from '../../src/config/config.ts';
import { dnValue, isBelow, sameDn } from '../../src/dn.ts';
import { Usage } from '../../src/incident.ts';
import { DirectoryFault, readCredential, withDirectory } from '../../src/ldap.ts';
import { modifyRecord } from '../../src/ldif.ts';
import { type Lab, startLab } from '../diagnose/lab.ts';
import { BASE, GROUPS, PASSWORDS, PEOPLE, READER, type Slapd, startSlapd, WRITER } from './slapd.ts';

describe('distinguished names', () => {
  it.each([
    ['cn=a,dc=b', 'CN=A, DC=B', true],
    ['cn=a\\2cb,dc=c', 'cn=a\\,b,dc=c', true],
    ['cn=a,b=c,dc=d', 'cn=a\\,b\\=c,dc=d', false],
    ['cn=a+uid=b,dc=c', 'uid=b+cn=a,dc=c', true],
    ['cn=ü,dc=c', 'cn=\\c3\\bc,dc=c', true],
    ['cn=a,dc=b', 'cn=a,dc=b,dc=c', false],
    ['', '', false],
    ['cn', 'cn', false],
    ['cn="a",dc=b', 'cn="a",dc=b', false],
  ])('%j and %j: the same is %j', (a, b, same) => {
    expect(sameDn(a, b)).toBe(same);
  });

  it.each([
    [`cn=x,${GROUPS}`, true],
    [`cn=x,ou=y,${GROUPS}`, true],
    [GROUPS, false],
    [`cn=x\\,${GROUPS}`, false],
    [`cn=x,ou=Groups, ${BASE.toUpperCase()}`, true],
    [`cn=x,ou=mygroups,${BASE}`, false],
    [`cn=x,xou=groups,${BASE}`, false],
    ['', false],
  ])('%j is below the groups: %j', (dn, below) => {
    expect(isBelow(dn, GROUPS)).toBe(below);
  });

  it.each(['a,b', ' a', 'a ', '#a', 'a+b', 'a"b', 'a\\b', 'a<b>', 'a;b', 'a=b', 'a\nb', 'ü'])(
    '%j as a value is one value',
    value => {
      expect(isBelow(`cn=${dnValue(value)},${GROUPS}`, GROUPS)).toBe(true);
    },
  );

  it('a value that would end its line is given in base64', () => {
    const text = modifyRecord('add', {
      dn: 'cn=a,dc=b',
      attribute: 'memberUid',
      value: 'x\n-\n\ndn: dc=b\nchangetype: delete',
    });
    expect(text.split('\n').filter(line => line.startsWith('changetype'))).toEqual(['changetype: modify']);
    expect(text).toContain('memberUid:: ');
  });
});

describe('the configuration', () => {
  const read = (ldap: Record<string, unknown>) =>
    parseConfig(JSON.stringify({ directory: { ldap: { url: 'ldaps://x', base: BASE, ...ldap } } }), 'readmit.yaml');

  it('needs no more than a server and a base', () => {
    expect(read({}).directory.ldap).toMatchObject({
      memberAttribute: 'memberUid',
      userAttribute: 'uid',
      groupBase: null,
      bindDn: null,
    });
  });

  it.each<[Record<string, unknown>, RegExp]>([
    [{ url: 'ldap://ldap.site.example' }, /in clear.*ldaps:\/\/, or startTls/],
    [{ url: 'ldap://127.0.0.1.evil.example' }, /in clear/],
    [{ startTls: true }, /ldaps:\/\/ speaks TLS already/],
    [{ url: 'http://x' }, /ldap:\/\/HOST/],
    [{ url: 'ldaps://user:secret@x' }, /ldap:\/\/HOST/],
    [{ bindDn: `cn=a,${BASE}` }, /go together/],
    [{ readPasswordFile: '/x' }, /go together/],
    [{ groupBase: 'ou=groups,dc=else,dc=where' }, /lies below base/],
    [{ base: 'not a name' }, /a distinguished name/],
    [{ groupFilter: 'objectClass=posixGroup' }, /in brackets/],
    [{ pasword: 'x' }, /unknown key/],
  ])('%j is refused', (ldap, message) => {
    expect(() => read(ldap)).toThrow(Usage);
    expect(() => read(ldap)).toThrow(message);
  });

  it.each(['ldap://127.0.0.1:3389', 'ldap://localhost', 'ldap://[::1]:389/'])('%s stays on this machine', url => {
    expect(read({ url }).directory.ldap?.url).toBe(url);
  });
});

describe('a real directory', () => {
  let slapd: Slapd;
  let lab: Lab;
  beforeAll(async () => {
    slapd = await startSlapd({ alice: 2001, bob: 2002 }, ['bob'], 2500);
  });
  afterAll(() => slapd.end());
  beforeEach(() => {
    lab = startLab();
  });
  afterEach(() => lab.end());

  const settings = (more: Record<string, unknown> = {}) => ({
    url: slapd.url,
    base: BASE,
    groupBase: GROUPS,
    userBase: PEOPLE,
    readDn: READER,
    readPasswordFile: slapd.passwordFile(READER),
    ...more,
  });
  const ask = (user: string | null, more: Record<string, unknown> = {}, extra = '') => {
    lab.set(`directory: { ldap: ${JSON.stringify(settings(more))} }\n${extra}`);
    return lab.ask(user);
  };
  const ldapOf = (more: Record<string, unknown> = {}) =>
    parseConfig(JSON.stringify({ directory: { ldap: settings(more) } }), 'readmit.yaml').directory.ldap!;

  it('says who is in which group, by name, and where it was asked', async () => {
    const facts = await ask('bob');
    expect(facts.get('groups.directory')).toMatchObject({
      known: true,
      value: ['claw-users'],
      source: `ldapsearch -H ${slapd.url} -b ${GROUPS} '(memberUid=bob)'`,
    });
    expect(facts.get('directory.entries')!.value).toEqual([`claw-users 2500 cn=claw-users,${GROUPS}`]);
    expect(facts.get('directory.person')!.value).toEqual(['2002', `uid=bob,${PEOPLE}`]);
    expect((await ask('alice')).get('groups.directory')).toMatchObject({ known: true, value: [] });
  });

  it('the same where groups hold entries', async () => {
    expect((await ask('bob', { memberAttribute: 'member' })).get('groups.directory')!.value).toEqual(['claw-members']);
  });

  it('somebody who is not in the directory, and nobody at all', async () => {
    const facts = await ask('carol');
    expect(facts.get('directory.person')).toMatchObject({ known: true, value: [] });
    expect(facts.get('groups.directory')).toMatchObject({ known: true, value: [] });
    const nobody = await ask(null);
    expect(nobody.get('groups.directory')!.known).toBe(false);
    expect(nobody.get('directory.entries')!.known).toBe(true);
  });

  it.each(['*', 'bob)(uid=*', 'a\\2a', '(', ' bob', 'bob\u0000'])('%j matches nobody', async name => {
    expect((await ask(name)).get('groups.directory')?.value ?? []).toEqual([]);
  });

  it('a member whom NSS does not show yet is a lag', async () => {
    lab.put('etc/group', 'alice:x:2001:\nbob:x:2002:\n');
    lab.command('getent', '[ "$2" = claw-users ] && echo claw-users:x:2500: && exit 0; exit 2');
    const facts = await ask('bob');
    expect(facts.get('groups.lag')!.value).toBe('nss');
    expect(facts.get('access.missing-group')!.value).toBe('claw-users');
    expect((await ask('alice')).get('groups.lag')!.value).toBe('none');
  });

  it('a server that is away, a wrong password, an empty one: unknown, never no, and the password is nowhere', async () => {
    const away = await ask('bob', { url: 'ldap://127.0.0.1:1' });
    expect(away.get('groups.directory')).toMatchObject({
      known: false,
      source: expect.stringContaining('ECONNREFUSED'),
    });
    const wrong = await ask('bob', { readPasswordFile: slapd.passwordFile(READER, 'hunter2') });
    expect(wrong.get('groups.directory')).toMatchObject({
      known: false,
      source: expect.stringContaining('invalid credentials'),
    });
    const empty = await ask('bob', { readPasswordFile: slapd.passwordFile(READER, '') });
    expect(empty.get('groups.directory')).toMatchObject({
      known: false,
      source: expect.stringContaining('the password is empty'),
    });
    expect(JSON.stringify([...wrong.values(), ...away.values()])).not.toMatch(
      new RegExp(`hunter2|${PASSWORDS[READER]}`),
    );
  });

  it('where no directory is configured, nothing is said of one', async () => {
    expect((await lab.ask('bob')).has('groups.directory')).toBe(false);
  });

  it('a server that accepts and then says nothing is given up in time', async () => {
    const silent = createServer(() => {});
    await new Promise<void>(done => silent.listen(0, '127.0.0.1', done));
    const started = performance.now();
    const { port } = silent.address() as { port: number };
    const work = withDirectory(ldapOf({ url: `ldap://127.0.0.1:${port}` }), null, d => d.person('bob'), 200);
    await expect(work).rejects.toThrow(DirectoryFault);
    expect(performance.now() - started).toBeLessThan(3000);
    silent.close();
  });

  it('doctor says what is missing, and what to do about it', async () => {
    const look = async (more: Record<string, unknown>) => {
      const ldap = { ...settings(), bindDn: WRITER, passwordFile: slapd.passwordFile(WRITER), ...more };
      return await directoryFindings(parseConfig(JSON.stringify({ directory: { ldap } }), 'readmit.yaml'));
    };
    expect((await look({})).map(f => f.level)).toEqual(['ok', 'ok']);
    expect((await look({ groupBase: null })).find(f => f.level === 'problem')!.what).toContain(
      'more than one group claw-users',
    );
    expect((await look({ groupBase: PEOPLE })).find(f => f.level === 'note')!.what).toContain(
      'no group claw-users below',
    );
    expect((await look({ passwordFile: slapd.passwordFile(WRITER, 'guessed') })).at(-1)).toMatchObject({
      level: 'problem',
    });
    expect((await look({ bindDn: null, passwordFile: null })).at(-1)!.what).toContain(
      'plans for its groups are exported',
    );
    expect((await look({ url: 'ldap://127.0.0.1:1' }))[0]).toMatchObject({
      level: 'problem',
      what: expect.stringContaining('ECONNREFUSED'),
    });
  });

  it('an empty password is refused before anything is sent, whoever hands it over', async () => {
    const work = withDirectory(ldapOf({ url: 'ldap://127.0.0.1:1' }), { dn: READER, password: '' }, d =>
      d.person('bob'),
    );
    await expect(work).rejects.toThrow('the password is empty');
    const file = join(slapd.dir, 'blank');
    writeFileSync(file, '\n', { mode: 0o600 });
    expect(() => readCredential(READER, file)).toThrow('the password is empty');
    expect(() => readCredential(READER, join(slapd.dir, 'missing'))).toThrow('ENOENT');
  });

  it('a connection that was lost is not quietly opened again, without TLS and without a name', async () => {
    const own = await startSlapd();
    const ldap = {
      ...ldapOf({ url: own.url, startTls: true, caFile: own.ca }),
      readPasswordFile: own.passwordFile(READER),
    };
    const work = withDirectory(ldap, readCredential(READER, ldap.readPasswordFile), async directory => {
      expect(await directory.person('bob')).not.toBeNull();
      await own.stop();
      await own.start();
      return await directory.person('bob');
    });
    await expect(work).rejects.toThrow(DirectoryFault);
    await own.end();
  });
});

/** Signing in with name and password of a real directory (Debian's slapd): who is let in, and what nobody learns. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { BASE, GROUPS, PEOPLE, READER, type Slapd, startSlapd } from '../ldap/slapd.ts';
import { type Browser, type Shown, type SignInSite, signInSite } from './site.ts';

const UIDS = { bob: 41002, alice: 41001, 'root-ann': 50001, 'root-ben': 50002, carol: 41003 };
const PASSWORDS: Record<string, string> = {
  bob: 'correct horse',
  alice: 'p(*)s)(',
  'root-ann': 'staple',
  'root-ben': 'x',
};
const ANN = { name: 'root-ann', uid: 50001, roles: ['administrator'] };
/** Called what somebody in the directory is called, and somebody else. */
const BEN = { name: 'root-ben', uid: 60000, roles: ['administrator'] };

let slapd: Slapd;
let site: SignInSite;
const member = (change: 'add' | 'delete', name: string, group = 'claw-users'): void =>
  slapd.modify(`dn: cn=${group},${GROUPS}\nchangetype: modify\n${change}: memberUid\nmemberUid: ${name}\n`);

async function openSite(over: { ldap?: object; signIn?: object } = {}): Promise<SignInSite> {
  return await signInSite([ANN, BEN], () => ({
    directory: {
      ldap: {
        url: slapd.tlsUrl,
        caFile: slapd.ca,
        base: BASE,
        groupBase: GROUPS,
        userBase: PEOPLE,
        readDn: READER,
        readPasswordFile: slapd.passwordFile(READER),
        timeout: 2,
        ...over.ldap,
      },
    },
    web: { signIn: { ldap: { roles: { operator: ['claw-users'], viewer: ['claw-admins'] }, ...over.signIn } } },
  }));
}

beforeAll(async () => {
  slapd = await startSlapd(UIDS, ['bob']);
  for (const [name, password] of Object.entries(PASSWORDS))
    slapd.modify(
      `dn: uid=${name},${PEOPLE}\nchangetype: modify\nadd: objectClass\nobjectClass: simpleSecurityObject\n-\nadd: userPassword\nuserPassword: ${password}\n`,
    );
  site = await openSite();
});
/** The limits fill up again. */
afterEach(() => site?.pass(300_000));
afterAll(async () => {
  await site?.end();
  await slapd?.end();
});

const signIn = (name: string, password: string, browser: Browser = site.browser()): Promise<Shown> =>
  browser.go('/sign-in/directory', { name, password });
const personOf = (name: string) => {
  const [row] = site.sessions.list(name);
  return row ? (site.sessions.byId(row.id)?.person ?? null) : null;
};

describe('name and password of the directory', () => {
  test('let somebody in with the role of their group, on the page they asked for, without a vote', async () => {
    const browser = site.browser();
    const asked = await browser.go('/health');
    expect(asked.status).toBe(401);
    expect(asked.text).toContain('name="password" type="password"');
    expect(await signIn('bob', PASSWORDS.bob!, browser)).toMatchObject({ status: 200, url: `${site.origin}/health` });
    expect(personOf('bob')).toMatchObject({ name: 'bob', uid: -1, roles: ['operator'] });
    expect((await browser.go('/me')).text).toContain('You are bob, operator');
    expect(site.journal()).toContain('bob signed in with the directory');
  });

  test('are an approver’s when the directory has the uid of the file, and nobody’s when it has another', async () => {
    expect((await signIn('root-ann', PASSWORDS['root-ann']!)).status).toBe(200);
    expect(personOf('root-ann')).toMatchObject({ uid: 50001, roles: ['administrator'] });
    const other = await signIn('root-ben', PASSWORDS['root-ben']!);
    expect([other.status, personOf('root-ben')]).toEqual([403, null]);
    expect(other.text).toContain('another uid than the directory says');
  });

  test('are not enough without a role', async () => {
    const shown = await signIn('alice', PASSWORDS.alice!);
    expect([shown.status, personOf('alice')]).toEqual([403, null]);
    expect(shown.text).toContain('none of your groups has a role here');
  });

  test('a wrong password, an unknown name, no password and hostile names get the same answer', async () => {
    const tries: [string, string][] = [
      ['bob', 'wrong'],
      ['bob', ''],
      ['bob', ' '],
      ['bob', 'correct horse\0'],
      ['carol', 'has no password at all'],
      ['nobody-here', 'wrong'],
      ['', 'wrong'],
      ['BOB', PASSWORDS.bob!],
      [' bob', PASSWORDS.bob!],
      ['*', PASSWORDS.bob!],
      ['bob)(uid=*', PASSWORDS.bob!],
      [`uid=bob,${PEOPLE}`, PASSWORDS.bob!],
      ['bob\0', PASSWORDS.bob!],
      ['bob', 'x'.repeat(2000)],
    ];
    const said = new Set<string>();
    for (const [name, password] of tries) {
      const shown = await signIn(name, password);
      expect(shown.status, JSON.stringify([name, password])).toBe(403);
      said.add(/<p class="notice act" role="alert">([^<]*)</.exec(shown.text)?.[1] ?? shown.text);
      site.pass(60_000);
    }
    expect([...said]).toEqual(['This name and password do not fit.']);
    const written = JSON.stringify(site.lines) + site.journal().join();
    expect(written).not.toContain('correct horse');
    expect(written).not.toContain('nobody-here');
  });

  test('take the same time, whether the name is known or not', async () => {
    const took = async (name: string): Promise<number> => {
      const times: number[] = [];
      for (let n = 0; n < 3; n++) {
        const start = performance.now();
        await signIn(name, 'wrong');
        times.push(performance.now() - start);
      }
      return times.sort((a, b) => a - b)[1]!;
    };
    const [known, unknown] = [await took('bob'), await took('nobody-here')];
    expect(Math.abs(known - unknown)).toBeLessThan(150);
    expect(Math.min(known, unknown)).toBeGreaterThan(490);
  });

  test('can’t be guessed: after some tries one waits, for this name and from this address', async () => {
    let waited: Shown | null = null;
    for (let n = 0; n < 12 && !waited; n++) {
      const shown = await signIn('bob', `guess ${n}`);
      if (shown.status === 429) waited = shown;
    }
    expect(waited!.text).toMatch(/Too many tries\. Wait \d+ seconds\./);
    expect((await signIn('bob', PASSWORDS.bob!)).status).toBe(429);
    site.pass(300_000);
    expect((await signIn('bob', PASSWORDS.bob!)).status).toBe(200);
  });

  test('give what the directory gives now: a group that is taken away is gone at the next request', async () => {
    const browser = site.browser();
    await signIn('bob', PASSWORDS.bob!, browser);
    expect((await browser.go('/me')).status).toBe(200);
    member('delete', 'bob');
    site.pass(1001);
    expect((await browser.go('/')).status).toBe(403);
    expect(personOf('bob')!.roles).toEqual([]);
    member('add', 'bob', 'claw-admins');
    site.pass(1001);
    expect((await browser.go('/me')).text).toContain('You are bob, viewer');
    member('delete', 'bob', 'claw-admins');
    member('add', 'bob');
  });

  test('end with the entry: somebody the directory has no more is signed out, an approver too', async () => {
    const browser = site.browser();
    await signIn('root-ann', PASSWORDS['root-ann']!, browser);
    slapd.modify(`dn: uid=root-ann,${PEOPLE}\nchangetype: modrdn\nnewrdn: uid=left\ndeleteoldrdn: 1\n`);
    site.pass(1001);
    expect((await browser.go('/me')).status).toBe(401);
    slapd.modify(`dn: uid=left,${PEOPLE}\nchangetype: modrdn\nnewrdn: uid=root-ann\ndeleteoldrdn: 1\n`);
  });

  test('while the directory is away nobody signs in, who is in stays for some minutes, and then only looks on', async () => {
    const browser = site.browser();
    await signIn('bob', PASSWORDS.bob!, browser);
    await slapd.stop();
    const shown = await signIn('bob', PASSWORDS.bob!);
    expect(shown.status).toBe(503);
    expect(shown.text).toContain('does not answer');
    site.pass(60_000);
    expect((await browser.go('/me')).text).toContain('You are bob, operator');
    site.pass(5 * 60_000);
    expect((await browser.go('/me')).status).toBe(403);
    await slapd.start();
    site.pass(1001);
    expect((await browser.go('/me')).text).toContain('You are bob, operator');
  });

  test('while it is away an approver who came through it does not stay either, nor after a restart', async () => {
    const browser = site.browser();
    await signIn('root-ann', PASSWORDS['root-ann']!, browser);
    expect(personOf('root-ann')).toMatchObject({ uid: 50001, roles: ['administrator'] });
    const { sessions, ways } = site.started();
    const afterRestart = () => sessions.byId(sessions.list('root-ann')[0]!.id)!.person;
    await slapd.stop();
    site.pass(60_000);
    expect((await browser.go('/me')).status).toBe(200);
    await ways.directory!.lookAgain('root-ann');
    expect(afterRestart().roles).toEqual(['administrator']);
    site.pass(5 * 60_000);
    expect((await browser.go('/me')).status).toBe(403);
    expect(personOf('root-ann')).toMatchObject({ uid: -1, roles: [] });
    expect(afterRestart().roles).toEqual([]);
    await slapd.start();
    site.pass(1001);
    expect((await browser.go('/me')).text).toContain('You are root-ann, administrator');
  });

  test('come from our own page only', async () => {
    const answer = await fetch(`${site.origin}/sign-in/directory`, {
      method: 'POST',
      headers: { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' },
      body: new URLSearchParams({ name: 'bob', password: PASSWORDS.bob! }),
    });
    expect(answer.status).toBe(403);
  });

  test('are never sent over a line that is not the directory’s', async () => {
    const wrong = await openSite({ ldap: { caFile: '/etc/hostname' } });
    const shown = await wrong.browser().go('/sign-in/directory', { name: 'bob', password: PASSWORDS.bob! });
    expect(shown.status).toBe(503);
    await wrong.end();
    await expect(openSite({ ldap: { url: 'ldap://directory.site.example' } })).rejects.toThrow(/in clear/);
  });

  test('need a directory', async () => {
    await expect(signInSite([ANN], () => ({ web: { signIn: { ldap: { roles: {} } } } }))).rejects.toThrow(
      /web.signIn.ldap: say in directory.ldap where the directory is/,
    );
  });
});

/** Signing in through a real identity provider, a process of its own: who is let in, as whom, and what is not believed. */
import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signInFindings } from '../../src/cli/doctor/sign-in.ts';
import { freePort } from '../free-port.ts';
import { startProvider } from './provider.ts';
import { type Browser, type Shown, type SignInSite, signInSite } from './site.ts';

const PEOPLE = {
  'sub-ann': { preferred_username: 'ann.at.work', groups: [] },
  'sub-olga': { preferred_username: 'olga', groups: ['hpc-operators', 'everybody'] },
  'sub-vera': { preferred_username: 'vera', groups: ['hpc-readers'] },
  'sub-max': { preferred_username: 'max', groups: ['everybody'] },
  // Somebody who calls themselves what an approver is called.
  'sub-eve': { preferred_username: 'Root-Ann', groups: ['hpc-operators'] },
  'sub-odd': { preferred_username: '<img src=x>', groups: ['hpc-operators'] },
  'sub-us': { preferred_username: 'readmit', groups: ['hpc-operators'] },
};

let site: SignInSite;
let provider: ChildProcess;
let issuer: string;
const ANN = { name: 'root-ann', uid: 2000, roles: ['administrator'], subject: 'sub-ann' };
const peopleFile = () => join(site.dir, 'people.json');

beforeAll(async () => {
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  site = await signInSite([ANN], (_, dir) => ({
    web: {
      signIn: {
        oidc: {
          issuer,
          clientId: 'readmit',
          clientSecretFile: join(dir, 'secret'),
          label: 'the practice account',
          roles: { viewer: ['hpc-readers'], operator: ['hpc-operators'] },
        },
      },
    },
  }));
  writeFileSync(join(site.dir, 'secret'), 'a secret of the client\n', { mode: 0o600 });
  writeFileSync(peopleFile(), JSON.stringify(PEOPLE));
  provider = await startProvider(port, site.origin, peopleFile());
});
afterAll(async () => {
  provider?.kill();
  await site?.end();
});

const isCallback = (url: string): boolean => url.startsWith(`${site.origin}/sign-in/provider/callback`);

/** Signs in at the provider, up to the address it sends the browser back to. */
async function atProvider(browser: Browser, sub: string): Promise<Shown> {
  let shown = await browser.go('/sign-in/provider', undefined, isCallback);
  for (let n = 0; n < 3 && !isCallback(shown.url); n++) {
    const action = /action="([^"]+)"/.exec(shown.text)![1]!;
    const prompt = /name="prompt" value="([^"]+)"/.exec(shown.text)![1]!;
    shown = await browser.go(
      new URL(action, shown.url).href,
      prompt === 'login' ? { prompt, login: sub, password: 'any' } : { prompt },
      isCallback,
    );
  }
  return shown;
}
async function signedIn(sub: string, browser = site.browser()): Promise<Shown> {
  return browser.go((await atProvider(browser, sub)).url);
}

describe('signing in through the identity provider', () => {
  test('asks with code, PKCE, state, nonce, a fresh proof, and its one redirect address', async () => {
    const browser = site.browser();
    expect((await browser.go('/')).text).toContain('Sign in with the practice account');
    const answer = await browser.once('/sign-in/provider');
    const url = new URL(answer.headers.get('location')!);
    expect(url.origin).toBe(issuer);
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      client_id: 'readmit',
      redirect_uri: `${site.origin}/sign-in/provider/callback`,
      scope: 'openid profile',
      code_challenge_method: 'S256',
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      max_age: '900',
    });
    expect(answer.headers.get('set-cookie')).toMatch(/HttpOnly.*SameSite=Lax/i);
  });

  test('lets an operator in with the role of their group, on the page they asked for, without a vote', async () => {
    const browser = site.browser();
    await browser.go('/health');
    const shown = await signedIn('sub-olga', browser);
    expect(shown).toMatchObject({ status: 200, url: `${site.origin}/health` });
    const me = (await browser.go('/me')).text;
    expect(me).toContain('You are olga, operator');
    expect(me).toContain('you look and don’t vote');
    expect(me).toContain('identity provider');
    expect(me).not.toContain('Add a passkey');
    const [row] = site.sessions.list('olga');
    expect(site.sessions.byId(row!.id)!.person).toMatchObject({ name: 'olga', uid: -1, roles: ['operator'] });
    expect(site.journal()).toContain('olga signed in through the identity provider');
  });

  test('is an approver for whom the file names the provider’s own id, by the name and roles of the file', async () => {
    const browser = site.browser();
    await signedIn('sub-ann', browser);
    const [row] = site.sessions.list('root-ann');
    expect(site.sessions.byId(row!.id)!.person).toMatchObject({
      name: 'root-ann',
      uid: 2000,
      roles: ['administrator'],
    });
    // What root takes away is gone at the next request, and so is the link between the two.
    site.list([{ ...ANN, roles: ['viewer'] }]);
    expect((await browser.go('/me')).text).toContain('You are root-ann, viewer');
    const { subject: _, ...unlinked } = ANN;
    site.list([unlinked]);
    expect((await browser.go('/me')).status).toBe(401);
    site.list([ANN]);
  });

  test.each([
    ['sub-max', 'none of your groups has a role here'],
    ['sub-eve', 'is the name of an approver, and nothing says that it is you'],
    ['sub-odd', 'can be no name here'],
    ['sub-us', 'can be no name here'],
  ])('tells %s plainly why not', async (sub, why) => {
    const shown = await signedIn(sub);
    expect(shown.status).toBe(403);
    expect(shown.text).toContain(why);
    expect(shown.text).not.toContain('<img');
  });

  test('believes an answer once, in the browser that asked, and soon', async () => {
    const browser = site.browser();
    const back = (await atProvider(browser, 'sub-vera')).url;
    const stranger = await site.browser().go(back);
    expect(stranger.status).toBe(403);
    expect(stranger.text).toContain('was not begun in this browser');
    // The stranger's try has used it up; a mixed-up browser begins again.
    expect((await browser.go(back)).status).toBe(403);
    expect((await signedIn('sub-vera', browser)).status).toBe(200);

    const slow = site.browser();
    const late = (await atProvider(slow, 'sub-vera')).url;
    site.pass(6 * 60_000);
    expect((await slow.go(late)).text).toContain('took too long');
    site.pass(-6 * 60_000);
  });

  test('does not believe another state, code or issuer, and tells what the provider said', async () => {
    const changed = async (change: (url: URL) => void): Promise<Shown> => {
      const browser = site.browser();
      const url = new URL((await atProvider(browser, 'sub-vera')).url);
      change(url);
      return browser.go(url.href);
    };
    const cases: [(url: URL) => void, string][] = [
      [url => url.searchParams.set('state', 'x'.repeat(43)), 'was not begun in this browser'],
      [url => url.searchParams.delete('state'), 'was not begun in this browser'],
      [url => url.searchParams.set('code', 'y'.repeat(43)), 'invalid_grant'],
      [url => url.searchParams.set('iss', 'https://evil.example'), 'not to be believed'],
      [url => url.searchParams.delete('iss'), 'not to be believed'],
    ];
    for (const [change, why] of cases) {
      const shown = await changed(change);
      expect([shown.status, shown.text.includes(why)], `${why}\n${shown.text}`).toEqual([403, true]);
    }
    const browser = site.browser();
    const state = new URL((await browser.once('/sign-in/provider')).headers.get('location')!).searchParams.get(
      'state',
    )!;
    const said = new URLSearchParams({ error: 'access_denied', error_description: '<b>no</b>', state, iss: issuer });
    const no = await browser.go(`/sign-in/provider/callback?${said}`);
    expect(no.text).toContain('says no: &lt;b&gt;no&lt;/b&gt;');
  });

  test('doctor knows the provider, says what to register there, and who can’t vote', async () => {
    const found = async (config = site.config) => (await signInFindings(config)).map(f => `${f.level}: ${f.what}`);
    expect(await found()).toEqual([
      'note: the page signs votes for signed-in people: a stolen serve could vote',
      expect.stringContaining('whoever rules the identity provider'),
      `ok: ${issuer} answers; it must send browsers back to ${site.origin}/sign-in/provider/callback`,
    ]);
    const { web, policy, ...rest } = site.config;
    const oidc = { ...web.signIn.oidc!, issuer: `${issuer}/`, clientSecretFile: join(site.dir, 'none') };
    const wrong = { ...rest, web: { ...web, signIn: { oidc, ldap: { roles: oidc.roles, passwordFile: null } } } };
    expect(await found({ ...wrong, policy: { ...policy, proof: 'passkey' } })).toEqual([
      `problem: browsers offer no passkeys for ${site.origin}`,
      `note: root-ann may vote and has no key and no passkey in ${site.config.approvers}`,
      `problem: ${join(site.dir, 'none')}: ENOENT`,
      `problem: ${issuer}/ calls itself ${issuer}`,
      'problem: web.signIn.ldap is set, and directory.ldap says nothing of a directory',
    ]);
  });

  test('leads nowhere but home when the page that was asked for is another site’s', async () => {
    const browser = site.browser();
    await browser.go(`${site.origin}//evil.example/`);
    expect((await signedIn('sub-vera', browser)).url).toBe(`${site.origin}/`);
  });

  test('says so when the provider is away, and nobody is signed in', async () => {
    const browser = site.browser();
    const back = (await atProvider(browser, 'sub-vera')).url;
    const gone = new Promise(done => provider.once('exit', done));
    provider.kill();
    await gone;
    const shown = await browser.go(back);
    expect(shown.status).toBe(503);
    expect(shown.text).toContain('does not answer');
    provider = await startProvider(Number(new URL(issuer).port), site.origin, peopleFile());
    expect((await signedIn('sub-vera', browser)).status).toBe(200);
  });

  test('all of it ends with “sign out everywhere”, in every browser', async () => {
    const [one, two] = [site.browser(), site.browser()];
    await signedIn('sub-olga', one);
    await signedIn('sub-olga', two);
    const page = (await one.go('/me')).text;
    expect(page.match(/action="\/me\/sessions\/end"/g)!.length).toBeGreaterThanOrEqual(1);
    const csrf = /name="csrf" value="([^"]+)"/.exec(page)![1]!;
    await one.go('/sign-out-everywhere', { csrf });
    expect([(await one.go('/me')).status, (await two.go('/me')).status]).toEqual([401, 401]);
    expect(site.sessions.list('olga')).toEqual([]);
    expect(site.journal().at(-1)).toBe('olga signed out everywhere');
  });
});

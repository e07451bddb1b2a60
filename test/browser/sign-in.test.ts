/**
 * Every way to sign in, on one page of a real browser: the identity provider on another site than the page, the directory
 * by name and password, and what the page looks like in light and dark, on a phone and on a desk.
 */
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { BASE, GROUPS, PEOPLE, READER, type Slapd, startSlapd } from '../ldap/slapd.ts';
import { startProvider } from '../sign-in/provider.ts';
import { type SignInSite, signInSite } from '../sign-in/site.ts';
import { openBrowser } from './chromium.ts';

const PICTURES = resolve(import.meta.dirname, '../../test-results/sign-in');

let browser: Browser;
let site: SignInSite;
let slapd: Slapd;
let provider: ChildProcess;
let base: string;
const said: string[] = [];

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  slapd = await startSlapd({ bob: 41002 }, ['bob']);
  slapd.modify(
    `dn: uid=bob,${PEOPLE}\nchangetype: modify\nadd: objectClass\nobjectClass: simpleSecurityObject\n-\nadd: userPassword\nuserPassword: correct horse\n`,
  );
  const port = await freePort();
  site = await signInSite(
    [{ name: 'root-ann', uid: 2000, roles: ['administrator'], subject: 'sub-ann' }],
    (o, dir) => ({
      directory: {
        ldap: {
          url: slapd.url,
          base: BASE,
          groupBase: GROUPS,
          userBase: PEOPLE,
          readDn: READER,
          readPasswordFile: slapd.passwordFile(READER),
        },
      },
      web: {
        // Another site than the provider's, as it is in the field: cookies have to come back across it.
        origin: o.replace('127.0.0.1', 'localhost'),
        signIn: {
          ldap: { roles: { operator: ['claw-users'] } },
          oidc: {
            issuer: `http://127.0.0.1:${port}`,
            clientId: 'readmit',
            clientSecretFile: join(dir, 'secret'),
            label: 'your site account',
            roles: { viewer: ['hpc-readers'] },
          },
        },
      },
    }),
  );
  base = site.origin.replace('127.0.0.1', 'localhost');
  writeFileSync(join(site.dir, 'secret'), 'a secret of the client');
  writeFileSync(join(site.dir, 'people.json'), JSON.stringify({ 'sub-ann': { preferred_username: 'ann' } }));
  provider = await startProvider(port, base, join(site.dir, 'people.json'));
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
  provider?.kill();
  await site?.end();
  await slapd?.end();
});

async function newPage(options: object = {}): Promise<Page> {
  const page = await (await browser.newContext(options)).newPage();
  page.on('console', m => {
    if (['error', 'warning'].includes(m.type()) && page.url().startsWith(base) && !/status of 4\d\d/.test(m.text()))
      said.push(`${page.url()}: ${m.text()}`);
  });
  page.on('pageerror', e => said.push(e.message));
  return page;
}

describe('the page that asks to sign in', () => {
  it('leads through the identity provider and back to the page that was asked for, and shows it is so', async () => {
    const page = await newPage();
    await page.goto(`${base}/health`);
    await page.getByRole('link', { name: 'Sign in with your site account' }).click();
    await page.locator('[name=login]').fill('sub-ann');
    await page.locator('[name=password]').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.waitForURL(`${base}/health`);
    await page.goto(`${base}/me`);
    await page.getByText('You are root-ann, administrator.').waitFor();
    await page.getByRole('cell', { name: 'identity provider' }).waitFor();
    await page.context().close();
  });

  it('takes name and password of the directory, and ends another browser’s session from this one', async () => {
    const pages = [await newPage(), await newPage()] as const;
    for (const page of pages) {
      await page.goto(`${base}/me`);
      await page.getByLabel('Name').fill('bob');
      await page.getByLabel('Password').fill('wrong');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByText('This name and password do not fit.').waitFor();
      expect(await page.getByLabel('Name').inputValue()).toBe('bob');
      await page.getByLabel('Password').fill('correct horse');
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
      await page.getByText('You are bob, operator.').waitFor();
    }
    const [here, there] = pages;
    await here.reload();
    expect(await here.getByRole('row').count()).toBe(3);
    await here.getByRole('row').getByRole('button', { name: 'Sign out' }).click();
    await here.waitForURL(`${base}/me`);
    expect(await here.getByRole('row').count()).toBe(2);
    expect((await there.goto(`${base}/me`))!.status()).toBe(401);
    expect((await here.goto(`${base}/me`))!.status()).toBe(200);
  });

  for (const [theme, viewport] of [
    ['light', { width: 1280, height: 850 }],
    ['dark', { width: 390, height: 844 }],
  ] as const)
    it(`can be read by everybody: ${theme}, ${viewport.width} wide`, async () => {
      const page = await newPage({ viewport, colorScheme: theme });
      await page.goto(`${base}/`);
      const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa']).analyze();
      expect(violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(' | ')}`)).toEqual([]);
      await page.screenshot({ path: join(PICTURES, `ways-${theme}.png`), fullPage: true });
      await page.goto(new URL(site.sessions.issueLink('root-ann')).href);
      await page.getByRole('button', { name: 'Sign in as root-ann' }).click();
      await page.goto(`${base}/me`);
      await page.screenshot({ path: join(PICTURES, `me-${theme}.png`), fullPage: true });
      const mine = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa']).analyze();
      expect(mine.violations.map(v => v.id)).toEqual([]);
      await page.context().close();
    });

  it('says nothing on its console', () => expect(said).toEqual([]));
});

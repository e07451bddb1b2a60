/**
 * Every page in a real browser: light and dark, phone and desk, checked for accessibility and pictured; then the things
 * only a browser can show: live updates that leave the thing under the pointer alone, keys, and life without JavaScript.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningWeb, startWeb } from '../../src/web/start.ts';
import { consoleWith } from '../web/console.ts';
import { openProfile } from './chromium.ts';

const PICTURES = resolve(import.meta.dirname, '../../test-results/pages');
const SIZES = { desk: { width: 1280, height: 850 }, phone: { width: 390, height: 844 } } as const;
const PAGES: Record<string, string> = {
  now: '/',
  month: '/?range=30d',
  alice: '/incidents/41',
  service: '/incidents/42',
  bob: '/incidents/40',
  probing: '/incidents/39',
  carol: '/incidents/38',
  hostile: '/incidents/34',
  incidents: '/incidents',
  approvals: '/approvals',
  people: '/people',
  person: '/people/carol',
  addresses: '/addresses',
  address: '/addresses/203.0.113.77',
  access: '/access',
  report: '/report',
  rules: '/rules',
  audit: '/audit',
  health: '/health',
  nothing: '/incidents/999',
};
const REPORT = `<!doctype html><html lang="en"><head><title>x</title><style>.r-h1{color:#1c2430}@media (prefers-color-scheme:dark){.r-h1,p{color:#e6eaef}}</style></head><body class="r"><h1 class="r-h1">4 people were let back in</h1><p style="margin:0">Median time to access: 14 min.</p></body></html>`;

const profile = mkdtempSync(join(tmpdir(), 'readmit-browser-'));
const c = consoleWith({
  web: 'listen: "127.0.0.1:0"',
  at: Date.now(),
  extra: {
    rules: {
      list: () => [
        {
          name: 'openclaw',
          patterns: [
            { name: 'denied', log: 'server', event: 'denied', line: '[WARNING] Unauthorized access attempt from {ip}' },
          ],
          causes: [{ name: 'openclaw/missing-group', title: "{user} can't submit jobs", remedy: 'plan' }],
        },
      ],
      explain: () => ({ kind: 'stopped', rule: 'openclaw/denied', column: 1, expected: '"["', found: '"x"' }),
    },
    report: week => ({
      week: week ?? '2026-W47',
      title: 'Access report',
      html: REPORT,
      previous: '2026-W46',
      next: null,
    }),
  },
});
let web: RunningWeb;
let browser: BrowserContext;

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  web = await startWeb(c.parts);
  browser = await openProfile(profile);
  const page = await browser.newPage();
  await page.goto(web.address + new URL(c.sessions.issueLink('root-ann')).pathname);
  await page.getByRole('button', { name: 'Sign in as root-ann' }).click();
  await page.waitForURL(`${web.address}/`);
  await page.close();
});
afterAll(async () => {
  await browser?.close();
  await web?.stop();
  rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
});

/** Another browser with nothing in it: nobody is signed in there. Closing it removes its profile. */
async function strangers(more: { javaScriptEnabled?: boolean } = {}): Promise<BrowserContext> {
  const folder = mkdtempSync(join(tmpdir(), 'readmit-browser-'));
  const context = await openProfile(folder, more);
  context.on('close', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return context;
}

/** What is wrong with this page for somebody who can't see it well, and what it said on its console. */
async function faults(page: Page): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  return violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(' | ')}`);
}

function listen(page: Page): string[] {
  const said: string[] = [];
  page.on('console', m => {
    if (m.type() === 'error' && !/status of 4\d\d/.test(m.text())) said.push(m.text());
  });
  page.on('pageerror', e => said.push(e.message));
  page.on('dialog', d => {
    said.push(`dialog ${d.message()}`);
    void d.dismiss();
  });
  return said;
}

const wide = (page: Page): Promise<number> =>
  page.evaluate('document.documentElement.scrollWidth - innerWidth') as Promise<number>;

/** What the real pages don't have at hand: degraded health, hostile names, every state. The rest is examined there. */
const EXAMINED = new Set(['month', 'incidents', 'alice', 'service', 'bob', 'carol', 'hostile', 'access', 'health']);

/** Each theme once and each size once: all four together are looked at on the real pages (`real.test.ts`). */
const LOOKS = [
  ['light', 'desk'],
  ['dark', 'phone'],
] as const;

for (const [theme, size] of LOOKS)
  describe.concurrent(`${theme}, ${size}`, () => {
    for (const [name, path] of Object.entries(PAGES))
      it(`${name} has no accessibility fault, no sideways scroll and no script error`, async ({ expect }) => {
        const page = await browser.newPage();
        const said = listen(page);
        await page.setViewportSize(SIZES[size]);
        await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
        await page.goto(web.address + path);
        expect(await wide(page)).toBeLessThanOrEqual(0);
        await page.screenshot({ path: join(PICTURES, `${name}-${size}-${theme}.png`), fullPage: true });
        await page.evaluate(`for (const fold of document.querySelectorAll('main details')) fold.open = true`);
        expect(said).toEqual([]);
        expect(await wide(page)).toBeLessThanOrEqual(0);
        if (EXAMINED.has(name)) expect(await faults(page)).toEqual([]);
        await page.close();
      });
  });

describe('in a browser', () => {
  it('holds at 320 pixels and at 4K, and shifts nothing while it loads', async () => {
    const page = await browser.newPage();
    for (const viewport of [
      { width: 320, height: 640 },
      { width: 3840, height: 2160 },
    ]) {
      await page.setViewportSize(viewport);
      for (const path of ['/', '/incidents/42', '/access', '/audit', '/health']) {
        await page.goto(web.address + path);
        expect(await wide(page), `${path} at ${viewport.width}`).toBeLessThanOrEqual(0);
        const shift = await page.evaluate(
          `new Promise(done => { let sum = 0; new PerformanceObserver(l => { for (const e of l.getEntries()) sum += e.value }).observe({ type: 'layout-shift', buffered: true }); requestAnimationFrame(() => requestAnimationFrame(() => done(sum))) })`,
        );
        expect(shift as number, path).toBeLessThan(0.02);
      }
      await page.goto(`${web.address}/`);
      await page.screenshot({ path: join(PICTURES, `now-${viewport.width}.png`) });
    }
    await page.close();
  });

  it('shows every cell of every table on the narrowest phone, each with the name of its column', async () => {
    const page = await browser.newPage();
    await page.setViewportSize({ width: 320, height: 640 });
    for (const path of ['/audit', '/access', '/people', '/addresses', '/health', '/rules', '/incidents/42', '/me']) {
      await page.goto(web.address + path);
      await page.evaluate(`for (const fold of document.querySelectorAll('main details')) fold.open = true`);
      const outside = await page.evaluate(
        `[...document.querySelectorAll('main :is(th, td)')].filter(cell => cell.closest('tbody') && cell.getBoundingClientRect().right > innerWidth).map(cell => cell.textContent)`,
      );
      expect(outside, path).toEqual([]);
    }
    await page.goto(`${web.address}/audit`);
    const names = await page.evaluate(
      `[...document.querySelectorAll('tbody tr:first-child > *')].map(cell => getComputedStyle(cell, '::before').content)`,
    );
    expect(names).toEqual(['"No. "', '"When "', '"Who "', '"What "', '"Incident "', '"Digest "']);
    await page.close();
  });

  it('keeps a number of many people on one line, and every column beside an endpoint without an end', async () => {
    const incident = c.desk.all.find(i => i.id === '42')!;
    const { users, pairs } = incident;
    Object.assign(incident, {
      users: 12_345,
      pairs: [{ ...pairs[0]!, endpoint: `/${'x'.repeat(900)}` }, ...pairs.slice(1)],
    });
    const page = await browser.newPage();
    await page.setViewportSize(SIZES.phone);
    await page.goto(`${web.address}/`);
    const number = page.locator('.blocked b', { hasText: '12,345' });
    expect((await number.boundingBox())!.height).toBeLessThan(30);
    await page.setViewportSize(SIZES.desk);
    await page.goto(`${web.address}/incidents/42`);
    const hidden = `(() => { const box = document.querySelector('#seen + div .scroll'); return box.scrollWidth - box.clientWidth })()`;
    expect(await page.evaluate(hidden)).toBeLessThanOrEqual(0);
    Object.assign(incident, { users, pairs });
    await page.close();
  });

  it('has room for the whole picture of who was denied from where beside the incidents', async () => {
    const page = await browser.newPage();
    await page.setViewportSize(SIZES.desk);
    await page.goto(`${web.address}/?range=30d`);
    const hidden = `(() => { const box = document.querySelector('.matrix').parentElement; return box.scrollWidth - box.clientWidth })()`;
    expect(await page.evaluate(hidden)).toBeLessThanOrEqual(0);
    await page.close();
  });

  it('meets a stranger, a link and somebody without a role with pages as good as the others', async () => {
    const own = await strangers();
    for (const scheme of ['light', 'dark'] as const) {
      const page = await own.newPage();
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
      const link = web.address + new URL(c.sessions.issueLink('nobody-yet')).pathname;
      for (const [name, path] of [
        ['stranger', `${web.address}/incidents/41`],
        ['link', link],
        ['used', `${web.address}/sign-in/x`],
      ] as const) {
        await page.goto(path);
        expect(await faults(page), name).toEqual([]);
        await page.screenshot({ path: join(PICTURES, `${name}-desk-${scheme}.png`) });
      }
      await page.goto(link);
      await page.getByRole('button', { name: 'Sign in as nobody-yet' }).click();
      await page.getByText('This is for administrators.').waitFor();
      await own.clearCookies();
      await page.close();
    }
    await own.close();
  });

  it('keeps counts true without a reload, and leaves what is under the pointer alone', async () => {
    const page = await browser.newPage();
    await page.goto(`${web.address}/`);
    const alice = page.locator('[data-live="row-41"]');
    const bob = page.locator('[data-live="row-40"]');
    await expect.poll(() => c.desk.listeners()).toBeGreaterThan(0);
    await page.mouse.move(0, 0);
    c.desk.all.find(i => i.id === '40')!.count = 777;
    c.desk.tellChange(['40']);
    await expect.poll(() => bob.textContent()).toContain('777 denials');
    await alice.hover();
    c.desk.all.find(i => i.id === '41')!.count = 888;
    c.desk.all.find(i => i.id === '40')!.count = 778;
    const read = page.waitForResponse(r => r.url() === `${web.address}/` && r.request().resourceType() === 'fetch');
    c.desk.tellChange(['40', '41']);
    await (await read).finished();
    expect(await alice.textContent()).toContain('52 denials');
    await page.mouse.move(0, 0);
    await expect.poll(() => alice.textContent(), { timeout: 10_000 }).toContain('888 denials');
    c.desk.all.find(i => i.id === '41')!.count = 52;
    await page.close();
  });

  it('misses nothing that changed between the making of the page and its first word from the server', async () => {
    const page = await browser.newPage();
    await page.route('**/live', async route => {
      c.desk.all.find(i => i.id === '41')!.count = 999;
      c.desk.tellChange(['41']);
      await route.continue();
    });
    await page.goto(`${web.address}/`);
    await expect.poll(() => page.locator('[data-live="row-41"]').textContent()).toContain('999 denials');
    c.desk.all.find(i => i.id === '41')!.count = 52;
    await page.close();
  });

  it('says so when the plan on the page is no longer the plan there is, and keeps the form as it was', async () => {
    const page = await browser.newPage();
    const heard = page.waitForResponse(r => r.url().endsWith('/live'));
    await page.goto(`${web.address}/incidents/41`);
    await heard;
    const seen = await page.locator('.approve [name=digest]').inputValue();
    c.desk.drift('41');
    c.desk.tellChange(['41']);
    await page.getByText('This has moved on.').waitFor();
    expect(await page.locator('.approve [name=digest]').inputValue()).toBe(seen);
    await page.getByRole('button', { name: 'Add alice to claw-users' }).click();
    await page.getByText('The plan has changed since you saw it.').waitFor();
    expect(c.desk.deeds).toEqual([]);
    await page.close();
  });

  it('says what was done, and no more what somebody has to do, once it is over for those who have voted', async () => {
    const incident = c.desk.all.find(i => i.id === '42')!;
    const { state, votes, begun } = incident;
    incident.votes = [...votes, { by: 'root-ann', at: incident.opened, decision: 'approve' }];
    const page = await browser.newPage();
    const heard = page.waitForResponse(r => r.url().endsWith('/live'));
    await page.goto(`${web.address}/incidents/42`);
    await heard;
    await page.mouse.move(0, 0);
    await page.getByText('You have voted.').waitFor();
    await page.getByText('Somebody else has to approve too.').waitFor();
    // Under the pointer nothing is exchanged, and what it is on is said to be out of date.
    await page.getByRole('heading', { name: 'What will be done' }).hover();
    const { serial, deed, undo, undoSteps } = incident.plan!;
    Object.assign(incident, {
      state: 'resolved',
      begun: { serial, deed, undo, undoSteps, result: 'done', takenBack: false },
    });
    c.desk.tellChange(['42']);
    await page.getByText('This has moved on.').waitFor();
    await page.getByText('You have voted.').waitFor({ state: 'detached' });
    expect(await page.getByText('Hand over').count()).toBe(0);
    await page.mouse.move(0, 0);
    await page.getByRole('heading', { name: 'What was done' }).waitFor({ timeout: 10_000 });
    // Whoever does not see it hears it.
    await page.getByRole('status').filter({ hasText: 'can work again' }).waitFor();
    await page.getByRole('heading', { name: 'What happens next' }).waitFor();
    await page.getByText('This has moved on.').waitFor({ state: 'hidden' });
    Object.assign(incident, { state, votes, begun });
    await page.close();
  });

  it('says that it has moved on to whoever could vote, and to whoever could not and now can', async () => {
    const incident = c.desk.all.find(i => i.id === '42')!;
    const page = await browser.newPage();
    for (const [before, after] of [
      ['proposed', 'running'],
      ['open', 'proposed'],
    ] as const) {
      incident.state = before;
      const heard = page.waitForResponse(r => r.url().endsWith('/live'));
      await page.goto(`${web.address}/incidents/42`);
      await heard;
      await page.mouse.move(0, 0);
      expect(await page.getByText('This has moved on.').isVisible()).toBe(false);
      const forms = await page.locator('form.approve').count();
      incident.state = after;
      c.desk.tellChange(['42']);
      await page.getByText('This has moved on.').waitFor();
      expect(await page.locator('form.approve').count()).toBe(forms);
      await page.setViewportSize(SIZES.phone);
      expect(await page.locator('.jump').filter({ visible: true }).count()).toBe(0);
    }
    await page.close();
  });

  it('is walked with j, k and Enter, and ? explains', async () => {
    const page = await browser.newPage();
    await page.goto(`${web.address}/approvals`);
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${web.address}/incidents/41`);
    await page.close();
  });

  it('keeps the chosen theme on the next page', async () => {
    const page = await browser.newPage();
    await page.emulateMedia({ colorScheme: 'light' });
    await page.goto(`${web.address}/`);
    await page.getByRole('button', { name: 'Change between light and dark' }).click();
    await page.goto(`${web.address}/health`);
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
    await page.getByRole('button', { name: 'Change between light and dark' }).click();
    expect(await page.locator('html').getAttribute('data-theme')).toBe('light');
    await page.close();
  });

  it('works without JavaScript: looks, approves, and undoes', async () => {
    const plain = await strangers({ javaScriptEnabled: false });
    const page = await plain.newPage();
    await page.goto(web.address + new URL(c.sessions.issueLink('root-ben')).pathname);
    await page.getByRole('button', { name: 'Sign in as root-ben' }).click();
    await page.getByRole('link', { name: 'alice can’t submit jobs' }).click();
    await page.getByRole('button', { name: 'Add alice to claw-users' }).click();
    await page.getByText('Your vote is recorded.').waitFor();
    expect(c.desk.show('41').state).toBe('approved');
    await page.goto(`${web.address}/access`);
    await page.getByText('Take back', { exact: true }).nth(1).click();
    await page.getByRole('button', { name: 'Remove carol from claw-users' }).click();
    await page.getByText('The change is being taken back.').waitFor();
    expect(c.desk.deeds).toEqual(['root-ben approve 41', 'root-ben undo 38']);
    await plain.close();
  });
});

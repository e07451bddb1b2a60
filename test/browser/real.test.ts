/**
 * The real console on a practice cluster: from a mail to an approval, every button once, and every page with what really
 * happened on it, in light and dark, on a phone and on a desk. In-memory pages are `pages.test.ts`' affair.
 */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import AxeBuilder from '@axe-core/playwright';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../e2e/cluster.ts';
import { openBrowser } from './chromium.ts';

const PICTURES = resolve(import.meta.dirname, '../../test-results/real');
const LOOKS = [
  { theme: 'light', size: 'desk', viewport: { width: 1440, height: 900 }, axe: true },
  { theme: 'dark', size: 'phone', viewport: { width: 390, height: 844 }, axe: true },
  { theme: 'dark', size: 'desk', viewport: { width: 1440, height: 900 }, axe: false },
  { theme: 'light', size: 'phone', viewport: { width: 390, height: 844 }, axe: false },
] as const;

let c: Cluster;
let browser: Browser;
let base: string;
/** What any page said on its console, broken content policies included. */
const said: string[] = [];

beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  [c, browser] = await Promise.all([Cluster.start(), openBrowser()]);
  base = `http://127.0.0.1:${c.port}`;
});
afterAll(async () => {
  await browser?.close();
  await c?.end();
});

async function listened(context: BrowserContext, heard = said): Promise<Page> {
  const page = await context.newPage();
  page.on('console', m => {
    if (['error', 'warning'].includes(m.type()) && !/status of 4\d\d/.test(m.text()))
      heard.push(`${page.url()}: ${m.text()}`);
  });
  page.on('pageerror', e => heard.push(`${page.url()}: ${e.message}`));
  return page;
}

const linkFor = async (name: string): Promise<string> => (await c.readmit('sign-in', '--as', name)).out.trim();

async function signedIn(name: string, heard = said): Promise<Page> {
  const page = await listened(await browser.newContext(), heard);
  await page.goto(await linkFor(name));
  await page.getByRole('button', { name: `Sign in as ${name}` }).click();
  return page;
}

const refused = async (user: string): Promise<string> => {
  await c.submit(user);
  return (await c.incidentOf(`a proposal for ${user}`, i => i.key === user && i.state === 'proposed')).id;
};

describe('the real console', () => {
  let ann: Page;

  it('leads from a mail over the sign-in to the plan, and from there to the approval in one click', async () => {
    await c.practice('break', 'missing-group', 'alice');
    const id = await refused('alice');
    const mail = await c.until('the alert', async () => (await c.mails()).find(m => m.subject.includes('alice')));
    const link = /https?:\/\/\S+\/incidents\/\d+/.exec(mail.text)![0];
    ann = await listened(await browser.newContext());
    const stranger = await ann.goto(link);
    expect(stranger!.status()).toBe(401);
    await ann.getByText('readmit sign-in --as NAME').waitFor();
    expect(await ann.content()).not.toContain('alice');
    await ann.goto(await linkFor('root-ann'));
    await ann.getByRole('button', { name: 'Sign in as root-ann' }).click();
    await ann.waitForURL(link);
    await ann.getByText('is in no authorised group', { exact: true }).waitFor();
    await ann.getByRole('button', { name: 'Add alice to claw-users' }).click();
    await ann.getByText('Your vote is recorded.').waitFor();
    // The page follows by itself.
    await ann.locator('[data-state="resolved"]').waitFor();
    await c.incidentOf('alice works again', i => i.id === id && i.state === 'resolved');
  });

  it('leads nowhere but to pages of its own after a sign-in', async () => {
    for (const to of ['//evil.example/', 'https://evil.example/', '/\\evil.example', '/sign-in/x', '/incidents/1\n']) {
      const answer = await fetch(await linkFor('root-ben'), {
        method: 'POST',
        redirect: 'manual',
        headers: {
          cookie: `readmit-to=${encodeURIComponent(to)}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
      });
      expect([answer.status, answer.headers.get('location')], to).toEqual([303, '/']);
    }
  });

  it('shows a change on the host without a reload', async () => {
    await ann.goto(`${base}/`);
    await c.practice('break', 'expired-token', 'carol');
    await c.submit('carol');
    await ann
      .locator('[data-live="open"]')
      .getByText('carol’s token')
      .or(ann.getByText("carol's token"))
      .first()
      .waitFor();
    expect(await ann.locator('h1').textContent()).toContain('1 person');
  });

  it('denies with a reason, silences, hands over, takes back', async () => {
    await c.practice('break', 'missing-group', 'bob');
    const bob = await refused('bob');
    await ann.goto(`${base}/incidents/${bob}`);
    await ann.getByText('Silence', { exact: true }).first().click();
    await ann.locator('form[action$="/silence"] [name=reason]').fill('known: onboarding next week');
    await ann.getByRole('button', { name: 'Silence' }).click();
    await ann.locator('[data-mark="silenced"]').waitFor();
    await ann.getByText('Hand over', { exact: true }).first().click();
    await ann.locator('form[action$="/hand-over"] [name=to]').fill('root-ben');
    await ann.locator('form[action$="/hand-over"] [name=note]').fill('knows the project');
    await ann.getByRole('button', { name: 'Hand over' }).click();
    await ann.getByText('root-ben has taken it over').first().waitFor();
    await ann.locator('[data-state="escalated"]').waitFor();
    // Readmit looks again, finds the same cause, and offers nothing: it is root-ben's now.
    const looked = async () => (await c.show(bob)).diagnosis!.evidence[0]!.at;
    const then = await looked();
    await c.until('it was looked at again', async () => (await looked()) > then);
    expect((await c.show(bob)).state).toBe('escalated');
    await ann.reload();
    await ann.getByText('Give back to Readmit').click();
    await ann.getByRole('button', { name: 'Give back' }).click();
    await c.incidentOf('offered again', i => i.id === bob && i.state === 'proposed');
    await ann.goto(`${base}/incidents/${bob}`);
    await ann.getByText('Deny', { exact: true }).click();
    await ann.locator('form[action$="/deny"] [name=reason]').fill('left the project');
    await ann.getByRole('button', { name: 'Deny this plan' }).click();
    await ann.locator('[data-state="denied"]').waitFor();
    const history = (await c.show(bob)).history.map(h => `${h.who} ${h.what}`);
    expect(history).toContain('root-ann handed over to root-ben: knows the project');
    expect(history).toContain('root-ann gave it back to Readmit');

    await ann.goto(`${base}/access`);
    await ann.getByText('Take back', { exact: true }).last().click();
    await ann.getByRole('button', { name: 'Remove alice from claw-users' }).click();
    await ann.getByText('The change is being taken back.').waitFor();
    await ann.locator('[data-state="undone"]').waitFor();
  });

  it('tries a line, mails the report, and hands out files that no spreadsheet runs', async () => {
    await ann.goto(`${base}/rules`);
    await ann
      .getByLabel('A line as it stands in the log')
      .fill('[WARNING] Unauthorized access attempt from 10.0.0.1: user alice, endpoint /submit');
    await ann.getByRole('button', { name: 'What is made of it?' }).click();
    await ann.getByText('openclaw/denied').waitFor();
    await ann.getByLabel('A line as it stands in the log').fill('[WARNING] Unauthorized access attempt from nowhere');
    await ann.getByRole('button', { name: 'What is made of it?' }).click();
    await ann.getByText('No pattern takes it.').waitFor();
    await ann.goto(`${base}/report`);
    await ann.getByRole('button', { name: 'Send to me' }).click();
    await ann.getByText('It is on its way to you.').waitFor();
    const mail = await c.until('the report', async () => (await c.mails()).find(m => m.subject.includes('week')));
    expect(mail.to.join()).toBe('root-ann@practice.example');
    for (const [path, begins] of [
      ['/access.csv', 'user,uid,group'],
      ['/audit.csv', 'number,time,who'],
    ] as const) {
      const answer = await ann.request.get(base + path);
      expect(answer.headers()['content-type']).toContain('text/csv');
      const text = await answer.text();
      expect(text.startsWith(begins)).toBe(true);
      expect(
        text
          .split('\r\n')
          .slice(1)
          .filter(row => /^"?[=+\-@]/.test(row)),
      ).toEqual([]);
    }
    const entries = (await (await ann.request.get(`${base}/audit.json`)).json()) as { seq: number }[];
    expect(entries.map(e => e.seq)).toEqual(entries.map((_, i) => i + 1));
  });

  describe('is worth looking at on every page, whatever happened', () => {
    const pages: Record<string, string> = {
      now: '/',
      approvals: '/approvals',
      people: '/people',
      person: '/people/alice',
      addresses: '/addresses',
      address: '/addresses/203.0.113.66',
      access: '/access',
      report: '/report',
      rules: '/rules',
      audit: '/audit',
      health: '/health',
    };
    /** Built like one of the others, with other content: looked at, not examined again. */
    const alike: Record<string, string> = {
      month: '/?range=30d',
      others: '/people?names=other',
      ended: '/access?show=ended',
      search: '/audit?q=root-ann',
      nothing: '/incidents/999',
    };

    beforeAll(async () => {
      await c.practice('break', 'probing');
      await c.practice('break', 'config-too-strict');
      for (const user of ['dave', 'erin']) await c.submit(user);
      const strict = await c.incidentOf(
        'a proposal',
        i => i.cause === 'openclaw/config-too-strict' && i.state === 'proposed',
      );
      const probing = await c.incidentOf('probing', i => i.kind === 'address' && i.state === 'escalated');
      const carol = await c.incidentOf('carol', i => i.key === 'carol');
      pages.proposed = `/incidents/${strict.id}`;
      pages.probing = `/incidents/${probing.id}`;
      pages.advised = `/incidents/${carol.id}`;
      alike.undone = '/incidents/1';
    });

    it.concurrent.each(LOOKS)(
      '$theme, $size: no fault, no sideways scroll, nothing on the console',
      async ({ theme, size, viewport, axe }) => {
        const heard: string[] = [];
        const page = await signedIn('root-ben', heard);
        const faults: string[] = [];
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
        for (const [name, path] of Object.entries({ ...pages, ...alike })) {
          const answer = await page.goto(base + path);
          if (answer!.status() !== (name === 'nothing' ? 404 : 200)) faults.push(`${name}: ${answer!.status()}`);
          await page.screenshot({ path: join(PICTURES, `${name}-${size}-${theme}.png`), fullPage: true });
          const wide = (await page.evaluate('document.documentElement.scrollWidth - innerWidth')) as number;
          if (wide > 0) faults.push(`${name}: ${wide} pixels too wide`);
          if (name !== 'report') faults.push(...strange(await wordsOf(page)).map(s => `${name}: ${s}`));
          if (!axe || !(name in pages)) continue;
          // What the examiner itself puts into a page is not the page's doing.
          const before = heard.length;
          faults.push(...(await unfit(page)).map(f => `${name}: ${f}`));
          heard.length = before;
        }
        expect([...faults, ...heard, ...said]).toEqual([]);
        await page.context().close();
      },
    );
  });
});

/** What Readmit says on this page; lines of the log stand as they were written. */
const wordsOf = (page: Page): Promise<string> =>
  page.evaluate(
    `(() => { const copy = document.querySelector('main').cloneNode(true); for (const line of copy.querySelectorAll('pre, time')) line.remove(); return copy.textContent; })()`,
  ) as Promise<string>;

/** What no reader should meet: a value that was not there, a time for machines, two full stops. */
function strange(text: string): string[] {
  const flat = text.replace(/\s+/g, ' ');
  return [...flat.matchAll(/undefined|\bnull\b|NaN|Invalid Date|\[object|\.\.( |$)|\d{4}-\d\d-\d\dT\d\d:/g)].map(
    m => `…${flat.slice(Math.max(0, m.index - 50), m.index + 30)}…`,
  );
}

/** What is wrong with this page, its folds opened, for somebody who can't see it well. */
async function unfit(page: Page): Promise<string[]> {
  await page.evaluate(`for (const fold of document.querySelectorAll('main details')) fold.open = true`);
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze();
  return violations.map(v => `${v.id}: ${v.nodes.map(n => n.target.join(' ')).join(' | ')}`);
}

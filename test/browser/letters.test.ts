/**
 * Every letter in a real browser, as narrow as a phone and as wide as a desk: nothing sticks out, and its pictures can be
 * looked at (they are kept where the other pages' are).
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { USUAL_NAMES } from '../../src/names.ts';
import { accessRestored } from '../../src/notify/letters/access-restored.ts';
import { addressAlert } from '../../src/notify/letters/address-alert.ts';
import { alert } from '../../src/notify/letters/alert.ts';
import { digest } from '../../src/notify/letters/digest.ts';
import { escalation } from '../../src/notify/letters/escalation.ts';
import { failed } from '../../src/notify/letters/failed.ts';
import { mutedDigest } from '../../src/notify/letters/muted.ts';
import { reminder } from '../../src/notify/letters/reminder.ts';
import { resolved } from '../../src/notify/letters/resolved.ts';
import { needsSecondVote } from '../../src/notify/letters/second-vote.ts';
import { contentIds, drawPictures } from '../../src/report/pictures.ts';
import { renderHtml, renderMail } from '../../src/report/render.ts';
import { weekReport } from '../../src/report/week.ts';
import { ALICE, CONFIG, PAPER } from '../notify/an-incident.ts';
import { BUSY, tally } from '../report/a-week.ts';
import { openBrowser } from './chromium.ts';

const PICTURES = join(import.meta.dirname, '../../.readmit/pictures/letters');
const HOUR = 3_600_000;
const SITE = { mail: { userDomain: 'site.example' }, userNames: USUAL_NAMES };
const LONG = `${'very-'.repeat(3)}${'l'.repeat(32)}`;
const UNBROKEN = {
  ...ALICE,
  key: LONG,
  host: LONG,
  headline: `${LONG} can't submit jobs`,
  pairs: [{ ...ALICE.pairs[0]!, endpoint: `/${'x'.repeat(200)}` }],
};

const weekOf = async (input: typeof BUSY, pictures: boolean): Promise<string> => {
  const report = weekReport(input);
  const drawn = pictures ? await drawPictures(report) : { kind: 'none' as const };
  const list = drawn.kind === 'drawn' ? drawn.pictures : [];
  const { html } = renderMail(report, 'https://readmit.site.example/report?week=2026-W47', contentIds(list));
  return list.reduce((text, p) => text.replaceAll(`cid:${p.cid ?? p.name}`, `data:image/png;base64,${p.png}`), html);
};

const LETTERS: Record<string, () => string | Promise<string>> = {
  alert: () => alert(ALICE, PAPER).html,
  'alert with words that never end': () => alert(UNBROKEN, PAPER).html,
  'address-alert': () => addressAlert({ ...ALICE, kind: 'address', key: '2001:db8:1234:5678::/64' }, PAPER).html,
  'second-vote': () => needsSecondVote(CONFIG, PAPER).html,
  reminder: () => reminder(ALICE, 4 * HOUR, PAPER).html,
  escalation: () => escalation(UNBROKEN, 8 * HOUR, PAPER).html,
  failed: () => failed({ ...ALICE, state: 'failed' }, PAPER).html,
  resolved: () =>
    resolved({ ...ALICE, state: 'resolved' }, PAPER, { summary: ALICE.plan!.summary, by: ['root-ann'] }).html,
  digest: () => digest([ALICE, CONFIG], 12, { seq: 12, digest: 'ef'.repeat(32) }, PAPER).html,
  muted: () => mutedDigest([ALICE, CONFIG, UNBROKEN], 0, PAPER).html,
  'access-restored': () =>
    accessRestored({ user: 'alice', host: 'claw-head-01', incident: '7', steps: ALICE.plan!.full }, PAPER, SITE)!.html,
  'weekly, with pictures': () => weekOf(BUSY, true),
  'weekly, without': () => weekOf(BUSY, false),
  'weekly, long names': () =>
    weekOf(
      { ...BUSY, tallies: [...BUSY.tallies, tally('2026-11-18T10', LONG, 900, { cause: `openclaw/${LONG}` })] },
      false,
    ),
};

let browser: Browser;
beforeAll(async () => {
  mkdirSync(PICTURES, { recursive: true });
  browser = await openBrowser();
});
afterAll(async () => {
  await browser?.close();
});

it.each(Object.keys(LETTERS))('%s: nothing sticks out at 360 and at 800 pixels', async name => {
  const html = await LETTERS[name]!();
  for (const width of [360, 800]) {
    const page = await browser.newPage({ viewport: { width, height: 700 } });
    await page.setContent(html);
    await page.screenshot({ path: join(PICTURES, `${name.replaceAll(/[^a-z]+/g, '-')}-${width}.png`), fullPage: true });
    const out = await page.evaluate(
      `[...document.querySelectorAll('body *')]
        .filter(e => e.getBoundingClientRect().right > innerWidth + 0.5)
        .map(e => e.tagName + ' ' + (e.textContent ?? '').trim().slice(0, 40))`,
    );
    expect(out, `${width}`).toEqual([]);
    await page.close();
  }
});

it('the report as a page: at 320 pixels every cell is there, behind the name of its column', async () => {
  for (const scheme of ['light', 'dark'] as const) {
    const page = await browser.newPage({ viewport: { width: 320, height: 700 }, colorScheme: scheme });
    await page.setContent(renderHtml(weekReport(BUSY)));
    await page.screenshot({ path: join(PICTURES, `report-page-320-${scheme}.png`), fullPage: true });
    const outside = await page.evaluate(
      `[...document.querySelectorAll('td')].filter(cell => cell.getBoundingClientRect().right > innerWidth).map(cell => cell.textContent)`,
    );
    expect(outside).toEqual([]);
    const named = await page.evaluate(
      `getComputedStyle(document.querySelector('.r-scroll td:nth-child(2)'), '::before').content`,
    );
    expect(named).toBe('"Waits for "');
    const ink = await page.evaluate(
      `getComputedStyle(document.querySelector('.r-scroll td:nth-child(2)'), '::before').color`,
    );
    expect(ink).toBe({ light: 'rgb(91, 102, 117)', dark: 'rgb(163, 173, 184)' }[scheme]);
    await page.close();
  }
});

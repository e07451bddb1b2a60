/** What a page says was done, and what it offers to take back: that follows what an executor began, not the state of the incident. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Order } from '../../src/messages.ts';
import type { Outcome, Plan, Step } from '../../src/plan.ts';
import { endRun, savePlan, saveRun } from '../../src/store/approvals.ts';
import { incident, move, update } from '../../src/store/incidents.ts';
import { aSite, NOON, type Site } from './a-site.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

const by = (what: string) => ({ actor: 'readmit', what });
const plan = (): Plan => incident(site.store, site.user).plan!;
const page = async (): Promise<string> => (await site.signIn('root-ann')).page(`/incidents/${site.user}`);

function ran(result: Outcome['result'], what: Order['what'] = 'plan'): void {
  const run = `${what}-${plan().serial}`;
  saveRun(site.store, NOON, { ...plan(), v: 1, kind: 'run', run, what, votes: [] });
  endRun(site.store, run, NOON, NOON, { result, detail: '', steps: [] });
}
function worksAgain(): void {
  const { state } = incident(site.store, site.user);
  if (state === 'proposed')
    move(site.store, NOON, site.user, 'proposed', 'verifying', by('nothing in the way any more'));
  move(site.store, NOON, site.user, 'verifying', 'resolved', by('works'));
}

test('a plan that nobody approved was proposed, also when the person works again by other means', async () => {
  worksAgain();
  const text = await page();
  expect(text).toContain('<h2 id="plan" data-live="plan-title">What was proposed</h2>');
  expect(text).toContain('it was not carried out');
  expect(text).not.toContain('Take it back');
  expect(site.desk.show(site.user).begun).toBeNull();
});

test('what was done was done, and can be taken back, once', async () => {
  ran('done');
  worksAgain();
  expect(await page()).toMatch(/What was done<[\s\S]*Take back: Add alice to claw-users/);
  ran('done', 'undo');
  const text = await page();
  expect(text).toContain('What was done and taken back');
  expect(text).not.toContain('Take back:');
});

test('after another plan that was not carried out, the button names what it takes back', async () => {
  ran('done');
  const other: Plan = {
    ...plan(),
    serial: 2,
    deed: 'Add alice to claw-gpu',
    undo: [{ ...plan().undo[0]!, group: 'gpu' } as Step],
  };
  savePlan(site.store, NOON, other);
  update(site.store, NOON, site.user, { plan: other });
  worksAgain();
  const text = await page();
  expect(text).toContain('<h2 id="plan" data-live="plan-title">What was proposed</h2>');
  expect(text).toContain('Take back: Add alice to claw-users');
  expect(text).not.toContain('Take back: Add alice to claw-gpu');
});

test('what was begun and failed is not called done', async () => {
  ran('failed');
  site.store.run("UPDATE incident SET state = 'failed' WHERE id = ?", Number(site.user));
  const text = await page();
  expect(text).toContain('It was begun, and not done as planned');
  expect(text).toContain('Take back: Add alice to claw-users');
});

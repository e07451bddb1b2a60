/** Plans that nobody here votes on: a site that only observes, configuration management, a greater incident. Each is shown, and waits for nobody. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { incident } from '../../src/store/incidents.ts';
import { aSite, type Site } from './a-site.ts';
import { API, expectProblem } from './problem.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

const observes = (): void => {
  site.config.executor.enabled = false;
};
const managed = (): void => {
  const { plan } = incident(site.store, site.user);
  const by = JSON.stringify({ ...plan, managedBy: 'ansible' });
  site.store.run('UPDATE incident SET plan_json = ? WHERE id = ?', by, Number(site.user));
};
const explained = (): void => {
  site.store.run('UPDATE incident SET inhibited_by = ? WHERE id = ?', Number(site.service), Number(site.user));
};

describe.each([
  ['on a site that only observes', observes, /only observes/],
  ['where configuration management makes the change', managed, /ansible owns the target/],
  ['that a greater incident explains', explained, /explains this one/],
] as const)('a plan %s', (_, make, words) => {
  beforeEach(() => make());

  test('is shown without a button, and waits for nobody', async () => {
    const ann = await site.signIn('root-ann');
    const page = await ann.page(`/incidents/${site.user}`);
    expect(page).toContain('usermod');
    expect(page).not.toContain(`/incidents/${site.user}/approve`);
    expect(page).not.toMatch(/still missing/);
    const waiting = (await site.ask(`${API}/approvals`, { headers: { cookie: ann.cookie } })).json;
    expect(waiting.map((r: { id: string }) => r.id)).not.toContain(site.user);
    expect(site.desk.show(site.user).needs).toBe(0);
    expect(site.desk.show(site.user).next).not.toMatch(/Waits for/);
  });

  test('takes no vote, by whatever way it comes, and nothing is ordered', async () => {
    const ann = await site.signIn('root-ann');
    const fields = { digest: site.digest(site.user), reason: 'joined the lab' };
    for (const deed of ['approve', 'deny'])
      expect((await ann.post(`/incidents/${site.user}/${deed}`, fields)).status).toBe(409);
    const token = site.token('administrator', 'root-ann');
    for (const body of [fields, site.signed('root-ann', site.user)])
      expectProblem(await site.ask(`${API}/incidents/${site.user}/approve`, { token, body }), 409, words);
    expect(() => site.desk.vote(site.signed('root-ben', site.user))).toThrow(words);
    expect(incident(site.store, site.user).state).toBe('proposed');
    expect(site.store.all("SELECT * FROM outbox WHERE channel = 'job'")).toEqual([]);
  });
});

test('a plan that nobody here carries out stands on the page of approvals, to be exported', async () => {
  const ann = await site.signIn('root-ann');
  expect(await ann.page('/approvals')).toContain('2 plans wait for you.');
  site.pass(2000);
  observes();
  const page = await ann.page('/approvals');
  expect(page).toContain('Nothing waits for you.');
  expect(page).toContain('Not carried out by Readmit');
  expect(page).not.toContain('Review and decide');
  expect(await ann.page(`/incidents/${site.user}`)).toContain(`readmit plan ${site.user}`);
});

test('what was typed stands in the form again when it was not taken', async () => {
  const ann = await site.signIn('root-ann');
  const path = `/incidents/${site.user}`;
  const seen = site.digest(site.user);
  const moved = await ann.post(`${path}/approve`, { digest: 'a'.repeat(64), reason: 'joined "the lab"' });
  expect(moved.text).toContain('The plan has changed since you saw it.');
  expect(moved.text).toContain('value="joined &quot;the lab&quot;"');
  const noReason = await ann.post(`${path}/approve`, { digest: seen, reason: '' });
  expect(noReason.text).not.toContain('value="joined');
  const over = await ann.post(`${path}/hand-over`, { to: 'root-ben', note: '' });
  expect(over.text).toMatch(/<details class="other" open><summary>Hand over/);
  expect(over.text).toContain('name="to" maxlength="64" required autocomplete="off" value="root-ben"');
});

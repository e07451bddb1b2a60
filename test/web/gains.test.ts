/** A plan for many: it lets people in of whom nothing shows that they should be, so the approver says why, and none of them approves. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { incident } from '../../src/store/incidents.ts';
import { aSite, type Site } from './a-site.ts';
import { API, expectProblem } from './problem.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
  const { plan } = incident(site.store, site.service);
  const many = JSON.stringify({ ...plan, gains: ['alice', 'bob'], entitlement: null });
  site.store.run('UPDATE incident SET plan_json = ? WHERE id = ?', many, Number(site.service));
});
afterEach(() => site.end());

test('a reason is asked for by whatever way the vote comes', async () => {
  const ann = await site.signIn('root-ann');
  const path = `/incidents/${site.service}/approve`;
  expect((await ann.post(path, { digest: site.digest(site.service), reason: '' })).status).toBe(409);
  const token = site.token('administrator', 'root-ann');
  const bare = site.signed('root-ann', site.service, 'approve', { reason: ' ' });
  expectProblem(await site.ask(API + path, { token, body: bare }), 409, /alice, bob should have access: give a reason/);
  const headers = { cookie: ann.cookie, 'x-csrf-token': ann.csrf };
  expectProblem(
    await site.ask(API + path, { headers, body: { digest: site.digest(site.service) } }),
    409,
    /give a reason/,
  );
  expect(site.desk.show(site.service).votes).toEqual([]);
});

test('who would newly gain by it does not approve it, has no button, and may deny it', async () => {
  const alice = await site.signIn('alice');
  const path = `/incidents/${site.service}`;
  const page = await alice.page(path);
  expect(page).toContain('You would newly gain access by this plan');
  expect(page).not.toContain(`${path}/approve"`);
  expect(await alice.page('/approvals')).toContain('Nothing waits for you.');
  const fields = { digest: site.digest(site.service), reason: 'we need it' };
  expect((await alice.post(`${path}/approve`, fields)).text).toContain('somebody else has to approve it');
  const token = site.token('administrator', 'alice');
  const signed = site.signed('alice', site.service);
  expectProblem(await site.ask(`${API}${path}/approve`, { token, body: signed }), 409, /alice would newly gain access/);
  expect((await alice.post(`${path}/deny`, fields)).status).toBe(303);
  expect(site.desk.show(site.service).state).toBe('denied');
});

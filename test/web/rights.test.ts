/**
 * Who may see and do what on the page, asked as a stranger, a viewer, somebody without a role and an approver would.
 */
import { describe, expect, it } from 'vitest';
import { aSite } from './a-site.ts';
import { consoleWith, digestOf } from './console.ts';

describe('who may see', () => {
  it('D23: a stranger gets 401 everywhere, and the page says how to sign in', async () => {
    const { request } = consoleWith();
    for (const path of [
      '/',
      '/incidents/41',
      '/incidents/999',
      '/approvals',
      '/people/alice',
      '/access.json',
      '/audit',
      '/live',
      '/nowhere',
    ]) {
      const answer = await request(path);
      expect(answer.status, path).toBe(401);
      const text = await answer.text();
      expect(text).toContain('readmit sign-in --as NAME');
      expect(text).not.toContain('alice');
    }
    const post = await request('/incidents/41/approve', {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      body: 'x=1',
    });
    expect(post.status).toBe(401);
  });

  it('D29: somebody known without a role opens a forwarded link: 403, and nothing of the plan', async () => {
    const c = consoleWith();
    const she = await c.signIn('nobody-yet');
    for (const path of ['/', '/incidents/41', '/incidents/999', '/approvals', '/access', '/audit.json', '/live']) {
      const answer = await she.get(path);
      expect(answer.status, path).toBe(403);
      expect(await answer.text()).not.toMatch(/alice|claw-users|usermod|incidents.41/);
    }
  });

  it('D23: a viewer reads the plan, has no button, and a forged vote is refused', async () => {
    const c = consoleWith();
    const vera = await c.signIn('vera');
    const page = await vera.page('/incidents/41');
    expect(page).toContain('usermod');
    expect(page).not.toContain('/incidents/41/approve');
    const plan = c.desk.show('41').plan!;
    for (const deed of ['approve', 'deny', 'silence', 'undo']) {
      const answer = await vera.post(`/incidents/41/${deed}`, { digest: plan.digest, reason: 'x', for: '1h' });
      expect(answer.status, deed).toBe(403);
    }
    expect(c.desk.deeds).toEqual([]);
  });

  it('D23: an operator may vote on tier 1 and not on tier 2', async () => {
    const c = consoleWith();
    const olga = await c.signIn('olga');
    const tier2 = await olga.post('/incidents/42/approve', { digest: c.desk.show('42').plan!.digest, reason: 'x' });
    expect(tier2.status).toBe(403);
    const tier1 = await olga.post('/incidents/41/approve', { digest: c.desk.show('41').plan!.digest });
    expect(tier1.status).toBe(303);
    expect(c.desk.deeds).toEqual(['olga approve 41']);
  });

  it('D23: another incident’s id is 404, for reading and for every deed', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    for (const id of ['999', '41x', '041', '0x29', '%2e%2e%2f41', 'constructor'])
      expect((await ann.get(`/incidents/${id}`)).status, id).toBe(404);
    for (const deed of ['approve', 'deny', 'silence', 'undo'])
      expect(
        (await ann.post(`/incidents/999/${deed}`, { digest: 'a'.repeat(64), reason: 'x', for: '1h' })).status,
      ).toBe(404);
    expect((await ann.get('/people/zoe')).status).toBe(404);
    expect((await ann.get('/addresses/198.51.100.1')).status).toBe(404);
  });

  it('D23: fields that no form has change nothing', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const digest = digestOf(await ann.page('/incidents/42'));
    await ann.post('/incidents/42/approve', {
      digest,
      reason: 'looked at it',
      status: 'resolved',
      state: 'resolved',
      approvers: 'x',
      needs: '0',
      by: 'root-ben',
      uid: '0',
      tier: '0',
    });
    const after = c.desk.show('42');
    expect(after.votes.map(v => v.by)).toEqual(['root-ben', 'root-ann']);
    expect(after.state).toBe('approved');
    expect(after.tier).toBe(2);
  });

  it('a right that is taken away is gone with the next request', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    expect((await ann.get('/')).status).toBe(200);
    c.people.set('root-ann', { name: 'root-ann', uid: 2000, roles: [] });
    expect((await ann.get('/')).status).toBe(403);
    c.people.delete('root-ann');
    expect((await ann.get('/')).status).toBe(401);
  });
});

describe('deciding', () => {
  it('D01: a hundred GET, HEAD and OPTIONS of every link change nothing', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const link = new URL(c.sessions.issueLink('root-ben')).pathname;
    const before = JSON.stringify(c.desk.all);
    for (let i = 0; i < 34; i++)
      for (const method of ['GET', 'HEAD', 'OPTIONS'])
        for (const path of [
          '/incidents/41',
          '/incidents/41/approve',
          '/incidents/41/deny',
          '/incidents/41/undo',
          '/sign-out',
          link,
        ])
          await ann.get(path, { method });
    expect(c.desk.deeds).toEqual([]);
    expect(JSON.stringify(c.desk.all)).toBe(before);
    expect((await ann.get('/')).status).toBe(200);
    expect(await (await c.request(link)).text()).toContain('Sign in as root-ben');
  });

  it('D04: the second click, from another tab or another person, does nothing and sees who approved when', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const ben = await c.signIn('root-ben');
    const digest = digestOf(await ann.page('/incidents/41'));
    expect((await ann.post('/incidents/41/approve', { digest })).status).toBe(303);
    const twice = await ann.post('/incidents/41/approve', { digest });
    expect(twice.status).toBe(409);
    expect(await twice.text()).toMatch(/You approved this <time datetime="2026-11-23T09:20:00.000Z"/);
    const late = await ben.post('/incidents/41/deny', { digest, reason: 'no' });
    expect(late.status).toBe(409);
    expect(await late.text()).toMatch(/root-ann approved it <time datetime="2026-11-23T09:20:00.000Z"/);
    expect(c.desk.deeds).toEqual(['root-ann approve 41']);
  });

  it('D08: the plan moved after it was seen; the page says so, shows the new one, and takes no vote', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const seen = digestOf(await ann.page('/incidents/41'));
    const fresh = c.desk.drift('41');
    const answer = await ann.post('/incidents/41/approve', { digest: seen });
    expect(answer.status).toBe(409);
    const text = await answer.text();
    expect(text).toContain('The plan has changed since you saw it');
    expect(digestOf(text)).toBe(fresh);
    expect(c.desk.deeds).toEqual([]);
    for (const digest of ['', 'x', seen.toUpperCase(), `${fresh} `])
      expect((await ann.post('/incidents/41/approve', { digest })).status).toBe(409);
    expect(c.desk.deeds).toEqual([]);
    expect((await ann.post('/incidents/41/approve', { digest: fresh })).status).toBe(303);
  });

  it('D10: the person concerned has no button, and a forged vote is refused by uid', async () => {
    const c = consoleWith();
    const alice = await c.signIn('alice');
    expect(await alice.page('/incidents/41')).toContain('This plan is for you');
    const answer = await alice.post('/incidents/41/approve', { digest: c.desk.show('41').plan!.digest, reason: 'me' });
    expect(answer.status).toBe(409);
    expect(c.desk.deeds).toEqual([]);
  });

  it('D24: tier 2 asks for a sign-in younger than web.fresh; tier 1 does not', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    c.pass(901_000);
    const page = await ann.page('/incidents/42');
    expect(page).toContain('fresh sign-in');
    expect(page).not.toContain('/incidents/42/approve');
    const digest = c.desk.show('42').plan!.digest;
    const stale = await ann.post('/incidents/42/approve', { digest, reason: 'needed' });
    expect(stale.status).toBe(403);
    expect(await stale.text()).toContain('Sign in again');
    expect(c.desk.deeds).toEqual([]);
    expect((await ann.post('/incidents/41/approve', { digest: c.desk.show('41').plan!.digest })).status).toBe(303);
    const again = await c.signIn('root-ann', ann.cookie);
    expect((await again.post('/incidents/42/approve', { digest, reason: 'needed' })).status).toBe(303);
  });

  it('a plan that no entitlement speaks for takes a reason, and so does a denial', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const digest = c.desk.show('42').plan!.digest;
    expect((await ann.post('/incidents/42/approve', { digest, reason: '  ' })).status).toBe(409);
    expect((await ann.post('/incidents/41/deny', { digest: c.desk.show('41').plan!.digest })).status).toBe(409);
    expect(c.desk.deeds).toEqual([]);
    await ann.post('/incidents/41/deny', { digest: c.desk.show('41').plan!.digest, reason: 'left the project' });
    expect(c.desk.show('41').state).toBe('denied');
  });

  it('where votes are signed with keys, the page gives the command and no button', async () => {
    const c = consoleWith();
    c.config.policy.proof = 'key';
    const ann = await c.signIn('root-ann');
    const page = await ann.page('/incidents/41');
    expect(page).toContain('readmit approve 41 --as root-ann');
    expect(page).not.toContain('/incidents/41/approve');
    expect((await ann.post('/incidents/41/approve', { digest: c.desk.show('41').plan!.digest })).status).toBe(409);
  });

  it('silences for a time, with a reason, and takes back what was done', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    expect((await ann.post('/incidents/39/silence', { for: '100y', reason: 'x' })).status).toBe(409);
    expect((await ann.post('/incidents/39/silence', { for: '4h', reason: 'known scanner' })).status).toBe(303);
    expect(c.desk.deeds).toEqual(['root-ann silence 39 until 2026-11-23T13:20:00.000Z: known scanner']);
    expect((await ann.post('/incidents/38/undo', { reason: 'left the project' })).status).toBe(303);
    expect(c.desk.show('38').state).toBe('undone');
    expect(c.desk.deeds.at(-1)).toBe('root-ann undo 38: left the project');
  });
});

describe('D13: a role that must be among the approvers', () => {
  it('votes, and sees the plan wait for it, though no other role of that person may', async () => {
    const site = aSite();
    site.config.policy.tiers[2] = { votes: 2, roles: ['administrator'], eachRole: ['security'] };
    site.approvers.approvers.find(a => a.name === 'olga')!.roles = ['security'];
    const olga = await site.signIn('olga');
    expect(await olga.page('/approvals')).toContain('1 plan waits for you.');
    expect(await (await site.signIn('vera')).page(`/incidents/${site.service}`)).toContain(
      'takes one of: administrator, security.',
    );
    const vote = { digest: site.digest(site.service), reason: 'looked at it' };
    expect((await olga.post(`/incidents/${site.service}/approve`, vote)).status).toBe(303);
    expect(site.desk.show(site.service)).toMatchObject({ votes: [{ by: 'olga' }], needs: 1 });
    site.end();
  });

  it('is counted before anybody has voted', () => {
    const site = aSite();
    site.config.policy.tiers[2] = { votes: 1, roles: ['administrator'], eachRole: ['administrator', 'operator'] };
    expect(site.desk.show(site.service).needs).toBe(2);
    site.end();
  });
});

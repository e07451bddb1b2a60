/**
 * Votes and other deeds over the API: no token votes for anybody but its person, a browser's session acts with the token of
 * its page only, and every no leaves things as they were.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { votesMissing } from '../../src/roles/conduct/polling.ts';
import { lastRun, saveGrant } from '../../src/store/approvals.ts';
import { incident } from '../../src/store/incidents.ts';
import { aSite, NOON, type Site } from './a-site.ts';
import { API, expectProblem } from './problem.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

describe('votes', () => {
  const vote = (path: string, token: string, body: unknown) => site.ask(`${API}/incidents/${path}`, { token, body });

  it('an operator token votes for its person, once; the journal says through which token', async () => {
    const token = site.token('operator', 'olga', { name: 'chat-bot' });
    const body = { digest: site.digest(site.user), reason: 'joined the lab' };
    const answer = await vote(`${site.user}/approve`, token, body);
    expect(answer.json).toMatchObject({ state: 'approved', votes: [{ by: 'olga', decision: 'approve' }] });
    expectProblem(await vote(`${site.user}/approve`, token, body), 409, /olga approved it at/);
    const journal = site.desk.show(site.user).history.map(h => `${h.who}: ${h.what}`);
    expect(journal).toContain('olga: approve through token chat-bot');
    expect(journal).toContain('olga: approved: joined the lab');
    expect(site.store.all('SELECT * FROM run')).toHaveLength(1);
  });

  it('a refused vote leaves nothing behind, not even that it came', async () => {
    const token = site.token('operator', 'olga');
    const before = site.desk.audit(0, 1000).length;
    expectProblem(
      await vote(`${site.user}/approve`, token, { digest: 'a'.repeat(64), reason: 'x' }),
      409,
      /changed since/,
    );
    expectProblem(await vote(`${site.user}/approve`, token, { digest: site.digest(site.user) }), 409, /give a reason/);
    expectProblem(await vote(`${site.user}/deny`, token, { digest: site.digest(site.user) }), 409, /needs a reason/);
    expect(site.desk.audit(0, 1000)).toHaveLength(before);
  });

  it('D10: the person concerned cannot vote, by a token either, nor with a key', async () => {
    const token = site.token('administrator', 'alice');
    const body = { digest: site.digest(site.user), reason: 'x' };
    expectProblem(await vote(`${site.user}/approve`, token, body), 409, /for you|person concerned/);
    expectProblem(await vote(`${site.user}/approve`, token, site.signed('alice', site.user)), 409, /person concerned/);
  });

  it('D23: a viewer token votes for nobody and does nothing, with a signed vote in hand either', async () => {
    for (const token of [site.token('viewer'), site.token('viewer', 'root-ann'), site.token('viewer', 'vera')]) {
      for (const [deed, body] of [
        ['approve', { digest: site.digest(site.user), reason: 'x' }],
        ['approve', site.signed('root-ann', site.user)],
        ['deny', { digest: site.digest(site.user), reason: 'x' }],
        ['silence', { for: '1h', reason: 'x' }],
        ['hand-over', { to: 'olga', note: 'x' }],
        ['undo', {}],
      ] as const)
        expect((await vote(`${site.user}/${deed}`, token, body)).status, deed).toBe(403);
    }
    expect(site.desk.show(site.user)).toMatchObject({ state: 'proposed', votes: [], marks: [] });
  });

  it('D13, D24: tier 2 takes two people, each with their own key: a token is no fresh sign-in', async () => {
    const ann = site.token('administrator', 'root-ann');
    const ben = site.token('administrator', 'root-ben');
    const path = `${site.service}/approve`;
    expectProblem(
      await vote(path, ann, { digest: site.digest(site.service), reason: 'x' }),
      403,
      /fresh sign-in.*own key/,
    );
    expectProblem(
      await vote(path, site.token('operator', 'root-ann'), { digest: site.digest(site.service), reason: 'x' }),
      403,
      /roles/,
    );
    expectProblem(await vote(path, ben, site.signed('root-ann', site.service)), 403, /acts for root-ben/);
    expect((await vote(path, ann, site.signed('root-ann', site.service))).json).toMatchObject({
      state: 'proposed',
      needs: 1,
    });
    expectProblem(await vote(path, ann, site.signed('root-ann', site.service)), 409, /voted already/);
    expect((await vote(path, ben, site.signed('root-ben', site.service))).json).toMatchObject({
      state: 'approved',
      needs: 0,
    });
  });

  it('whoever approved and sees that it was a mistake stops the plan by a no, which is final', async () => {
    const ann = site.token('administrator', 'root-ann');
    const ben = site.token('administrator', 'root-ben');
    await vote(`${site.service}/approve`, ann, site.signed('root-ann', site.service));
    const no = site.signed('root-ann', site.service, 'deny');
    expect((await vote(`${site.service}/deny`, ann, no)).json).toMatchObject({ state: 'denied' });
    expectProblem(
      await vote(`${site.service}/approve`, ben, site.signed('root-ben', site.service)),
      409,
      /denied is final/,
    );
    expect(site.store.all('SELECT * FROM run')).toEqual([]);
  });

  it('the vote of somebody who is no approver any more is not counted in what is still needed', async () => {
    const ann = site.token('administrator', 'root-ann');
    const voted = await vote(`${site.service}/approve`, ann, site.signed('root-ann', site.service));
    expect(voted.json).toMatchObject({ state: 'proposed', needs: 1 });
    const polling = {
      store: site.store,
      config: site.config,
      approvers: () => ({ ...site.approvers, approvers: site.approvers.approvers.filter(a => a.name !== 'root-ann') }),
      now: () => NOON,
    };
    expect(votesMissing(polling, incident(site.store, site.service))).toBe(2);
    expect(votesMissing({ ...polling, approvers: () => site.approvers }, incident(site.store, site.service))).toBe(1);
  });

  it('a signed vote is for the incident and the decision of its address, and its signature is looked at', async () => {
    const token = site.token('administrator', 'root-ann');
    const good = site.signed('root-ann', site.user);
    expectProblem(await vote(`${site.service}/approve`, token, good), 422, /for incident/);
    expectProblem(await vote(`${site.user}/deny`, token, good), 422, /says approve/);
    expectProblem(await vote(`${site.user}/approve`, token, { ...good, uid: 0 }), 403, /another person/);
    expectProblem(await vote(`${site.user}/approve`, token, { ...good, proof: 'session' }), 403, /own key/);
    expectProblem(await vote(`${site.user}/approve`, token, { ...good, reason: 'other' }), 409, /signature/);
    expectProblem(await vote(`${site.user}/approve`, token, { ...good, extra: 1 }), 422, /does not fit/);
    expect((await vote(`${site.user}/approve`, token, good)).json.state).toBe('approved');
    expectProblem(await vote(`${site.user}/approve`, token, good), 409, /used already/);
  });

  it('with policy.proof key nobody signs for anybody', async () => {
    site.end();
    site = aSite({ proof: 'key' });
    const token = site.token('operator', 'olga');
    expectProblem(
      await vote(`${site.user}/approve`, token, { digest: site.digest(site.user), reason: 'x' }),
      409,
      /proof is key/,
    );
    expect((await vote(`${site.user}/approve`, token, site.signed('olga', site.user))).json.state).toBe('approved');
  });

  it('D15: a denial is final', async () => {
    const token = site.token('operator', 'olga');
    expect(
      (await vote(`${site.user}/deny`, token, { digest: site.digest(site.user), reason: 'left' })).json.state,
    ).toBe('denied');
    expectProblem(
      await vote(`${site.user}/approve`, site.token('administrator', 'root-ben'), {
        digest: site.digest(site.user),
        reason: 'x',
      }),
      409,
      /denied is final/,
    );
  });

  it('silence and hand-over say who did it; what can’t be done says why', async () => {
    const token = site.token('operator', 'olga');
    const until = new Date(NOON + 8 * 3_600_000).toISOString();
    expect((await vote(`${site.user}/silence`, token, { for: '8h', reason: 'known' })).json.marks).toEqual([
      'silenced',
    ]);
    expect(
      site.desk.show(site.user).history.some(h => h.who === 'olga' && h.what === `silenced until ${until}: known`),
    ).toBe(true);
    for (const body of [{ reason: 'x' }, { for: '8h', until, reason: 'x' }, { for: '8h' }, { for: '8h', reason: ' ' }])
      expectProblem(await vote(`${site.user}/silence`, token, body), 422, /does not fit/);
    expectProblem(
      await vote(`${site.user}/silence`, token, { until: '2020-01-01T00:00:00Z', reason: 'x' }),
      409,
      /future/,
    );
    expectProblem(await vote(`${site.user}/undo`, token, {}), 409, /nothing of ours/);
    expect((await vote(`${site.user}/hand-over`, token, { to: 'root-ben', note: 'yours' })).json).toMatchObject({
      state: 'escalated',
      takenBy: 'root-ben',
    });
  });

  it('one access is taken back by its own id, once, by whoever may; there is no other', async () => {
    const olga = site.token('operator', 'olga');
    const revoke = (token: string, id: string) => site.ask(`${API}/access/${id}/revoke`, { token, body: {} });
    await vote(`${site.user}/approve`, olga, { digest: site.digest(site.user), reason: 'joined the lab' });
    const { id: run } = lastRun(site.store, site.user, 'plan')!;
    const grant = {
      ...{ id: `${run}.claw-users`, run, user: 'alice', uid: 1001, group: 'claw-users', host: 'head', by: ['olga'] },
      ...{ incident: site.user, reason: 'joined the lab', entitlement: null, since: NOON, until: null, ended: null },
    };
    saveGrant(site.store, grant);
    site.store.run("UPDATE incident SET state = 'resolved' WHERE id = ?", Number(site.user));
    expectProblem(await revoke(site.token('viewer'), grant.id), 403, /acts for nobody/);
    expectProblem(await revoke(olga, `${run}.wheel`), 404, /no such grant/);
    expect(lastRun(site.store, site.user, 'undo')).toBeUndefined();
    expect((await revoke(olga, grant.id)).json).toMatchObject({ id: site.user });
    expect(lastRun(site.store, site.user, 'undo')!.order.undo).toMatchObject([{ action: 'group.remove' }]);
    expectProblem(await revoke(olga, grant.id), 409, /under way/);
  });
});

describe('a browser’s session', () => {
  const body = () => ({ digest: site.digest(site.user), reason: 'x' });

  it('reads, and votes with the token of its page and from our own origin only', async () => {
    const { cookie, csrf } = await site.signIn('olga');
    const path = `${API}/incidents/${site.user}/approve`;
    expect((await site.ask(`${API}/incidents`, { headers: { cookie } })).json).toHaveLength(2);
    for (const headers of [
      { cookie },
      { cookie, 'x-csrf-token': 'wrong' },
      { cookie, 'x-csrf-token': csrf, 'sec-fetch-site': 'cross-site' },
      { cookie, 'x-csrf-token': csrf, 'sec-fetch-site': 'same-site' },
      { cookie, 'x-csrf-token': csrf, origin: 'https://evil.example' },
    ] as Record<string, string>[])
      expect((await site.ask(path, { body: body(), headers })).status).toBe(403);
    expect(site.desk.show(site.user).votes).toEqual([]);
    const ok = await site.ask(path, {
      body: body(),
      headers: { cookie, 'x-csrf-token': csrf, 'sec-fetch-site': 'same-origin' },
    });
    expect(ok.json.state).toBe('approved');
  });

  it('under another name than ours there is no session (DNS rebinding)', async () => {
    const { cookie } = await site.signIn('olga');
    expectProblem(
      await site.ask(`${API}/incidents`, { headers: { cookie, host: 'evil.example' } }),
      421,
      /web\.origin/,
    );
  });

  it('a token beside a cookie is judged alone', async () => {
    const { cookie, csrf } = await site.signIn('root-ben');
    const token = site.token('viewer');
    const headers = { cookie, 'x-csrf-token': csrf };
    expect((await site.ask(`${API}/incidents/${site.user}/approve`, { token, body: body(), headers })).status).toBe(
      403,
    );
    expect((await site.ask(`${API}/incidents`, { token: 'rdm_wrong', headers })).status).toBe(401);
  });

  it('D24: a sign-in of an hour ago is not fresh enough for tier 2', async () => {
    const { cookie, csrf } = await site.signIn('root-ann');
    site.pass(16 * 60_000);
    const answer = await site.ask(`${API}/incidents/${site.service}/approve`, {
      body: { digest: site.digest(site.service), reason: 'x' },
      headers: { cookie, 'x-csrf-token': csrf },
    });
    expectProblem(answer, 403, /sign in again/);
  });
});

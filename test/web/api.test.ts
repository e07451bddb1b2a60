/**
 * The API as a program meets it: what it says of itself, who gets in with which token, that no token votes for anybody
 * but its person, and that every no says which rule it was.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlSocket, serveControl } from '../../src/roles/control.ts';
import { Limit } from '../../src/web/api/limit.ts';
import { aSite, NOON, type Site } from './a-site.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

const API = '/api/v1';
const SECURITY = {
  'content-security-policy': /frame-ancestors 'none'/,
  'x-content-type-options': /nosniff/,
  'referrer-policy': /no-referrer/,
  'cache-control': /no-store/,
};

function expectProblem(answer: Awaited<ReturnType<Site['ask']>>, status: number, detail: RegExp): void {
  expect(answer.text).toMatch(detail);
  expect(answer.status).toBe(status);
  expect(answer.type).toBe('application/problem+json');
  expect(answer.json).toMatchObject({ type: 'about:blank', status, detail: expect.stringMatching(detail) });
}

describe('what needs no sign-in', () => {
  it('/healthz, /readyz and the description of the API, each with the security headers', async () => {
    for (const path of ['/healthz', '/readyz', `${API}/openapi.json`]) {
      const answer = await site.ask(path);
      expect(answer.status, path).toBe(200);
      for (const [name, value] of Object.entries(SECURITY)) expect(answer.headers.get(name), path).toMatch(value);
    }
  });

  it('the description is OpenAPI 3.1, names every path, and every reference in it leads somewhere', async () => {
    const { json, text } = await site.ask(`${API}/openapi.json`);
    expect(json.openapi).toBe('3.1.0');
    expect(Object.keys(json.paths).sort()).toEqual(
      [
        '/access',
        '/addresses',
        '/addresses/{ip}',
        '/approvals',
        '/audit',
        '/audit/chain',
        '/health',
        '/incidents',
        '/incidents/{id}',
        '/incidents/{id}/approve',
        '/incidents/{id}/deny',
        '/incidents/{id}/ends',
        '/incidents/{id}/hand-over',
        '/incidents/{id}/retry',
        '/incidents/{id}/silence',
        '/incidents/{id}/undo',
        '/matrix',
        '/me',
        '/people',
        '/people/{name}',
        '/report',
        '/report/send',
        '/rules',
        '/rules/explain',
        '/timeline',
      ].sort(),
    );
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/([^"]+)"/g))
      expect(json.components.schemas, name).toHaveProperty(name!);
    for (const path of Object.values(json.paths) as Record<string, { security: unknown[]; responses: object }>[])
      for (const operation of Object.values(path)) {
        expect(operation.security.length).toBeGreaterThan(0);
        expect(Object.keys(operation.responses)).toEqual(expect.arrayContaining(['200', '401', '403', '429']));
      }
    const vote = json.paths['/incidents/{id}/approve'].post.requestBody;
    expect(vote.required).toBe(true);
    expect(JSON.stringify(json.components.schemas.SignedVote)).toContain('signature');
  });
});

describe('who gets in', () => {
  it('D23: a stranger, a wrong token, a token in the wrong place: 401, with the security headers', async () => {
    const good = site.token('viewer');
    for (const [path, headers] of [
      [`${API}/incidents`, {}],
      [`${API}/incidents/1`, { authorization: 'Bearer rdm_wrong' }],
      [`${API}/incidents`, { authorization: `Bearer rdm_${'A'.repeat(43)}` }],
      [`${API}/incidents`, { authorization: `Basic ${good}` }],
      [`${API}/incidents`, { authorization: good }],
      [`${API}/incidents?token=${good}`, {}],
      [`${API}/incidents`, { cookie: `readmit=${good}` }],
      [`${API}/nowhere`, {}],
      ['/metrics', {}],
      ['/metrics', { authorization: 'Bearer rdm_wrong' }],
    ] as const) {
      const answer = await site.ask(path, { headers });
      expectProblem(answer, 401, /token/);
      expect(answer.text).not.toMatch(/alice|claw/);
      expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer/);
      for (const [name, value] of Object.entries(SECURITY)) expect(answer.headers.get(name), path).toMatch(value);
    }
  });

  it('a viewer token reads all there is, and the desk has the same to say', async () => {
    const token = site.token('viewer');
    expect((await site.ask(`${API}/incidents`, { token })).json).toEqual(
      JSON.parse(JSON.stringify(site.desk.incidents())),
    );
    expect((await site.ask(`${API}/incidents/${site.user}`, { token })).json).toEqual(
      JSON.parse(JSON.stringify(site.desk.show(site.user))),
    );
    expect((await site.ask(`${API}/me`, { token })).json).toMatchObject({ roles: ['viewer'], actsFor: null });
    for (const path of [
      'access',
      'audit',
      'audit?q=offered',
      'audit/chain',
      'health',
      'timeline',
      'matrix',
      'approvals',
      'people',
      'addresses',
      'rules',
      'report',
    ])
      expect((await site.ask(`${API}/${path}`, { token })).status, path).toBe(200);
    expect((await site.ask(`${API}/incidents?state=proposed&kind=user`, { token })).json).toHaveLength(1);
    expect((await site.ask(`${API}/incidents?state=resolved`, { token })).json).toEqual([]);
    const csv = await site.ask(`${API}/report?week=2026-W47&format=csv`, { token });
    expect(csv.type).toMatch(/^text\/csv/);
  });

  it('what does not exist is 404, what does not fit 422, a wrong method 405, and nothing is changed by any', async () => {
    const token = site.token('administrator', 'root-ben');
    for (const id of ['999', '1x', '01', '0x1', 'constructor', '%2e%2e'])
      expectProblem(await site.ask(`${API}/incidents/${id}`, { token }), 404, /no/);
    expectProblem(await site.ask(`${API}/nowhere`, { token }), 404, /openapi\.json/);
    for (const query of [
      'incidents?state=nonsense',
      'audit?limit=0',
      'audit?limit=x',
      'report?week=47',
      'timeline?from=now',
    ])
      expectProblem(await site.ask(`${API}/${query}`, { token }), 422, /does not fit/);
    const path = `${API}/incidents/${site.user}/approve`;
    for (const method of ['GET', 'PUT', 'DELETE', 'OPTIONS']) {
      const answer = await site.ask(path, { token, method });
      expectProblem(answer, 405, /POST/);
      expect(answer.headers.get('allow')).toBe('POST');
    }
    for (const [body, status] of [
      ['{', 400],
      ['[]', 422],
      ['{}', 422],
      [{ digest: 'x' }, 422],
      [{ digest: site.digest(site.user), reason: 'x', state: 'approved' }, 422],
      [{ digest: site.digest(site.user), reason: 'x'.repeat(501) }, 422],
      [{ digest: site.digest(site.user), reason: 'x'.repeat(70_000) }, 413],
    ] as const)
      expect((await site.ask(path, { token, body })).status, JSON.stringify(body).slice(0, 80)).toBe(status);
    const form = await site.ask(path, {
      token,
      body: 'digest=1',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expectProblem(form, 415, /json/);
    expect(site.desk.show(site.user)).toMatchObject({ state: 'proposed', votes: [] });
  });

  it('a token ends with its time, with `token revoke`, and with its person’s rights', async () => {
    const short = site.token('viewer', undefined, { lifetime: 60_000 });
    const named = site.token('viewer', undefined, { name: 'grafana' });
    const bens = site.token('operator', 'root-ben');
    for (const token of [short, named, bens]) expect((await site.ask(`${API}/me`, { token })).status).toBe(200);
    site.pass(60_000);
    expect((await site.ask(`${API}/me`, { token: short })).status).toBe(401);
    site.verbs['token-revoke']!({ id: 'grafana', by: 'root' });
    expect((await site.ask(`${API}/me`, { token: named })).status).toBe(401);
    site.approvers.approvers.find(a => a.name === 'root-ben')!.roles = ['viewer'];
    expect((await site.ask(`${API}/me`, { token: bens })).status).toBe(401);
    site.approvers.approvers.find(a => a.name === 'root-ben')!.roles = ['operator'];
    expect((await site.ask(`${API}/me`, { token: bens })).status).toBe(200);
    site.approvers.approvers.splice(1, 1);
    expect((await site.ask(`${API}/me`, { token: bens })).status).toBe(401);
  });

  it('only the hash of a token is kept, and its making is in the journal without it', async () => {
    const token = site.token('operator', 'root-ben', { name: 'ci' });
    expect(token).toMatch(/^rdm_[A-Za-z0-9_-]{43}$/);
    const kept = JSON.stringify([site.store.all('SELECT * FROM token'), site.desk.audit(0, 1000)]);
    expect(kept).not.toContain(token.slice(4));
    expect(kept).toMatch(/made the token ci: operator for root-ben, until/);
    expect(JSON.stringify(site.verbs['token-list']!({}))).not.toContain(token.slice(4));
    expect(() => site.token('operator', 'root-ben', { name: 'ci' })).toThrow(/already/);
  });

  it('nobody is lent more than they have, and only a viewer token is for nobody', () => {
    for (const [role, as, why] of [
      ['administrator', 'olga', /olga is no administrator/],
      ['operator', 'vera', /vera is no operator/],
      ['operator', undefined, /acts for a person/],
      ['administrator', undefined, /acts for a person/],
      ['administrator', 'mallory', /not in the approvers file/],
      ['root', 'root-ann', /one of viewer, operator, administrator/],
    ] as const)
      expect(() => site.token(role, as)).toThrow(why);
    for (const body of [
      { name: 'a b' },
      { name: '--x' },
      { lifetime: 0 },
      { lifetime: Number.NaN },
      { lifetime: 1e15 },
    ])
      expect(() => site.token('viewer', undefined, body)).toThrow(/--name|--expires/);
  });
});

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
});

describe('what strangers wrote', () => {
  it('B21: a line full of terminal controls comes out as JSON that no terminal obeys', async () => {
    const evil = 'user \u001b[31mx\u009b2J\u202egnp\u2028\ud800';
    site.store.run(
      "INSERT INTO sample (incident, line, source, offset, at, trust) VALUES (?,?,'/var/log/x',0,?,'server')",
      Number(site.user),
      evil,
      NOON,
    );
    const { text, json } = await site.ask(`${API}/incidents/${site.user}`, { token: site.token('viewer') });
    expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e]/);
    expect(json.samples[0].line).toBe(site.desk.show(site.user).samples[0]!.line);
    expect(json.samples[0].line).toContain('\u009b2J\u202egnp');
  });
});

describe('beside the incidents', () => {
  it('a report is sent by whoever may act, and a line is tried by whoever may read', async () => {
    const viewer = site.token('viewer');
    const olga = site.token('operator', 'olga', { name: 'cron' });
    const line = '[WARNING] Unauthorized access attempt from 10.0.0.1: user alice, endpoint /submit';
    expect((await site.ask(`${API}/rules/explain`, { token: viewer, body: { line } })).json).toMatchObject({
      kind: 'taken',
      event: 'denied',
      fields: { user: 'alice', ip: '10.0.0.1' },
    });
    expect((await site.ask(`${API}/rules`, { token: viewer })).json.packs.length).toBeGreaterThan(0);
    const body = { week: '2026-W47', to: 'all' };
    expect((await site.ask(`${API}/report/send`, { token: viewer, body })).status).toBe(403);
    expect((await site.ask(`${API}/report/send`, { token: olga, body: { week: '47', to: 'all' } })).status).toBe(422);
    expect((await site.ask(`${API}/report/send`, { token: olga, body })).json).toEqual(body);
    expect(site.store.all("SELECT * FROM outbox WHERE channel = 'mail'")).toHaveLength(1);
    expect(site.desk.audit(-1, 5).map(e => `${e.actor}: ${e.what}`)).toEqual(
      expect.arrayContaining(['olga: report through token cron', 'olga: asked for the report of 2026-W47 by mail']),
    );
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

describe('how often', () => {
  it('one token, one session, one address: each has its own bucket, and gets it back with time', async () => {
    const busy = site.token('viewer');
    const statuses = [];
    for (let n = 0; n < 130; n++) statuses.push((await site.ask(`${API}/me`, { token: busy })).status);
    expect(statuses.filter(s => s === 200)).toHaveLength(120);
    const last = await site.ask(`${API}/me`, { token: busy });
    expectProblem(last, 429, /too many/);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await site.ask(`${API}/me`, { token: site.token('viewer') })).status).toBe(200);
    site.pass(1000);
    expect((await site.ask(`${API}/me`, { token: busy })).status).toBe(200);
  });

  it('guessing tokens is slow, and nobody else pays for it', async () => {
    const guess = (from: string) => site.ask(`${API}/me`, { token: `rdm_${'B'.repeat(43)}`, from });
    const statuses = [];
    for (let n = 0; n < 40; n++) statuses.push((await guess('2001:db8::1')).status);
    expect(statuses.filter(s => s === 401)).toHaveLength(30);
    expect((await guess('2001:db8::ffff:1')).status).toBe(429);
    expect((await guess('2001:db8:0:1::1')).status).toBe(401);
    expect((await site.ask(`${API}/me`, { token: site.token('viewer'), from: '2001:db8::1' })).status).toBe(200);
  });

  it('deeds are counted more strictly', async () => {
    const token = site.token('operator', 'olga');
    const statuses = [];
    for (let n = 0; n < 25; n++)
      statuses.push((await site.ask(`${API}/incidents/${site.user}/undo`, { token, body: {} })).status);
    expect(statuses.filter(s => s === 409)).toHaveLength(20);
    expect(statuses.at(-1)).toBe(429);
  });

  it('a million callers take no more memory than the bound, and a clock that goes back gives nothing', () => {
    let time = NOON;
    const limit = new Limit({ burst: 2, perSecond: 1 }, () => time, 100);
    for (let n = 0; n < 10_000; n++) limit.take(`address ${n}`);
    expect(limit.size).toBe(100);
    limit.take('one');
    limit.take('one');
    time -= 86_400_000;
    expect(limit.take('one')).toBe(1);
    time += 1000;
    expect(limit.take('one')).toBe(0);
  });
});

describe('/metrics', () => {
  const value = (text: string, line: string) =>
    Number(
      text
        .split('\n')
        .find(l => l.startsWith(`${line} `))
        ?.split(' ')[1],
    );

  it('tells the same as the store, in the text format of Prometheus', async () => {
    const token = site.token('viewer');
    const olga = site.token('operator', 'olga');
    await site.ask(`${API}/incidents/${site.user}/approve`, {
      token: olga,
      body: { digest: site.digest(site.user), reason: 'x' },
    });
    site.store.run(
      "INSERT INTO hour (hour, host, event, user, ip, account, self_reported, incident, count) VALUES (?,'h','denied','alice','','user',0,1,7), (?,'h','denied','alice','','user',0,1,5), (?,'h','denied','zzz','','unknown',0,0,3)",
      NOON,
      NOON - 90 * 86_400_000,
      NOON,
    );
    const { text, type, status } = await site.ask('/metrics', { token });
    expect(status).toBe(200);
    expect(type).toMatch(/^text\/plain/);
    expect(value(text, 'readmit_incidents{state="approved"}')).toBe(1);
    expect(value(text, 'readmit_incidents{state="proposed"}')).toBe(1);
    expect(value(text, 'readmit_incidents{state="failed"}')).toBe(0);
    expect(value(text, 'readmit_denials_total{event="denied",account="user"}')).toBe(12);
    expect(value(text, 'readmit_denials_total{event="denied",account="unknown"}')).toBe(3);
    expect(value(text, 'readmit_votes_total{decision="approve"}')).toBe(1);
    expect(value(text, 'readmit_outbox_pending{channel="job"}')).toBe(1);
    expect(value(text, 'readmit_executor_up{host="claw-head-01"}')).toBe(1);
    expect(value(text, 'readmit_source_lag_bytes{host="claw-head-01",path="/var/log/claw-scheduler.log"}')).toBe(17);
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
    for (const line of text.split('\n').filter(Boolean))
      expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_0-9]+(\{.*\})? \S+$)/);
  });

  it('time to access is a histogram that counts each case once, however often it is asked', async () => {
    const { move } = await import('../../src/store/incidents.ts');
    const token = site.token('viewer');
    move(site.store, NOON + 400_000, site.user, 'proposed', 'resolved', { actor: 'readmit', what: 'works again' });
    for (let n = 0; n < 3; n++) {
      site.pass(2000);
      const { text } = await site.ask('/metrics', { token });
      expect(value(text, 'readmit_time_to_access_seconds_bucket{le="300"}')).toBe(0);
      expect(value(text, 'readmit_time_to_access_seconds_bucket{le="900"}')).toBe(1);
      expect(value(text, 'readmit_time_to_access_seconds_count')).toBe(1);
      expect(value(text, 'readmit_time_to_access_seconds_sum')).toBe(400);
    }
  });

  it('without a token only where the site says so, from this machine, under our name, and never behind a proxy', async () => {
    const near = { from: '127.0.0.1' };
    expect((await site.ask('/metrics', near)).status).toBe(401);
    for (const [web, o, status] of [
      ['metrics: loopback', near, 200],
      ['metrics: loopback', { from: '::1' }, 200],
      ['metrics: loopback', { from: '::ffff:127.0.0.1' }, 200],
      ['metrics: loopback', { from: '192.0.2.9' }, 401],
      ['metrics: loopback', { ...near, headers: { host: 'evil.example' } }, 401],
      [
        'metrics: loopback, origin: "https://readmit.example", behindProxy: [127.0.0.1]',
        { ...near, headers: { host: 'readmit.example' } },
        401,
      ],
    ] as const) {
      site.end();
      site = aSite({ web });
      expect((await site.ask('/metrics', o)).status, JSON.stringify([web, o])).toBe(status);
    }
  });
});

describe('readmit token', () => {
  const run = promisify(execFile);
  const main = resolve(import.meta.dirname, '../../src/main.ts');

  it('prints the token alone on standard output; list shows no secret; revoke ends it', async () => {
    const file = join(site.dir, 'readmit.yaml');
    writeFileSync(file, `state: ${site.dir}\n`);
    const control = await serveControl(controlSocket(site.config), site.verbs);
    const readmit = (...args: string[]) => run(process.execPath, [main, 'token', ...args, '--config', file]);
    try {
      const { stdout, stderr } = await readmit('create', '--name', 'bot', '--role', 'operator', '--as', 'olga');
      expect(stdout).toMatch(/^rdm_[A-Za-z0-9_-]{43}\n$/);
      expect(stderr).toContain('bot, operator for olga');
      expect((await site.ask(`${API}/me`, { token: stdout.trim() })).json.actsFor).toBe('olga');
      const listed = JSON.parse((await readmit('list', '--json')).stdout);
      expect(listed).toMatchObject([
        { name: 'bot', role: 'operator', as: 'olga', state: 'live', expires: '2027-02-21T12:00:00.000Z' },
      ]);
      await readmit('revoke', 'bot');
      expect((await site.ask(`${API}/me`, { token: stdout.trim() })).status).toBe(401);
      const refused = (code: number, ...args: string[]) =>
        expect(readmit('create', '--name', 'x', '--role', 'operator', ...args)).rejects.toMatchObject({ code });
      await Promise.all([refused(2), refused(1, '--as', 'vera')]);
    } finally {
      await control.close();
    }
  });
});

/**
 * The API as a program meets it: what it says of itself, who gets in with which token, what it shows of what strangers
 * wrote, and that every no says which rule it was. Its votes stand in api-votes, its limits in limits.
 */
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { controlSocket, serveControl } from '../../src/roles/control.ts';
import { openIncident } from '../../src/store/incidents.ts';
import { aSite, NOON, type Site } from './a-site.ts';
import { API, expectProblem } from './problem.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

const SECURITY = {
  'content-security-policy': /frame-ancestors 'none'/,
  'x-content-type-options': /nosniff/,
  'referrer-policy': /no-referrer/,
  'cache-control': /no-store/,
};

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
        '/access/{id}/revoke',
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
      'people?after=garbage',
      'people?account=other&after=17',
      'addresses?after=garbage',
      'incidents?stat=open',
      'access?limit=1',
      'audit?from=3&q=opened',
      'audit?from=3&before=9',
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

  it('D29: nobody lends a sight they don’t have: a role that sees nothing makes no viewer, and ends one', async () => {
    const olga = site.approvers.approvers.find(a => a.name === 'olga')!;
    const lent = site.token('viewer', 'olga');
    expect((await site.ask(`${API}/incidents`, { token: lent })).status).toBe(200);
    olga.roles = ['former'];
    expect((await site.ask(`${API}/incidents`, { token: lent })).status).toBe(401);
    expect(() => site.token('viewer', 'olga')).toThrow(/olga is no viewer/);
    site.config.policy.tiers[2].eachRole = ['former'];
    expect((await site.ask(`${API}/incidents`, { token: lent })).status).toBe(200);
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

describe('a list in pages', () => {
  it('gives each incident once, in the order of the whole list, and refuses a page that is none', async () => {
    const token = site.token('viewer');
    for (const key of ['u1', 'u2', 'u3', 'u4', 'u5'])
      openIncident(site.store, NOON, {
        kind: 'user',
        key,
        host: 'head',
        event: 'denied',
        because: 'refused',
        held: false,
      });
    const idsOf = async (query: string): Promise<string[]> =>
      (await site.ask(`${API}/incidents${query}`, { token })).json.map((row: { id: string }) => row.id);
    const whole = await idsOf('');
    const paged: string[] = [];
    for (let page = await idsOf('?limit=2'); page.length > 0; page = await idsOf(`?limit=2&before=${page.at(-1)}`)) {
      expect(page.length).toBeLessThanOrEqual(2);
      paged.push(...page);
    }
    expect(whole.length).toBeGreaterThan(5);
    expect(paged).toEqual(whole);
    for (const limit of ['0', '1001', 'x'])
      expectProblem(await site.ask(`${API}/incidents?limit=${limit}`, { token }), 422, /limit/);
  });

  it('the journal too, from its end back, from wherever one begins', async () => {
    const token = site.token('viewer');
    const seqsOf = async (query: string): Promise<number[]> =>
      (await site.ask(`${API}/audit${query}`, { token })).json.map((entry: { seq: number }) => entry.seq);
    const whole = await seqsOf('?limit=1000');
    expect(whole.length).toBeGreaterThan(3);
    const paged: number[] = [];
    for (let page = await seqsOf('?limit=2'); page.length > 0; page = await seqsOf(`?limit=2&before=${page.at(-1)}`))
      paged.push(...page);
    expect(paged).toEqual(whole);
    expect(await seqsOf('?limit=2&before=999999999999')).toEqual(whole.slice(0, 2));
    expect(await seqsOf('?before=0')).toEqual([]);
    expect(await seqsOf('?from=2&limit=2')).toEqual([2, 3]);
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

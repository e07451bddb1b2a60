/**
 * The ways people go: from a mail over the sign-in to the plan, handing over, trying a line, taking files along. As a
 * browser asks, over the desk in memory.
 */
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { maskedToken, sameToken } from '../../src/web/csrf.ts';
import { HOSTILE } from './a-week/incident.ts';
import { consoleWith, digestOf } from './console.ts';

const cookieOf = (answer: Response, name: string): string | null =>
  answer.headers
    .getSetCookie()
    .find(c => c.startsWith(`${name}=`))
    ?.split(';')[0] ?? null;

describe('a link in a mail', () => {
  it('of somebody not signed in leads over the sign-in to where it pointed, once', async () => {
    const c = consoleWith();
    const stranger = await c.request('/incidents/41?from=mail', { headers: { 'sec-fetch-dest': 'document' } });
    expect(stranger.status).toBe(401);
    expect(await stranger.text()).toContain('readmit sign-in --as NAME');
    const kept = stranger.headers.getSetCookie().find(x => x.startsWith('readmit-to='))!;
    expect(kept).toMatch(/Max-Age=1800/);
    expect(kept).toMatch(/HttpOnly/);
    expect(kept).toMatch(/SameSite=Lax/);
    const link = new URL(c.sessions.issueLink('root-ann')).pathname;
    const headers = {
      cookie: kept.split(';')[0]!,
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      origin: 'null',
    };
    const done = await c.request(link, { method: 'POST', headers, body: '' });
    expect([done.status, done.headers.get('location')]).toEqual([303, '/incidents/41?from=mail']);
    expect(done.headers.getSetCookie().find(x => x.startsWith('readmit-to='))).toMatch(/readmit-to=;.*Max-Age=0/);
  });

  it('that was put there by somebody else leads nowhere', async () => {
    const c = consoleWith();
    for (const to of [
      '//evil.example',
      '/\\evil.example',
      'https://evil.example/',
      'javascript:alert(1)',
      '/incidents/1//evil',
      '/sign-in/x',
      '/sign-out',
      '/public/x',
      '/api/v1',
      '/incidents/41\r\nset-cookie: x',
      '/incidentsx',
      `/incidents/${'1'.repeat(600)}`,
    ]) {
      const link = new URL(c.sessions.issueLink('root-ann')).pathname;
      const headers = {
        cookie: `readmit-to=${encodeURIComponent(to)}`,
        'content-type': 'application/x-www-form-urlencoded',
        'sec-fetch-site': 'same-origin',
        origin: 'null',
      };
      const done = await c.request(link, { method: 'POST', headers, body: '' });
      expect([done.status, done.headers.get('location')], to).toEqual([303, '/']);
    }
  });

  it('is remembered for pages only: not for a stream or a picture, and of a deed the page it stood on', async () => {
    const c = consoleWith();
    for (const [path, init] of [
      ['/live', { headers: { 'sec-fetch-dest': 'empty' } }],
      ['/live', {}],
      ['/incidents/41', { headers: { 'sec-fetch-dest': 'image' } }],
    ] as [string, RequestInit][])
      expect(cookieOf(await c.request(path, init), 'readmit-to'), path).toBeNull();
    const deed = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'sec-fetch-site': 'same-origin' },
      body: 'x=1',
    };
    expect(cookieOf(await c.request('/incidents/41/approve', deed), 'readmit-to')).toBe(
      `readmit-to=${encodeURIComponent('/incidents/41')}`,
    );
  });

  it('brings whoever must sign in again back to the plan', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    c.pass(16 * 60_000);
    expect(cookieOf(await ann.get('/incidents/42'), 'readmit-to')).toBe(
      `readmit-to=${encodeURIComponent('/incidents/42')}`,
    );
    expect(cookieOf(await ann.get('/incidents/41'), 'readmit-to')).toBeNull();
  });
});

describe('handing over', () => {
  it('names who takes it and why, shows it, and is given back', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    expect((await ann.post('/incidents/41/hand-over', { to: 'root-ben' })).status).toBe(409);
    const done = await ann.post('/incidents/41/hand-over', { to: 'root-ben', note: 'knows her' });
    expect(done.headers.get('location')).toBe('/incidents/41?done=handed-over');
    expect(c.desk.deeds).toEqual(['root-ann hand over 41 to root-ben: knows her']);
    const page = await ann.page('/incidents/41');
    expect(page).toContain('Give back to Readmit');
    expect(digestOf(page)).toBe('');
    expect((await ann.post('/incidents/41/hand-over', { to: '' })).headers.get('location')).toBe(
      '/incidents/41?done=given-back',
    );
  });

  it('is not for viewers, and not of another incident', async () => {
    const c = consoleWith();
    const vera = await c.signIn('vera');
    expect((await vera.post('/incidents/41/hand-over', { to: 'vera', note: 'mine' })).status).toBe(403);
    const ann = await c.signIn('root-ann');
    expect((await ann.post('/incidents/999/hand-over', { to: 'x', note: 'y' })).status).toBe(404);
    expect(c.desk.deeds).toEqual([]);
  });
});

describe('the rules', () => {
  const tried: string[] = [];
  const rules = {
    list: () => [
      {
        name: 'openclaw',
        patterns: [{ name: 'denied', log: 'server' as const, event: 'denied', line: '[WARNING] {ip}' }],
        causes: [{ name: 'openclaw/missing-group', title: '{user}', remedy: 'plan' as const }],
      },
    ],
    explain: (line: string) => {
      tried.push(line);
      return {
        kind: 'stopped' as const,
        rule: 'openclaw/denied',
        column: 3,
        expected: '{ip}',
        found: JSON.stringify(line),
      };
    },
  };

  it('stand with their hits, and a line that is tried is shown inert', async () => {
    const c = consoleWith({ extra: { rules } });
    const vera = await c.signIn('vera');
    expect(await vera.page('/rules')).toContain('4,012');
    const answer = await vera.post('/rules/explain', { line: `${HOSTILE}\u001b[31m` });
    const page = await answer.text();
    expect(answer.status).toBe(200);
    expect(tried).toEqual([`${HOSTILE}\u001b[31m`]);
    expect(page).not.toContain('<img');
    expect(page).not.toContain('\u001b');
  });

  it('are not there where there are none', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    expect((await ann.get('/rules')).status).toBe(404);
    expect(await ann.page('/')).not.toContain('href="/rules"');
  });
});

describe('files', () => {
  it('D21: no cell of an export is a formula, whoever wrote it', async () => {
    const c = consoleWith();
    const grants = c.desk.grants();
    c.desk.grants = () =>
      grants.map(g => ({ ...g, reason: '=HYPERLINK("http://evil")', entitlement: '\t@SUM(1)', user: '-2+3' }));
    c.desk.audit = from =>
      from === 1
        ? [
            {
              seq: 1,
              time: '2026-11-23T09:00:00.000Z',
              actor: '+cmd|x',
              what: 'said, "=1+1"\r\nand more',
              digest: 'd',
              incident: null,
            },
          ]
        : [];
    const vera = await c.signIn('vera');
    const access = await vera.page('/access.csv');
    for (const cell of access.split(/[,\r\n]/)) expect(cell).not.toMatch(/^[\s"]*[=+\-@]/);
    const audit = await vera.page('/audit.csv');
    expect(audit).toContain(`"'+cmd|x"`);
    expect(audit.split('\r\n')).toHaveLength(3);
    expect(JSON.parse(await vera.page('/audit.json'))).toHaveLength(1);
    expect((await vera.get('/access.csv')).headers.get('content-disposition')).toBe(
      'attachment; filename="readmit-access.csv"',
    );
  });

  it('the report goes to me or to everybody, by whom the site lets act, and never to an address from a form', async () => {
    const sent: string[] = [];
    const page = {
      week: '2026-W47',
      title: 'Report',
      html: '<body><h1>Report</h1></body>',
      previous: null,
      next: null,
    };
    const c = consoleWith({
      extra: {
        report: () => page,
        reportFile: (week, format) => `${week} ${format}`,
        sendReport: (person, week, to) => void sent.push(`${person.name} ${week} ${to}`),
      },
    });
    const ann = await c.signIn('root-ann');
    expect((await ann.post('/report/send', { week: '2026-W47', to: 'me', mail: 'evil@example.org' })).status).toBe(303);
    expect((await ann.post('/report/send', { week: '2026-W47', to: 'evil@example.org' })).status).toBe(404);
    expect((await ann.post('/report/send', { week: '../x', to: 'me' })).status).toBe(404);
    const vera = await c.signIn('vera');
    expect((await vera.post('/report/send', { week: '2026-W47', to: 'all' })).status).toBe(403);
    expect(await vera.page('/report')).not.toContain('Send to me');
    expect((await vera.page('/report')).match(/<h1/g)).toHaveLength(1);
    expect(await vera.page('/report.csv?week=2026-W47')).toBe('2026-W47 csv');
    expect((await vera.get('/report.csv?week=x')).status).toBe(404);
    expect(sent).toEqual(['root-ann 2026-W47 me']);
  });
});

describe('the wire', () => {
  it('carries pages compressed, and streams as they are', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const packed = await ann.get('/', { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    const bytes = Buffer.from(await packed.arrayBuffer());
    expect(bytes.length).toBeLessThan(100_000);
    expect(gunzipSync(bytes).toString()).toContain('<h1>');
    const live = await ann.get('/live', { headers: { 'accept-encoding': 'gzip' } });
    expect(live.headers.get('content-encoding')).toBeNull();
    await live.body!.cancel();
  });

  it('never shows the same token twice, and takes each of them', () => {
    const secret = 'a-token-of-a-session';
    const [one, two] = [maskedToken(secret), maskedToken(secret)];
    expect(one).not.toBe(two);
    expect(sameToken(one, secret)).toBe(true);
    expect(sameToken(two, secret)).toBe(true);
    for (const wrong of [
      secret,
      one.slice(0, -2),
      maskedToken('another-token-of-20c'),
      '',
      undefined,
      'x'.repeat(5000),
    ])
      expect(sameToken(wrong, secret)).toBe(false);
  });
});

describe('changes that serve many', () => {
  it('stand together under one deed', async () => {
    const c = consoleWith();
    const [alice, service] = [c.desk.show('41'), c.desk.show('42')];
    for (const i of c.desk.all) if (i.state === 'proposed') i.deed = i.plan?.deed ?? null;
    c.desk.all.push({
      ...service,
      id: '77',
      kind: 'user',
      key: 'zoe',
      headline: 'zoe is turned away',
      deed: service.plan!.deed,
      opened: alice.opened,
    });
    const ann = await c.signIn('root-ann');
    const page = await ann.page('/approvals');
    expect(page).toContain('The same change serves 1 more incident');
  });
});

/**
 * What stands before every page: where a POST comes from, its token, headers, cookies, links, and hostile text.
 */
import { describe, expect, it } from 'vitest';
import { HOSTILE } from './a-week/incident.ts';
import { consoleWith, digestOf } from './console.ts';

const FORM = 'application/x-www-form-urlencoded';

describe('a POST', () => {
  it('D03: without token, with a foreign one, from another site, or as plain text is refused', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const ben = await c.signIn('root-ben');
    const digest = digestOf(await ann.page('/incidents/41'));
    const csrf = await ann.csrf();
    const send = (body: string, headers: Record<string, string>) =>
      ann.get('/incidents/41/approve', { method: 'POST', headers, body });
    const good = new URLSearchParams({ csrf, digest }).toString();
    const refused: [string, string, Record<string, string>][] = [
      ['no token', `digest=${digest}`, { 'content-type': FORM, 'sec-fetch-site': 'same-origin' }],
      ['empty token', `csrf=&digest=${digest}`, { 'content-type': FORM, 'sec-fetch-site': 'same-origin' }],
      [
        'another session’s token',
        `csrf=${await ben.csrf()}&digest=${digest}`,
        { 'content-type': FORM, 'sec-fetch-site': 'same-origin' },
      ],
      [
        'the token twice',
        `csrf[]=${csrf}&csrf[]=${csrf}&digest=${digest}`,
        { 'content-type': FORM, 'sec-fetch-site': 'same-origin' },
      ],
      ['cross-site', good, { 'content-type': FORM, 'sec-fetch-site': 'cross-site' }],
      ['same-site', good, { 'content-type': FORM, 'sec-fetch-site': 'same-site' }],
      ['typed by hand', good, { 'content-type': FORM, 'sec-fetch-site': 'none' }],
      ['a foreign origin', good, { 'content-type': FORM, origin: 'https://evil.example' }],
      [
        'a foreign origin that says it is ours',
        good,
        { 'content-type': FORM, origin: 'https://evil.example', 'sec-fetch-site': 'same-origin' },
      ],
      ['another port’s origin', good, { 'content-type': FORM, origin: 'http://localhost:1' }],
      ['no origin left', good, { 'content-type': FORM, origin: 'null' }],
      ['plain text', good, { 'content-type': 'text/plain', 'sec-fetch-site': 'same-origin' }],
      [
        'JSON',
        JSON.stringify({ csrf, digest }),
        { 'content-type': 'application/json', 'sec-fetch-site': 'same-origin' },
      ],
      ['no type', good, { 'content-type': '', 'sec-fetch-site': 'same-origin' }],
    ];
    for (const [what, body, headers] of refused) expect((await send(body, headers)).status, what).toBe(403);
    expect(c.desk.deeds).toEqual([]);
    expect((await send(good, { 'content-type': FORM, 'sec-fetch-site': 'same-origin', origin: 'null' })).status).toBe(
      303,
    );
  });

  it('G16: more than 64 KiB is refused before anything is done', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const answer = await ann.post('/incidents/41/approve', {
      digest: c.desk.show('41').plan!.digest,
      reason: 'x'.repeat(70_000),
    });
    expect(answer.status).toBe(413);
    expect(c.desk.deeds).toEqual([]);
  });

  it('asked under a foreign name (DNS rebinding) gives nothing', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    for (const host of ['evil.example', 'evil.example:8420', 'localhost.evil.example', '127.0.0.1.evil.example'])
      expect((await ann.get('/', { headers: { host } })).status, host).toBe(421);
    for (const host of ['127.0.0.1:8420', 'localhost:9000', '[::1]:8420'])
      expect((await ann.get('/', { headers: { host } })).status, host).toBe(200);
  });
});

describe('sessions', () => {
  it('D16: a session id from before the sign-in is worth nothing after it', async () => {
    const c = consoleWith();
    const planted = await c.signIn('root-ann', 'readmit=planted-by-somebody');
    expect(planted.cookie).not.toContain('planted');
    expect((await c.asking('readmit=planted-by-somebody').get('/')).status).toBe(401);
    const second = await c.signIn('root-ann', planted.cookie);
    expect((await planted.get('/')).status).toBe(401);
    expect((await second.get('/')).status).toBe(200);
  });

  it('a link works once, within 15 minutes, and opening it uses nothing up', async () => {
    const c = consoleWith();
    const path = new URL(c.sessions.issueLink('root-ann')).pathname;
    const post = () =>
      c.request(path, { method: 'POST', headers: { 'content-type': FORM, 'sec-fetch-site': 'same-origin' }, body: '' });
    expect(await (await c.request(path)).text()).toContain('Sign in as root-ann');
    expect((await post()).status).toBe(303);
    expect((await post()).status).toBe(410);
    expect((await c.request(path)).status).toBe(410);
    const old = new URL(c.sessions.issueLink('root-ann')).pathname;
    c.pass(15 * 60_000);
    expect((await c.request(old)).status).toBe(410);
    expect(() => c.sessions.issueLink('mallory')).toThrow(/not in/);
  });

  it('of two who press the button of one link, one gets in', async () => {
    const c = consoleWith();
    const path = new URL(c.sessions.issueLink('root-ann')).pathname;
    const post = () =>
      c.request(path, { method: 'POST', headers: { 'content-type': FORM, 'sec-fetch-site': 'same-origin' }, body: '' });
    const statuses = (await Promise.all([post(), post()])).map(a => a.status).sort();
    expect(statuses).toEqual([303, 410]);
  });

  it('ends by time, by signing out, and everywhere', async () => {
    const c = consoleWith();
    const [a, b, other] = [await c.signIn('root-ann'), await c.signIn('root-ann'), await c.signIn('root-ben')];
    expect((await a.post('/sign-out', {})).status).toBe(200);
    expect((await a.get('/')).status).toBe(401);
    expect((await b.get('/')).status).toBe(200);
    const d = await c.signIn('root-ann');
    await b.post('/sign-out-everywhere', {});
    expect((await d.get('/')).status).toBe(401);
    expect((await other.get('/')).status).toBe(200);
    c.pass(43_200_000);
    expect((await other.get('/')).status).toBe(401);
  });

  it('the cookie is HttpOnly and Lax; over https it is __Host- and Secure', async () => {
    const sign = async (c: ReturnType<typeof consoleWith>) => {
      const url = new URL(c.sessions.issueLink('root-ann'));
      const answer = await c.request(url.pathname, {
        method: 'POST',
        headers: { host: url.host, 'content-type': FORM, 'sec-fetch-site': 'same-origin' },
        body: '',
      });
      return [answer.headers.get('set-cookie')!, answer.headers.get('strict-transport-security')] as const;
    };
    const [plain, none] = await sign(consoleWith());
    expect(plain).toMatch(/^readmit=[\w-]{43};/);
    expect(plain).toMatch(/HttpOnly/);
    expect(plain).toMatch(/SameSite=Lax/);
    expect(none).toBeNull();
    const [secure, hsts] = await sign(
      consoleWith({ web: 'origin: "https://readmit.example.org", behindProxy: ["10.0.0.2"]' }),
    );
    expect(secure).toMatch(/^__Host-readmit=[\w-]{43};.*HttpOnly; Secure; SameSite=Lax/);
    expect(secure).not.toMatch(/Domain/i);
    expect(hsts).toMatch(/max-age=31536000/);
  });
});

describe('what goes out', () => {
  it('D17: every answer carries the headers, and each its own nonce', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const answers = [
      await ann.get('/'),
      await ann.get('/incidents/41'),
      await ann.get('/incidents/999'),
      await c.request('/'),
      await c.request(new URL(c.sessions.issueLink('root-ann')).pathname),
      await c.request('/healthz'),
    ];
    const nonces = answers.map(a => {
      const csp = a.headers.get('content-security-policy')!;
      expect(csp).toContain("default-src 'none'");
      expect(csp).toContain("frame-ancestors 'none'");
      expect(csp).not.toMatch(/unsafe-inline|unsafe-eval/);
      expect(a.headers.get('x-content-type-options')).toBe('nosniff');
      expect(a.headers.get('referrer-policy')).toBe('no-referrer');
      expect(a.headers.get('cache-control')).toBe('no-store');
      expect(a.headers.get('cross-origin-opener-policy')).toBe('same-origin');
      return /'nonce-([^']+)'/.exec(csp)![1];
    });
    expect(new Set(nonces).size).toBe(answers.length);
    const page = await (await ann.get('/')).text();
    expect(page).not.toMatch(/<[^>]* (on[a-z]+|style)=/);
    for (const [, nonce] of page.matchAll(/<script([^>]*)>/g)) expect(nonce).toContain('nonce="');
  });

  it('D17: neither link nor cookie nor token reaches the access log', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const path = new URL(c.sessions.issueLink('root-ben')).pathname;
    await c.request(`${path}?x=1`);
    await ann.get('/audit?q=secret-search');
    const text = JSON.stringify(c.lines);
    expect(text).toContain('/sign-in/*');
    for (const secret of [path.split('/')[2]!, ann.cookie.split('=')[1]!, await ann.csrf(), 'secret-search'])
      expect(text).not.toContain(secret);
    expect(c.lines.every(l => ['web request', 'signed in'].includes(l.message))).toBe(true);
  });

  it('D18: names, endpoints and log lines from strangers are shown and do nothing', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    for (const path of [
      '/',
      '/?range=30d',
      '/incidents/34',
      '/incidents/41',
      '/people',
      `/people/${encodeURIComponent(HOSTILE)}`,
      '/approvals',
      '/access',
      '/audit?q=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E',
      '/people/%3Cimg%20src=x%3E',
    ]) {
      const text = await ann.page(path);
      expect(text, path).not.toContain('<img');
      expect(text, path).not.toMatch(/href="\s*javascript:/i);
      expect(text, path).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u202a-\u202e]/);
    }
    const page = await ann.page('/incidents/41');
    expect(page).toContain('\\x1b[31m\\u202egnp');
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;');
  });

  it('D28: the page shows argv, diff, uid, group, evidence with its source, and who wrote each line', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const alice = await ann.page('/incidents/41');
    for (const text of [
      '/usr/sbin/usermod -aG claw-users alice',
      'uid 1001',
      'gid 2001',
      'alice, domain-users',
      'id -nG alice',
      'Add alice to claw-users',
      'gpasswd -d alice claw-users',
      'entitlements.yaml names alice',
      'ldapsearch: timed out',
      'ruled out',
      c.desk.show('41').plan!.digest,
    ])
      expect(alice).toContain(text);
    expect(alice).toMatch(/class="trust server">server</);
    expect(alice).toMatch(/class="trust user-written">user-written</);
    const service = await ann.page('/incidents/42');
    expect(service).toContain('<span class="plus">+    - claw-users</span>');
    expect(service).toContain('Nothing shows that this access is meant to be');
    expect(service).toContain('train-resnet-77');
  });

  it('D25: what is degraded stands on every page', async () => {
    const c = consoleWith();
    c.desk.healthNow.banner.push('Mail can’t be sent since 09:02; 3 wait.');
    const ann = await c.signIn('root-ann');
    for (const path of ['/', '/incidents/41', '/health'])
      expect(await ann.page(path)).toContain('Mail can’t be sent since 09:02; 3 wait.');
  });

  it('a fault of ours is logged and says nothing of itself on the page', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    c.desk.grants = () => {
      throw new Error('disk /secret/path is on fire');
    };
    const answer = await ann.get('/access');
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('secret');
    expect(c.lines.some(l => l.message === 'web request failed')).toBe(true);
  });

  it('files of ours are named by their content and kept by the browser; nothing else of the disk is served', async () => {
    const c = consoleWith();
    const page = await (await c.request('/')).text();
    const css = /href="(\/public\/readmit\.[0-9a-f]{12}\.css)"/.exec(page)![1]!;
    const answer = await c.request(css);
    expect(answer.headers.get('cache-control')).toContain('immutable');
    expect(answer.headers.get('content-type')).toContain('text/css');
    for (const path of ['/public/readmit.css', '/public/../app.ts', '/public/%2e%2e/app.ts', '/public/'])
      expect((await c.request(path)).status, path).not.toBe(200);
  });

  it('the first page is small, and /readyz says no when something is missing', async () => {
    const c = consoleWith({ extra: { notReady: () => ['Redis is away'] } });
    const ann = await c.signIn('root-ann');
    const page = await ann.page('/');
    const files = await Promise.all(
      [...page.matchAll(/"(\/public\/[^"]+)"/g)].map(
        async m => (await (await c.request(m[1]!)).arrayBuffer()).byteLength,
      ),
    );
    expect(page.length + files.reduce((a, b) => a + b, 0)).toBeLessThan(100_000);
    expect((await c.request('/healthz')).status).toBe(200);
    const ready = await c.request('/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.text()).not.toContain('Redis');
  });
});

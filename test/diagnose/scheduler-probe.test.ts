/** What is asked of the scheduler: does it answer, what has it loaded, whose clock is right. */
import { mkdirSync, rmSync, utimesSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diagnose } from '../../src/diagnose/diagnose.ts';
import { causes } from './a-host.ts';
import { type Lab, startLab, tokenFile, values } from './lab.ts';

let lab: Lab;
beforeEach(() => {
  lab = startLab();
});
afterEach(() => lab.end());

describe('the scheduler', () => {
  let server: Server;
  let port: number;
  let answer: (path: string) => { status?: number; body: string; date?: string };
  beforeEach(async () => {
    answer = () => ({ body: '{"status":"healthy"}' });
    server = createServer((request, response) => {
      const { status = 200, body, date } = answer(request.url!);
      if (date) response.setHeader('Date', date);
      response.writeHead(status).end(body);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    port = (server.address() as { port: number }).port;
  });
  afterEach(() => new Promise(resolve => server.close(resolve)));
  const asked = () => lab.ask(null, { url: `http://127.0.0.1:${port}` });

  it('is healthy when it says so, and its clock is compared with ours', async () => {
    answer = () => ({ body: '{"status":"healthy"}', date: new Date(Date.now() + 25 * 3_600_000).toUTCString() });
    const facts = await asked();
    expect(values(facts, 'scheduler.active', 'scheduler.health4', 'scheduler.clock')).toEqual({
      'scheduler.active': 'active',
      'scheduler.health4': 'healthy',
      'scheduler.clock': 'ahead',
    });
  });

  it.each([
    ['another status', () => ({ status: 503, body: '{"status":"healthy"}' }), 'unhealthy'],
    ['another word', () => ({ body: '{"status":"sick"}' }), 'unhealthy'],
    ['no JSON', () => ({ body: '<html>' }), 'unhealthy'],
  ] as [string, () => { status?: number; body: string }, string][])(
    '%s is not healthy',
    async (_what, said, health) => {
      answer = said;
      expect((await asked()).get('scheduler.health4')!.value).toBe(health);
    },
  );

  it.each([401, 403])('one that answers %i is there: it only asks who we are', async status => {
    answer = () => ({ status, body: '{"error":"token required"}' });
    expect((await asked()).get('scheduler.health4')!.value).toBe('healthy');
  });

  it('nobody listening on its port is seen on this host, firewall or not', async () => {
    const listening = async () => values(await asked(), 'scheduler.listening')['scheduler.listening'];
    const table = (address: string, state: string): string =>
      lab.put(
        'proc/self/net/tcp',
        `  sl  local_address rem_address   st\n   0: ${address} 00000000:0000 ${state} 0:0\n`,
      );
    expect(await listening()).toBeUndefined();
    const hex = port.toString(16).toUpperCase().padStart(4, '0');
    table(`0100007F:${hex}`, '0A');
    expect(await listening()).toBe(true);
    table(`0100007F:${hex}`, '01');
    expect(await listening()).toBe(false);
    lab.put('proc/self/net/tcp6', `   1: ${'0'.repeat(32)}:${hex} ${'0'.repeat(32)}:0000 0A 0:0\n`);
    expect(await listening()).toBe(true);
    expect((await lab.ask(null, { url: 'http://192.0.2.1:1', limitMs: 50 })).get('scheduler.listening')!.known).toBe(
      false,
    );
  });

  it('tells whether it loaded what the file says', async () => {
    answer = path => ({
      body:
        path === '/health'
          ? '{"status":"healthy"}'
          : '{"mode":"groups","authorized_groups":["claw-admins"],"jobs":{"running":3,"slots":8}}',
    });
    expect(values(await asked(), 'config.loaded', 'config.loaded-standard', 'queue.free')).toEqual({
      'config.loaded': false,
      'config.loaded-standard': false,
      'queue.free': 5,
    });
  });

  it('or when it started, and the file is newer', async () => {
    answer = path => ({
      body:
        path === '/health'
          ? '{"status":"healthy"}'
          : JSON.stringify({ started: new Date(Date.now() - 60_000).toISOString() }),
    });
    expect((await asked()).get('config.loaded')!.value).toBe(false);
    const old = new Date(Date.now() - 3_600_000);
    utimesSync(join(lab.dir, 'etc/config.yaml'), old, old);
    expect((await asked()).get('config.loaded')!.value).toBe(true);
  });

  describe('that runs on while its file is broken', () => {
    const whyOf = async (user: string) => {
      const facts = await lab.ask(user, { url: `http://127.0.0.1:${port}` });
      const config = lab.config(`http://127.0.0.1:${port}`);
      return { facts, ...diagnose({ user, facts: [...facts.values()], causes, config }) };
    };
    beforeEach(() => {
      answer = path => ({
        body:
          path === '/health'
            ? '{"status":"healthy"}'
            : '{"mode":"groups","authorized_groups":["claw-users","physics"],"jobs":{"running":3,"slots":8}}',
      });
      lab.command('systemctl', 'case "$*" in *is-active*claw*) echo active;; *) exit 1;; esac');
      lab.put('home/alice/.claw/config.yaml', tokenFile({ sub: 'alice', exp: 4_000_000_000 }), 0o600);
    });

    it.each([
      ['a key twice', 'auth: { mode: groups }\nauth: { mode: jwt }\n', 'line 2'],
      ['a tab', 'auth:\n\tmode: groups\n', 'line 2'],
      ['a word', 'broken\n', 'auth.mode: missing'],
      ['two documents', 'auth: { mode: groups, authorized_groups: [a] }\n---\nb: 1\n', 'documents'],
      ['a list that is empty', 'auth:\n  mode: groups\n  authorized_groups:\n', 'auth.authorized_groups: missing'],
    ])('%s: who lacks a group is found all the same, by what it says of itself', async (_what, text, problem) => {
      lab.put('etc/config.yaml', text);
      const { facts, cause, also, remedy, evidence } = await whyOf('alice');
      expect([cause, also.map(a => a.cause)]).toEqual(['openclaw/missing-group', ['openclaw/config-next-start']]);
      expect(also[0]!.evidence.map(e => e.fact)).toContain('config.valid');
      expect(remedy).toMatchObject({ actions: [{ action: 'group.add', params: { group: 'claw-users' } }] });
      // Where it came from, and why not from the file.
      const { source } = evidence.find(e => e.fact === 'access.lacks-group')!;
      expect(source).toContain(`GET http://127.0.0.1:${port}/api/v1/info (${lab.dir}/etc/config.yaml is not valid: `);
      expect(source).toContain(problem);
      expect(values(facts, 'config.valid', 'access.mode', 'access.group-ids', 'access.local-groups')).toEqual({
        'config.valid': false,
        'access.mode': 'groups',
        'access.group-ids': ['claw-users:2500'],
        'access.local-groups': ['claw-users'],
      });
      expect(facts.get('config.splice')!.known).toBe(false);
    });

    it('for whom it lets in, the file itself is the matter: put right by hand, with no patch and no restart', async () => {
      lab.put('etc/config.yaml', 'broken\n');
      const { cause, also, remedy, title } = await whyOf('bob');
      expect([cause, also, remedy.kind]).toEqual(['openclaw/config-next-start', [], 'advice']);
      expect(title).toContain('auth.mode: missing or not a word');
    });

    it('a file that is away, or that we may not read, is told of by it too', async () => {
      rmSync(join(lab.dir, 'etc/config.yaml'));
      expect((await whyOf('alice')).cause).toBe('openclaw/missing-group');
      mkdirSync(join(lab.dir, 'etc/config.yaml'));
      const { cause, also, facts } = await whyOf('alice');
      expect([cause, also, facts.get('config.valid')!.known]).toEqual(['openclaw/missing-group', [], false]);
    });

    it.each([
      ['nothing', '{}'],
      ['a mode there is none of', '{"mode":"magic","authorized_groups":["claw-users"]}'],
      ['groups that are no list', '{"mode":"groups","authorized_groups":"claw-users"}'],
    ])('one that tells %s says nothing of who may come in', async (_what, body) => {
      answer = path => ({ body: path === '/health' ? '{"status":"healthy"}' : body });
      lab.put('etc/config.yaml', 'broken\n');
      const { facts, cause } = await whyOf('alice');
      expect(facts.get('access.mode')).toMatchObject({ known: false, source: expect.stringContaining('is not valid') });
      expect(cause).toBe('openclaw/config-next-start');
    });
  });

  it.each([
    ['@1790000000', '2026-09-21T14:13:20.000Z'],
    ['Mon 2026-09-21 14:13:20 UTC', '2026-09-21T14:13:20.000Z'],
    ['Mon 2026-09-21 14:13:20 CEST', new Date('2026-09-21T14:13:20').toISOString()],
    ['', undefined],
  ])('systemd tells when it started, as %j', async (stamp, started) => {
    answer = () => ({ status: 404, body: '' });
    // A systemd that is old does not know the option, and ends.
    lab.command(
      'systemctl',
      `case "$*" in show*--timestamp*) ${stamp.startsWith('@') ? `echo ExecMainStartTimestamp=${stamp}` : 'exit 1'};; show*claw*) echo 'ExecMainStartTimestamp=${stamp}';; *) echo active;; esac`,
    );
    expect(values(await asked(), 'scheduler.started')).toEqual({ 'scheduler.started': started });
  });
});

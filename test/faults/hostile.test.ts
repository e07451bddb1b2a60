/**
 * Text that strangers write, against the running program: whoever writes into a log moves nobody else, lets nobody in,
 * leaves no secret and no control character behind. One cluster; each test with people of its own.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Cluster,
  clientDenial,
  clientLog,
  cookieOf,
  counted,
  denial,
  members,
  page,
  query,
  startCluster,
  status,
  write,
} from './lab.ts';

const ESC = '\x1b';
/** A token whose last part stands nowhere else. */
const SECRET = 'c2VjcmV0LXNpZ25hdHVyZS1vZi1hbGljZQ';
const JWT = `eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyIjoiYWxpY2UiLCJleHAiOjE3MjY2NDIwMDV9.${SECRET}`;
const BEARER = 'sk-live-0123456789abcdefCANARY';

let c: Cluster;
beforeAll(async () => {
  // Administrators have no access of their own here, so that one of them can be refused.
  c = await startCluster({}, dir => {
    const file = join(dir, 'etc/claw-scheduler/config.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('    - claw-admins\n', ''));
  });
});
afterAll(async () => c?.end());

const incidentsOf = async (key: string) => (await c.incidents()).filter(i => i.key === key);

/** Every file below a directory whose bytes hold this text. */
function filesWith(dir: string, text: string): string[] {
  return readdirSync(dir, { recursive: true, encoding: 'utf8' })
    .map(f => join(dir, f))
    .filter(f => statSync(f).isFile() && readFileSync(f).includes(text));
}

/** Everything a person can read on a terminal or on the page, with whom it concerns. */
async function everythingSaid(): Promise<string> {
  const said: string[] = [];
  for (const argv of [
    ['incidents'],
    ['report'],
    ['report', '--csv'],
    ['report', '--html'],
    ['audit', 'show'],
    ['audit', 'show', '--json'],
    ['access'],
  ])
    said.push(...Object.values(await c.readmit(...argv)).map(String));
  for (const { id } of await c.incidents())
    said.push((await c.readmit('show', id)).out, (await c.readmit('show', id, '--json')).out);
  return said.join('\n');
}

describe('people who are nobody, and people who are never changed', () => {
  it('B05: a name without an account is counted and never gets a plan', async () => {
    write(c, ...Array.from({ length: 25 }, () => denial('no.such.person', '/submit', '172.20.0.9')));
    const seen = await c.incidentOf(
      'an incident for a name nobody has',
      i => i.key === 'no.such.person' && i.state === 'escalated',
    );
    const detail = await c.show(seen.id);
    expect(detail.plan).toBeNull();
    expect(detail.cause).toBe('openclaw/unknown-user');
    await c.until('all counted', async () => counted(c, 'no.such.person') === 25);
    expect((await c.readmit('approve', seen.id, '--as', 'root-ann', '--json')).code).toBe(1);
  });

  it('B06: root and system accounts open nothing that could be approved; an administrator is for a human', async () => {
    const groups = readFileSync(join(c.dir, 'etc/group'), 'utf8');
    for (const user of ['root', 'daemon', 'claw-sched', 'root-ben'])
      write(c, ...Array.from({ length: 12 }, () => denial(user, '/submit', '172.20.0.10')));
    const flagged = await c.incidentOf('the administrator', i => i.key === 'root-ben' && i.state === 'escalated');
    expect((await c.show(flagged.id)).plan).toBeNull();
    expect(flagged.cause).toBe('openclaw/elevated-account');
    await c.until(
      'the system accounts are counted',
      async () => counted(c, 'root') + counted(c, 'daemon') + counted(c, 'claw-sched') === 36,
    );
    for (const i of await c.incidents())
      if (['root', 'daemon', 'claw-sched'].includes(i.key)) expect((await c.show(i.id)).plan).toBeNull();
    expect(
      query<{ account: string }>(
        c,
        "SELECT DISTINCT account FROM observation WHERE user IN ('root','daemon','claw-sched')",
      ),
    ).toEqual([{ account: 'system' }]);
    expect(readFileSync(join(c.dir, 'etc/group'), 'utf8')).toBe(groups);
  });
});

describe("a user's own log speaks for that user only", () => {
  it("B18, G05: mallory's log says that bob was denied, ten times: bob has no incident, and no group changes", async () => {
    const before = members(c, 'claw-users');
    appendFileSync(clientLog(c, 'mallory'), clientDenial('bob').repeat(10));
    appendFileSync(clientLog(c, 'mallory'), denial('bob').repeat(10));
    await c.incidentOf("mallory's own incident", i => i.key === 'mallory');
    expect(await incidentsOf('bob')).toEqual([]);
    expect(query(c, "SELECT 1 FROM observation WHERE user = 'bob'")).toEqual([]);
    expect(members(c, 'claw-users')).toEqual(before);
  });
});

describe('secrets in what users write', () => {
  it('B17, F07: tokens in both logs are nowhere: store, queue, audit, mails, pages, command line, our own log', async () => {
    await c.practice('break', 'missing-group', 'carol');
    appendFileSync(
      clientLog(c, 'carol'),
      clientDenial('carol', { token: JWT }) +
        clientDenial('carol', { headers: { Authorization: `Bearer ${BEARER}` }, password: BEARER }) +
        `[ERROR] 2026-09-18T10:30:15Z: Authorization: Bearer ${JWT}\n`,
    );
    write(
      c,
      denial('carol', `/submit?access_token=${JWT}`, '192.168.1.102'),
      denial('carol', `/submit?token=${BEARER}`, '192.168.1.102'),
    );
    const seen = await c.incidentOf('a proposal for carol', i => i.key === 'carol' && i.state === 'proposed');
    await c.until('both endpoints are counted', async () => counted(c, 'carol') >= 2);
    // Pasted into a reason it would stand in the journal for years.
    for (const reason of [`she sent me Bearer ${JWT}`, `password=${BEARER}`]) {
      const told = await c.readmit('approve', seen.id, '--as', 'root-ann', '--reason', reason);
      expect(told.code).toBe(1);
      expect(told.err).toContain('looks like a password or a token');
      const muted = await c.readmit('silence', seen.id, '--for', '1h', '--as', 'root-ann', '--reason', reason);
      expect(muted.code).toBe(1);
    }
    await c.json('approve', seen.id, '--as', 'root-ann');
    await c.incidentOf('carol works again', i => i.id === seen.id && i.state === 'resolved', 40_000);
    await c.readmit('report', '--send');
    await c.until('mails', async () => (await c.mails()).length >= 2);
    const cookie = await cookieOf(c, 'root-ann');
    const pages = await Promise.all(
      [
        '/',
        `/incidents/${seen.id}`,
        '/people',
        '/people/carol',
        '/addresses',
        '/audit',
        '/audit.json',
        '/report',
        '/health',
        '/approvals',
      ].map(p => page(c, p, cookie)),
    );
    expect(pages.join()).toContain('carol');
    for (const secret of [SECRET, 'CANARY']) {
      expect(
        pages.findIndex(p => p.includes(secret)),
        'a page',
      ).toBe(-1);
      expect((await everythingSaid()).includes(secret), 'the command line').toBe(false);
      expect(
        (await c.mails()).some(m => JSON.stringify(m).includes(secret)),
        'a mail',
      ).toBe(false);
      expect(c.output.includes(secret), 'our own log').toBe(false);
      expect(filesWith(join(c.dir, 'state'), secret)).toEqual([]);
    }
  }, 90_000);
});

describe('markup, line breaks and addresses', () => {
  it('B19, D27: an e-mail field with markup or a header in it is inert, and never a recipient', async () => {
    const evil = [
      '"><img src=x onerror=alert(1)>@site.example',
      'a@b\r\nBcc: evil@evil.example',
      'dave@evil.example',
      '<script>alert(1)</script>',
    ];
    await c.practice('break', 'missing-group', 'dave');
    for (const text of evil) appendFileSync(clientLog(c, 'dave'), clientDenial(text, { email: text, user: text }));
    await c.submit('dave');
    const seen = await c.incidentOf('a proposal for dave', i => i.key === 'dave' && i.state === 'proposed');
    await c.until('the alert', async () => (await c.mails()).some(m => m.subject.includes('dave')));
    const cookie = await cookieOf(c, 'root-ann');
    for (const path of [`/incidents/${seen.id}`, '/', '/people/dave'])
      expect(await page(c, path, cookie)).not.toMatch(/<img src=x|<script>alert/);
    const mails = await c.mails();
    const allowed = /^(root-ann|root-ben|alice|bob|carol|dave|mallory|erin)@practice\.example$/;
    for (const mail of mails) {
      expect(
        mail.to.every(to => allowed.test(to)),
        mail.to.join(),
      ).toBe(true);
      expect(mail.html).not.toMatch(/<img src=x|<script>alert/);
      expect(mail.raw.split('\r\n\r\n')[0]).not.toMatch(/^(bcc|cc):/im);
    }
  });

  it('B21: escapes in names, endpoints, reasons and log lines reach no terminal', async () => {
    const evil = `${ESC}]52;c;ZWNobyBoaQ==\x07${ESC}[2J\x9b31m\u202e`;
    await c.practice('break', 'missing-group', 'erin');
    write(c, denial(`erin${evil}`), denial('erin', `/x${evil}`));
    appendFileSync(
      clientLog(c, 'erin'),
      clientDenial('erin', { note: evil }) +
        clientDenial(`erin${evil}`) +
        `[ERROR] 2026-01-01T00:00:00Z: clw-job-invalid: ${evil}\n`,
    );
    await c.submit('erin');
    const seen = await c.incidentOf('a proposal for erin', i => i.key === 'erin' && i.state === 'proposed');
    const refused = await c.readmit('deny', seen.id, '--as', 'root-ann', '--reason', `no ${evil} thanks`);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('holds control characters')]);
    expect((await c.readmit('deny', seen.id, '--as', 'root-ann', '--reason', 'no, thanks')).code).toBe(0);
    const explained = await c.readmit('rules', 'explain', denial(`erin${evil}`).trim());
    const dir = mkdtempSync(join(tmpdir(), 'scan-'));
    writeFileSync(
      join(dir, 'log'),
      denial(`erin${evil}`) + denial('erin', `/x${evil}`) + clientDenial('erin', { note: evil }),
    );
    const scanned = await c.readmit('scan', join(dir, 'log'));
    rmSync(dir, { recursive: true });
    const wrong = await c.readmit('show', evil);
    const said = [
      await everythingSaid(),
      ...[refused, explained, scanned, wrong].flatMap(r => [r.out, r.err]),
      c.output,
    ].join('\n');
    expect(said).toContain('erin');
    const found = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/.exec(said.replaceAll('\r\n', '\n'));
    expect(found && JSON.stringify(said.slice(Math.max(0, found.index - 80), found.index + 20))).toBeNull();
  });
});

describe('lines that want to be read as something else', () => {
  interface Scan {
    lines: number;
    unparsed: number;
    users: { user: string; count: number }[];
    addresses: { ip: string; count: number }[];
  }
  const scan = async (text: string): Promise<Scan> => {
    const dir = mkdtempSync(join(tmpdir(), 'scan-'));
    try {
      writeFileSync(join(dir, 'claw-scheduler.log'), text);
      return await c.json<Scan>('scan', join(dir, 'claw-scheduler.log'));
    } finally {
      rmSync(dir, { recursive: true });
    }
  };
  const names = (s: Scan): string[] => s.users.map(u => u.user);

  it.each([
    ['x from 10.0.0.1: user root'],
    ['x, endpoint /a from 10.0.0.1: user root'],
    ['root, endpoint /submit, endpoint /x: user root'],
    ['user root from 10.0.0.1: user root'],
  ])('B01: the user name %j is never root at 10.0.0.1', async name => {
    const found = await scan(denial(name, '/submit', '192.168.1.1') + denial('alice'));
    expect(names(found)).toEqual(['alice']);
    expect(found).toMatchObject({ lines: 2, unparsed: 1 });
  });

  it.each([
    ['[INFO] job name=', ''],
    ['[ERROR] x ', ''],
    ['', ' and more'],
    [' ', ''],
    ['\t', ''],
    ['[WARNING] ', ''],
  ])('B03: a denial between %j and %j is no event', async (before, after) => {
    expect(names(await scan(`${before}${denial('root').trimEnd()}${after}\n`))).toEqual([]);
  });

  it.each([
    'alice;id',
    '$(id)',
    'alice`id`',
    'alice|id',
    'alice&&id',
    'alice"',
    "alice'",
    'alice%00',
    'alice\0',
    '../alice',
    '-rf',
    '--root=/tmp',
    'alice\\',
  ])('B08: the name %j is rejected and shown escaped', async name => {
    const line = denial(name);
    const found = await scan(line + denial('bob'));
    expect(names(found)).toEqual(['bob']);
    expect(found.unparsed).toBe(1);
    if (!name.includes('\0')) expect((await c.readmit('rules', 'explain', line.trimEnd())).out).not.toContain(ESC);
  });

  it.each(['ALICE', 'Alice', 'alice ', ' alice', 'alice\t', 'аlice'])('B10: %j is not alice', async name => {
    expect(names(await scan(denial(name)))).not.toContain('alice');
  });

  it('A22: broken bytes are counted and shown in hexadecimal where the health of the log stands; the neighbours count', async () => {
    const broken = Buffer.concat([Buffer.from(denial('broken-one').trimEnd()), Buffer.from([0xff, 0xfe, 10])]);
    appendFileSync(join(c.dir, 'var/log/claw-scheduler.log'), broken);
    write(c, denial('neighbour-of-it'));
    await c.until('the neighbour counts', async () => counted(c, 'neighbour-of-it') === 1);
    expect(counted(c, 'broken-one')).toBe(0);
    const log = await c.until('the agent tells of its logs', async () =>
      (await status(c)).sources.find(s => s.kind === 'server'),
    );
    expect(log.bad).toBeGreaterThan(0);
    expect(log.strange).toMatchObject({ bad: true, text: broken.toString('hex', 0, 64) });
    expect(await page(c, '/health', await cookieOf(c, 'root-ann'))).toContain(log.strange!.text);
  });

  it.each([
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::FFFF:102:304', '1.2.3.4'],
    ['fe80::1%eth0', null],
    ['0x7f000001', null],
    ['127.1', null],
    ['010.0.0.1', null],
    ['999.1.1.1', null],
    ['1.2.3.4.5', null],
    ['host.example', null],
    ['localhost', null],
  ])('B13: the address %j is %j', async (written, read) => {
    const found = await scan(denial('alice', '/submit', written));
    expect(found.addresses.map(a => a.ip)).toEqual(read === null ? [] : [read]);
  });
});

describe('homes that hold something else', () => {
  it('A14, G10: a 50 GB sparse log, a directory, a FIFO, a device and a link are skipped with the reason; others are read', async () => {
    const put: [string, (path: string) => void][] = [
      ['frank', path => execFileSync('truncate', ['-s', '50G', path])],
      ['grace', path => mkdirSync(path)],
      ['heidi', path => execFileSync('mkfifo', [path])],
      ['ivan', path => execFileSync('mknod', [path, 'c', '1', '5'])],
      ['judy', path => execFileSync('ln', ['-s', '/etc/shadow', path])],
    ];
    for (const [user, make] of put) {
      rmSync(clientLog(c, user), { force: true, recursive: true });
      make(clientLog(c, user));
    }
    const refusedOf = async (): Promise<string> => JSON.stringify((await c.json<unknown>('doctor')) ?? '') + c.output;
    const paths = put.map(([user]) => clientLog(c, user));
    await c.until(
      'each is named with the reason',
      async () => {
        const said = await refusedOf();
        return paths.slice(1).every(path => said.includes(path));
      },
      30_000,
    );
    const started = performance.now();
    appendFileSync(clientLog(c, 'bob'), clientDenial('bob'));
    await c.until('bob is heard', async () => query(c, "SELECT 1 FROM observation WHERE user = 'bob'").length > 0);
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});

describe('people who come and go', () => {
  it('A20: a user made after the start is watched without a restart; a removed one is forgotten', async () => {
    const remembered = (): boolean =>
      readFileSync(join(c.dir, 'state/agent/positions.json'), 'utf8').includes('/home/newton/');
    const home = join(c.dir, 'home/newton');
    appendFileSync(join(c.dir, 'etc/passwd'), `newton:x:2777:2777:Newcomer:${home}:/bin/sh\n`);
    mkdirSync(join(home, '.claw'), { recursive: true });
    writeFileSync(clientLog(c, 'newton'), clientDenial('newton'));
    await c.incidentOf('an incident for the newcomer', i => i.key === 'newton', 30_000);
    await c.until('its position is kept', async () => remembered(), 30_000);
    const passwd = join(c.dir, 'etc/passwd');
    writeFileSync(
      passwd,
      readFileSync(passwd, 'utf8')
        .split('\n')
        .filter(l => !l.startsWith('newton:'))
        .join('\n'),
    );
    rmSync(home, { recursive: true });
    await c.until('it is forgotten', async () => !remembered(), 30_000);
    expect((await c.readmit('incidents')).code).toBe(0);
  });
});

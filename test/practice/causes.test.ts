/**
 * Every way to break the cluster: what the client then sees, what both logs say, which probe shows it, and that healing
 * brings the first answer back. The table in deploy/practice/README.md, row by row.
 */
import { readFileSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { readBroken } from '../../deploy/practice/broken.ts';
import { type Cluster, startCluster } from './cluster.ts';

let c: Cluster;
beforeAll(async () => {
  c = await startCluster();
});
afterAll(() => c.end());
afterEach(async () => {
  if (readBroken(c.at).length) await c.type('practice', 'heal');
});

const submit = (user: string) => c.as(user, 'clw', 'submit', 'test.yaml');
const port = (): number => c.demo.ports.scheduler;
const health = async (host: string): Promise<boolean> =>
  await fetch(`http://${host}:${port()}/health`).then(
    r => r.ok,
    () => false,
  );

const LACKS = /lacks required permissions/;
const TOKEN = /^clw-scheduler-denied: Token invalid\/expired\n$/;
const DOWN = /^scheduler-unavailable: cannot reach http:\/\/claw-head-01:\d+ \(ECONNREFUSED\)\n$/;
const HTTP_403 =
  /HTTP 403 from scheduler: \{"error":"clw-scheduler-denied","message":"User alice@practice\.example not authorized"\}$/;
const from = (address: string): string =>
  `[WARNING] Unauthorized access attempt from ${address}: user alice, endpoint /submit`;
const ALICE = '192.168.1.100';

interface Row {
  cause: string;
  sees: RegExp;
  log: RegExp;
  /** The address in the server's log; null: the server saw nothing to log. */
  address: string | null;
  /** Whether bob is hit too. */
  bob: 'works' | 'fails';
  shown: () => Promise<unknown>;
}

const out = async (front: string, ...args: string[]): Promise<string> => (await c.type(front, ...args)).stdout;
const code = async (front: string, ...args: string[]): Promise<number | null> => (await c.type(front, ...args)).code;
const info = async () =>
  (await fetch(`http://127.0.0.1:${port()}/api/v1/info`)).json() as Promise<{
    authorized_groups: string[];
    mode: string;
  }>;
const cached = (): string =>
  readFileSync(join(c.at.home, 'alice/.claw/config.yaml'), 'utf8').match(/token: "(.*)"/)![1]!;
const claims = (): { exp: number; groups: string[] } =>
  JSON.parse(Buffer.from(cached().split('.')[1]!, 'base64url').toString());

const personal = (cause: string, shown: Row['shown'], rest: Partial<Row> = {}): Row => ({
  cause,
  sees: LACKS,
  log: HTTP_403,
  address: ALICE,
  bob: 'works',
  shown,
  ...rest,
});
const service = (cause: string, shown: Row['shown'], rest: Partial<Row> = {}): Row =>
  personal(cause, shown, { bob: 'fails', ...rest });
const unreachable = {
  sees: DOWN,
  log: /scheduler-unavailable: cannot reach http:\/\/claw-head-01:\d+ \(ECONNREFUSED\)$/,
  address: null,
};

const ROWS: Row[] = [
  personal('missing-group', async () => {
    expect(await out('id', '-nG', 'alice')).toBe('alice domain-users\n');
    expect(readFileSync(c.at.entitlements, 'utf8')).toMatch(/claw-users: \[alice, /);
  }),
  personal('access-removed', async () => {
    expect(await out('id', '-nG', 'alice')).toBe('alice domain-users\n');
    expect(readFileSync(c.at.entitlements, 'utf8')).toMatch(/claw-users: \[bob, /);
  }),
  personal('expired-token', async () => expect(claims().exp * 1000).toBeLessThan(Date.now()), { sees: TOKEN }),
  personal('stale-token-groups', async () => {
    expect((await info()).mode).toBe('jwt');
    expect(claims().groups).toEqual(['alice', 'domain-users']);
    expect(await out('id', '-nG', 'alice')).toContain('claw-users');
  }),
  personal('stale-session', async () => {
    expect(await out('id', '-nG', 'alice')).toContain('claw-users');
    expect((await c.as('alice', 'id', '-nG')).stdout).toBe('alice domain-users\n');
    expect((await c.type('runuser', '-u', 'alice', '--', 'clw', 'list')).code).toBe(0);
  }),
  personal('token-cache', async () => expect(cached().split('.')[2]!.length).toBeLessThan(43), { sees: TOKEN }),
  personal('uid-mismatch', async () => expect(c.clientLog('alice')[0]).toMatch(/running as uid 0 in a container$/), {
    address: '172.17.0.2',
  }),
  personal(
    'proxy',
    async () => expect(c.clientLog('alice')[0]).toMatch(/^\[WARNING\] .*using proxy http:.* \(HTTP_PROXY\)$/),
    { address: '192.168.1.3' },
  ),
  personal('job-yaml', async () => expect((await c.as('alice', 'clw', 'validate', 'test.yaml')).code).toBe(1), {
    sees: /^clw-job-invalid: test.yaml: line 2: /,
    log: /clw-job-invalid: test.yaml: line 2: /,
    address: null,
  }),
  personal(
    'auth-failed',
    async () => expect(await out('getent', 'shadow', 'alice')).toBe('alice:!:20000:0:99999:7::1:\n'),
    {
      sees: /^clw-auth-failed: /,
      log: /HTTP 401 from scheduler: \{"error":"clw-auth-failed",/,
      address: null,
    },
  ),
  personal(
    'ipv6-only-broken',
    async () => {
      expect([await health('127.0.0.1'), await health('[::1]')]).toEqual([true, false]);
      expect(await out('firewall-cmd', '--list-rich-rules')).toContain('family="ipv6"');
    },
    { sees: /cannot reach http:\/\/\[::1\]:\d+ \(ECONNREFUSED\)/, log: /cannot reach http:\/\/\[::1\]/, address: null },
  ),
  personal('ldap-lag', async () => {
    expect(await out('id', '-nG', 'alice')).toContain('claw-users');
    expect(await out('getent', '-s', 'sss', 'group', 'claw-users')).toMatch(/^claw-users:x:3001:bob,/);
  }),
  service('config-too-strict', async () => {
    expect(readFileSync(c.at.config, 'utf8')).not.toContain('claw-users');
    expect((await info()).authorized_groups).toEqual(['claw-admins']);
  }),
  service('config-not-loaded', async () => {
    expect(readFileSync(c.at.config, 'utf8')).toContain('claw-users');
    expect((await info()).authorized_groups).toEqual(['claw-admins']);
  }),
  service(
    'config-invalid',
    async () => expect(await out('systemctl', 'is-active', 'claw-scheduler')).toBe('failed\n'),
    unreachable,
  ),
  service('wrong-mode', async () => {
    expect(await code('getent', '-s', 'sss', 'group', 'claw-users')).toBe(2);
    expect(await code('getent', 'passwd', 'ldap-canary')).toBe(0);
  }),
  service(
    'scheduler-down',
    async () => expect(await out('systemctl', 'is-active', 'claw-scheduler')).toBe('inactive\n'),
    unreachable,
  ),
  service(
    'port-blocked',
    async () => {
      expect(await out('systemctl', 'is-active', 'claw-scheduler')).toBe('active\n');
      expect([await health('127.0.0.1'), await health('[::1]')]).toEqual([false, false]);
      expect(await out('firewall-cmd', '--list-ports')).toBe('22/tcp\n');
    },
    unreachable,
  ),
  service('selinux', async () => {
    expect(await out('getenforce')).toBe('Enforcing\n');
    expect(await out('ausearch', '-m', 'avc', '-ts', 'recent')).toContain('comm="claw-scheduler"');
  }),
  service('directory-unavailable', async () => {
    expect(await code('getent', 'passwd', 'ldap-canary')).toBe(2);
    expect(await out('systemctl', 'is-active', 'sssd')).toBe('failed\n');
  }),
  service(
    'clock-skew',
    async () => {
      const date = (await fetch(`http://127.0.0.1:${port()}/health`)).headers.get('date')!;
      expect(Date.parse(date) - Date.now()).toBeGreaterThan(24 * 3600_000);
    },
    { sees: TOKEN },
  ),
  service('queue-full', async () => expect((await c.as('bob', 'clw', 'queues')).stdout).toContain('free 0'), {
    sees: /^clw-queue-full: /,
    log: /HTTP 503 from scheduler: \{"error":"clw-queue-full","message":"No queue slots"\}$/,
    address: null,
  }),
];

describe.each(ROWS)('$cause', row => {
  test('breaks as the table says, and heals', async () => {
    expect(await c.type('practice', 'break', row.cause, 'alice')).toMatchObject({ code: 0, stderr: '' });
    c.forgetLogs('alice');
    const refused = await submit('alice');
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(row.sees) });
    expect(c.clientLog('alice').at(-1)).toMatch(row.log);
    expect(c.serverLog()).toEqual(row.address === null ? [] : [from(row.address)]);
    expect((await submit('bob')).code).toBe(row.bob === 'works' ? 0 : 1);
    await row.shown();
    expect(JSON.parse(await out('practice', 'status', '--json')).broken).toMatchObject([
      { cause: row.cause, holds: true },
    ]);

    expect(await out('practice', 'heal', row.cause)).toContain(row.cause);
    for (const healed of await Promise.all([submit('alice'), submit('bob')]))
      expect(healed.stdout).toContain('Job submitted');
    expect(readBroken(c.at)).toEqual([]);
  });
});

test('healing leaves every file as it was', async () => {
  const files = [
    'etc/passwd',
    'etc/shadow',
    'etc/gshadow',
    'etc/entitlements.yaml',
    'etc/claw-scheduler/config.yaml',
    'home/alice/.profile',
    'home/alice/test.yaml',
  ];
  const read = (): string[] => files.map(f => readFileSync(join(c.at.root, f), 'utf8'));
  const members = async (): Promise<string[]> =>
    (await out('getent', 'group', 'claw-users')).trim().split(':')[3]!.split(',').sort();
  const [before, group] = [read(), await members()];
  for (const cause of ['missing-group', 'config-too-strict', 'proxy', 'job-yaml', 'auth-failed', 'wrong-mode'])
    await c.type('practice', 'break', cause);
  await c.type('practice', 'heal');
  expect(await members()).toEqual(group);
  const sorted = (text: string): string =>
    text
      .split(/[\s:,]+/)
      .sort()
      .join();
  expect(read().map(sorted)).toEqual(before.map(sorted));
});

test('two causes at once, healed one by one in the order they came', async () => {
  await c.type('practice', 'break', 'config-too-strict');
  await c.type('practice', 'break', 'stale-token-groups', 'alice');
  await c.type('practice', 'heal', 'config-too-strict');
  expect((await submit('alice')).code).toBe(1);
  expect((await submit('bob')).code).toBe(0);
  await c.type('practice', 'heal');
  expect((await submit('alice')).code).toBe(0);
});

test('what an administrator mended is no longer broken, and can be broken again', async () => {
  await c.type('practice', 'break', 'missing-group', 'bob');
  await c.type('usermod', '-aG', 'claw-users', 'bob');
  expect(JSON.parse(await out('practice', 'status', '--json')).broken).toEqual([
    { cause: 'missing-group', user: 'bob', since: expect.any(String), holds: false },
  ]);
  expect(await out('practice', 'status')).toContain('mended meanwhile');
  await c.type('practice', 'break', 'missing-group', 'bob');
  expect((await submit('bob')).code).toBe(1);
  await c.type('practice', 'heal');
  expect((await submit('bob')).code).toBe(0);
});

test('mallory, who never had access, has none after healing', async () => {
  await c.type('practice', 'break', 'missing-group', 'mallory');
  await c.type('practice', 'break', 'access-removed', 'mallory');
  await c.type('practice', 'heal');
  expect((await submit('mallory')).code).toBe(1);
  expect(readFileSync(c.at.entitlements, 'utf8')).not.toContain('mallory');
});

test('the users’ own remedies work: a new login, newgrp, a login of the client, unset HTTP_PROXY', async () => {
  await c.type('practice', 'break', 'stale-session');
  expect(await out('as', '--login', 'alice')).toContain('old session is ended');
  expect((await submit('alice')).code).toBe(0);
  await c.type('practice', 'break', 'stale-session');
  await c.as('alice', 'newgrp', 'claw-users');
  expect((await submit('alice')).code).toBe(0);
  await c.type('practice', 'break', 'expired-token');
  expect((await c.as('alice', 'clw', 'token')).stdout).toMatch(/ \(expired\)\n$/);
  await c.as('alice', 'clw', 'login');
  expect((await submit('alice')).code).toBe(0);
  await c.type('practice', 'break', 'proxy');
  expect((await c.as('alice', 'sh', '-c', 'unset HTTP_PROXY; clw list')).code).toBe(0);
});

test('the administrator’s remedies work: semanage and restorecon, the firewall, the directory', async () => {
  await c.type('practice', 'break', 'selinux');
  expect((await submit('alice')).code).toBe(1);
  await c.type('semanage', 'fcontext', '-a', '-t', 'sssd_var_lib_t', c.at.pipes);
  await c.type('restorecon', '-R', c.at.pipes);
  expect((await submit('alice')).code).toBe(0);
  await c.type('practice', 'heal');
  await c.type('practice', 'break', 'port-blocked');
  expect(await out('firewall-cmd', `--add-port=${port()}/tcp`)).toBe('success\n');
  expect((await submit('alice')).code).toBe(0);
  await c.type('practice', 'heal');
  await c.type('practice', 'break', 'directory-unavailable');
  await c.type('systemctl', 'start', 'sssd');
  expect((await submit('alice')).code).toBe(0);
});

test('a directory that lags catches up by itself, or when its cache is dropped', async () => {
  await c.type('practice', 'break', 'ldap-lag', 'alice');
  expect((await submit('alice')).code).toBe(1);
  const sixMinutesAgo = Date.now() / 1000 - 360;
  utimesSync(join(c.at.directory, 'master'), sixMinutesAgo, sixMinutesAgo);
  expect((await submit('alice')).code).toBe(0);
  await c.type('practice', 'heal');
  await c.type('practice', 'break', 'ldap-lag', 'bob');
  expect((await submit('bob')).code).toBe(1);
  await c.type('sss_cache', '-E');
  expect((await submit('bob')).code).toBe(0);
});

test('probing: one address, thirty names, most of them nobody’s', async () => {
  c.forgetLogs('alice');
  await c.type('practice', 'break', 'probing', '198.51.100.7');
  const log = c
    .serverLog()
    .map(line => /^\[WARNING\] Unauthorized access attempt from (\S+): user (\S+), endpoint \/submit$/.exec(line)!);
  expect(log).toHaveLength(60);
  expect(new Set(log.map(m => m[1]))).toEqual(new Set(['198.51.100.7']));
  const names = [...new Set(log.map(m => m[2]!))];
  const real = await Promise.all(names.map(name => code('getent', 'passwd', name)));
  expect(names).toHaveLength(30);
  expect(real.filter(status => status === 0).length).toBeLessThan(4);
});

test('probing with a user named is the same, from the strangers’ address', async () => {
  c.forgetLogs('alice');
  await c.type('practice', 'break', 'probing', 'bob');
  expect(c.serverLog()).toHaveLength(60);
  expect(c.serverLog().filter(line => !/ from [\d.]+: user [a-z][\w-]*, endpoint \/submit$/.test(line))).toEqual([]);
});

test('flood: twenty thousand denials within seconds', async () => {
  c.forgetLogs('alice');
  await c.type('practice', 'break', 'flood', 'bob');
  expect(c.serverLog()).toHaveLength(20_000);
  expect(new Set(c.serverLog())).toEqual(
    new Set(['[WARNING] Unauthorized access attempt from 192.168.1.101: user bob, endpoint /submit']),
  );
});

test('what is no cause or no user is refused with what there is', async () => {
  expect(await c.type('practice', 'break', 'nonsense')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('missing-group'),
  });
  expect(await c.type('practice', 'break', 'missing-group', 'zed')).toMatchObject({ code: 2 });
  expect(await c.type('practice', 'break', 'constructor')).toMatchObject({ code: 2 });
});

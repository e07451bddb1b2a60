/**
 * The article's session, typed at the practice cluster: what a user sees when all is well, when access is missing, and
 * what the tools of the administrator say beside it.
 */
import { appendFileSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/config.ts';
import { type Cluster, startCluster } from './cluster.ts';

let c: Cluster;
beforeAll(async () => {
  c = await startCluster();
});
afterAll(() => c.end());

const submit = async (user: string): Promise<string> => (await c.as(user, 'clw', 'submit', 'test.yaml')).stdout.trim();
const until = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  for (const give = Date.now() + 3_000; !(await what()); await new Promise(r => setTimeout(r, 10)))
    if (Date.now() > give) throw new Error(`never: ${what}`);
};

test('a job is submitted, completes, is shown and listed, and the server log says so in the article’s words', async () => {
  const said = await submit('alice');
  expect(said).toMatch(/^Job submitted: test-fix-\d+$/);
  const id = said.split(' ').at(-1)!;
  await until(() => c.serverLog().includes(`[INFO] Job ${id} completed successfully`));
  expect((await c.as('alice', 'clw', 'status', id)).stdout).toBe(`ID: ${id}  Status: COMPLETED  User: alice\n`);
  expect((await c.as('alice', 'clw', 'list')).stdout).toContain(`${id}  COMPLETED  alice\n`);
  expect((await c.as('alice', 'clw', 'status')).stdout).toBe('No jobs running.\n');
});

test('somebody else’s job is not shown', async () => {
  const id = (await submit('alice')).split(' ').at(-1)!;
  expect((await c.as('bob', 'clw', 'list')).stdout).not.toContain(id);
  expect(await c.as('bob', 'clw', 'status', id)).toMatchObject({ code: 1, stderr: `clw-job-unknown: No job ${id}\n` });
});

test('ten submissions in a row, each under a second', async () => {
  for (let n = 0; n < 10; n++) {
    const start = performance.now();
    expect(await submit('carol')).toContain('Job submitted');
    expect(performance.now() - start).toBeLessThan(1_000);
  }
});

test('mallory is refused: what she sees, what her log says, what the server’s log says', async () => {
  c.forgetLogs('mallory');
  const refused = await c.as('mallory', 'clw', 'submit', 'test.yaml');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(
    "clw-scheduler-denied: Access denied to scheduler endpoint /api/v1/jobs/submit. User 'mallory' lacks required permissions. Verify group membership in 'claw-users' or admin token.\nError code: 403 Forbidden\nScheduler: claw-head-01:",
  );
  expect(c.clientLog('mallory')).toEqual([
    expect.stringMatching(
      /^\[ERROR\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ: HTTP 403 from scheduler: \{"error":"clw-scheduler-denied","message":"User mallory@practice\.example not authorized"\}$/,
    ),
  ]);
  expect(c.serverLog()).toEqual([
    '[WARNING] Unauthorized access attempt from 192.168.1.166: user mallory, endpoint /submit',
  ]);
  const status = await c.as('mallory', 'clw', 'status', 'myjob-123');
  expect(status).toMatchObject({
    code: 1,
    stderr:
      "clw-scheduler-denied: Scheduler query denied for user 'mallory'. Insufficient privileges for /api/v1/jobs/status. Contact cluster admin.\nExit code: 1\n",
  });
  expect(c.serverLog().at(-1)).toContain('user mallory, endpoint /jobs/status');
});

test('the address a request comes from can be played', async () => {
  await c.type('as', '--from', '10.0.0.9', 'mallory', 'clw', 'list');
  expect(c.serverLog().at(-1)).toBe(
    '[WARNING] Unauthorized access attempt from 10.0.0.9: user mallory, endpoint /jobs',
  );
});

test('usermod is the real one on the practice files, and its effect needs a new login only', async () => {
  expect((await c.type('groups', 'mallory')).stdout).toBe('mallory : mallory domain-users\n');
  expect(await c.type('usermod', '-aG', 'claw-users', 'mallory')).toMatchObject({ code: 0 });
  expect((await c.type('groups', 'mallory')).stdout).toBe('mallory : mallory domain-users claw-users\n');
  expect((await c.type('getent', 'group', 'claw-users')).stdout).toMatch(/:alice,.*,mallory\n$/);
  expect(await submit('mallory')).toContain('Job submitted');
  await c.type('usermod', '-rG', 'claw-users', 'mallory');
  expect((await c.as('mallory', 'clw', 'list')).code).toBe(1);
});

test('id, groups and getent answer as the real ones do', async () => {
  expect((await c.type('id', 'alice')).stdout).toBe(
    'uid=2001(alice) gid=2001(alice) groups=2001(alice),3000(domain-users),3001(claw-users)\n',
  );
  expect((await c.type('id', '-nG', '--', 'bob')).stdout).toBe('bob domain-users claw-users\n');
  expect((await c.type('id', '-Gnz', '--', 'bob')).stdout).toBe('bob\0domain-users\0claw-users\0');
  expect(await c.type('id', '-u', 'nobody-here')).toMatchObject({ code: 1, stdout: '' });
  expect((await c.type('getent', 'passwd', '2001')).stdout).toMatch(/^alice:x:2001:2001:/);
  expect(await c.type('getent', 'passwd', 'zed')).toMatchObject({ code: 2, stdout: '' });
  expect(await c.type('getent', 'passwd', 'alice|.*')).toMatchObject({ code: 2, stdout: '' });
  expect((await c.type('getent', '-s', 'sss', 'passwd', 'ldap-canary')).code).toBe(0);
  expect((await c.type('getent', '-s', 'files', 'passwd', 'ldap-canary')).code).toBe(2);
});

test('runuser and su run as the user, in a session of their own that is gone afterwards', async () => {
  const job = join(c.at.home, 'alice/test.yaml');
  expect((await c.type('runuser', '-u', 'alice', '--', 'clw', 'submit', job)).stdout).toContain('Job submitted');
  expect((await c.type('runuser', '-l', 'alice', '-c', 'clw submit test.yaml')).stdout).toContain('Job submitted');
  expect((await c.type('su', '-', 'bob', '-c', 'id -un; pwd')).stdout).toBe(`bob\n${c.at.home}/bob\n`);
  expect(await c.type('runuser', '-u', 'nobody-here', '--', 'id')).toMatchObject({ code: 1 });
  const seen = await c.as(
    'alice',
    'sh',
    '-c',
    `grep -E '^(Uid|Groups)' ${c.at.proc}/$CLAW_SESSION/status; echo $CLAW_SESSION`,
  );
  expect(seen.stdout).toMatch(/^Uid:\t2001\t2001\t2001\t2001\nGroups:\t2001 3000 3001 \n\d+\n$/);
  expect(existsSync(join(c.at.proc, seen.stdout.trim().split('\n').at(-1)!))).toBe(false);
});

test('logging out, in again, and what the token says', async () => {
  expect((await c.as('dave', 'clw', 'logout')).code).toBe(0);
  expect((await c.as('dave', 'clw', 'token')).code).toBe(1);
  expect((await c.as('dave', 'clw', 'list')).code).toBe(1);
  expect(
    (await c.as('dave', 'clw', 'login', '--server', 'https://claw-head-01:8080', '--username', 'dave')).stdout,
  ).toContain('Logged in as dave');
  const token = (await c.as('dave', 'clw', 'token')).stdout.trim();
  const claims = JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString());
  expect(claims).toEqual({ user: 'dave', groups: ['dave', 'domain-users', 'claw-users'], exp: expect.any(Number) });
  expect(claims.exp * 1000 - Date.now()).toBeGreaterThan(86_000_000);
  expect((await c.as('dave', 'clw', 'list')).code).toBe(0);
  expect((await c.as('dave', 'clw', 'whoami')).stdout).toContain('Groups: dave, domain-users, claw-users\n');
});

test('systemctl starts, stops and tells, and the scheduler reads its configuration at start only', async () => {
  const show = async (p: string): Promise<string> =>
    (await c.type('systemctl', 'show', '--value', '-p', p, 'claw-scheduler')).stdout.trim();
  const pid = await show('MainPID');
  expect(await show('ExecMainStartTimestamp')).toMatch(/^\w{3} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
  const before = readFileSync(c.at.config, 'utf8');
  writeFileSync(c.at.config, before.replace('    - claw-users\n', ''));
  expect(await submit('bob')).toContain('Job submitted');
  expect((await c.type('systemctl', 'restart', 'claw-scheduler')).code).toBe(0);
  expect(await show('MainPID')).not.toBe(pid);
  expect((await c.as('bob', 'clw', 'submit', 'test.yaml')).code).toBe(1);
  writeFileSync(c.at.config, 'auth: [');
  const failed = await c.type('systemctl', 'restart', 'claw-scheduler.service');
  expect(failed).toMatchObject({ code: 1, stderr: expect.stringContaining('control process exited with error code') });
  expect(await c.type('systemctl', 'is-active', 'claw-scheduler')).toMatchObject({ code: 3, stdout: 'failed\n' });
  expect((await c.type('systemctl', 'status', 'claw-scheduler')).stdout).toContain('refusing to start');
  writeFileSync(c.at.config, before);
  expect((await c.type('systemctl', 'start', 'claw-scheduler')).code).toBe(0);
  expect(await submit('bob')).toContain('Job submitted');
  expect(await c.type('systemctl', 'restart', 'sshd')).toMatchObject({ code: 5 });
});

test('a scheduler that is killed stays down until it is started', async () => {
  process.kill(Number((await c.type('systemctl', 'show', '-P', 'MainPID', 'claw-scheduler')).stdout), 'SIGKILL');
  await until(async () => (await c.type('systemctl', 'is-active', 'claw-scheduler')).stdout === 'failed\n');
  expect((await c.as('bob', 'clw', 'list')).stderr).toContain('scheduler-unavailable');
  await c.type('systemctl', 'start', 'claw-scheduler');
  expect((await c.as('bob', 'clw', 'list')).code).toBe(0);
});

test('the log is rotated by rename and HUP, and by copytruncate', async () => {
  const pid = Number((await c.type('systemctl', 'show', '-P', 'MainPID', 'claw-scheduler')).stdout);
  renameSync(c.at.log, `${c.at.log}.1`);
  await c.as('mallory', 'clw', 'list');
  expect(readFileSync(`${c.at.log}.1`, 'utf8')).toMatch(/user mallory, endpoint \/jobs\n$/);
  process.kill(pid, 'SIGHUP');
  await until(() => existsSync(c.at.log));
  await c.as('mallory', 'clw', 'list');
  expect(c.serverLog()).toHaveLength(1);
  appendFileSync(`${c.at.log}.1`, readFileSync(c.at.log));
  c.forgetLogs('mallory');
  await c.as('mallory', 'clw', 'list');
  expect(c.serverLog()).toHaveLength(1);
  expect(statSync(c.at.log).size).toBeLessThan(200);
});

test('the web page shows jobs, and the banner to those who are denied', async () => {
  const url = `http://127.0.0.1:${c.demo.ports.scheduler}/`;
  const cookie = async (user: string): Promise<string> =>
    `claw_token=${readFileSync(join(c.at.home, user, '.claw/config.yaml'), 'utf8').match(/token: "(.*)"/)![1]}`;
  expect(await (await fetch(url, { headers: { cookie: await cookie('alice') } })).text()).toContain('Jobs of alice');
  const denied = await fetch(url, { headers: { cookie: await cookie('mallory') } });
  expect(denied.status).toBe(403);
  expect(await denied.text()).toContain('Permission Denied');
  expect(await (await fetch(`${url}health`)).json()).toEqual({ status: 'healthy' });
});

test('Readmit’s configuration is valid and points into the directory', () => {
  const config = loadConfig(c.at.yaml);
  expect(config).toMatchObject({
    host: 'claw-head-01',
    watch: { log: c.at.log },
    scheduler: { config: c.at.config, url: `http://127.0.0.1:${c.demo.ports.scheduler}` },
    policy: { proof: 'session', files: [c.at.config] },
    web: { listen: `127.0.0.1:${c.web}` },
    mail: { port: c.demo.ports.smtp },
  });
  for (const file of [
    config.paths.passwd,
    config.paths.group,
    config.approvers,
    config.entitlement.file!,
    join(config.keys, 'root-ann.key'),
  ])
    expect(existsSync(file), file).toBe(true);
});

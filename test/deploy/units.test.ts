/** The units: how far each is closed, by systemd's own judgement, and what TRUST.md asks of each by name. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Executor } from '../../src/config/executor.ts';
import { REPO, run, services, setting, settings, UNITS } from './installed.ts';

const LIMIT = 2.0;

describe('C21 each unit is closed as far as it can be', () => {
  it.each(services())(`%s scores at most ${LIMIT} in systemd-analyze security`, async unit => {
    const said = await run('systemd-analyze', ['security', '--offline=yes', '--json=short', join(UNITS, unit)]);
    const table = JSON.parse(said.out) as { exposure: string | null }[];
    const summary = await run('systemd-analyze', ['security', '--offline=yes', '--no-pager', join(UNITS, unit)]);
    const score = Number(/exposure level for \S+: ([\d.]+)/.exec(summary.out)?.[1]);
    process.stdout.write(`${unit}: ${score}\n`);
    expect(table.length).toBeGreaterThan(50);
    expect(summary.err).toBe('');
    expect(score).toBeLessThanOrEqual(LIMIT);
  });
});

describe('each part gets what it needs and nothing else', () => {
  const capabilities = (unit: string): string[] =>
    setting(unit, 'CapabilityBoundingSet').join(' ').split(' ').filter(Boolean);

  it('capabilities: none for serve and Redis, reading homes for the agent, chown and audit for the executor', () => {
    expect(Object.fromEntries(services().map(unit => [unit, capabilities(unit)]))).toEqual({
      'readmit-agent.service': ['CAP_DAC_READ_SEARCH'],
      'readmit-exec.service': ['CAP_CHOWN', 'CAP_AUDIT_WRITE'],
      'readmit-redis.service': [],
      'readmit-serve.service': [],
    });
  });

  it('users: one each; only the executor is root', () => {
    expect(Object.fromEntries(services().map(unit => [unit, setting(unit, 'User')[0]]))).toEqual({
      'readmit-agent.service': 'readmit-agent',
      'readmit-exec.service': 'root',
      'readmit-redis.service': 'readmit-redis',
      'readmit-serve.service': 'readmit',
    });
  });

  it('the executor has no network, /etc as a whole directory, and is not torn in two when it is stopped', () => {
    expect(setting('readmit-exec.service', 'PrivateNetwork')).toEqual(['yes']);
    expect(setting('readmit-exec.service', 'RestrictAddressFamilies')).toEqual(['AF_UNIX AF_NETLINK']);
    expect(setting('readmit-exec.service', 'ReadWritePaths').join(' ').split(' ')).toContain('/etc');
    expect(setting('readmit-exec.service', 'KillMode')).toEqual(['mixed']);
    // A restart, the wait for it, the file put back, a restart, the wait for that.
    const { timeout } = Executor.parse({});
    expect(Number(setting('readmit-exec.service', 'TimeoutStopSec')[0])).toBeGreaterThan(4 * timeout + 60);
    expect(setting('readmit-exec.socket', 'SocketMode')).toEqual(['0600']);
  });

  it('what reads homes can neither read keys of approvers and password hashes, nor reach past mounts to them', () => {
    const closed = setting('readmit-agent.service', 'InaccessiblePaths').join(' ');
    for (const path of [
      '/etc/readmit/keys',
      '/etc/shadow',
      '/etc/gshadow',
      '/var/lib/readmit/serve',
      '/var/lib/readmit/exec',
    ])
      expect(closed).toContain(path);
    expect(setting('readmit-agent.service', 'SystemCallFilter').join(' ')).toMatch(/~.*open_by_handle_at/);
  });

  it('C22 no secret stands in a unit: they come through LoadCredential only', () => {
    for (const unit of services())
      expect(
        settings(unit).filter(([key]) =>
          ['Environment', 'EnvironmentFile', 'PassEnvironment', 'SetCredential'].includes(key),
        ),
      ).toEqual([]);
    expect(setting('readmit-serve.service', 'LoadCredential')).toEqual(['site:/etc/readmit/credentials/serve']);
  });

  it('MemoryDenyWriteExecute, which crashes Node, stands only where no Node runs', () => {
    expect(services().filter(unit => setting(unit, 'MemoryDenyWriteExecute')[0] === 'yes')).toEqual([
      'readmit-redis.service',
    ]);
  });

  it('a wrong configuration is not started over and over', () => {
    for (const unit of ['readmit-agent.service', 'readmit-serve.service'])
      expect(setting(unit, 'RestartPreventExitStatus')).toEqual(['2']);
  });
});

describe('the logrotate file', () => {
  const file = join(UNITS, 'claw-scheduler.logrotate');

  it('renames and creates, and logrotate takes it', async () => {
    const said = await run('logrotate', ['--debug', '--state', '/dev/null', file]);
    expect(`${said.out}${said.err}`).not.toMatch(/error/i);
    expect(said.code).toBe(0);
    const lines = readFileSync(file, 'utf8')
      .split('\n')
      .map(line => line.trim());
    expect(lines).toContain('create');
    expect(lines).toContain('nocopytruncate');
    expect(lines).not.toContain('copytruncate');
  });
});

it('every file that the scripts name is there', () => {
  const named = [...readFileSync(join(REPO, 'deploy/install.sh'), 'utf8').matchAll(/^(?:put|keep) (\S+) /gm)]
    .map(m => m[1]!)
    .filter(name => !name.startsWith('"'));
  expect(named.length).toBeGreaterThan(4);
  expect(named.filter(name => !existsSync(join(UNITS, name)))).toEqual([]);
});

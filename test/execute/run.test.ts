/** The executor as its agent sees it: orders over the real socket, the real usermod on files of our own. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { auditFiles, verifyAudit } from '../../src/execute/audit.ts';
import type { Order } from '../../src/messages.ts';
import {
  addAlice,
  authorizeUsers,
  GROUP,
  type Ground,
  members,
  order,
  PASSWD,
  removeAlice,
  restart,
  restoreOf,
} from './ground.ts';
import { ground, ready, send, shareOne, useShared } from './one-ground.ts';

describe('an approved plan', () => {
  test('C01 F01 runs exactly its argv by absolute path in an empty environment, and the audit has before and after', async () => {
    await ready();
    let started = '';
    const outcome = await send(order(ground, [addAlice()]), at => {
      started = at;
      expect(ground.audit().at(-1)!.what).toBe('run.intent');
    });
    expect(outcome).toMatchObject({ result: 'done' });
    expect(started).toMatch(/^\d{4}-/);
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
    const [argv, env, locale] = ground.read('usermod.log').trim().split('|');
    expect(argv).toBe(`${ground.path('bin/usermod')} -aG claw-users alice`);
    expect(
      env!
        .trim()
        .split(' ')
        .filter(v => !['_', 'PWD', 'SHLVL', 'OLDPWD'].includes(v)),
    ).toEqual(['LC_ALL', 'PATH']);
    expect(locale).toBe('LC_ALL=C');
    const [intent, done] = ground.audit().slice(-2);
    expect(intent).toMatchObject({ actor: 'root-ann', what: 'run.intent' });
    expect(JSON.stringify(done!.before)).not.toContain('claw-users');
    expect(JSON.stringify(done!.after)).toContain('alice claw-users');
    expect(verifyAudit(auditFiles(ground.path('state/exec/audit.jsonl')))).toMatchObject({ ok: true });
  });

  test('the order may name the program where this host has it', async () => {
    await ready();
    expect(
      await send(order(ground, [addAlice({ argv: [ground.path('bin/usermod'), '-aG', 'claw-users', 'alice'] })])),
    ).toMatchObject({ result: 'done' });
  });

  test('C02 who is a member already is not added again', async () => {
    await ready();
    ground.write(GROUP.replace('42000:bob', '42000:bob,alice'), 'etc/group');
    const outcome = await send(order(ground, [addAlice()]));
    expect(outcome.result).toBe('already');
    expect(outcome.detail).toContain('already satisfied');
    expect(existsSync(ground.path('usermod.log'))).toBe(false);
  });

  test('C03 a user deleted since is stale, another uid too', async () => {
    await ready();
    ground.write(PASSWD.replace(/^alice.*\n/m, ''), 'etc/passwd');
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'stale',
      detail: expect.stringContaining('alice'),
    });
    ground.write(PASSWD.replace('41001:41001', '41009:41001'), 'etc/passwd');
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'stale',
      detail: expect.stringContaining('uid-moved'),
    });
    expect(ground.audit().at(-1)!.what).toBe('run.stale');
  });

  test('whose account has expired since the plan was made is not put into a group; what was given can be taken back', async () => {
    await ready();
    const shadow = ground.read('etc/shadow');
    const given = order(ground, [addAlice()], { undo: [removeAlice()] });
    expect((await send(given)).result).toBe('done');
    ground.write(shadow.replace(/^(alice:.*):([^:]*):([^:]*)$/m, '$1:1:$3'), 'etc/shadow');
    expect(await send({ ...given, what: 'undo', run: `${given.run}-undo` })).toMatchObject({ result: 'done' });
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'stale',
      detail: expect.stringContaining('account-expired'),
    });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
  });

  test('C06 a missing group is refused with that diagnosis', async () => {
    await ready();
    ground.write(GROUP.replace(/^claw-users.*\n/m, ''), 'etc/group');
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('claw-users does not exist'),
    });
  });

  test('C07 C08 a lock is waited for a few times and never deleted', async () => {
    await ready();
    ground.write('1', 'etc/group.lock');
    ground.script('usermod', `echo x >> ${ground.dir}/usermod.log; [ -e ${ground.dir}/etc/group.lock ] && exit 10`);
    const outcome = await send(order(ground, [addAlice()]));
    expect(outcome).toMatchObject({ result: 'failed', detail: expect.stringContaining('locked') });
    expect(ground.read('usermod.log').trim().split('\n')).toHaveLength(3);
    expect(existsSync(ground.path('etc/group.lock'))).toBe(true);
  });

  test('a group file that usermod can not write is not called locked: its own words are told', async () => {
    await ready();
    ground.write(`${GROUP}claw-users:x:42000:bob\n`, 'etc/group');
    const outcome = await send(order(ground, [addAlice()]));
    expect(outcome).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining("Multiple entries named 'claw-users'"),
    });
    expect(outcome.detail).not.toContain('locked');
  });

  test('an exit code is not believed: success without effect fails, failure with effect is done', async () => {
    await ready();
    ground.script('usermod', 'exit 0');
    ground.script('getent', `[ "$1" = group ] && echo claw-users:x:42000:`);
    ground.write(GROUP.replace(/^claw-users.*\n/m, ''), 'etc/group');
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining("isn't local"),
    });
    ground.write(GROUP, 'etc/group');
    ground.script('usermod', `/usr/sbin/usermod --prefix ${ground.dir} "$@"; exit 10`);
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'done',
      detail: expect.stringContaining('exit 10'),
    });
  });

  test('C24 a tool that hangs is killed with all its children, and the state is observed', async () => {
    await ready({ executor: { timeout: 0.5 } });
    ground.script('usermod', `sh -c 'echo $$ > ${ground.dir}/child; sleep 60' & sleep 60`);
    const outcome = await send(order(ground, [addAlice()]));
    expect(outcome).toMatchObject({ result: 'failed', detail: expect.stringContaining('killed') });
    // Gone, or dead and not yet collected by its new parent.
    const child = `/proc/${ground.read('child').trim()}/stat`;
    expect(existsSync(child) ? readFileSync(child, 'utf8') : ') Z').toMatch(/\) Z/);
  });
});

describe('what is never done, whoever voted for it', () => {
  const never: [string, (g: Ground) => Order, string][] = [
    [
      'C18 group sudo',
      g => order(g, [addAlice({ group: 'sudo', gid: 27, argv: ['usermod', '-aG', 'sudo', 'alice'] })]),
      'elevated-group',
    ],
    [
      'C18 the elevated group',
      g => order(g, [addAlice({ group: 'claw-admins', gid: 42001, argv: ['usermod', '-aG', 'claw-admins', 'alice'] })]),
      'elevated-group',
    ],
    [
      'a group nobody listed',
      g => order(g, [addAlice({ group: 'bob', gid: 41002, argv: ['usermod', '-aG', 'bob', 'alice'] })]),
      'group-not-allowed',
    ],
    [
      'C18 another unit',
      g => order(g, [restart({ unit: 'sshd', argv: ['systemctl', 'restart', 'sshd'] })]),
      'unit-not-allowed',
    ],
    ['C18 setenforce as argv', g => order(g, [restart({ argv: ['setenforce', '0'] })]), 'argv-differs'],
    [
      'an option in the argv',
      g => order(g, [addAlice({ argv: ['usermod', '-aG', 'claw-users', '--root=/tmp', 'alice'] })]),
      'argv-differs',
    ],
    [
      'another program of that name',
      g => order(g, [addAlice({ argv: ['/tmp/usermod', '-aG', 'claw-users', 'alice'] })]),
      'argv-differs',
    ],
    [
      'a name that is an option',
      g =>
        order(g, [addAlice({ user: '--root=x', argv: ['usermod', '-aG', 'claw-users', '--root=x'] })], {
          over: { subject: { user: '--root=x', uid: 41001 } },
        }),
      'bad-name',
    ],
    ['another file', g => order(g, [authorizeUsers(g, { file: '/etc/shadow' })]), 'file-not-allowed'],
    ['another host', g => order(g, [addAlice()], { over: { host: 'head-02' } }), 'other-host'],
    [
      'a person nobody is said to be concerned',
      g => order(g, [addAlice()], { over: { subject: null } }),
      'subject-differs',
    ],
    ['a restart called tier 1', g => order(g, [restart()], { over: { tier: 1 }, by: ['root-ann'] }), 'tier-too-low'],
    ['a restore that is no undo', g => order(g, [restoreOf(authorizeUsers(g))]), 'verb-not-allowed'],
    ['an undo of something else', g => order(g, [addAlice()], { undo: [restart()] }), 'undo-not-inverse'],
  ];
  shareOne();
  test.each(never)('%s', async (_, make, rule) => {
    useShared();
    expect(await send(make(ground))).toMatchObject({ result: 'refused', detail: expect.stringContaining(rule) });
    expect(existsSync(ground.path('usermod.log'))).toBe(false);
    expect(ground.asked()).toEqual([]);
    expect(ground.read('etc/group')).toBe(GROUP);
    expect(ground.audit().at(-1)).toMatchObject({ what: 'run.refused' });
  });

  test('C18 a verb outside the list does not even parse', async () => {
    await ready();
    const bad = {
      ...order(ground, [addAlice()]),
      steps: [{ action: 'setenforce', argv: ['setenforce', '0'] }],
    } as unknown as Order;
    await expect(send(bad)).rejects.toThrow(/bad-request/);
    await expect(send({ ...order(ground, [addAlice()]), v: 0 } as unknown as Order)).rejects.toThrow(/unknown-version/);
  });

  test('system accounts, denied people and members of elevated groups', async () => {
    await ready({ policy: { denyUsers: ['bob'] } });
    const about = (user: string, uid: number) =>
      order(ground, [addAlice({ user, uid, argv: ['usermod', '-aG', 'claw-users', user] })], {
        over: { subject: { user, uid } },
      });
    ground.write(GROUP.replace('42000:bob', '42000:'), 'etc/group');
    expect((await send(about('root', 0))).detail).toContain('uid-too-small');
    expect((await send(about('daemon', 1))).detail).toContain('uid-too-small');
    ground.write(PASSWD.replace('alice:x:41001', 'alice:x:4294967295'), 'etc/passwd');
    expect((await send(about('alice', 4_294_967_295))).detail).toContain('uid-too-large');
    expect((await send(about('bob', 41002))).detail).toContain('user-denied');
    expect((await send(about('boss', 41003))).detail).toContain('user-elevated');
  });

  test('what configuration management owns', async () => {
    await ready({ policy: { manager: 'ansible' } });
    expect((await send(order(ground, [addAlice()]))).detail).toContain('managed');
  });
});

describe('once', () => {
  test('E04 E06 the same order twice, also at the same time, acts once', async () => {
    await ready();
    const o = order(ground, [addAlice()]);
    const outcomes = await Promise.all([send(o), send(o), send(o)]);
    expect(outcomes.map(x => x.result)).toEqual(['done', 'done', 'done']);
    expect(ground.read('usermod.log').trim().split('\n')).toHaveLength(1);
    expect(ground.audit().filter(e => e.what === 'run.intent')).toHaveLength(1);
    ground.write(GROUP, 'etc/group');
    expect((await send(o)).result).toBe('done');
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    expect((await send({ ...o, run: 'run-again' })).detail).toContain('vote-used');
  });

  test('at most so many grants an hour', async () => {
    await ready({ policy: { grantsPerHour: 1 } });
    expect((await send(order(ground, [addAlice()]))).result).toBe('done');
    ground.write(GROUP, 'etc/group');
    expect(await send(order(ground, [addAlice()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('grants-per-hour'),
    });
  });

  test('at most one restart in the interval', async () => {
    await ready();
    expect((await send(order(ground, [restart()]))).result).toBe('done');
    expect((await send(order(ground, [restart()]))).detail).toContain('restart-interval');
  });
});

/** The executor as its agent sees it: orders over the real socket, the real usermod on files of our own. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../src/digest.ts';
import { auditFiles, verifyAudit } from '../../src/execute/audit.ts';
import type { Order } from '../../src/messages.ts';
import {
  addAlice,
  authorizeUsers,
  GROUP,
  type Ground,
  makeGround,
  members,
  order,
  PASSWD,
  removeAlice,
  restart,
  restoreOf,
} from './ground.ts';

let ground: Ground;
let shared: Ground | null = null;
afterEach(() => (ground === shared ? undefined : ground?.stop()));
/** Tables of refusals change nothing, so they may share one machine. */
const shareOne = (): void => {
  beforeAll(async () => {
    shared = makeGround();
    await shared.start();
  });
  afterAll(() => shared?.stop());
};

const send: Ground['send'] = (...order) => ground.send(...order);
const ready = async (extra = {}): Promise<void> => {
  ground = makeGround(extra);
  await ground.start();
};

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
    ground = shared!;
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

describe('taking back', () => {
  const undoOf = (o: Order): Order => ({ ...o, what: 'undo', run: `${o.run}-undo` });

  test('our own addition, under the same votes, once', async () => {
    await ready();
    const o = order(ground, [addAlice()], { undo: [removeAlice()] });
    expect((await send(undoOf(o))).detail).toContain('not-our-change');
    expect((await send(o)).result).toBe('done');
    expect(
      (await send({ ...undoOf(o), votes: order(ground, [addAlice()], { by: ['root-ben'] }).votes })).detail,
    ).toContain('other-votes');
    expect(await send(undoOf(o))).toMatchObject({ result: 'done' });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    // Somebody else adds her again: that is not ours to take back.
    ground.write(GROUP.replace('42000:bob', '42000:bob,alice'), 'etc/group');
    expect((await send({ ...undoOf(o), run: 'second' })).detail).toContain('not-our-change');
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
  });

  test('not what was there before us', async () => {
    await ready();
    ground.write(GROUP.replace('42000:bob', '42000:bob,alice'), 'etc/group');
    const o = order(ground, [addAlice()], { undo: [removeAlice()] });
    expect((await send(o)).result).toBe('already');
    expect((await send(undoOf(o))).detail).toContain('not-our-change');
    expect(members(ground, 'claw-users')).toEqual(['bob', 'alice']);
  });

  test('what is ours, however much narrower the policy has become; but not what configuration management owns now', async () => {
    ground = makeGround();
    let exec = await ground.start();
    const { file: policyFile } = ground.config;
    const written = readFileSync(policyFile, 'utf8');
    const narrowed = async (over: { policy?: object; scheduler?: object; watch?: object }): Promise<void> => {
      await exec.kill();
      const config = JSON.parse(written);
      const scheduler = { ...config.scheduler, ...over.scheduler };
      writeFileSync(
        policyFile,
        JSON.stringify({ ...config, ...over, scheduler, policy: { ...config.policy, ...over.policy } }),
      );
      exec = await ground.start();
    };
    const grant = order(ground, [addAlice()], { undo: [removeAlice()] });
    const file = ground.config.scheduler.config;
    const before = readFileSync(file, 'utf8');
    const step = authorizeUsers(ground);
    const change = order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    for (const o of [grant, change]) expect((await send(o)).result).toBe('done');

    await narrowed({ policy: { manager: 'ansible' } });
    expect(await send(undoOf(grant))).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/managed: ansible .* taken back there/),
    });
    await narrowed({
      policy: { groups: [], files: [], units: [], denyUsers: ['alice'] },
      scheduler: { standardGroup: 'others', elevatedGroups: ['claw-users'] },
      watch: { minUid: 50_000 },
    });
    for (const o of [grant, change])
      expect(await send({ ...undoOf(o), run: `${o.run}-2` })).toMatchObject({ result: 'done' });
    expect(members(ground, 'claw-users')).toEqual(['bob']);
    expect(readFileSync(file, 'utf8')).toBe(before);
    // What nobody recorded is not ours, whatever it is called.
    expect((await send(undoOf(order(ground, [addAlice()], { undo: [removeAlice()] })))).detail).toContain(
      'not-our-change',
    );
  });

  test('a patched file, only while it is as we left it', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const before = readFileSync(file);
    const step = authorizeUsers(ground);
    const o = order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    expect((await send(o)).result).toBe('done');
    const patched = readFileSync(file);
    writeFileSync(file, `${patched}# mine\n`);
    expect((await send(undoOf(o))).result).toBe('stale');
    writeFileSync(file, patched);
    expect(await send(undoOf(o))).toMatchObject({ result: 'done' });
    expect(readFileSync(file)).toEqual(before);
    expect(ground.asked().filter(a => a.startsWith('restart'))).toHaveLength(2);
  });
});

describe('the scheduler configuration', () => {
  test('C10 only the shown line is inserted; mode, owner and every other byte stay, and a 0600 copy is kept', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const text = readFileSync(file, 'utf8');
    expect((await send(order(ground, [authorizeUsers(ground)]))).result).toBe('done');
    expect(readFileSync(file, 'utf8')).toBe(
      text.replace('# Too restrictive\n', '# Too restrictive\n    - "claw-users"\n'),
    );
    const { readdirSync } = await import('node:fs');
    const [backup] = readdirSync(ground.path('state/exec/backups'));
    expect(ground.read('state/exec/backups', backup!)).toBe(text);
    expect(statSync(ground.path('state/exec/backups', backup!)).mode & 0o777).toBe(0o600);
  });

  test('C12 C13 a file that was changed since is stale, one that is not as approved is refused', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const step = authorizeUsers(ground);
    writeFileSync(file, `${readFileSync(file, 'utf8')}# by ansible\n`);
    expect((await send(order(ground, [step]))).result).toBe('stale');
    const shown = authorizeUsers(ground, { diff: '--- nothing to see\n' });
    expect(await send(order(ground, [shown]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('splice-differs'),
    });
    const more = authorizeUsers(ground, { insert: '    - "claw-users"\n    - "everybody"\n' });
    expect((await send(order(ground, [more]))).detail).toContain('splice-differs');
  });

  test('a restart that does not come up puts the file back at once and restarts again', async () => {
    await ready({ executor: { timeout: 1 } });
    const file = ground.config.scheduler.config;
    const text = readFileSync(file, 'utf8');
    ground.script(
      'systemctl',
      `echo "$*" >> ${ground.dir}/systemctl.log; case "$1" in is-active) if grep -q claw-users ${file}; then echo failed; else echo active; fi;; esac`,
    );
    const step = authorizeUsers(ground);
    const outcome = await send(order(ground, [step, restart()], { undo: [restoreOf(step), restart()] }));
    expect(outcome).toMatchObject({ result: 'failed', detail: expect.stringContaining('was put back') });
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(ground.asked().filter(a => a.startsWith('restart'))).toHaveLength(2);
  });

  describe('a restart is what was seen of it, not what systemctl said', () => {
    /** `restart` does this; the unit stops for two looks and is active then, since the given second. */
    const unit = (restart: string, since = '$(date +%s)'): void =>
      ground.script(
        'systemctl',
        `echo "$*" >> ${ground.dir}/systemctl.log; cd ${ground.dir}; case "$1" in
          restart) touch asked-for; ${restart};;
          is-active) [ -e asked-for ] && echo x >> looks; if [ -e asked-for ] && [ "$(wc -l < looks)" -le 2 ]; then echo deactivating; else echo active; fi;;
          show) if [ -e asked-for ]; then echo "@${since}"; else echo "@1000000000"; fi;;
        esac`,
      );
    const patchAndRestart = (): Order => {
      const step = authorizeUsers(ground);
      return order(ground, [step, restart()], { undo: [restoreOf(step), restart()] });
    };

    test.each([
      ['which takes longer than a command may take', `echo $$ >> pids; exec sleep 60`],
      ['of which systemctl said that it failed', 'exit 1'],
    ])('one %s, and comes up: done', async (_, body) => {
      await ready({ executor: { timeout: 2 } });
      unit(body);
      expect(await send(patchAndRestart())).toMatchObject({
        result: 'done',
        detail: expect.stringMatching(/systemctl .*but the unit is active since/),
      });
      expect(ground.asked().filter(a => a.startsWith('restart'))).toHaveLength(1);
    });

    test('a start is done when the unit runs, whoever was first', async () => {
      await ready({ executor: { timeout: 2 } });
      ground.script(
        'systemctl',
        `cd ${ground.dir}; case "$1" in start) touch asked-for; exit 1;; is-active) [ -e asked-for ] && echo active || echo inactive;; show) echo @1000000000;; esac`,
      );
      const start = restart({ action: 'service.start', argv: ['systemctl', 'start', 'claw-scheduler'] });
      expect((await send(order(ground, [start]))).result).toBe('done');
    });

    test('one of which nobody says whether it happened: failed, and said so', async () => {
      await ready({ executor: { timeout: 1 } });
      unit('exit 1', '');
      expect(await send(order(ground, [restart()]))).toMatchObject({
        result: 'failed',
        detail: expect.stringMatching(/exit 1; the unit is active, since when is not known/),
      });
    });

    test('one that was said to be done, of a unit that is active as long as before: failed', async () => {
      await ready({ executor: { timeout: 2 } });
      unit('true', '1000000000');
      expect(await send(order(ground, [restart()]))).toMatchObject({
        result: 'failed',
        detail: expect.stringContaining('the unit is active as before'),
      });
    });
  });

  test('a restart is for the configuration that was shown', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const shown = order(ground, [restart()], { over: { assumes: { 'config.hash': sha256(readFileSync(file)) } } });
    writeFileSync(file, `${readFileSync(file, 'utf8')}# by ansible\n`);
    expect((await send(shown)).result).toBe('stale');
    const again = order(ground, [restart()], { over: { assumes: { 'config.hash': sha256(readFileSync(file)) } } });
    expect((await send(again)).result).toBe('done');
  });

  test.each<[string, (file: string) => void]>([
    ["the service's own account owns it", file => chownSync(file, 41002, 41002)],
    [
      'it is a link',
      file => {
        renameSync(file, `${file}.real`);
        symlinkSync(`${file}.real`, file);
      },
    ],
    ['its directory is shared', file => chmodSync(dirname(file), 0o775)],
  ])('what could not be patched safely can be compared: a restart where %s', async (_, prepare) => {
    await ready();
    const file = ground.config.scheduler.config;
    prepare(file);
    const shown = (): Partial<Order> => ({ assumes: { 'config.hash': sha256(readFileSync(file)) } });
    const old = shown();
    writeFileSync(file, `${readFileSync(file, 'utf8')}# by ansible\n`);
    expect((await send(order(ground, [restart()], { over: old }))).result).toBe('stale');
    expect((await send(order(ground, [restart()], { over: shown() }))).result).toBe('done');
    expect((await send(order(ground, [authorizeUsers(ground)]))).detail).toMatch(/unsafe-(file|directory)/);
  });

  test('something that is no file is neither read nor waited for', async () => {
    await ready();
    const file = ground.config.scheduler.config;
    const assumes = { 'config.hash': sha256(readFileSync(file)) };
    rmSync(file);
    execFileSync('mkfifo', [file]);
    expect((await send(order(ground, [restart()], { over: { assumes } }))).detail).toContain('not a regular file');
    expect((await send(order(ground, [restart()]))).detail).toMatch(/config-invalid.*not a regular file/);
  });

  test('a scheduler whose configuration is broken is not restarted', async () => {
    await ready();
    writeFileSync(ground.config.scheduler.config, 'auth: [\n');
    expect(await send(order(ground, [restart()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('config-invalid'),
    });
    expect(ground.asked().some(a => a.startsWith('restart'))).toBe(false);
  });
});

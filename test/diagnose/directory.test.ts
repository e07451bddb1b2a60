/** Is the directory there, and what does it say: its canary, its client's unit, and the names on lists, which get old. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadCauses } from '../../src/diagnose/causes.ts';
import { diagnose } from '../../src/diagnose/diagnose.ts';
import { builtInPack } from '../../src/diagnose/effects.ts';
import { type Lab, startLab, values } from './lab.ts';

let lab: Lab;
beforeEach(() => {
  lab = startLab();
  lab.put('etc/config.yaml', 'auth:\n  mode: ldap\n  authorized_groups:\n    - claw-users\n');
});
afterEach(() => lab.end());

/** The group lives in the directory, which has these members. */
const inDirectory = (...members: string[]): void => {
  lab.put('etc/group', 'alice:x:2001:\nbob:x:2002:\nclaw-admins:x:2600:\n');
  lab.put('directory/group', `claw-users:*:2500:${members.join()}\n`);
};
/** The lookups of the host ask the directory too, as those of a host with SSSD do. */
const throughNss = (): void => {
  lab.command(
    'getent',
    `etc=${lab.dir}/etc; [ "$1" = -s ] && { etc=; shift 2; }; db=$1; shift; code=0
for key in "$@"; do cat $etc/$db ${lab.dir}/directory/$db 2>/dev/null | grep -m1 -- "^$key:" || code=2; done; exit $code`,
  );
};
const unit = (...said: string[]): void =>
  lab.command(
    'systemctl',
    `case "$*" in *is-active*claw*) echo active;; show*sssd) printf '${said.join('\\n')}\\n';; *) exit 1;; esac`,
  );
const RUNS = ['ActiveState=active', 'SubState=running', 'UnitFileState=enabled', 'ConditionResult=yes'];
const STOPPED = ['ActiveState=inactive', 'SubState=dead', 'UnitFileState=enabled', 'ConditionResult=yes'];
const asked = async (user: string) => {
  // Nobody listens in the lab: whether the scheduler answers is no matter here.
  const facts = await lab.ask(user, { off: ['scheduler'] });
  const all = [...facts.values()];
  const causes = loadCauses([builtInPack('openclaw')]);
  const { cause } = diagnose({ user, facts: all, causes, config: lab.config() });
  return { ...values(facts, 'directory.canary', 'directory.standard-group', 'account.exists'), cause };
};

describe('the directory is there', () => {
  it('when it lists the group, whoever of the entitlement file is not in it', async () => {
    inDirectory('bob', 'carol');
    throughNss();
    lab.set(`entitlement: { file: ${lab.put('etc/e.yaml', 'claw-users: [newhire, left-2, left-3, alice, bob]\n')} }`);
    expect(await asked('alice')).toMatchObject({ 'directory.canary': 'there', cause: 'openclaw/missing-group' });
  });

  it('when one of the people is found whom no local file has', async () => {
    lab.put('etc/group', 'alice:x:2001:\nclaw-users:x:2500:left-1,left-2,left-3,left-4,carol\n');
    lab.put('directory/passwd', 'carol:*:3001:3001::/home/carol:/bin/sh\n');
    throughNss();
    expect(await asked('nobody-here')).toMatchObject({
      'directory.canary': 'there',
      'directory.standard-group': false,
      'account.exists': false,
    });
  });
});

describe('the directory is away', () => {
  it('when its canary is not found: then "not found" means nothing', async () => {
    lab.set('directory: { canary: ldap-canary }');
    expect(await asked('carol')).toMatchObject({ 'directory.canary': 'away', 'account.exists': undefined });
  });

  it.each([
    ['has failed', ['ActiveState=failed', 'SubState=failed', 'UnitFileState=enabled']],
    ['was stopped', STOPPED],
    ['crashes again and again', ['ActiveState=activating', 'SubState=auto-restart', 'UnitFileState=enabled']],
  ])('when its client %s, and nobody is told that they have no account', async (_what, said) => {
    unit(...said);
    expect(await asked('lena')).toEqual({
      'directory.canary': 'away',
      'directory.standard-group': undefined,
      'account.exists': undefined,
      cause: 'openclaw/directory-unavailable',
    });
  });
});

describe('nobody knows whether it is there', () => {
  it('when nobody is found of those whom a list names: names get old', async () => {
    lab.put('etc/group', 'claw-users:x:2500:bob,ldap-person\n');
    unit(...RUNS);
    expect(await asked('carol')).toMatchObject({ 'directory.canary': undefined, 'account.exists': undefined });
  });

  it('and a service that finds nobody has not said that there is no such group', async () => {
    unit(...RUNS);
    expect(await asked('alice')).toMatchObject({
      'directory.standard-group': undefined,
      cause: expect.not.stringContaining('wrong-mode'),
    });
    lab.set('directory: { canary: carol, service: sss }');
    appendFileSync(join(lab.dir, 'etc/passwd'), 'carol:x:3001:3001::/home/carol:/bin/sh\n');
    expect(await asked('alice')).toMatchObject({ 'directory.canary': 'there', 'directory.standard-group': undefined });
    lab.put('directory/passwd', 'carol:*:3001:3001::/home/carol:/bin/sh\n');
    expect(await asked('alice')).toMatchObject({
      'directory.standard-group': false,
      cause: 'openclaw/wrong-mode',
    });
  });
});

it.each([
  ['is not installed', ['LoadState=not-found', 'ActiveState=inactive', 'SubState=dead']],
  ['was never started for want of a configuration', [...STOPPED.slice(0, 3), 'ConditionResult=no']],
])('a host whose client %s has no directory: who is not found has no account', async (_what, said) => {
  unit(...said);
  lab.put('etc/group', 'claw-users:x:2500:bob,left-1\n');
  expect(await asked('carol')).toMatchObject({ 'directory.canary': undefined, 'account.exists': false });
});

describe('somebody is a member in the directory', () => {
  const member = async (user: string) => values(await lab.ask(user), 'directory.member')['directory.member'];
  it('by its list of members', async () => {
    inDirectory('bob', 'alice');
    expect(await member('alice')).toBe(true);
    inDirectory('bob');
    expect(await member('alice')).toBe(false);
  });

  it('or nobody knows: a list without anybody is hidden, and a primary group lists nobody', async () => {
    inDirectory();
    expect(await member('alice')).toBeUndefined();
    inDirectory('bob');
    lab.put('etc/passwd', `alice:x:2001:2500::${lab.dir}/home/alice:/bin/sh\n`);
    expect(await member('alice')).toBeUndefined();
  });
});

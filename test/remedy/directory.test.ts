/** A group that lives in the directory: what is planned, shown, refused, exported, and when it is called effective. */
import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { diagnose } from '../../src/diagnose/diagnose.ts';
import { planDigest } from '../../src/digest.ts';
import { modifyRecord } from '../../src/ldif.ts';
import { StepSchema } from '../../src/messages.ts';
import type { Plan } from '../../src/plan.ts';
import { exportPlan } from '../../src/remedy/export.ts';
import { makePlan, type PlanResult } from '../../src/remedy/plan.ts';
import { judge } from '../../src/remedy/verify.ts';
import { causes, facts, NO_GROUP, NOW, type Observed } from '../diagnose/a-host.ts';
import { planIn, refusalIn } from './offered.ts';

const BASE = 'dc=site,dc=example';
const DN = `cn=claw-users,ou=groups,${BASE}`;
const site = (ldap: Record<string, unknown> | null = {}): Config =>
  parseConfig(
    JSON.stringify({
      host: 'claw-head-01',
      entitlement: { file: '/etc/claw/entitlements.yaml' },
      directory: {
        ldap: ldap && {
          url: 'ldaps://ldap.site.example',
          base: BASE,
          groupBase: `ou=groups,${BASE}`,
          userBase: `ou=people,${BASE}`,
          bindDn: `cn=readmit,${BASE}`,
          passwordFile: '/etc/readmit/directory.password',
          ...ldap,
        },
      },
    }),
    'readmit.yaml',
  );

/** The directory has the group and not the person; NSS shows the group, the local file does not have it. */
const LACKS: Observed = {
  ...NO_GROUP,
  'access.local-groups': ['claw-admins'],
  'directory.entries': [`claw-users 2500 ${DN}`],
  'directory.person': ['2001', `uid=alice,ou=people,${BASE}`],
  'groups.directory': [],
};

function offer(observed: Observed, config = site()): PlanResult {
  const taken = facts(observed);
  const diagnosis = diagnose({ user: 'alice', facts: taken, causes, config });
  return makePlan({
    incident: '7',
    serial: 1,
    host: 'claw-head-01',
    diagnosis,
    facts: taken,
    snapshot: null,
    config,
    now: NOW,
  });
}
const plan = (...args: Parameters<typeof offer>): Plan => planIn(offer(...args));
const refusal = (...args: Parameters<typeof offer>): string => refusalIn(offer(...args));

describe('the plan', () => {
  it('is one value of the group’s own entry, shown as LDIF, with its way back', () => {
    const made = plan(LACKS);
    const what = {
      user: 'alice',
      uid: 2001,
      group: 'claw-users',
      gid: 2500,
      dn: DN,
      attribute: 'memberUid',
      value: 'alice',
    };
    expect(made).toMatchObject({
      tier: 1,
      deed: 'Add alice to claw-users',
      gains: ['alice'],
      assumes: { 'account.uid': 2001 },
      managedBy: null,
    });
    expect(made.steps).toEqual([
      {
        action: 'directory.group-add',
        ...what,
        until: null,
        diff: `dn: ${DN}\nchangetype: modify\nadd: memberUid\nmemberUid: alice\n-\n`,
      },
    ]);
    expect(made.undo).toEqual([
      {
        action: 'directory.group-remove',
        ...what,
        diff: `dn: ${DN}\nchangetype: modify\ndelete: memberUid\nmemberUid: alice\n-\n`,
      },
    ]);
    expect(made.notes.join(' ')).toMatch(
      /claw-users lives in the directory \(ldaps:\/\/ldap.site.example\).*some minutes may pass/,
    );
    expect(made.digest).toBe(planDigest(made));
    for (const step of [...made.steps, ...made.undo]) expect(StepSchema.parse(step)).toEqual(step);
  });

  it('of a group of entries names the person’s own entry', () => {
    const [step] = plan(LACKS, site({ memberAttribute: 'member' })).steps;
    expect(step).toMatchObject({ attribute: 'member', value: `uid=alice,ou=people,${BASE}` });
  });

  it('is for usermod where the local file has the group, and says that the directory has it too', () => {
    const made = plan({ ...LACKS, 'access.local-groups': ['claw-users'] });
    expect(made.steps).toMatchObject([{ action: 'group.add', argv: ['usermod', '-aG', 'claw-users', 'alice'] }]);
    expect(made.notes.join(' ')).toContain(
      `in the local group file and in the directory too (${DN}): the local file wins`,
    );
    expect(made.managedBy).toBeNull();
  });

  it('is exported where nobody may change the directory, with the site’s own names', () => {
    const readOnly = site({ bindDn: null, passwordFile: null });
    const made = plan(LACKS, readOnly);
    expect(made.managedBy).toBe('other');
    expect(exportPlan(made, 'ldif', readOnly.directory.ldap)).toContain(
      `dn: ${DN}\nchangetype: modify\nadd: memberUid\nmemberUid: alice\n-\n`,
    );
  });

  it('without any directory configured it is for whoever keeps it: usermod would change nothing', () => {
    const made = plan(LACKS, site(null));
    expect(made.managedBy).toBe('other');
    expect(made.notes.join(' ')).toContain('usermod would change nothing here');
    expect(exportPlan(made, 'ldif')).toContain('dn: cn=claw-users,ou=groups,BASE');
  });

  it.each<[string, Observed, RegExp]>([
    ['the directory can’t be asked', { 'directory.entries': undefined }, /which can't be asked: could not be asked/],
    ['it has no such group', { 'directory.entries': [] }, /no group claw-users below ou=groups/],
    [
      'it has two of that name',
      { 'directory.entries': [`claw-users 2500 ${DN}`, `claw-users 2500 cn=claw-users,ou=x,ou=groups,${BASE}`] },
      /2 groups claw-users/,
    ],
    ['its number is another', { 'directory.entries': [`claw-users 77 ${DN}`] }, /gid 77 in the directory and 2500/],
    [
      'the entry is elsewhere',
      { 'directory.entries': [`claw-users 2500 cn=claw-users,ou=other,${BASE}`] },
      /is not below ou=groups/,
    ],
    [
      'its alice is somebody else',
      { 'directory.person': ['77', `uid=alice,ou=people,${BASE}`] },
      /uid 77 in the directory and 2001 here/,
    ],
  ])('is not offered when %s', (_what, observed, why) => {
    expect(refusal({ ...LACKS, ...observed })).toMatch(why);
  });

  it('a group of entries needs an entry of the person', () => {
    expect(refusal({ ...LACKS, 'directory.person': [] }, site({ memberAttribute: 'member' }))).toContain(
      'no entry of alice below ou=people',
    );
    expect(plan({ ...LACKS, 'directory.person': [] }).steps).toMatchObject([{ value: 'alice' }]);
  });

  it('who is in the directory’s group already waits for lookups; nothing is added twice', () => {
    const observed = { ...LACKS, 'groups.directory': ['claw-users'] };
    const diagnosis = diagnose({ user: 'alice', facts: facts(observed), causes, config: site() });
    expect(diagnosis.cause).toBe('openclaw/nss-lag');
    expect(diagnosis.ruledOut.find(r => r.cause === 'openclaw/missing-group')?.because).toContain(
      'NSS does not show it yet',
    );
    expect(diagnosis.remedy.kind).not.toBe('plan');
  });

  it('a local group is not hidden because the directory has more members', () => {
    const observed = { ...LACKS, 'access.local-groups': ['claw-users'], 'groups.directory': ['claw-users'] };
    expect(diagnose({ user: 'alice', facts: facts(observed), causes, config: site() }).cause).toBe(
      'openclaw/missing-group',
    );
  });
});

describe('verification', () => {
  const MIN = 60_000;
  const look = (observed: Observed, after = 10_000) =>
    judge({
      plan: plan(LACKS),
      cause: 'openclaw/missing-group',
      facts: { alice: facts({ 'access.local-groups': [], ...observed }) },
      canary: [{ user: 'alice', ran: true, passed: true, detail: '', latencies: [1] }],
      alive: true,
      newDenials: 0,
      since: NOW - after,
      now: NOW,
      config: site(),
    });
  const THERE = { 'groups.directory': ['claw-users'] };
  it.each<[string, Observed, number, string, RegExp]>([
    ['NSS shows it', THERE, 10_000, 'resolved', /the change is there/],
    ['the directory has it, NSS not yet', { ...NO_GROUP, ...THERE }, MIN, 'propagating', /NSS does not show it yet/],
    ['NSS never shows it', { ...NO_GROUP, ...THERE }, 91 * MIN, 'not-effective', /90 minutes after the change/],
    [
      'a copy of the directory is behind',
      { ...NO_GROUP, 'groups.directory': [] },
      10_000,
      'propagating',
      /a copy of it lags, or somebody/,
    ],
    [
      'somebody took it back',
      { ...NO_GROUP, 'groups.directory': [] },
      2 * MIN,
      'not-effective',
      /somebody else took it back/,
    ],
    ['taken back, and NSS remembers it still', { 'groups.directory': [] }, 2 * MIN, 'not-effective', /took it back/],
    [
      'the directory does not answer',
      { ...NO_GROUP, 'groups.directory': undefined },
      MIN,
      'verifying',
      /can't be asked/,
    ],
    [
      'it does not answer, and NSS shows it',
      { 'groups.directory': undefined },
      10_000,
      'resolved',
      /the change is there/,
    ],
  ])('%s', (_what, observed, after, state, because) => {
    const verdict = look(observed, after);
    expect(verdict.state).toBe(state);
    expect(verdict.because).toMatch(because);
  });
});

describe('the export', () => {
  it('a shell gives the LDIF to ldapmodify, to that server, and asks for a password', () => {
    const script = exportPlan(plan(LACKS), 'shell', site().directory.ldap);
    execFileSync('sh', ['-n'], { input: script });
    expect(script).toContain(`ldapmodify -x -W -H ldaps://ldap.site.example -D cn=readmit,${BASE}`);
    const ran = execFileSync('sh', ['-c', `ldapmodify() { cat; }\n${script}`], { encoding: 'utf8' });
    expect(ran).toBe(modifyRecord('add', { dn: DN, attribute: 'memberUid', value: 'alice' }));
    expect(
      exportPlan(plan(LACKS), 'shell', site({ url: 'ldap://ldap.site.example', startTls: true }).directory.ldap),
    ).toContain('-ZZ');
  });

  it('Ansible adds the one value', () => {
    const [play] = parse(exportPlan(plan(LACKS), 'ansible')) as [{ tasks: Record<string, unknown>[] }];
    expect(play.tasks[0]!['community.general.ldap_attrs']).toEqual({
      dn: DN,
      attributes: { memberUid: 'alice' },
      state: 'present',
    });
  });
});

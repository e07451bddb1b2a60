/** From a diagnosis to a plan: what it does, who may be touched by it at all, and that it would really let them in. */
import { describe, expect, it } from 'vitest';
import { type Config, parseConfig } from '../../src/config/config.ts';
import { diagnose } from '../../src/diagnose/diagnose.ts';
import { planDigest } from '../../src/digest.ts';
import { type Snapshot, StepSchema } from '../../src/messages.ts';
import type { Plan } from '../../src/plan.ts';
import { drift } from '../../src/remedy/assumptions.ts';
import { makePlan, type PlanResult, withEnd } from '../../src/remedy/plan.ts';
import { CONFIG, causes, config, facts, NO_GROUP, NOT_LISTED, NOW, type Observed, STRICT } from '../diagnose/a-host.ts';
import { planIn, refusalIn } from './offered.ts';

const snapshot: Snapshot = {
  v: 1,
  host: 'claw-head-01',
  at: '2026-11-23T10:00:00Z',
  config: null,
  groups: { 'claw-users': ['bob', 'carol'], 'claw-admins': ['root-ann', 'carol'] },
};

function offer(
  observed: Observed,
  more: {
    user?: string;
    config?: Config;
    now?: number;
    serial?: number;
    until?: string;
    groups?: Snapshot['groups'];
  } = {},
): PlanResult {
  const { user = 'alice', config: site = config, now = NOW, serial = 1, until, groups } = more;
  const taken = facts(observed, user, site);
  const diagnosis = diagnose({ user, facts: taken, causes, config: site });
  return makePlan({
    incident: '7',
    serial,
    host: 'claw-head-01',
    diagnosis,
    facts: taken,
    snapshot: groups ? { ...snapshot, groups } : snapshot,
    config: site,
    now,
    ...(until ? { until } : {}),
  });
}
const plan = (...args: Parameters<typeof offer>): Plan => planIn(offer(...args));
const refusal = (...args: Parameters<typeof offer>): string => refusalIn(offer(...args));
const site = (yaml: string): Config => parseConfig(`host: claw-head-01\n${yaml}`, 'readmit.yaml');
const DOWN: Observed = { 'scheduler.active': 'inactive', 'scheduler.health4': 'refused' };

describe('somebody who lacks the group', () => {
  it('is added to it, with argv, pinned numbers, and a way back', () => {
    const made = plan(NO_GROUP);
    const who = { user: 'alice', uid: 2001, group: 'claw-users', gid: 2500 };
    expect(made).toMatchObject({
      tier: 1,
      subject: { user: 'alice', uid: 2001 },
      deed: 'Add alice to claw-users',
      steps: [{ action: 'group.add', ...who, until: null, argv: ['usermod', '-aG', 'claw-users', 'alice'] }],
      undo: [{ action: 'group.remove', ...who, argv: ['usermod', '-rG', 'claw-users', 'alice'] }],
      gains: ['alice'],
      loses: [],
      assumes: { 'account.uid': 2001, 'entitlement.listed': true },
      entitlement: '/etc/claw/entitlements.yaml lists alice in claw-users',
      managedBy: null,
      expires: '2026-11-23T11:00:00.000Z',
    });
  });

  it('what showed the right to it has to show it still when it is done', () => {
    const made = plan(NO_GROUP);
    expect(drift(made, facts(NO_GROUP))).toBeNull();
    expect(drift(made, facts({ ...NO_GROUP, ...NOT_LISTED }))?.what).toBe('entitlement.listed was true and is false');
    const unlisted = plan({ ...NO_GROUP, ...NOT_LISTED });
    expect(drift(unlisted, facts({ ...NO_GROUP, ...NOT_LISTED }))).toBeNull();
  });

  it('without an entitlement it says so plainly and asks for a reason', () => {
    const made = plan({ ...NO_GROUP, ...NOT_LISTED });
    expect(made.entitlement).toBeNull();
    expect(made.notes[0]).toBe(
      'Nothing shows that alice should have access (/etc/claw/entitlements.yaml does not list alice in claw-users): give a reason.',
    );
  });

  it('an end date is part of what is approved', () => {
    const until = '2026-12-31T00:00:00Z';
    expect(plan(NO_GROUP, { until }).steps[0]).toMatchObject({ until });
    expect(plan(NO_GROUP, { until }).digest).not.toBe(plan(NO_GROUP).digest);
  });

  it('what only she can do afterwards is said', () => {
    const made = plan({ ...NO_GROUP, 'token.expires': '2026-11-23T09:00:00Z' });
    expect(made.notes.join(' ')).toMatch(/alice has to log in again: the token is expired.*expired-token/);
  });

  it('where usermod can take nobody out of a group, the way back is one that works there', () => {
    const made = plan({ ...NO_GROUP, 'usermod.removes': false });
    expect(made.undo).toMatchObject([{ action: 'group.remove', argv: ['gpasswd', '-d', 'alice', 'claw-users'] }]);
  });

  it('a group that lives in the directory is not for usermod: the plan is exported', () => {
    const made = plan({ ...NO_GROUP, 'access.mode': 'ldap', 'access.local-groups': ['claw-admins'] });
    expect(made.managedBy).toBe('other');
    expect(made.notes.join(' ')).toContain('lives in the directory');
  });
});

describe('a configuration that is too strict', () => {
  it('is patched and loaded in one plan of tier 2, which names who gets in by it', () => {
    const made = plan(STRICT);
    expect(made).toMatchObject({ tier: 2, gains: ['bob'], loses: [], assumes: { 'config.hash': 'a'.repeat(64) } });
    expect(made.deed).toBe(`Authorise claw-users in ${CONFIG} and restart claw-scheduler`);
    expect(made.steps).toMatchObject([
      {
        action: 'config.authorize-group',
        before: 'a'.repeat(64),
        after: 'b'.repeat(64),
        at: 50,
        insert: '    - claw-users\n',
      },
      { action: 'service.restart', argv: ['systemctl', 'restart', 'claw-scheduler'] },
    ]);
    expect(made.undo).toMatchObject([
      { action: 'config.restore', before: 'b'.repeat(64), after: 'a'.repeat(64), at: 50 },
      { action: 'service.restart' },
    ]);
    expect(made.notes.join(' ')).toMatch(/leaving it out may have been meant.*2 jobs run now/);
  });

  it('history shows that it was authorised before', () => {
    expect(plan({ ...STRICT, 'history.config-removed-groups': ['claw-users'] }).entitlement).toContain(
      'claw-users was authorised before',
    );
  });

  it('for a whole service nobody in particular is its subject', () => {
    expect(plan({ ...STRICT, 'denial.kind': 'service' }).subject).toBeNull();
  });

  it('somebody who lacks the group too gets both in one plan, people first', () => {
    const made = plan({ ...STRICT, ...NO_GROUP });
    expect(made.steps.map(s => s.action)).toEqual(['group.add', 'config.authorize-group', 'service.restart']);
    expect(made.undo.map(s => s.action)).toEqual(['config.restore', 'service.restart', 'group.remove']);
    expect(made).toMatchObject({ tier: 2, gains: ['alice', 'bob'] });
  });

  it('a file that can’t be patched safely is not patched', () => {
    expect(refusal({ ...STRICT, 'config.splice': undefined })).toContain(`${CONFIG} can't be patched safely`);
  });
});

describe('the service', () => {
  it('is started when it is down, and nobody is given anything', () => {
    const made = plan({ ...DOWN, ...NO_GROUP });
    expect(made.steps).toEqual([
      { action: 'service.start', unit: 'claw-scheduler', argv: ['systemctl', 'start', 'claw-scheduler'] },
    ]);
    expect(made).toMatchObject({
      tier: 2,
      gains: [],
      undo: [],
      entitlement: 'nobody gains a right by it that they did not have',
    });
  });

  it('is restarted to load what the file says', () => {
    const made = plan({ 'config.loaded': false, 'config.loaded-groups': ['claw-admins'] });
    expect(made.steps.map(s => s.action)).toEqual(['service.restart']);
  });
});

describe('whom a restart lets in and shuts out', () => {
  const LOADS: Observed = {
    'config.loaded': false,
    'config.loaded-groups': ['physics'],
    'access.authorized-groups': ['claw-users', 'chem'],
  };

  it('is told by name, of every group in the file, though no step names one', () => {
    const groups = { 'claw-users': ['bob', 'carol'], chem: ['dave'], physics: ['carol', 'erin'] };
    const made = plan(LOADS, { groups });
    expect(made.steps.map(s => s.action)).toEqual(['service.restart']);
    expect(made).toMatchObject({ gains: ['bob', 'dave'], loses: ['erin'] });
    expect(made.entitlement).toBe(`${CONFIG} lets them in already; the scheduler has not loaded it`);
  });

  it('a group whose members nobody could tell is not a group without members', () => {
    const made = plan(LOADS, { groups: { 'claw-users': ['bob'], chem: [] } });
    expect(made).toMatchObject({ gains: ['bob', 'members of chem'], loses: ['members of physics'] });
    const strict = plan(STRICT, { groups: {} });
    expect(strict).toMatchObject({ gains: ['members of claw-users'], loses: [], entitlement: null });
  });

  it('a file that drops a group shuts its members out with the change that lets others in', () => {
    const made = plan({ ...STRICT, 'config.loaded-groups': ['claw-admins', 'physics'] });
    expect(made).toMatchObject({ gains: ['bob'], loses: ['members of physics'] });
  });

  it('where nobody can say what is loaded, that is said', () => {
    const made = plan({ 'config.loaded': false, 'config.loaded-groups': undefined });
    expect(made.notes.join(' ')).toContain('What the scheduler accepts now is not known');
  });
});

describe('where several groups would give access', () => {
  const physics = site('policy: { groups: [claw-users, physics, chem] }');
  const ids = ['claw-users:2500', 'chem:2700', 'physics:2701'];
  const either = { ...NO_GROUP, 'access.group-ids': ids, 'access.local-groups': ['claw-users', 'chem', 'physics'] };
  const CHEM_OR_PHYSICS = {
    ...either,
    'access.authorized-groups': ['claw-users', 'chem', 'physics'],
    'config.loaded-groups': ['claw-users', 'chem', 'physics'],
  };
  const groupsOf = (made: Plan): string[] => made.steps.flatMap(s => ('group' in s ? [s.group] : []));

  it('it is one that the site’s list names them in, not the first in the file', () => {
    const listed = { ...CHEM_OR_PHYSICS, 'entitlement.groups': ['physics'], 'entitlement.listed': false };
    const made = plan(listed, { config: physics });
    expect(groupsOf(made)).toEqual(['physics']);
    expect(made.entitlement).toContain('lists alice in physics');
  });

  it('without a list the standard one, and without that one the policy allows to give', () => {
    const unlisted = { ...CHEM_OR_PHYSICS, ...NOT_LISTED };
    expect(groupsOf(plan(unlisted, { config: physics }))).toEqual(['claw-users']);
    const others = { ...unlisted, 'access.authorized-groups': ['chem', 'physics'], 'config.loaded-groups': ['chem'] };
    const only = site('policy: { groups: [physics] }');
    expect(facts(others, 'alice', only).find(f => f.fact === 'access.missing-group')!.value).toBe('physics');
  });

  it('whoever has the group that the file leaves out gets no other one with it', () => {
    const strict = {
      ...STRICT,
      'access.authorized-groups': ['claw-admins', 'physics'],
      'config.loaded-groups': ['claw-admins', 'physics'],
    };
    for (const config of [site(''), physics])
      expect(plan({ ...strict, 'access.group-ids': ids }, { config }).steps.map(s => s.action)).toEqual([
        'config.authorize-group',
        'service.restart',
      ]);
  });

  it('taken out of any of them on purpose, nobody is put back, nor into another', () => {
    for (const removed of ['physics', 'claw-users'])
      expect(
        refusal({ ...CHEM_OR_PHYSICS, ...NOT_LISTED, 'history.group-removed': [removed] }, { config: physics }),
      ).toContain('access-removed is not mended by a plan');
  });
});

describe('the policy says no, and which rule it is', () => {
  it.each([
    ['a group that is not on the list', NO_GROUP, 'policy: { groups: [other] }', /^policy\.groups: claw-users/],
    [
      'an elevated group',
      { ...NO_GROUP },
      'scheduler: { elevatedGroups: [claw-users] }\npolicy: { groups: [claw-users] }',
      /^scheduler\.elevatedGroups/,
    ],
    ['a person on the deny list', NO_GROUP, 'policy: { denyUsers: [alice] }', /^policy\.denyUsers: alice/],
    ['another unit', DOWN, 'policy: { units: [other] }', /^policy\.units: claw-scheduler/],
    ['another file', STRICT, 'policy: { files: [/etc/other] }', /^policy\.files: /],
    ...[4_294_967_295, 2 ** 31, 2 ** 32, 65_534, 65_535].map(
      uid => [`uid ${uid}`, { ...NO_GROUP, 'account.uid': uid }, '', /^alice has uid \d+, which is no uid/] as const,
    ),
    ['a small uid', { ...NO_GROUP, 'account.uid': 999 }, '', /^watch\.minUid: alice has uid 999/],
    ['a member of wheel', { 'groups.nss': ['alice', 'wheel'], 'groups.file': ['alice'] }, '', /alice is in wheel/],
    [
      'a group that does not exist',
      { ...NO_GROUP, 'access.group-ids': ['claw-admins:2600'] },
      '',
      /^the group claw-users does not exist/,
    ],
  ] as [string, Observed, string, RegExp][])('%s', (_what, observed, yaml, rule) => {
    expect(refusal(observed, { config: site(yaml) })).toMatch(rule);
  });

  it('a site whose targets belong to Ansible gets a plan to export', () => {
    expect(plan(NO_GROUP, { config: site('policy: { manager: ansible }') }).managedBy).toBe('ansible');
  });

  it.each([
    ['--root=/tmp', NO_GROUP],
    ['alice;id', NO_GROUP],
    ['ALICE', NO_GROUP],
  ] as [string, Observed][])('%j is nobody to add', (user, observed) => {
    expect(refusal(observed, { user })).toContain('is no user name');
  });
});

describe('a plan that would not let the person in is not offered', () => {
  it.each([
    [
      'the directory, which is asked, has no such group',
      { ...NO_GROUP, 'access.mode': 'ldap', 'directory.standard-group': undefined, 'directory.member': false },
    ],
    ['the scheduler does not answer', { ...NO_GROUP, 'scheduler.health4': 'broken', 'scheduler.active': undefined }],
  ] as [string, Observed][])('%s', (_what, observed) => {
    expect(refusal(observed)).toMatch(/^the plan would not let alice in/);
  });

  it('a configuration change alone would not let in somebody who is not entitled and lacks the group', () => {
    expect(refusal({ ...STRICT, ...NO_GROUP, ...NOT_LISTED })).toMatch(/would not let alice in: none of the groups/);
  });

  it.each([
    ['access removed on purpose', { ...NO_GROUP, 'history.group-removed': ['claw-users'], ...NOT_LISTED }],
    ['an expired account', { ...NO_GROUP, 'account.expired': true }],
    ['a system account', { ...NO_GROUP, 'account.system': true }],
    ['nobody of that name', { ...NO_GROUP, 'account.exists': false }],
    ['one address that tries names', { ...NO_GROUP, 'denial.kind': 'address' }],
    ['an expired token', { 'token.expires': '2026-11-23T09:00:00Z' }],
  ] as [string, Observed][])('%s: no plan at all', (_what, observed) => {
    expect(refusal(observed)).toMatch(/is not mended by a plan$/);
  });
});

describe('the digest', () => {
  it('D09: is the same for the same plan made again later, with other counts and times', () => {
    const later = plan(
      { ...STRICT, 'queue.running': 40, 'queue.free': 0, 'denial.last': '2026-11-23T09:59:59Z' },
      { now: NOW + 1_000_000, serial: 5 },
    );
    const first = plan(STRICT);
    expect(later.digest).toBe(first.digest);
    expect([later.serial, later.created]).not.toEqual([first.serial, first.created]);
    expect(later.digest).toBe(planDigest(later));
  });

  it.each([
    ['another uid', { ...NO_GROUP, 'account.uid': 2002 }],
    ['another gid', { ...NO_GROUP, 'access.group-ids': ['claw-users:2501'] }],
    ['another file', STRICT],
  ] as [string, Observed][])('is another for %s', (_what, observed) => {
    expect(plan(observed).digest).not.toBe(plan(NO_GROUP).digest);
  });

  it('every step fits what crosses to the executor', () => {
    for (const made of [plan(NO_GROUP), plan(STRICT), plan({ ...STRICT, ...NO_GROUP }), plan(DOWN)])
      for (const step of [...made.steps, ...made.undo]) expect(StepSchema.parse(step)).toEqual(step);
  });
});

describe('what a plan rests on is looked at again', () => {
  it.each([
    ['nothing moved', STRICT, null],
    ['somebody edited the file', { ...STRICT, 'config.hash': 'c'.repeat(64) }, /^config\.hash was/],
    ['it can’t be asked any more', { ...STRICT, 'config.hash': undefined }, /^config\.hash can't be asked/],
  ] as [string, Observed, RegExp | null][])('%s', (_what, now, moved) => {
    const found = drift(plan(STRICT), facts(now));
    if (!moved) return expect(found).toBeNull();
    expect(found!.what).toMatch(moved);
    // Only what gave no answer is worth asking again.
    expect(found!.unasked).toBe(now['config.hash'] === undefined);
  });
});

describe('an end', () => {
  const until = '2026-12-01T00:00:00.000Z';
  it('makes another plan of the same steps, with a digest and a serial of its own', () => {
    const made = plan(NO_GROUP);
    const ended = withEnd(made, until, { now: NOW, config }) as Plan;
    expect(ended).toMatchObject({ serial: 2, steps: [{ action: 'group.add', until }], undo: made.undo });
    expect(ended.digest).not.toBe(made.digest);
    expect(ended.digest).toBe(planDigest(ended));
    // Made anew from the facts with the same end it is the same plan; without one it is the first again.
    expect(plan(NO_GROUP, { until }).digest).toBe(ended.digest);
    expect((withEnd(ended, null, { now: NOW, config }) as Plan).digest).toBe(made.digest);
  });
  it('is refused for what is not an end, and for a plan that does more than give a group', () => {
    expect(withEnd(plan(NO_GROUP), '2026-11-01T00:00:00Z', { now: NOW, config })).toHaveProperty('refused');
    expect(withEnd(plan(NO_GROUP), 'soon', { now: NOW, config })).toHaveProperty('refused');
    expect(withEnd(plan(STRICT), until, { now: NOW, config })).toHaveProperty('refused');
  });
});

it('a group that others took back after it was given says so', () => {
  expect(plan({ ...NO_GROUP, 'history.reverted': ['claw-users'] }).notes.join()).toContain('taken back by others');
});

/** Which cause is found from which facts, what rules the others out, and what is never concluded from silence. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { iso, NO_GROUP, NOT_LISTED, NOW, type Observed, STRICT, why } from './a-host.ts';

const HOUR = 3_600_000;

/** Somebody broke the file; the scheduler runs on, and says whom it lets in. */
const BROKEN: Observed = { 'config.valid': false, 'config.problem': 'line 4: a tab', 'config.loaded': false };

/** cause → what is observed where all else is well */
const FOUND: [cause: string, observed: Observed][] = [
  ['missing-group', NO_GROUP],
  ['access-removed', { ...NO_GROUP, 'history.group-removed': ['claw-users'], ...NOT_LISTED }],
  [
    'entitlement-unreadable',
    {
      ...NO_GROUP,
      'history.group-removed': ['claw-users'],
      'entitlement.groups': undefined,
      'entitlement.listed': undefined,
    },
  ],
  ['expired-token', { 'token.expires': iso(NOW - HOUR) }],
  ['stale-token-groups', { 'access.mode': 'jwt', 'token.groups': ['domain-users'] }],
  ['stale-session', { 'session.pids': ['411', '412'], 'session.gids': ['2001', '2001 99'] }],
  ['config-too-strict', STRICT],
  ['config-not-loaded', { 'config.loaded': false, 'config.loaded-groups': ['claw-admins'] }],
  ['config-not-loaded', { 'config.loaded': false, 'config.loaded-groups': undefined }],
  [
    'config-invalid',
    { 'config.valid': false, 'scheduler.active': 'failed', 'scheduler.health4': 'refused', 'access.mode': undefined },
  ],
  ['config-next-start', BROKEN],
  ['config-next-start', { ...BROKEN, ...STRICT }],
  ['config-next-start', { ...BROKEN, 'scheduler.active': undefined, 'groups.nss': undefined }],
  ['wrong-mode', { 'access.mode': 'ldap', 'directory.standard-group': false, 'directory.member': undefined }],
  ['scheduler-down', { 'scheduler.active': 'inactive', 'scheduler.health4': 'refused' }],
  ['scheduler-silent', { 'scheduler.health4': 'silent' }],
  ['scheduler-crashing', { 'scheduler.active': 'activating', 'scheduler.health4': 'refused' }],
  ['port-blocked', { 'firewall.open': false, 'scheduler.health4': 'refused' }],
  ['ipv6-only-broken', { 'scheduler.health6': 'refused', 'client.event': 'unavailable' }],
  ['selinux', { 'selinux.denials': 2, 'selinux.last': iso(NOW - 1000) }],
  ['uid-mismatch', { 'denial.addresses': ['172.17.0.2'] }],
  ['uid-mismatch', { 'client.container': true }],
  ['ldap-lag', { 'access.mode': 'ldap', 'directory.member': false }],
  ['nss-lag', { 'groups.nss': ['alice'] }],
  ['directory-unavailable', { 'access.mode': 'ldap', 'directory.canary': 'away' }],
  ['clock-skew', { 'scheduler.date-skew': 90_000, 'scheduler.date': iso(NOW + 25 * HOUR) }],
  ['proxy', { 'proxy.set': true }],
  ['token-cache', { 'token.intact': false }],
  ['token-cache', { 'token.user': 'bob' }],
  ['no-token', { 'token.present': false, 'token.expires': undefined, 'token.readable': undefined }],
  ['job-yaml', { 'client.event': 'job-invalid', 'denial.event': 'job-invalid' }],
  ['queue-full', { 'client.event': 'queue-full', 'queue.free': 0 }],
  ['auth-failed', { 'client.event': 'auth-failed' }],
  ['auth-failed', { 'account.expired': true }],
  ['unknown-user', { 'account.exists': false, 'account.uid': undefined, 'groups.nss': undefined }],
  ['system-account', { ...NO_GROUP, 'account.system': true, 'account.uid': 33 }],
  ['elevated-account', { 'groups.nss': ['ann', 'claw-admins'], 'groups.file': ['ann', 'claw-admins'] }],
  ['probing', { 'denial.kind': 'address' }],
];

describe('each cause is found', () => {
  it.each(FOUND)('%s', (cause, observed) => {
    const diagnosis = why(observed);
    expect(diagnosis.cause).toBe(`openclaw/${cause}`);
    expect(diagnosis.also).toEqual([]);
    expect(diagnosis.evidence.length).toBeGreaterThan(0);
    expect(diagnosis.title).not.toMatch(/[{}]/);
    for (const { source, at } of diagnosis.evidence)
      expect([source, at]).toEqual([expect.stringMatching(/./), iso(NOW)]);
  });

  it('and an empty list is said in words, not left as a hole', () => {
    const { title } = why({ ...STRICT, 'access.authorized-groups': [] });
    expect(title).toMatch(/authorises only nothing$/);
  });

  it('and where all is well, none is', () => {
    const diagnosis = why();
    expect([diagnosis.cause, diagnosis.also, diagnosis.remedy.kind]).toEqual([null, [], 'none']);
  });
});

describe('a cause that is ruled out names the fact that did', () => {
  it.each([
    [NO_GROUP, 'config-too-strict', 'claw-users is authorised (source of access.standard-authorized)'],
    [NO_GROUP, 'scheduler-down', 'claw-scheduler is active (source of scheduler.active)'],
    [{ 'token.expires': iso(NOW - HOUR) }, 'missing-group', 'alice has the groups: alice, claw-users'],
    [
      { 'scheduler.date-skew': 90_000, 'scheduler.date': iso(NOW + 25 * HOUR) },
      'expired-token',
      "only the scheduler's clock",
    ],
    [{ ...NO_GROUP, 'groups.file': ['alice', 'claw-users'] }, 'missing-group', 'NSS does not show it yet'],
  ] as [Observed, string, string][])('%#: %s', (observed, cause, because) => {
    const { ruledOut } = why(observed);
    expect(ruledOut.find(r => r.cause === `openclaw/${cause}`)?.because).toContain(because);
  });
});

describe('what looks like something else', () => {
  const EXPIRED: Observed = { 'token.expires': iso(NOW - HOUR) };
  it.each([
    [
      'a group that nobody was ever given does not lag, where another one lets them in',
      'expired-token',
      {
        ...EXPIRED,
        'access.mode': 'ldap',
        'access.authorized-groups': ['claw-users', 'physics'],
        'groups.nss': ['alice', 'physics'],
        'groups.file': ['alice'],
        'directory.member': false,
      },
    ],
    [
      'nor does one that is not needed',
      'expired-token',
      {
        ...EXPIRED,
        'access.mode': 'ldap',
        'access.authorized-groups': ['claw-users', 'physics'],
        'groups.nss': ['alice', 'claw-users', 'physics'],
        'directory.member': false,
      },
    ],
    [
      'a file that was narrowed for the next start turns nobody away yet',
      'expired-token',
      { ...EXPIRED, ...STRICT, 'config.loaded': false, 'config.loaded-groups': ['claw-users', 'claw-admins'] },
    ],
    [
      'a configuration that is not on this host keeps nobody from anything while the scheduler answers',
      'expired-token',
      { ...EXPIRED, 'config.valid': false, 'scheduler.active': 'inactive' },
    ],
  ] as [string, string, Observed][])('%s', (_what, cause, observed) => {
    const diagnosis = why(observed);
    expect([diagnosis.cause, diagnosis.also]).toEqual([`openclaw/${cause}`, []]);
  });
});

describe('two causes at once', () => {
  it.each([
    ['config-too-strict', 'missing-group', { ...STRICT, ...NO_GROUP }],
    [
      'scheduler-down',
      'missing-group',
      { ...NO_GROUP, 'scheduler.active': 'inactive', 'scheduler.health4': 'refused' },
    ],
    ['missing-group', 'expired-token', { ...NO_GROUP, 'token.expires': iso(NOW - HOUR) }],
    [
      'access-removed',
      'expired-token',
      {
        ...NO_GROUP,
        'history.group-removed': ['claw-users'],
        ...NOT_LISTED,
        'token.expires': iso(NOW - HOUR),
      },
    ],
    ['auth-failed', 'missing-group', { ...NO_GROUP, 'account.expired': true }],
    ['missing-group', 'job-yaml', { ...NO_GROUP, 'client.event': 'job-invalid' }],
    ['missing-group', 'config-next-start', { ...NO_GROUP, ...BROKEN }],
    ['expired-token', 'config-next-start', { 'token.expires': iso(NOW - HOUR), ...BROKEN }],
    ['missing-group', 'proxy', { ...NO_GROUP, 'proxy.set': true }],
    [
      'scheduler-silent',
      'port-blocked',
      { 'firewall.open': false, 'scheduler.health4': 'refused', 'scheduler.listening': false },
    ],
    ['config-too-strict', 'expired-token', { ...STRICT, 'token.expires': iso(NOW - HOUR) }],
  ] as [string, string, Observed][])('%s is mended before %s', (first, second, observed) => {
    const diagnosis = why(observed);
    expect(diagnosis.cause).toBe(`openclaw/${first}`);
    expect(diagnosis.also.map(a => a.cause)).toEqual([`openclaw/${second}`]);
    expect(diagnosis.also[0]!.evidence.length).toBeGreaterThan(0);
  });
});

describe('where no cause holds, somebody has to look: at the facts that decide about access', () => {
  const shown = (observed: Observed) => {
    const { cause, confidence, evidence } = why(observed);
    return { cause, confidence, evidence: Object.fromEntries(evidence.map(e => [e.fact, e.value])) };
  };
  it('those that are known, with where they came from', () => {
    expect(shown({})).toEqual({
      cause: null,
      confidence: 0,
      evidence: {
        'account.exists': true,
        'groups.nss': ['alice', 'claw-users'],
        'access.mode': 'groups',
        'access.authorized-groups': ['claw-users'],
        'access.member-of': ['claw-users'],
        'config.valid': true,
        'config.loaded-groups': ['claw-users'],
        'scheduler.active': 'active',
        'scheduler.health4': 'healthy',
        'denial.event': 'denied',
        'client.event': 'denied',
      },
    });
    expect(why().evidence[0]).toEqual({
      fact: 'account.exists',
      value: true,
      source: 'source of account.exists',
      at: iso(NOW),
    });
  });
  it('and never one that nobody could answer', () => {
    const { evidence } = shown({ 'groups.nss': undefined, 'scheduler.active': undefined });
    expect(Object.keys(evidence)).not.toContain('groups.nss');
    expect(Object.keys(evidence)).not.toContain('access.member-of');
  });
});

describe('nothing is concluded from silence', () => {
  it('groups that could not be asked are no missing group', () => {
    const diagnosis = why({ 'groups.nss': undefined, 'groups.file': undefined });
    expect(diagnosis.cause).toBeNull();
    expect(diagnosis.unknown.map(u => u.fact)).toContain('groups.nss');
    expect(diagnosis.ruledOut.map(r => r.cause)).not.toContain('openclaw/missing-group');
  });

  it('a group that is not there leaves no question of who is in it; one that could not be asked about does', () => {
    const asked = (group: boolean | undefined) =>
      why({ ...NO_GROUP, 'directory.standard-group': group, 'directory.member': undefined }).unknown.map(u => u.fact);
    expect(asked(false)).not.toContain('directory.member');
    expect(asked(undefined)).toContain('directory.member');
  });

  it('an account that could not be asked is not unknown', () => {
    expect(why({ 'account.exists': undefined, 'groups.nss': undefined }).cause).toBeNull();
  });

  it('a password lock is no reason: people come with keys', () => {
    expect(why({ ...NO_GROUP, 'account.password-locked': true }).cause).toBe('openclaw/missing-group');
  });

  it('one old process beside a newer session proves nothing', () => {
    expect(why({ 'session.pids': ['411', '500'], 'session.gids': ['2001', '2001 2500'] }).cause).toBeNull();
  });

  it('knowing less lowers the confidence', () => {
    const all = why(NO_GROUP).confidence;
    const less = why({ ...NO_GROUP, 'account.expired': undefined, 'history.group-removed': undefined }).confidence;
    expect(less).toBeLessThan(all);
  });
});

describe("evidence older than the user's last success is none", () => {
  it.each([
    ['job-yaml', { 'client.event': 'job-invalid' }],
    ['auth-failed', { 'client.event': 'auth-failed' }],
  ] as [string, Observed][])('%s', (_cause, observed) => {
    expect(why({ ...observed, 'client.at': iso(NOW - 600_000), 'success.last': iso(NOW - 60_000) }).cause).toBeNull();
  });

  it('what SELinux wrote before it does not count', () => {
    const before = { 'selinux.denials': 3, 'selinux.last': iso(NOW - 600_000), 'success.last': iso(NOW - 60_000) };
    expect(why(before).cause).toBeNull();
  });

  it('what the client saw long ago is not what is asked about', () => {
    expect(why({ 'client.event': 'job-invalid', 'client.at': iso(NOW - 48 * HOUR) }).cause).toBeNull();
  });
});

describe('access that was taken away', () => {
  const NO_LIST: Observed = { 'entitlement.listed': undefined, 'entitlement.groups': undefined };
  const removed: Observed = { ...NO_GROUP, 'history.group-removed': ['claw-users'] };
  it('is not proposed again', () => {
    expect(why({ ...removed, ...NOT_LISTED }).remedy.kind).toBe('none');
  });
  it('nor where the site names no entitlement', () => {
    const unnamed = { ...NO_LIST, 'entitlement.source': null };
    expect(why({ ...removed, ...unnamed }).cause).toBe('openclaw/access-removed');
  });
  it.each([
    ['a list that can’t be read', NO_LIST],
    ['a list that was not asked in time', { ...NO_LIST, 'entitlement.source': undefined }],
  ] as [string, Observed][])('%s says neither yes nor no: not final, and not given back', (_what, noList) => {
    const diagnosis = why({ ...removed, ...noList });
    expect([diagnosis.cause, diagnosis.also]).toEqual(['openclaw/entitlement-unreadable', []]);
    // Advice is looked at again; only what is never healed is final.
    expect(diagnosis.remedy).toMatchObject({ kind: 'advice', advice: { to: 'administrator' } });
    expect(diagnosis.title).toContain('could not be asked');
    expect(diagnosis.unknown.map(u => u.fact)).toContain('access.removed');
  });
  it('who lost nothing lacks the group all the same, and nothing shows that it is meant to be theirs', () => {
    expect(why({ ...NO_GROUP, ...NO_LIST }).cause).toBe('openclaw/missing-group');
  });
  it('but the site’s own list has the last word', () => {
    expect(why({ ...removed, 'entitlement.listed': true }).cause).toBe('openclaw/missing-group');
  });
});

describe('who is asked to do something', () => {
  it.each([
    ['expired-token', { 'token.expires': iso(NOW - HOUR) }, 'tell', 'user'],
    ['selinux', { 'selinux.denials': 1 }, 'advice', 'administrator'],
    ['proxy', { 'proxy.set': true }, 'tell', 'user'],
  ] as [string, Observed, string, string][])('%s: %s %s', (_c, observed, kind, to) => {
    const { remedy } = why(observed);
    expect(remedy.kind).toBe(kind);
    if (remedy.kind === 'tell' || remedy.kind === 'advice') expect(remedy.advice.to).toBe(to);
  });

  it('a command for something that nobody knows is left out', () => {
    const commandsOf = (more: Observed): string => {
      const { remedy } = why({ 'selinux.denials': 1, ...more });
      return remedy.kind === 'advice' ? remedy.advice.commands.join('\n') : '';
    };
    expect(commandsOf({})).toBe('ausearch -m avc -ts recent | grep claw');
    expect(commandsOf({ 'selinux.path': '/etc/x' })).toMatch(
      /semanage fcontext -a -t TYPE '\/etc\/x'\nrestorecon -Rv \/etc\/x$/,
    );
    expect(commandsOf({ 'selinux.port': '8080' })).toMatch(/\nsemanage port -a -t TYPE -p tcp 8080$/);
  });

  it('in a command a name is one word, in a sentence it is itself', () => {
    const expired = { 'token.expires': iso(NOW - HOUR) };
    const commandOf = (user: string): string => {
      const { title, remedy } = why({ ...expired, 'token.user': user }, user);
      expect(title.startsWith(user), title).toBe(true);
      return remedy.kind === 'tell' ? remedy.advice.commands.join('\n') : '';
    };
    expect(commandOf('alice')).toMatch(/--username alice$/m);
    expect(commandOf('DOM\\alice')).toMatch(/--username 'DOM\\alice'$/m);
  });

  it('the service is mended alone; a person’s own lack is mended with the file', () => {
    const actions = ['config.authorize-group', 'service.restart'];
    const asked = (observed: Observed) => {
      const { remedy } = why(observed);
      return remedy.kind === 'plan'
        ? { actions: remedy.actions.map(a => a.action), more: remedy.more?.map(a => a.action) }
        : null;
    };
    const both = { ...STRICT, ...NO_GROUP };
    expect(asked(both)).toEqual({ actions, more: ['group.add'] });
    for (const apart of [{ 'denial.kind': 'service' }, NOT_LISTED] as Observed[])
      expect(asked({ ...both, ...apart })).toEqual({ actions });
    const down = why({ ...NO_GROUP, 'scheduler.active': 'inactive', 'scheduler.health4': 'refused' });
    expect(down.remedy.kind === 'plan' && down.remedy.actions.map(a => a.action)).toEqual(['service.start']);
    // What ends each time it is started is not started once more.
    const crashing = { 'scheduler.active': 'activating', 'scheduler.health4': 'refused' };
    expect(why({ ...NO_GROUP, ...crashing }).remedy.kind).toBe('advice');
  });

  it('the port of an address that names none, and the address over IPv6 where there is one', () => {
    const offline = { 'scheduler.health6': 'refused', 'client.event': 'unavailable' };
    const site = (yaml: string) => parseConfig(`host: claw-head-01\nscheduler: { ${yaml} }\n`, 'readmit.yaml');
    const shown = (yaml: string) => {
      const { remedy } = why(offline, 'alice', site(yaml));
      return remedy.kind === 'advice' ? [remedy.advice.commands.at(-1), remedy.advice.check] : [];
    };
    expect(shown('url: "https://claw", url6: "http://[2001:db8::5]:8080"')).toEqual([
      'ss -ltn | grep 443',
      "curl -g 'http://[2001:db8::5]:8080/health'",
    ]);
    expect(shown('url: "http://claw:8080"')).toEqual(['ss -ltn | grep 8080', '']);
  });

  it.each([
    ['', 'http://claw-head-01:8080'],
    ['url: "http://[::1]:9090"', 'http://claw-head-01:9090'],
    ['url: "https://claw.site.example:8080"', 'https://claw.site.example:8080'],
    ['userUrl: "https://claw.site.example/"', 'https://claw.site.example'],
  ])('people are told where they reach it, whatever leads there from this host: %s', (yaml, server) => {
    const site = parseConfig(`host: claw-head-01\nscheduler: { ${yaml} }\n`, 'readmit.yaml');
    const { remedy } = why({ 'token.expires': iso(NOW - HOUR) }, 'alice', site);
    expect(remedy.kind === 'tell' && remedy.advice.commands).toContain(`clw login --server ${server} --username alice`);
  });
});

/** Probes over real files and commands: what they answer, where they say it came from, and how they say "unknown". */
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtInPack, realGround } from '../../src/diagnose/effects.ts';
import { snapshot } from '../../src/diagnose/snapshot.ts';
import type { Fact } from '../../src/diagnosis.ts';
import { sha256 } from '../../src/digest.ts';
import { loadPacks } from '../../src/rules/pack.ts';
import { makeParser } from '../../src/rules/parser.ts';
import { type Lab, startLab, values } from './lab.ts';

let lab: Lab;
beforeEach(() => {
  lab = startLab();
});
afterEach(() => lab.end());

describe('who somebody is', () => {
  it('is asked of the local file and of NSS, and the answer says where it came from', async () => {
    const facts = await lab.ask('alice');
    expect(values(facts, 'account.exists', 'account.uid', 'account.system', 'groups.nss', 'groups.file')).toEqual({
      'account.exists': true,
      'account.uid': 2001,
      'account.system': false,
      'groups.nss': ['alice'],
      'groups.file': ['alice'],
    });
    expect(facts.get('groups.nss')!.source).toBe('id alice');
    expect(facts.get('account.uid')!.source).toBe(`${lab.dir}/etc/passwd`);
    expect(values(facts, 'access.member', 'access.missing-group', 'access.standard-authorized')).toEqual({
      'access.member': false,
      'access.missing-group': 'claw-users',
      'access.standard-authorized': true,
    });
  });

  it('a name that is nobody is no account; root is a system account', async () => {
    expect(values(await lab.ask('nobody-here'), 'account.exists', 'account.uid')).toEqual({
      'account.exists': false,
      'account.uid': undefined,
    });
    expect(values(await lab.ask('root'), 'account.system')).toEqual({ 'account.system': true });
  });

  it.each(['--root=/tmp', 'ALICE', 'alice ', '$(id)', 'a;id', '', 'x'.repeat(40), '-s'])(
    '%j never reaches a command',
    async name => {
      for (const tool of ['getent', 'id']) lab.command(tool, `printf '%s\\0' "$@" >> ${lab.dir}/asked; exit 2`);
      const facts = await lab.ask(name);
      expect(facts.get('account.exists')!.value).toBe(false);
      const asked = readFileSync(join(lab.dir, 'asked'), 'utf8').split('\0');
      expect(asked).toContain('group');
      // `-s SERVICE` is our own option of getent; behind `passwd` or `-Gn` a name would stand.
      expect(asked.filter((word, n) => word === name && ['passwd', '-Gn'].includes(asked[n - 1]!))).toEqual([]);
      expect(asked.filter(word => word !== '-s' && word !== '')).not.toContain(name);
    },
  );

  it('a lookup that fails or hangs is unknown, never no', async () => {
    lab.command('getent', 'exit 3');
    lab.command('id', 'sleep 5');
    const facts = await lab.ask('carol', { limitMs: 150 });
    expect(facts.get('account.exists')).toMatchObject({ known: false });
    expect(facts.get('groups.nss')).toMatchObject({
      known: false,
      source: expect.stringContaining('no answer in time'),
    });
    expect(facts.get('access.member')).toMatchObject({ known: false });
  });

  it('a group in the file that NSS does not show is a lag', async () => {
    lab.put('etc/group', 'alice:x:2001:\nclaw-users:x:2500:alice\n');
    lab.command('id', 'echo alice');
    expect(values(await lab.ask('alice'), 'groups.lag', 'access.member')).toEqual({
      'groups.lag': 'nss',
      'access.member': false,
    });
  });
});

describe('the configuration', () => {
  it('is read strictly, and the change that would authorise the group is prepared', async () => {
    const text = 'auth:\n  mode: groups # as ever\n  authorized_groups:\n    - claw-admins\n';
    lab.put('etc/config.yaml', text);
    const facts = await lab.ask(null);
    expect(values(facts, 'config.valid', 'access.authorized-groups', 'access.standard-authorized')).toEqual({
      'config.valid': true,
      'access.authorized-groups': ['claw-admins'],
      'access.standard-authorized': false,
    });
    expect((facts.get('config.splice')!.value as string[]).slice(0, 4)).toEqual([
      'claw-users',
      String(text.length),
      expect.stringMatching(/^[0-9a-f]{64}$/),
      '    - claw-users\n',
    ]);
  });

  it('that authorises the group already needs no change, and that is an answer', async () => {
    lab.put('etc/config.yaml', 'auth:\n  mode: groups\n  authorized_groups:\n    - claw-users\n');
    const splice = (await lab.ask(null)).get('config.splice')!;
    expect([splice.known, splice.value]).toEqual([true, null]);
    expect(splice.source).toContain('claw-users is in auth.authorized_groups');
  });

  it.each([
    ['a tab', 'auth:\n\tmode: groups\n', /line 2/],
    ['a duplicate key', 'auth: { mode: groups }\nauth: { mode: jwt }\n', /line 2/],
    [
      'a mode there is none of',
      'auth: { mode: magic, authorized_groups: [a] }\n',
      /"magic" is none of groups, jwt, ldap/,
    ],
    ['no list', 'auth: { mode: groups, authorized_groups: claw-users }\n', /missing or not a list/],
    [
      'an alias bomb',
      `a: &a [x]\n${Array.from({ length: 9 }, (_, n) => `b${n}: &b${n} [${Array(9).fill(n ? `*b${n - 1}` : '*a')}]`).join('\n')}\nauth: { mode: groups, authorized_groups: [x] }\n`,
      /alias/i,
    ],
  ])('%s is a fault with its place', async (_what, text, problem) => {
    lab.put('etc/config.yaml', text);
    const facts = await lab.ask(null);
    expect(facts.get('config.valid')!.value).toBe(false);
    expect(facts.get('config.problem')!.value).toMatch(problem);
    expect(facts.get('access.mode')!.known).toBe(false);
  });

  it('a byte that is no UTF-8: its hash is that of the file, as it is for who changes it, and no change is prepared', async () => {
    const text = Buffer.from(
      '# zust\xe4ndig: ann\nauth:\n  mode: groups\n  authorized_groups:\n    - claw-admins\n',
      'latin1',
    );
    writeFileSync(join(lab.dir, 'etc/config.yaml'), text);
    const facts = await lab.ask(null);
    expect(values(facts, 'config.valid', 'config.hash')).toEqual({ 'config.valid': true, 'config.hash': sha256(text) });
    expect((await snapshot(realGround(lab.config()))).config?.hash).toBe(sha256(text));
    expect(facts.get('config.splice')).toMatchObject({ known: false, source: expect.stringContaining('not-utf8') });
  });

  it('a secret in it goes nowhere', async () => {
    lab.put(
      'etc/config.yaml',
      'jwt_secret: hunter2hunter2\nlisten: x\na: 1\nb: 2\nauth:\n  mode: groups\n  authorized_groups:\n    - claw-admins\n',
    );
    expect(JSON.stringify([...(await lab.ask('alice')).values()])).not.toContain('hunter2');
  });
});

it('a FIFO where a file should be is no answer, and holds up nobody: nobody waits for its writer', async () => {
  for (const name of ['entitled.yaml', 'config.yaml']) {
    rmSync(join(lab.dir, 'etc', name), { force: true });
    execFileSync('mkfifo', [join(lab.dir, 'etc', name)]);
  }
  lab.set(`entitlement: { file: ${lab.dir}/etc/entitled.yaml }`);
  // More often than this process has threads for its files.
  for (const facts of await Promise.all(Array.from({ length: 5 }, () => lab.ask('alice', { probeMs: 4000 })))) {
    for (const [fact, file] of [
      ['entitlement.listed', 'entitled.yaml'],
      ['config.valid', 'config.yaml'],
      ['access.mode', 'config.yaml'],
      ['config.loaded', 'config.yaml'],
    ])
      expect(facts.get(fact!)).toMatchObject({
        known: false,
        source: expect.stringContaining(`${file}: not a regular file`),
      });
    expect(values(facts, 'account.exists')).toEqual({ 'account.exists': true });
  }
  expect((await snapshot(realGround(lab.config()))).config).toMatchObject({ valid: false });
  expect(await readFile(join(lab.dir, 'etc/passwd'), 'utf8')).toContain('alice');
});

describe('sessions', () => {
  const process = (pid: number, uid: number, groups: string, name = 'bash') =>
    lab.put(
      `proc/${pid}/status`,
      `Name:\t${name}\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nGid:\t${uid}\t${uid}\nGroups:\t${groups} \n`,
    );
  beforeEach(() => {
    lab.put('etc/group', 'alice:x:2001:\nclaw-users:x:2500:alice\n');
  });

  it.each([
    ['every session lacks the group', [[11, 2001, '2001']], true],
    [
      'one has it',
      [
        [11, 2001, '2001'],
        [12, 2001, '2001 2500'],
      ],
      false,
    ],
    ['nobody is there', [], false],
    ['somebody else’s', [[11, 2002, '2002']], false],
    ['a daemon that stays behind', [[11, 2001, '2001', 'systemd']], false],
  ] as [string, [number, number, string, string?][], boolean][])('%s: stale is %s', async (_what, table, stale) => {
    for (const row of table) process(...row);
    expect((await lab.ask('alice')).get('session.stale')).toMatchObject({ known: true, value: stale });
  });
});

describe('what else there is to ask', () => {
  it('a port where nobody listens is refused', async () => {
    expect((await lab.ask(null)).get('scheduler.health4')).toMatchObject({ known: true, value: 'refused' });
  });

  it('SELinux’s records of the scheduler are counted, others are not', async () => {
    lab.command(
      'ausearch',
      `cat <<'END'
type=AVC msg=audit(1700000000.123:1): avc:  denied  { read } for pid=1 comm="httpd" path="/srv"
type=AVC msg=audit(1700000001.500:2): avc:  denied  { connectto } for pid=2 comm="claw-scheduler" path="/var/lib/sss/pipes/nss"
END`,
    );
    expect(values(await lab.ask(null), 'selinux.mode', 'selinux.denials', 'selinux.path')).toEqual({
      'selinux.mode': 'enforcing',
      'selinux.denials': 1,
      'selinux.path': '/var/lib/sss/pipes/nss',
    });
  });

  it.each([
    [
      'of logrotate, whatever the file is called',
      'comm="logrotate" name="claw-scheduler.log"',
      'tclass=file permissive=0',
    ],
    ['that was only written down', 'comm="claw-scheduler" path="/etc/x"', 'tclass=file permissive=1'],
  ])('a record %s is none', async (_what, who, rest) => {
    lab.command(
      'ausearch',
      `echo 'type=AVC msg=audit(1700000001.500:2): avc:  denied  { read } for  pid=2 ${who} ${rest}'`,
    );
    expect((await lab.ask(null)).get('selinux.denials')!.value).toBe(0);
  });

  it.each([
    [
      'a file, by the event’s own record of it',
      `type=PATH msg=audit(1700000001.500:2): item=0 name="/etc/claw-scheduler" inode=7 dev=fd:00 nametype=PARENT
type=PATH msg=audit(1700000001.500:2): item=1 name="config.yaml" inode=9 dev=fd:00 nametype=NORMAL
type=CWD msg=audit(1700000001.500:2): cwd="/etc/claw-scheduler"
type=AVC msg=audit(1700000001.500:2): avc:  denied  { read } for  pid=2 comm="claw-scheduler" name="config.yaml" dev="dm-0" ino=9 tclass=file permissive=0`,
      { 'selinux.target': '/etc/claw-scheduler/config.yaml', 'selinux.path': '/etc/claw-scheduler/config.yaml' },
    ],
    [
      'a file of which only the name is known',
      `type=PATH msg=audit(1700000001.500:3): item=1 name="/other" inode=9 nametype=NORMAL
type=AVC msg=audit(1700000001.500:2): avc:  denied  { read } for  pid=2 comm="claw-scheduler" name="config.yaml" dev="dm-0" ino=9 tclass=file`,
      { 'selinux.target': 'config.yaml' },
    ],
    [
      'a port',
      'type=AVC msg=audit(1700000001.500:2): avc:  denied  { name_bind } for  pid=2 comm="claw-scheduler" src=8080 scontext=a:b:c:s0 tcontext=system_u:object_r:http_cache_port_t:s0 tclass=tcp_socket permissive=0',
      { 'selinux.target': 'port 8080/tcp', 'selinux.port': '8080' },
    ],
  ])('SELinux names what it keeps the scheduler from: %s', async (_what, records, named) => {
    lab.command('ausearch', `cat <<'END'\n----\n${records}\nEND`);
    expect(values(await lab.ask(null), 'selinux.denials', 'selinux.target', 'selinux.path', 'selinux.port')).toEqual({
      'selinux.denials': 1,
      'selinux.path': undefined,
      'selinux.port': undefined,
      ...named,
    });
  });

  it('a host without SELinux and firewalld does not know', async () => {
    for (const tool of ['getenforce', 'ausearch', 'firewall-cmd']) rmSync(join(lab.dir, 'bin', tool));
    expect(values(await lab.ask(null), 'selinux.mode', 'selinux.denials', 'firewall.open')).toEqual({
      'selinux.mode': undefined,
      'selinux.denials': undefined,
      'firewall.open': undefined,
    });
  });

  const ZONE = { target: 'default', services: 'ssh', ports: '22/tcp', rules: '', active: 'active' };
  it.each([
    ['closed', false, {}],
    ['opened by a range of ports', true, { ports: '8000-9000/tcp' }],
    ['opened for another protocol only', false, { ports: '8080/udp' }],
    ['opened by a service', true, { services: 'ssh http-alt' }],
    ['perhaps opened by a service that can’t be read', undefined, { services: 'ssh site' }],
    ['in a zone that lets everything in', true, { target: 'ACCEPT' }],
    [
      'perhaps opened for some by a rich rule',
      undefined,
      { rules: 'rule family="ipv4" source address="10.0.0.0/8" accept' },
    ],
    ['refused by a rich rule', false, { rules: 'rule family="ipv6" port port="8080" protocol="tcp" reject' }],
    ['opened for another port by a rich rule', false, { rules: 'rule port port="443" protocol="tcp" accept' }],
    ['in a firewall without a zone in use', undefined, { active: 'unused' }],
  ] as [string, boolean | undefined, Partial<typeof ZONE>][])('a port that is %s: %s', async (_what, open, zone) => {
    const { target, services, ports, rules, active } = { ...ZONE, ...zone };
    lab.put(
      'zones',
      `block\n  target: DROP\n  ports: 8080/tcp\n\npublic (default, ${active})\n  target: ${target}\n  services: ${services}\n  ports: ${ports}\n  rich rules: \n\t${rules}\n`,
    );
    lab.command(
      'firewall-cmd',
      `case "$1" in --query-port=8080/tcp) echo no; exit 1;; --list-all-zones) cat ${lab.dir}/zones;;
--info-service=ssh) printf 'ssh\\n  ports: 22/tcp\\n  includes: \\n';; --info-service=http-alt) printf 'http-alt\\n  ports: 8080/tcp\\n  includes: \\n';; *) exit 101;; esac`,
    );
    expect(values(await lab.ask(null, { url: 'http://127.0.0.1:8080' }), 'firewall.open')).toEqual({
      'firewall.open': open,
    });
  });

  it.each([
    ['export HTTP_PROXY=http://proxy:3128\n', true],
    ['http_proxy=http://proxy:3128\n', true],
    ['# export HTTP_PROXY=http://proxy:3128\n', false],
    ['export HTTP_PROXY=http://proxy:3128\nunset HTTP_PROXY\n', false],
    ['export HTTP_PROXY=http://proxy:3128\nexport no_proxy=localhost,127.0.0.1\n', true],
    ['export HTTP_PROXY=http://proxy:3128\nexport no_proxy=localhost,claw-head-01\n', false],
    ['export HTTP_PROXY=\n', false],
  ])('a start file with %j sets a proxy: %s', async (text, set) => {
    lab.put('home/alice/.profile', text);
    expect((await lab.ask('alice')).get('proxy.set')!.value).toBe(set);
  });

  it('what usermod can do is asked of itself, once; one that can’t be asked is not one that can’t', async () => {
    expect((await lab.ask('alice')).get('usermod.removes')!.known).toBe(false);
    for (const [options, can] of [
      ['-R, --root CHROOT_DIR', false],
      ['-r, --remove   remove the user from only the supplemental GROUPS', true],
    ] as const) {
      lab.command('usermod', `[ "$*" = --help ] && echo "  -a, --append" && echo "  ${options}"`);
      expect((await lab.ask('alice')).get('usermod.removes')!.value).toBe(can);
    }
  });

  it('the entitlement file says who should have access; without one nothing shows it', async () => {
    expect((await lab.ask('alice')).get('entitlement.listed')!.known).toBe(false);
    lab.set(`entitlement: { file: ${lab.put('etc/entitled.yaml', 'claw-users: [alice]\nother: [bob]\n')} }`);
    expect((await lab.ask('alice')).get('entitlement.listed')!.value).toBe(true);
    expect((await lab.ask('bob')).get('entitlement.listed')!.value).toBe(false);
  });

  it.each([
    ['a line that was not finished', '{', /entitled\.yaml: .+ at line 1, column 2$/],
    ['another form', 'claw-users: everybody\n', /entitled\.yaml: not of the form/],
    ['two documents', 'claw-users: [alice]\n---\nclaw-users: []\n', /entitled\.yaml: .*multiple documents/],
    [
      'one group twice',
      'claw-users: [alice]\nclaw-users: []\n',
      /entitled\.yaml: claw-users: this key is there already; keep one of them \(line 2\)$/,
    ],
    ['nothing in it, as while it is written', '# who\n', /entitled\.yaml: there is nothing in it/],
    ['no file', null, /entitled\.yaml: no such file/],
  ] as [string, string | null, RegExp][])(
    'an entitlement file that can’t be read has not said that somebody’s access was meant to end: %s',
    async (_what, text, problem) => {
      const path = join(lab.dir, 'etc/entitled.yaml');
      lab.set(`entitlement: { file: ${path} }`);
      if (text !== null) lab.put('etc/entitled.yaml', text);
      const given = [
        { fact: 'history.group-removed', value: ['claw-users'], known: true, source: 'our history', at: '' },
      ];
      const facts = await lab.ask('alice', { given });
      expect(facts.get('access.removed')).toMatchObject({ known: false, source: expect.stringMatching(problem) });
      expect(values(facts, 'access.removal-unclear', 'entitlement.source')).toEqual({
        'access.removal-unclear': true,
        'entitlement.source': path,
      });
      expect(facts.get('entitlement.problem')!.value).toMatch(problem);
      lab.put('etc/entitled.yaml', 'claw-users: [bob]\n');
      const mended = await lab.ask('alice', { given });
      expect(values(mended, 'access.removed', 'access.removal-unclear', 'entitlement.problem')).toEqual({
        'access.removed': true,
        'access.removal-unclear': false,
        'entitlement.problem': null,
      });
    },
  );

  it('a list of nobody is one', async () => {
    lab.set(`entitlement: { file: ${lab.put('etc/entitled.yaml', '{}\n')} }`);
    expect((await lab.ask('alice')).get('entitlement.listed')!.value).toBe(false);
  });

  it('what SELinux complained of counts while it has the label it had then', async () => {
    const record = (label: string): string =>
      `type=AVC msg=audit(${(Date.now() / 1000 - 5).toFixed(3)}:1): avc:  denied  { connectto } for  pid=1 comm="claw-scheduler" path="/var/lib/sss/pipes/nss" tcontext=${label} permissive=0`;
    lab.command('ausearch', `echo '${record('system_u:object_r:default_t:s0')}'`);
    for (const [label, count] of [
      ['system_u:object_r:default_t:s0', 1],
      ['system_u:object_r:sssd_var_lib_t:s0', 0],
      ['?', 1],
    ] as const) {
      lab.command('stat', `echo '${label}'`);
      expect((await lab.ask(null)).get('selinux.denials')!.value).toBe(count);
    }
  });

  it('a hint counts for the request it stands above, not for one before it', async () => {
    const parse = makeParser(loadPacks([builtInPack('openclaw')]).flatMap(p => p.rules));
    const time = new Date(Date.now() - 5000).toISOString().replace(/\.\d+/, '');
    const away = `[ERROR] ${time}: scheduler-unavailable: cannot reach http://h:1 (ECONNREFUSED)\n`;
    const hint = `[WARNING] ${time}: using proxy http://p:3128 (HTTP_PROXY)\n`;
    lab.put('home/alice/.claw/clw.log', `${hint}[ERROR] ${time}: HTTP 502 from scheduler: no JSON\n${away}`);
    expect((await lab.ask('alice', { parse })).get('client.proxy')!.value).toBe(false);
    lab.put('home/alice/.claw/clw.log', `${hint}${away}`);
    expect((await lab.ask('alice', { parse })).get('client.proxy')!.value).toBe(true);
  });

  it('the client’s last word is what counts, with what it wrote beside it', async () => {
    const parse = makeParser(loadPacks([builtInPack('openclaw')]).flatMap(p => p.rules));
    const time = new Date(Date.now() - 5000).toISOString().replace(/\.\d+/, '');
    const denied = `[ERROR] ${time}: HTTP 403 from scheduler: {"error":"clw-scheduler-denied","message":"User alice not authorized"}\n`;
    lab.put(
      'home/alice/.claw/clw.log',
      `[WARNING] ${time}: running as uid 0 in a container\n${denied}[ERROR] ${time}: clw-job-invalid: t.yaml: line 2\n`,
    );
    expect(values(await lab.ask('alice', { parse }), 'client.event', 'client.container')).toEqual({
      'client.event': 'job-invalid',
      'client.container': false,
    });
    lab.put('home/alice/.claw/clw.log', `${denied}[WARNING] ${time}: running as uid 0 in a container\n${denied}`);
    expect(values(await lab.ask('alice', { parse }), 'client.event', 'container.root')).toEqual({
      'client.event': 'denied',
      'container.root': true,
    });
  });

  it('the executor is asked about nobody who has no account', async () => {
    const asked: string[] = [];
    const ask = async ({ user }: { user: string }) => {
      asked.push(user);
      return { entry: 'there', password: 'locked', account: 'valid', source: '/etc/shadow' } as const;
    };
    expect((await lab.ask('nobody-has-it', { ask })).get('account.expired')!.known).toBe(false);
    await lab.ask('alice', { ask });
    expect(asked).toEqual(['alice']);
  });

  it('the executor is asked for what needs rights; without one it is unknown', async () => {
    expect((await lab.ask('alice')).get('account.expired')!.known).toBe(false);
    const ask = async () => ({ entry: 'there', password: 'locked', account: 'valid', source: '/etc/shadow' }) as const;
    expect(values(await lab.ask('alice', { ask }), 'account.expired', 'account.password-locked')).toEqual({
      'account.expired': false,
      'account.password-locked': true,
    });
  });
});

describe('all probes together', () => {
  it('one that hangs costs its own facts and nothing else', async () => {
    lab.command('getenforce', 'sleep 20');
    const started = Date.now();
    const facts = await lab.ask('alice', { probeMs: 1500 });
    expect(Date.now() - started).toBeLessThan(6000);
    expect(facts.get('selinux.mode')).toMatchObject({ known: false, source: expect.stringContaining('1500 ms') });
    expect(facts.get('account.exists')!.value).toBe(true);
  });

  it('a site can turn one off', async () => {
    expect((await lab.ask('alice', { off: ['token'] })).get('token.present')).toMatchObject({
      known: false,
      source: 'this probe is switched off',
    });
  });

  it('what is given can’t take the place of what was asked', async () => {
    const given = (fact: string): Fact => ({ fact, value: ['claw-users'], known: true, source: 'forged', at: '' });
    const facts = await lab.ask('alice', { given: [given('groups.nss'), given('history.group-removed')] });
    expect(facts.get('groups.nss')!.value).toEqual(['alice']);
    expect(facts.get('history.group-removed')!.source).toBe('forged');
  });
});

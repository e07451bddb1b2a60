/**
 * Installed for real: a machine with a real systemd, our units, three users and the untouched system tools. An administrator
 * installs, approves with a key, and sees alice let in, proven by jobs that alice's own account submits.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IncidentDetail, IncidentRow } from '../../src/desk.ts';
import { Machine, whyNoMachine } from './machine.ts';

const why = whyNoMachine();
const title = 'C21 installed on a machine with systemd';

/** A client that lets in who is in claw-users, and says as whom and where it was started. */
const CLW = `#!/bin/sh
echo "$(id -un) $(id -nG) $(grep -c : /proc/net/dev) $(grep ^0: /proc/self/cgroup)" >>/var/log/clw-calls
id -nG | grep -qw claw-users || { echo 'clw-scheduler-denied: Access denied'; exit 1; }
case $1 in
  submit) echo 'Job submitted: job-1' ;;
  status) echo "ID: job-1  Status: COMPLETED  User: $(id -un)" ;;
  list) echo "job-1  COMPLETED  $(id -un)" ;;
esac
`;
const SCHEDULER = `[Service]
ExecStart=/usr/bin/readmit-node -e "require('http').createServer((q, s) => s.end(JSON.stringify({ status: 'healthy' }))).listen(8080, '127.0.0.1')"
`;
const CONFIG = 'auth:\n  mode: groups\n  authorized_groups:\n    - claw-users\n';
const DENIAL = '[WARNING] Unauthorized access attempt from 192.168.1.100: user alice, endpoint /submit';

const machine = new Machine();
const json = async <T>(...argv: string[]): Promise<T> =>
  JSON.parse((await machine.run('readmit', ...argv, '--json')).out) as T;
const incidentIn = (id: string, state: string): Promise<IncidentRow> =>
  machine.until(
    `incident ${id} is ${state}`,
    async () => (await json<IncidentRow[]>('incidents')).find(i => i.id === id && i.state === state) ?? null,
  );

const b64 = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const token = (): string =>
  `${b64({ alg: 'HS256', typ: 'JWT' })}.${b64({ user: 'alice', groups: ['claw-users'], exp: Math.floor(Date.now() / 1000) + 80_000 })}.${'A'.repeat(43)}`;

async function prepare(): Promise<void> {
  await machine.boot();
  await machine.sh(`ln -s /usr/share/readmit/node_modules/.bin/node /usr/bin/readmit-node
    for user in alice ann ben; do userdel $user 2>/dev/null || :; done; groupdel claw-users 2>/dev/null || :
    useradd -m -u 41001 -s /bin/sh alice; useradd -u 1201 ann; useradd -u 1202 ben; groupadd claw-users
    mkdir -p /etc/claw-scheduler /home/alice/.claw
    echo 'token: ${token()}' >/home/alice/.claw/config.yaml
    chown -R alice:alice /home/alice; chmod -R go= /home/alice
    : >/var/log/claw-scheduler.log; chgrp adm /var/log/claw-scheduler.log; chmod 640 /var/log/claw-scheduler.log
    : >/var/log/clw-calls; chmod 666 /var/log/clw-calls
    for who in ann ben; do openssl genpkey -algorithm ed25519 -out /etc/readmit/keys/$who.key; done
    echo s3cret >/etc/readmit/credentials/serve/mail.password; chmod 600 /etc/readmit/credentials/serve/mail.password`);
  const publicKey = (who: string): Promise<string> =>
    machine.sh(`openssl pkey -in /etc/readmit/keys/${who}.key -pubout -outform DER | tail -c 32 | base64`);
  const person = async (name: string, uid: number) => ({
    name,
    uid,
    roles: ['administrator'],
    keys: [(await publicKey(name)).trim()],
  });
  await machine.put(
    '/etc/readmit/approvers.yaml',
    JSON.stringify({ approvers: [await person('ann', 1201), await person('ben', 1202)] }),
  );
  await machine.put('/usr/bin/clw', CLW, 0o755);
  await machine.put('/etc/claw-scheduler/config.yaml', CONFIG);
  await machine.put('/etc/systemd/system/claw-scheduler.service', SCHEDULER);
  await machine.sh(`sed -i 's/^  through: systemd-run.*/  through: systemd-run\\n  recheck: 1\\n  quiet: 1/' /etc/readmit/readmit.yaml
    echo 'host: machine' >>/etc/readmit/readmit.yaml
    systemctl daemon-reload; systemctl start claw-scheduler
    systemctl enable --now readmit-redis readmit-exec.socket readmit-serve readmit-agent`);
  await machine.until('the agent has reported', async () =>
    (await machine.run('readmit', 'doctor')).out.includes('machine reported at'),
  );
}

describe.skipIf(why !== null)(why === null ? title : `${title} — NOT TRIED: ${why}`, () => {
  beforeAll(prepare);
  afterAll(() => machine.end());

  it('every unit runs, as its user, and doctor as root finds nothing to mend', async () => {
    const active = (
      await machine.run(
        'systemctl',
        'is-active',
        'readmit-redis',
        'readmit-exec.socket',
        'readmit-serve',
        'readmit-agent',
      )
    ).out;
    expect(active).toBe('active\nactive\nactive\nactive\n');
    const who = await machine.sh(
      'for u in redis serve agent; do ps -o user:20= -p $(systemctl show -P MainPID readmit-$u); done',
    );
    expect(who.split('\n').map(l => l.trim())).toEqual(['readmit-redis', 'readmit', 'readmit-agent', '']);
    // The agent's first look at the executor may find it still starting.
    const found = await machine.until('doctor finds nothing to mend', async () => {
      const { code, out } = await machine.run('readmit', 'doctor');
      return code === 0 && out;
    });
    expect(found).not.toContain('PROBLEM');
  });

  it('the kernel holds each to its unit', async () => {
    const held = await machine.sh(`for u in redis serve agent exec; do
      p=$(systemctl show -P MainPID readmit-$u); echo $u $(grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/$p/status | cut -f2) net=$(nsenter -t $p -n ls /sys/class/net 2>/dev/null | tr '\\n' ' ')
    done`);
    const words = Object.fromEntries(
      held
        .trim()
        .split('\n')
        .map(line => [line.split(' ')[0]!, line.split(' ').slice(1, 4)]),
    );
    expect(words).toEqual({
      redis: ['0000000000000000', '1', '2'],
      serve: ['0000000000000000', '1', '2'],
      agent: ['0000000000000004', '1', '2'],
      exec: ['0000000020000001', '1', '2'],
    });
    const same = await machine.sh(
      'for u in exec redis serve; do readlink /proc/$(systemctl show -P MainPID readmit-$u)/ns/net /proc/1/ns/net | uniq | wc -l; done',
    );
    expect(same).toBe('2\n2\n1\n');
  });

  it('alice is refused, an administrator approves with a key, and alice works again, as her own jobs prove', async () => {
    await machine.sh(`echo '${DENIAL}' >>/var/log/claw-scheduler.log`);
    const { id } = await incidentIn('1', 'proposed');
    const detail = await json<IncidentDetail>('show', id);
    expect(detail.diagnosis?.cause).toBe('openclaw/missing-group');
    expect((await machine.run('readmit', 'approve', id, '--as', 'ann', '--reason', 'onboarding')).code).toBe(0);
    await incidentIn(id, 'resolved');
    expect(await machine.sh('getent group claw-users')).toMatch(/:alice\n$/);
    const calls = (await machine.sh('cat /var/log/clw-calls')).trim().split('\n');
    expect(calls.length).toBeGreaterThanOrEqual(12);
    // Each in a unit of its own, outside of the executor's sandbox, with her groups as a new login has them.
    for (const call of calls) expect(call).toMatch(/^alice alice claw-users \d+ 0::\/system\.slice\/run-/);
  });

  it('a configuration that is too strict is patched and the scheduler restarted, after two votes', async () => {
    const before = await machine.sh('systemctl show -P MainPID claw-scheduler');
    await machine.put('/etc/claw-scheduler/config.yaml', CONFIG.replace('claw-users', 'claw-admins  # too strict'));
    await machine.sh(`echo '${DENIAL}' >>/var/log/claw-scheduler.log`);
    const { id } = await incidentIn('2', 'proposed');
    for (const who of ['ann', 'ben'])
      expect((await machine.run('readmit', 'approve', id, '--as', who, '--reason', 'changed by mistake')).code).toBe(0);
    await incidentIn(id, 'resolved');
    expect(await machine.sh('cat /etc/claw-scheduler/config.yaml')).toBe(
      `${CONFIG.replace('claw-users', 'claw-admins  # too strict')}    - claw-users\n`,
    );
    expect(await machine.sh('systemctl show -P MainPID claw-scheduler')).not.toBe(before);
    expect((await machine.run('readmit', 'audit', 'verify')).out).toMatch(
      /journal: \d+ entries, unbroken[\s\S]*executor: \d+ entries, unbroken/,
    );
  });

  it('C22 a secret reaches serve as a file of its own, and nobody else', async () => {
    const file = '/run/credentials/readmit-serve.service/site_mail.password';
    expect(await machine.sh(`setpriv --reuid readmit --regid readmit --clear-groups cat ${file}`)).toBe('s3cret\n');
    for (const other of ['readmit-agent', 'readmit-redis', 'nobody', 'alice'])
      expect((await machine.run('setpriv', '--reuid', other, '--clear-groups', 'cat', file)).out).toContain(
        'Permission denied',
      );
    expect(
      await machine.sh('grep -l s3cre[t] /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null || echo none'),
    ).toBe('none\n');
  });

  it('the agent, which may read homes, may not read keys, hashes or the state of the others', async () => {
    const agent = (await machine.sh('systemctl show -P MainPID readmit-agent')).trim();
    // Its own view of the files with its own capability: what its code could open.
    const look = async (path: string): Promise<string> => {
      const { code, out } = await machine.run(
        'nsenter',
        '-t',
        agent,
        '-m',
        'setpriv',
        '--reuid',
        'readmit-agent',
        '--regid',
        'readmit-agent',
        '--clear-groups',
        '--inh-caps',
        '+dac_read_search',
        '--ambient-caps',
        '+dac_read_search',
        'head',
        '-c',
        '1',
        path,
      );
      // A closed file is an empty one in its view, what lies below a closed directory is not there.
      return code === 0 && out !== '' ? 'read' : 'closed';
    };
    expect(await look('/home/alice/.claw/config.yaml')).toBe('read');
    for (const closed of [
      '/etc/readmit/keys/ann.key',
      '/etc/shadow',
      '/var/lib/readmit/serve/readmit.db',
      '/var/lib/readmit/exec/audit.jsonl',
      '/etc/readmit/credentials/serve/mail.password',
      '/run/credentials/readmit-serve.service/site_mail.password',
    ])
      expect([closed, await look(closed)]).toEqual([closed, 'closed']);
  });

  it('E18 a stop in order ends everything, and the socket starts the executor again', async () => {
    await machine.sh('systemctl stop readmit-agent readmit-serve; systemctl stop readmit-exec.service 2>/dev/null');
    expect((await machine.run('systemctl', 'is-active', 'readmit-exec.service', 'readmit-exec.socket')).out).toBe(
      'inactive\nactive\n',
    );
    expect(
      await machine.sh('systemctl show -P Result readmit-agent readmit-serve readmit-exec.service | sort -u'),
    ).toMatch(/^\s*success\s*$/);
    await machine.sh('systemctl start readmit-serve readmit-agent');
    await machine.until(
      'the executor is back',
      async () => (await machine.run('systemctl', 'is-active', 'readmit-exec.service')).out === 'active\n',
    );
  });
});

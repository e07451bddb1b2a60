/** A group that lives in the directory: orders over the real socket, the real helper, Debian's slapd behind it. */
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { auditFiles, verifyAudit } from '../../src/execute/audit.ts';
import { helperOf } from '../../src/execute/directory.ts';
import type { OneValue } from '../../src/ldif.ts';
import { modifyRecord } from '../../src/ldif.ts';
import type { Order } from '../../src/messages.ts';
import { BASE, GROUPS, PASSWORDS, PEOPLE, type Slapd, startSlapd, WRITER } from '../ldap/slapd.ts';
import { addAlice, type Exec, GROUP, type Ground, makeGround, order, PASSWD } from './ground.ts';

type Step = Order['steps'][number];
type Directory = Extract<Step, { action: 'directory.group-add' }>;

const DN = `cn=claw-users,${GROUPS}`;
const MEMBERS = `cn=claw-members,${GROUPS}`;

let slapd: Slapd;
let ground: Ground;
let execs: Exec[] = [];
let shared = false;
beforeEach(async () => {
  if (!shared) slapd = await startSlapd();
});
afterEach(async () => {
  if (shared) return;
  await ground?.stop();
  await slapd.end();
});
/** Tables of refusals change nothing, so they may share one machine and one directory. */
const shareOne = (): void => {
  beforeAll(async () => {
    slapd = await startSlapd();
    await ready();
    shared = true;
  });
  afterAll(async () => {
    shared = false;
    await ground.stop();
    await slapd.end();
  });
};

/** A machine whose claw-users and claw-members come from the directory: no local file has them. */
async function ready(ldap: Record<string, unknown> = {}, policy: object = {}): Promise<void> {
  ground = makeGround({
    directory: {
      ldap: {
        url: slapd.url,
        base: BASE,
        groupBase: GROUPS,
        userBase: PEOPLE,
        bindDn: WRITER,
        passwordFile: slapd.passwordFile(WRITER),
        ...ldap,
      },
    },
    policy: { groups: ['claw-users', 'claw-members'], ...policy },
  });
  ground.write(GROUP.replace(/^claw-users.*\n/m, ''), 'etc/group');
  ground.script(
    'getent',
    'case "$2" in claw-users) echo claw-users:x:42000:bob;; claw-members) echo claw-members:x:42001:bob;; *) exit 2;; esac',
  );
  execs = [await ground.start()];
}

const send: Ground['send'] = (...order) => ground.send(...order);

/** The step as a plan writes it; its LDIF follows what is changed here, unless it is given. */
function add(over: Partial<Directory> = {}): Directory {
  const what: OneValue = { dn: over.dn ?? DN, attribute: over.attribute ?? 'memberUid', value: over.value ?? 'alice' };
  const who = { user: 'alice', uid: 41001, group: 'claw-users', gid: 42000 };
  return {
    action: 'directory.group-add',
    ...who,
    until: null,
    ...what,
    diff: modifyRecord('add', what),
    ...over,
  } as Directory;
}
const remove = (step: Directory): Step => {
  const { until: _, ...rest } = step;
  return { ...rest, action: 'directory.group-remove', diff: modifyRecord('delete', step) };
};
const undoOf = (o: Order): Order => ({ ...o, what: 'undo', run: `${o.run}.undo` });
const inGroup = (): string[] => slapd.values(DN, 'memberUid');

describe('an approved change of the directory', () => {
  test('adds exactly one value, reads it back, and takes back just that', async () => {
    await ready();
    const plan = order(ground, [add()], { undo: [remove(add())] });
    const outcome = await send(plan, () => {
      // The intent is on the disk before the directory hears of it.
      expect(ground.audit().at(-1)).toMatchObject({ what: 'run.intent', actor: 'root-ann' });
      expect(inGroup()).toEqual(['bob']);
    });
    expect(outcome).toMatchObject({ result: 'done', steps: [{ action: 'directory.group-add', result: 'done' }] });
    expect(outcome.steps[0]!.before).toContain('is not there');
    expect(outcome.steps[0]!.after).toContain('is there');
    expect(inGroup()).toEqual(['bob', 'alice']);
    expect(await send(plan)).toEqual(outcome);
    expect(await send(undoOf(plan))).toMatchObject({ result: 'done' });
    expect(inGroup()).toEqual(['bob']);
    expect(verifyAudit(auditFiles(ground.path('state/exec/audit.jsonl')))).toMatchObject({ ok: true });
    expect(readFileSync(ground.path('state/exec/audit.jsonl'), 'utf8')).not.toContain(PASSWORDS[WRITER]);
    expect(existsSync(ground.path('usermod.log'))).toBe(false);
  });

  test('a group of entries gets the name of the person’s own entry', async () => {
    await ready({ memberAttribute: 'member' });
    const step = add({
      group: 'claw-members',
      gid: 42001,
      dn: MEMBERS,
      attribute: 'member',
      value: `uid=alice,${PEOPLE}`,
    });
    const plan = order(ground, [step], { undo: [remove(step)] });
    expect(await send(plan)).toMatchObject({ result: 'done' });
    expect(slapd.values(MEMBERS, 'member')).toEqual([`uid=bob,${PEOPLE}`, `uid=alice,${PEOPLE}`]);
    expect(await send(undoOf(plan))).toMatchObject({ result: 'done' });
    expect(slapd.values(MEMBERS, 'member')).toEqual([`uid=bob,${PEOPLE}`]);
  });

  test('who is a member already is left alone, and so is not ours to take out', async () => {
    await ready();
    slapd.modify(modifyRecord('add', add()));
    const plan = order(ground, [add()], { undo: [remove(add())] });
    expect(await send(plan)).toMatchObject({ result: 'already' });
    expect(await send(undoOf(plan))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('not-our-change'),
    });
    expect(inGroup()).toEqual(['bob', 'alice']);
  });

  test('somebody else took it back: the undo finds nothing to do', async () => {
    await ready();
    const plan = order(ground, [add()], { undo: [remove(add())] });
    expect(await send(plan)).toMatchObject({ result: 'done' });
    slapd.modify(modifyRecord('delete', add()));
    expect(await send(undoOf(plan))).toMatchObject({ result: 'already' });
    expect(inGroup()).toEqual(['bob']);
  });

  test('grants in the directory count against the limit of an hour', async () => {
    await ready({}, { grantsPerHour: 1 });
    expect(await send(order(ground, [add()]))).toMatchObject({ result: 'done' });
    slapd.modify(modifyRecord('delete', add()));
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('grants-per-hour'),
    });
    expect(inGroup()).toEqual(['bob']);
  });
});

describe('what an order may not say', () => {
  shareOne();
  const cases: [string, Partial<Directory>, string][] = [
    ['a group outside of the groups’ own subtree', { dn: `cn=claw-users,ou=other,${BASE}` }, 'dn-not-allowed'],
    ['the subtree itself', { dn: GROUPS }, 'dn-not-allowed'],
    ['a name that is none', { dn: 'claw-users' }, 'dn-not-allowed'],
    ['another group’s entry', { dn: `cn=claw-admins,${GROUPS}` }, 'dn-moved'],
    ['an elevated group', { group: 'claw-admins', gid: 42001, dn: `cn=claw-admins,${GROUPS}` }, 'elevated-group'],
    ['a group that may not be given', { group: 'other', dn: `cn=other,${GROUPS}` }, 'group-not-allowed'],
    ['somebody else’s name', { value: 'bob' }, 'value-differs'],
    ['another attribute', { attribute: 'member', value: `uid=alice,${PEOPLE}` }, 'value-differs'],
    ['LDIF that shows another change', { diff: modifyRecord('add', { ...add(), value: 'carol' }) }, 'ldif-differs'],
    [
      'LDIF with a record more',
      { diff: `${modifyRecord('add', add())}\ndn: ${BASE}\nchangetype: delete\n` },
      'ldif-differs',
    ],
    ['another person than the plan is about', { user: 'bob', uid: 41002, value: 'bob' }, 'subject-differs'],
    ['a name that is an option', { user: '--root=/tmp', value: '--root=/tmp' }, 'bad-name'],
  ];
  test.each(cases)('%s', async (_what, over, rule) => {
    const outcome = await send(order(ground, [add(over)], { over: { subject: { user: 'alice', uid: 41001 } } }));
    expect(['refused', 'stale']).toContain(outcome.result);
    expect(outcome.detail).toContain(rule);
    expect(inGroup()).toEqual(['bob']);
    expect(slapd.values(`cn=claw-admins,${GROUPS}`, 'memberUid')).toEqual([]);
    expect(slapd.values(`cn=claw-users,ou=other,${BASE}`, 'memberUid')).toEqual([]);
  });

  test('a vote of the person concerned, or too few, is no order', async () => {
    expect(await send(order(ground, [add()], { by: ['alice'] }))).toMatchObject({ result: 'refused' });
    expect(await send(order(ground, [add()], { by: [] }))).toMatchObject({ result: 'refused' });
    expect(inGroup()).toEqual(['bob']);
  });

  test('an undo that takes out somebody else takes nothing out', async () => {
    const bob = remove(add({ value: 'bob' }));
    const plan = order(ground, [add()], { undo: [bob] });
    expect(await send(plan)).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(/undo-not-inverse|value-differs/),
    });
    expect(inGroup()).toEqual(['bob']);
  });
});

describe('a world that has moved', () => {
  test.each<[string, () => void, string]>([
    [
      'the group has another number',
      () => slapd.modify(`dn: ${DN}\nchangetype: modify\nreplace: gidNumber\ngidNumber: 4711\n`),
      'gid-moved',
    ],
    [
      'the person has another number',
      () => slapd.modify(`dn: uid=alice,${PEOPLE}\nchangetype: modify\nreplace: uidNumber\nuidNumber: 4711\n`),
      'uid-moved',
    ],
    [
      'the group was renamed',
      () => slapd.modify(`dn: ${DN}\nchangetype: modrdn\nnewrdn: cn=others\ndeleteoldrdn: 1\n`),
      'no-such-group',
    ],
    ['the group is in the local file now', () => ground.write(GROUP, 'etc/group'), 'group-is-local'],
    [
      'the person is gone from this host',
      () => ground.write(PASSWD.replace(/^alice.*\n/m, ''), 'etc/passwd'),
      'no-such-user',
    ],
  ])('%s', async (_what, move, rule) => {
    await ready();
    move();
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'stale',
      detail: expect.stringContaining(rule),
    });
    if (rule !== 'no-such-group') expect(inGroup()).toEqual(['bob']);
  });

  test('two groups of one name: nobody can say which is meant', async () => {
    await ready({ groupBase: BASE });
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('2 entries are called claw-users'),
    });
    expect(inGroup()).toEqual(['bob']);
  });
});

describe('a directory that says no, or nothing', () => {
  test('without an account that may write there is nothing to be done', async () => {
    await ready({ bindDn: null, passwordFile: null });
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('no-directory'),
    });
  });

  test('a wrong password: refused with the server’s words, nothing is changed', async () => {
    await ready({ passwordFile: slapd.passwordFile(WRITER, 'guessed') });
    const outcome = await send(order(ground, [add()]));
    expect(outcome).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('did not take the name and password'),
    });
    expect(outcome.detail).not.toContain('guessed');
    expect(inGroup()).toEqual(['bob']);
  });

  test('an empty password never leaves this machine: the server would have called it a success', async () => {
    await ready({ passwordFile: slapd.passwordFile(WRITER, '') });
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('the password is empty'),
    });
  });

  test('a password that everybody can read is not used', async () => {
    const file = slapd.passwordFile(WRITER);
    chmodSync(file, 0o644);
    await ready({ passwordFile: file });
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining(`chmod 600 ${file}`),
    });
  });

  test('an account without the right: failed, with nothing changed', async () => {
    await ready({ bindDn: `cn=reader,${BASE}`, passwordFile: slapd.passwordFile(`cn=reader,${BASE}`) });
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'failed',
      detail: expect.stringContaining('insufficient access; nothing was changed'),
    });
    expect(inGroup()).toEqual(['bob']);
  });

  test('the last member of a group of entries can’t be taken out, and that is said', async () => {
    await ready({ memberAttribute: 'member' });
    const step = add({
      group: 'claw-members',
      gid: 42001,
      dn: MEMBERS,
      attribute: 'member',
      value: `uid=alice,${PEOPLE}`,
    });
    const plan = order(ground, [step], { undo: [remove(step)] });
    expect(await send(plan)).toMatchObject({ result: 'done' });
    slapd.modify(modifyRecord('delete', { dn: MEMBERS, attribute: 'member', value: `uid=bob,${PEOPLE}` }));
    expect(await send(undoOf(plan))).toMatchObject({ result: 'failed' });
    expect(slapd.values(MEMBERS, 'member')).toEqual([`uid=alice,${PEOPLE}`]);
  });

  test('while the server is away nothing is changed and no vote is used up; when it is back, the same order works', async () => {
    await ready({ timeout: 1 });
    await slapd.stop();
    const plan = order(ground, [add()]);
    expect(await send(plan)).toMatchObject({
      result: 'stale',
      detail: expect.stringMatching(/directory-away: .*ECONNREFUSED.*; nothing was changed/),
    });
    await slapd.start();
    expect(await send(plan)).toMatchObject({ result: 'done' });
    expect(inGroup()).toEqual(['bob', 'alice']);
  });

  /** Stands between helper and server, and lets the answer to a change get lost. */
  async function withLossyLine(once: boolean, run: (url: string) => Promise<void>): Promise<void> {
    const sockets = new Set<Socket>();
    let lost = 0;
    const server: Server = createServer(client => {
      const behind = connect(slapd.port, '127.0.0.1');
      for (const s of [client, behind]) sockets.add(s.on('error', () => {}));
      client.on('data', chunk => {
        behind.write(chunk);
        // 0x66 is a modify request (RFC 4511); after it the line goes dead, though the server has heard it.
        const isModify =
          chunk[0] === 0x30 &&
          chunk.includes(Buffer.from([0x66])) &&
          chunk.includes('memberUid') &&
          chunk.includes('alice') &&
          chunk.includes(Buffer.from([0x0a, 1, 0]));
        if (isModify && lost++ === 0)
          behind.once('data', () => {
            client.destroy();
            if (!once) server.close();
          });
      });
      behind.on('data', chunk => client.writable && client.write(chunk));
      client.on('close', () => behind.end());
    });
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
    try {
      await run(`ldap://127.0.0.1:${(server.address() as { port: number }).port}`);
      expect(lost).toBe(1);
    } finally {
      for (const s of sockets) s.destroy();
      server.close();
    }
  }

  test('the answer is lost: what came of it is looked up, and it happened once', async () => {
    await withLossyLine(true, async url => {
      await ready({ url });
      const plan = order(ground, [add()], { undo: [remove(add())] });
      expect(await send(plan)).toMatchObject({ result: 'done' });
      expect(inGroup()).toEqual(['bob', 'alice']);
      expect(await send(undoOf(plan))).toMatchObject({ result: 'done' });
      expect(inGroup()).toEqual(['bob']);
    });
  });

  test('the answer is lost and nobody can look: unknown, never done, and never tried again', async () => {
    await withLossyLine(false, async url => {
      await ready({ url, timeout: 1 });
      const plan = order(ground, [add()]);
      const outcome = await send(plan);
      expect(outcome).toMatchObject({ result: 'unknown' });
      expect(await send(plan)).toMatchObject({ result: 'unknown' });
      expect(inGroup()).toEqual(['bob', 'alice']);
    });
  });

  test('the executor is killed while the change is under way: the next one looks, and it happened once', async () => {
    await withLossyLine(false, async url => {
      await ready({ url, timeout: 1 });
      const [exec] = execs;
      const plan = order(ground, [add()], { undo: [remove(add())] });
      const cut = send(plan).catch(error => error as Error);
      await expect.poll(inGroup, { timeout: 10_000 }).toEqual(['bob', 'alice']);
      await exec!.kill('SIGKILL');
      expect(await cut).toBeInstanceOf(Error);
      // The same directory, reached straight: what a start finds open is closed by looking.
      const file = ground.path('readmit/readmit.yaml');
      writeFileSync(file, readFileSync(file, 'utf8').replace(url, slapd.url));
      await ground.start();
      expect(await send(plan)).toMatchObject({ result: 'done' });
      expect(await send(undoOf(plan))).toMatchObject({ result: 'done' });
      expect(inGroup()).toEqual(['bob']);
    });
  });
});

describe('TLS', () => {
  test('ldaps with the site’s own authority', async () => {
    await ready({ url: slapd.tlsUrl, caFile: slapd.ca });
    expect(await send(order(ground, [add()]))).toMatchObject({ result: 'done' });
    expect(inGroup()).toEqual(['bob', 'alice']);
  });

  test('startTLS on the plain port', async () => {
    await ready({ startTls: true, caFile: slapd.ca });
    expect(await send(order(ground, [add()]))).toMatchObject({ result: 'done' });
    expect(inGroup()).toEqual(['bob', 'alice']);
  });

  test.each([{ startTls: true }, {}])('a certificate that nobody vouches for gets no password (%j)', async tls => {
    await ready({ url: tls.startTls ? slapd.url : slapd.tlsUrl, timeout: 1, ...tls });
    expect(await send(order(ground, [add()]))).toMatchObject({
      result: 'stale',
      detail: expect.stringMatching(/certificate/),
    });
    expect(inGroup()).toEqual(['bob']);
  });
});

describe('usermod on a group that lives in the directory', () => {
  test('is recognised as not effective, once, and the same plan is not run again', async () => {
    await ready();
    ground.script('usermod', `echo "$*" >> ${ground.dir}/usermod.log`);
    const plan = order(ground, [addAlice()]);
    const outcome = await send(plan);
    expect(outcome).toMatchObject({ result: 'failed', detail: expect.stringContaining('not effective') });
    expect(await send(plan)).toEqual(outcome);
    expect(await send({ ...plan, run: `${plan.run}-again` })).toMatchObject({ result: 'refused' });
    expect(ground.read('usermod.log').trim().split('\n')).toHaveLength(1);
    expect(inGroup()).toEqual(['bob']);
  });
});

describe('the helper in a unit of its own', () => {
  test('gets the password from systemd, the network, that one server, and no privilege', async () => {
    await ready();
    const { ldap } = ground.config.directory;
    const { argv, passwordFile } = helperOf(ldap!, '/etc/readmit/directory.password', {
      verify: { ...ground.config.verify, through: 'systemd-run' },
    });
    expect(argv[0]).toBe('systemd-run');
    const unit = argv.find(word => word.startsWith('--unit='))!.slice(7);
    expect(passwordFile).toBe(`/run/credentials/${unit}/password`);
    expect(argv).toContain('--property=LoadCredential=password:/etc/readmit/directory.password');
    expect(argv).toContain('--property=IPAddressAllow=127.0.0.1');
    expect(argv).toContain('--property=DynamicUser=yes');
    expect(argv.slice(argv.indexOf('--') + 1)).toEqual([
      process.execPath,
      expect.stringMatching(/directory-helper\.[tj]s$/),
    ]);
  });
});

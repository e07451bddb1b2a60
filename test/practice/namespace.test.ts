/**
 * The same executor on a whole machine instead of a practice directory: in a mount namespace of its own, over a copy of
 * /etc, with the untouched usermod, gpasswd, groupadd and getent, the default paths, and only the capabilities that its
 * unit gives it. Nothing outside of the namespace changes.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeVote, publicKeyOf, signVote } from '../../src/approve/vote.ts';
import { planDigest } from '../../src/digest.ts';
import { orderExecutor } from '../../src/execute/client.ts';
import type { Order } from '../../src/messages.ts';
import type { AuditEntry, Step } from '../../src/plan.ts';
import { setting } from '../deploy/installed.ts';

const REPO = resolve(import.meta.dirname, '../..');
const ALICE = { uid: 41001, gid: 41001 };
const GROUP_GID = 42000;
const isRoot = process.getuid?.() === 0;
const title = 'the executor on a whole machine, with the untouched system tools';

/** What the shell in the namespace does before it becomes the executor. $1 is our directory, the rest is what to start. */
const SET_UP = `set -e
dir=$1; shift
mount -t tmpfs -o mode=755 tmpfs "$dir/etc"
cp -a /etc/. "$dir/etc"
mount --bind "$dir/etc" /etc
rm -f /etc/*.lock /etc/.pwd.lock
mkdir -p -m 755 /etc/readmit
cp "$dir/readmit.yaml" "$dir/approvers.yaml" /etc/readmit/
chmod 644 /etc/readmit/*
for user in alice bob; do userdel "$user" 2>/dev/null || :; groupdel "$user" 2>/dev/null || :; done
groupdel claw-users 2>/dev/null || :
groupadd -g ${GROUP_GID} claw-users
useradd -M -u ${ALICE.uid} -U alice
useradd -M -u 41002 -U -G claw-users bob
exec "$@"`;

const key = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
let dir = '';
let exec: ChildProcess;
let said = '';

/** A command in the executor's namespace, as an administrator would type it there. */
const there = (...argv: string[]): Promise<{ code: number; out: string }> =>
  new Promise(done => {
    execFile('nsenter', ['-t', String(exec.pid), '-m', '--', ...argv], (error, out, err) =>
      done({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, out: `${out}${err}` }),
    );
  });
const members = async (): Promise<string> => (await there('getent', 'group', 'claw-users')).out.trim();

let runs = 0;
function order(over: Partial<Order> = {}): Order {
  const add = {
    action: 'group.add',
    user: 'alice',
    uid: ALICE.uid,
    group: 'claw-users',
    gid: GROUP_GID,
    until: null,
    argv: ['usermod', '-aG', 'claw-users', 'alice'],
  };
  const remove = {
    action: 'group.remove',
    user: 'alice',
    uid: ALICE.uid,
    group: 'claw-users',
    gid: GROUP_GID,
    argv: ['usermod', '-rG', 'claw-users', 'alice'],
  };
  const core = {
    host: 'whole-machine',
    subject: { user: 'alice', uid: ALICE.uid },
    steps: [add],
    undo: [remove],
    tier: 1,
    assumes: {},
    ...over,
  } as Pick<Order, 'host' | 'subject' | 'steps' | 'undo' | 'tier' | 'assumes'>;
  const plan = {
    incident: `inc-${++runs}`,
    serial: 1,
    digest: planDigest(core),
    host: core.host,
    expires: new Date(Date.now() + 3_000_000).toISOString(),
  };
  const vote = signVote(
    makeVote({
      plan,
      by: { name: 'root-ann', uid: 50001 },
      decision: 'approve',
      reason: 'onboarding',
      proof: 'key',
      now: Date.now(),
    }),
    key,
  );
  return {
    v: 1,
    kind: 'run',
    run: `run-${runs}`,
    what: 'plan',
    incident: plan.incident,
    serial: 1,
    digest: plan.digest,
    votes: [vote],
    ...core,
  } as Order;
}
const socket = (): string => join(dir, 'run/exec.sock');
const send = (o: Order) => orderExecutor(socket(), o, { timeoutMs: 50_000 });
const audit = (): AuditEntry[] =>
  readFileSync(join(dir, 'state/exec/audit.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map(line => JSON.parse(line) as AuditEntry);

async function start(): Promise<void> {
  dir = mkdtempSync(join(tmpdir(), 'rdn-'));
  for (const d of ['etc', 'run', 'state']) mkdirSync(join(dir, d), { mode: 0o700 });
  writeFileSync(
    join(dir, 'readmit.yaml'),
    `host: whole-machine\nstate: ${dir}/state\nexecutor: {socket: ${dir}/run/exec.sock, timeout: 5}\n`,
  );
  const person = { name: 'root-ann', uid: 50001, roles: ['administrator'], keys: [publicKeyOf(key)] };
  writeFileSync(join(dir, 'approvers.yaml'), JSON.stringify({ approvers: [person] }));
  const capabilities = setting('readmit-exec.service', 'CapabilityBoundingSet')[0]!.split(' ');
  const only = `-all,${capabilities.map(c => `+${c.replace(/^CAP_/, '').toLowerCase()}`).join(',')}`;
  const role = [
    'setpriv',
    `--bounding-set=${only}`,
    `--inh-caps=-all`,
    '--no-new-privs',
    '--',
    process.execPath,
    join(REPO, 'src/main.ts'),
    'exec',
  ];
  exec = spawn('unshare', ['-m', '--propagation', 'private', 'sh', '-c', SET_UP, 'sh', dir, ...role], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  exec.stderr!.on('data', chunk => {
    said += chunk;
  });
  await new Promise<void>((ready, fail) => {
    exec.stdout!.once('data', () => ready());
    exec.once('exit', code => fail(new Error(`ended with ${code}: ${said}`)));
  });
}

describe.skipIf(!isRoot)(isRoot ? title : `${title} — NOT TRIED: it needs root`, () => {
  beforeAll(start);
  afterAll(async () => {
    const gone = new Promise(done => exec.once('exit', done));
    exec.kill('SIGTERM');
    await gone;
    rmSync(dir, { recursive: true, force: true });
  });

  it('C01 alice gets into the group by a signed vote; getent says so, and owner and mode of the files are as before', async () => {
    const before = (await there('stat', '-c', '%n %U:%G %a', '/etc/group', '/etc/gshadow')).out;
    expect(await members()).toBe(`claw-users:x:${GROUP_GID}:bob`);
    expect(await send(order())).toMatchObject({ result: 'done' });
    expect(await members()).toBe(`claw-users:x:${GROUP_GID}:bob,alice`);
    expect((await there('id', '-nG', 'alice')).out.trim()).toBe('alice claw-users');
    expect((await there('stat', '-c', '%n %U:%G %a', '/etc/group', '/etc/gshadow')).out).toBe(before);
    const [intent, outcome] = audit().slice(-2);
    expect(intent).toMatchObject({ what: 'run.intent', actor: 'root-ann' });
    expect(JSON.stringify(outcome!.after)).toContain('alice claw-users');
    expect((await there('ls', '/etc/readmit')).out).toBe('approvers.yaml\nreadmit.yaml\n');
  });

  it('nothing of it is seen outside of the namespace', () => {
    expect(readFileSync('/etc/group', 'utf8')).not.toContain(`claw-users:x:${GROUP_GID}:bob,alice`);
  });

  it('C02 once more, there is nothing to do', async () => {
    expect(await send(order())).toMatchObject({ result: 'already' });
  });

  it('the undo takes alice out again, and what an administrator did with gpasswd is seen', async () => {
    // Its own change is the one of the first order, so a fresh one is made and taken back.
    expect((await there('gpasswd', '-d', 'alice', 'claw-users')).code).toBe(0);
    const given = order();
    expect(await send(given)).toMatchObject({ result: 'done' });
    expect(await send({ ...given, what: 'undo' })).toMatchObject({ result: 'done' });
    expect(await members()).toBe(`claw-users:x:${GROUP_GID}:bob`);

    const again = order();
    expect(await send(again)).toMatchObject({ result: 'done' });
    expect((await there('gpasswd', '-d', 'alice', 'claw-users')).code).toBe(0);
    expect(await send({ ...again, what: 'undo' })).toMatchObject({ result: 'already' });
  });

  it('where usermod has no -r, gpasswd takes her out, with the same few capabilities; it does nothing else', async () => {
    const remove = { action: 'group.remove', user: 'alice', uid: ALICE.uid, group: 'claw-users', gid: GROUP_GID };
    const back = (...argv: string[]) => order({ undo: [{ ...remove, argv } as Step] });
    const given = back('gpasswd', '-d', 'alice', 'claw-users');
    expect(await send(given)).toMatchObject({ result: 'done' });
    expect(await send({ ...given, what: 'undo' })).toMatchObject({ result: 'done' });
    expect(await members()).toBe(`claw-users:x:${GROUP_GID}:bob`);
    expect(await send(back('gpasswd', '-M', 'alice', 'claw-users'))).toMatchObject({ result: 'refused' });
  });

  it('C18 a group that is not on the list is refused, though the vote is good and usermod could do it', async () => {
    const step = {
      ...order().steps[0]!,
      group: 'sudo',
      gid: 27,
      argv: ['usermod', '-aG', 'sudo', 'alice'],
    } as Order['steps'][number];
    expect(await send(order({ steps: [step], undo: [] }))).toMatchObject({ result: 'refused' });
    expect((await there('id', '-nG', 'alice')).out).not.toContain('sudo');
  });

  it('C07 C08 a lock that holds a living pid is waited for, never removed, and does not hold up other questions', async () => {
    // Process 1 lives as long as the machine does. usermod gives up at once or waits, by its version; so do we, for a while.
    await there('sh', '-c', 'echo 1 > /etc/group.lock');
    const outcome = send(order());
    const asked = performance.now();
    expect(await orderExecutor(socket(), { v: 1, kind: 'status' }, { timeoutMs: 5000 })).toMatchObject({ ok: true });
    expect(await orderExecutor(socket(), { v: 1, kind: 'shadow', user: 'alice' }, { timeoutMs: 5000 })).toMatchObject({
      entry: 'there',
    });
    expect(performance.now() - asked).toBeLessThan(2000);
    expect(await outcome).toMatchObject({ result: 'failed', detail: expect.stringMatching(/lock|killed/) });
    expect((await there('cat', '/etc/group.lock')).out.trim()).toBe('1');
    expect(await members()).toBe(`claw-users:x:${GROUP_GID}:bob`);
    await there('rm', '/etc/group.lock');
    expect(await send(order())).toMatchObject({ result: 'done' });
    expect(await members()).toBe(`claw-users:x:${GROUP_GID}:bob,alice`);
  });
});

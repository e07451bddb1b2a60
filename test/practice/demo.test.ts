/**
 * Setting up, starting again, ending: the directory keeps what was in it, nothing runs twice, and nothing stays behind.
 */
import { spawn } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createTransport } from 'nodemailer';
import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { startDemo } from '../../deploy/practice/demo.ts';
import { loadConfig } from '../../src/config/config.ts';
import { freePort } from '../free-port.ts';
import { NODE, run, startCluster } from './cluster.ts';

const freshDir = (under = tmpdir()): string => {
  const dir = mkdtempSync(join(under, 'practice-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
};

const answers = (port: number): Promise<boolean> =>
  new Promise(resolve => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });

test('says ready once, last, after Readmit’s own lines', async () => {
  const c = await startCluster();
  onTestFinished(() => c.end());
  expect(c.said.filter(line => line.startsWith('ready'))).toEqual([`ready http://127.0.0.1:${c.web}`]);
  expect(c.said.at(-1)).toBe(`ready http://127.0.0.1:${c.web}`);
  expect(c.said[0]).toMatch(/^sign in: /);
});

test('a second demo on the same directory is refused, and one on another runs beside it', async () => {
  const c = await startCluster();
  onTestFinished(() => c.end());
  const second = await run(NODE, ['deploy/practice/demo.ts', '--dir', c.at.root, '--port', String(await freePort())], {
    PATH: process.env.PATH,
  });
  expect(second).toMatchObject({ code: 2, stderr: expect.stringContaining('is in use by a running demo') });
  expect((await c.as('alice', 'clw', 'list')).code).toBe(0);
  const other = await startCluster();
  onTestFinished(() => other.end());
  expect((await other.as('alice', 'clw', 'list')).code).toBe(0);
  expect(other.demo.ports.scheduler).not.toBe(c.demo.ports.scheduler);
});

test('ends completely, and starts again with what was there: groups, jobs, mail, ports, edits', async () => {
  const dir = freshDir();
  const first = await startCluster(dir);
  const { ports } = first.demo;
  await first.type('usermod', '-aG', 'claw-users', 'mallory');
  const id = (await first.as('alice', 'clw', 'submit', 'test.yaml')).stdout.trim().split(' ').at(-1)!;
  await createTransport({ host: '127.0.0.1', port: ports.smtp }).sendMail({
    from: 'a@x.example',
    to: 'b@x.example',
    subject: 'kept',
    text: 't',
  });
  const started = Date.now();
  await first.demo.stop();
  expect(Date.now() - started).toBeLessThan(3_000);
  for (const port of [...Object.values(ports), first.web]) expect(await answers(port), String(port)).toBe(false);
  expect(existsSync(first.at.pid)).toBe(false);
  writeFileSync(first.at.yaml, readFileSync(first.at.yaml, 'utf8').replace('recheck: 1', 'recheck: 2  # slower'));

  const second = await startCluster(dir);
  onTestFinished(() => second.demo.stop());
  expect(second.demo.ports).toEqual(ports);
  expect((await second.as('mallory', 'clw', 'list')).code).toBe(0);
  expect((await second.as('alice', 'clw', 'list')).stdout).toContain(id);
  expect(await (await fetch(`http://127.0.0.1:${ports.mailbox}/messages`)).json()).toMatchObject([{ subject: 'kept' }]);
  const config = loadConfig(second.at.yaml);
  expect(config.web.listen).toBe(`127.0.0.1:${second.web}`);
  expect(config.verify.recheck).toBe(2);
  expect(readFileSync(second.at.yaml, 'utf8')).toContain('recheck: 2  # slower');
});

test('the mailbox takes real mail and shows it, sources included', async () => {
  const c = await startCluster();
  onTestFinished(() => c.end());
  const box = `http://127.0.0.1:${c.demo.ports.mailbox}`;
  expect(readFileSync(join(c.at.root, 'env'), 'utf8')).toContain(`export PRACTICE_MAILBOX='${box}'`);
  const smtp = createTransport({ host: '127.0.0.1', port: c.demo.ports.smtp });
  for (const n of [1, 2])
    await smtp.sendMail({
      from: 'Readmit <readmit@practice.example>',
      to: ['root-ann@practice.example', 'root-ben@practice.example'],
      subject: `Ünicode ${n}`,
      text: 'plain',
      html: '<b>bold</b><script>x</script>',
    });
  const messages = await (await fetch(`${box}/messages`)).json();
  expect(messages).toMatchObject([
    {
      id: 1,
      from: '"Readmit" <readmit@practice.example>',
      to: ['root-ann@practice.example', 'root-ben@practice.example'],
      subject: 'Ünicode 1',
      text: expect.stringContaining('plain'),
      html: expect.stringContaining('<b>'),
    },
    { id: 2, subject: 'Ünicode 2', raw: expect.stringContaining('Content-Type: multipart/alternative') },
  ]);
  const page = await fetch(box);
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await page.text()).toContain('Ünicode 2');
  await fetch(`${box}/messages`, { method: 'DELETE' });
  expect(await (await fetch(`${box}/messages`)).json()).toEqual([]);
});

test('approvers’ public keys fit the private ones', async () => {
  const c = await startCluster();
  onTestFinished(() => c.end());
  const file = parse(readFileSync(c.at.approvers, 'utf8')) as {
    approvers: { name: string; uid: number; keys: string[] }[];
    session: { keys: string[] };
  };
  expect(file.approvers.map(a => [a.name, a.uid])).toEqual([
    ['root-ann', 5001],
    ['root-ben', 5002],
  ]);
  const fits = (pem: string, raw: string): boolean => {
    const key = createPublicKey({
      key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(raw, 'base64').toString('base64url') },
      format: 'jwk',
    });
    return verify(null, Buffer.from('vote'), key, sign(null, Buffer.from('vote'), createPrivateKey(readFileSync(pem))));
  };
  for (const a of file.approvers) expect(fits(join(c.at.keys, `${a.name}.key`), a.keys[0]!)).toBe(true);
  expect(fits(join(c.at.state, 'serve/session.key'), file.session.keys[0]!)).toBe(true);
});

test('a directory with a long name, and one with blanks and quotes in it', async () => {
  for (const name of ['l'.repeat(120), "it's a place"]) {
    const c = await startCluster(join(freshDir(), name));
    const config = loadConfig(c.at.yaml);
    expect(config.redis.socket!.length).toBeLessThan(108);
    expect(config.executor.socket.length).toBeLessThan(108);
    expect((await c.as('alice', 'clw', 'submit', 'test.yaml')).stdout).toContain('Job submitted');
    expect(await c.type('practice', 'break', 'missing-group')).toMatchObject({ code: 0 });
    expect((await c.as('alice', 'clw', 'submit', 'test.yaml')).code).toBe(1);
    await c.end();
  }
});

test('when Readmit ends by itself, or never starts, the demo says so and leaves nothing', async () => {
  const dir = freshDir();
  const { spawn } = await import('node:child_process');
  const broken = startDemo(
    dir,
    await freePort(),
    () => {},
    () => spawn(NODE, ['-e', 'process.exit(3)'], { stdio: ['ignore', 'pipe', 'inherit'] }),
  );
  await expect(broken).rejects.toThrow('ended before it was ready (exit 3)');
  expect(existsSync(join(dir, 'run/demo.pid'))).toBe(false);
});

test('starts where new files are writable by their group', async () => {
  const dir = freshDir();
  const port = await freePort();
  const argv = `umask 002; exec ${NODE} src/main.ts demo --dir ${dir} --port ${port}`;
  const demo = spawn('/bin/sh', ['-c', argv], { detached: true, stdio: ['ignore', 'pipe', 'inherit'] });
  const over = once(demo, 'exit');
  const said: string[] = [];
  for await (const line of createInterface({ input: demo.stdout })) {
    said.push(line);
    if (line.startsWith('ready')) process.kill(-demo.pid!, 'SIGTERM');
  }
  await over;
  expect(said.at(-1)).toBe(`ready http://127.0.0.1:${port}`);
});

/**
 * The whole loop, as an operator sees it, for each of the first causes: broken, refused, noticed, explained, approved,
 * mended, proved, reported. The running program, its command line, its page, its mail; not its functions.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openBrowser } from '../browser/chromium.ts';
import { Cluster } from './cluster.ts';

describe('from a denial to a person who works again', () => {
  let c: Cluster;
  let browser: Browser;
  beforeAll(async () => {
    c = await Cluster.start();
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await c?.end();
  });

  const groupFile = (): string => readFileSync(join(c.dir, 'etc/group'), 'utf8');
  const members = (group: string): string[] =>
    groupFile()
      .split('\n')
      .find(l => l.startsWith(`${group}:`))!
      .split(':')[3]!
      .split(',')
      .filter(Boolean);

  /** A page signed in as `name`, by a one-time link from the host. */
  async function signedIn(name: string) {
    const link = (await c.readmit('sign-in', '--as', name)).out.trim();
    const page = await (await browser.newContext()).newPage();
    await page.goto(link);
    await page.getByRole('button', { name: /sign in/i }).click();
    return page;
  }

  it('works before anything is broken', async () => {
    const submitted = await c.submit('alice');
    expect(submitted.out).toMatch(/^Job submitted: \S+/);
  });

  it('missing-group: alice is let in by a click on the page', async () => {
    await c.practice('break', 'missing-group', 'alice');
    const refused = await c.submit('alice');
    expect(refused.code).toBe(1);
    expect(refused.out + refused.err).toContain('clw-scheduler-denied');
    const incident = await c.incidentOf('a proposal for alice', i => i.key === 'alice' && i.state === 'proposed');
    expect(incident).toMatchObject({ kind: 'user', cause: 'openclaw/missing-group', tier: 1, needs: 1, votes: [] });
    const detail = await c.show(incident.id);
    expect(detail.plan!.steps).toEqual([{ action: 'group.add', argv: ['usermod', '-aG', 'claw-users', 'alice'] }]);
    expect(detail.plan!.gains).toEqual(['alice']);
    const { digest, steps } = detail.plan!;
    expect(detail.diagnosis!.plan).toMatchObject({ digest, steps });
    const mail = await c.until('the alert', async () => (await c.mails()).find(m => m.subject.includes('alice')));
    expect(mail.text).toContain(`/incidents/${incident.id}`);

    const page = await signedIn('root-ann');
    await page.goto(/https?:\/\/\S+\/incidents\/\d+/.exec(mail.text)![0]);
    expect(members('claw-users')).not.toContain('alice');
    await page.getByRole('button', { name: 'Add alice to claw-users' }).click();
    const done = await c.incidentOf('alice works again', i => i.id === incident.id && i.state === 'resolved');
    expect(done.votes).toMatchObject([{ by: 'root-ann', decision: 'approve' }]);
    expect(members('claw-users')).toContain('alice');
    expect((await c.submit('alice')).out).toMatch(/^Job submitted/);
    await page.context().close();
    expect(
      (await c.mails()).filter(m => m.subject.includes("can't submit") && m.to.join().includes('root-ann')).length,
    ).toBe(1);
  });

  it('missing-group: bob is let in from the command line', async () => {
    await c.practice('break', 'missing-group', 'bob');
    await c.submit('bob');
    const incident = await c.incidentOf('a proposal for bob', i => i.key === 'bob' && i.state === 'proposed');
    const refused = await c.readmit('approve', incident.id, '--as', 'nobody-we-know', '--json');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.out)).toHaveProperty('refused');
    const approved = await c.json<{ id: string; state: string }>('approve', incident.id, '--as', 'root-ben');
    expect(approved.id).toBe(incident.id);
    await c.incidentOf('bob works again', i => i.id === incident.id && i.state === 'resolved');
    expect((await c.submit('bob')).code).toBe(0);
  });

  it('expired-token: only the person can act; she is told, no administrator is', async () => {
    await c.practice('break', 'expired-token', 'carol');
    expect((await c.submit('carol')).code).toBe(1);
    const incident = await c.incidentOf('advice for carol', i => i.key === 'carol' && i.state === 'advised');
    expect(incident.cause).toBe('openclaw/expired-token');
    const mail = await c.until('the mail to carol', async () =>
      (await c.mails()).find(m => m.to.join().includes('carol@')),
    );
    expect(mail.text).toContain('clw login');
    const ofCarol = (await c.mails()).filter(m => `${m.subject} ${m.text}`.includes('carol'));
    expect(ofCarol.every(m => m.to.join().includes('carol@'))).toBe(true);
    await c.as('carol', 'clw', 'logout');
    const login = await c.as('carol', 'clw', 'login', '--server', c.env().PRACTICE_SCHEDULER!, '--username', 'carol');
    expect(login.code, login.out + login.err).toBe(0);
    await c.incidentOf('carol works again', i => i.id === incident.id && i.state === 'resolved');
    expect((await c.submit('carol')).code).toBe(0);
  });

  it('config-too-strict: two people approve one line and one restart', async () => {
    const file = join(c.dir, 'etc/claw-scheduler/config.yaml');
    await c.practice('break', 'config-too-strict');
    const broken = readFileSync(file, 'utf8');
    expect((await c.submit('alice')).code).toBe(1);
    const incident = await c.incidentOf(
      'a proposal',
      i => i.cause === 'openclaw/config-too-strict' && i.state === 'proposed',
    );
    expect(incident).toMatchObject({ tier: 2, needs: 2 });
    const first = await c.json<{ state: string; needs: number }>('approve', incident.id, '--as', 'root-ann');
    expect(first).toMatchObject({ state: 'proposed', needs: 1 });
    const again = await c.readmit('approve', incident.id, '--as', 'root-ann', '--json');
    expect(again.code).toBe(1);
    expect(JSON.parse(again.out).refused).toContain('root-ann');
    expect(readFileSync(file, 'utf8')).toBe(broken);
    await c.json('approve', incident.id, '--as', 'root-ben');
    await c.incidentOf('alice works again', i => i.id === incident.id && i.state === 'resolved', 40_000);
    const mended = readFileSync(file, 'utf8');
    expect(mended).toContain('claw-users');
    expect(mended.split('\n').filter(l => !broken.split('\n').includes(l))).toHaveLength(1);
    expect((await c.submit('alice')).code).toBe(0);
  });

  it('scheduler-down: it is started after two votes; nobody is added to a group', async () => {
    const groups = groupFile();
    await c.practice('break', 'scheduler-down');
    const refused = await c.submit('alice');
    expect(refused.code).not.toBe(0);
    const incident = await c.incidentOf(
      'a proposal',
      i => i.cause === 'openclaw/scheduler-down' && i.state === 'proposed',
    );
    expect(incident.kind).toBe('service');
    expect((await c.show(incident.id)).plan!.steps).toEqual([
      { action: 'service.start', argv: ['systemctl', 'start', 'claw-scheduler'] },
    ]);
    await c.json('approve', incident.id, '--as', 'root-ann');
    await c.json('approve', incident.id, '--as', 'root-ben');
    await c.incidentOf('the scheduler serves again', i => i.id === incident.id && i.state === 'resolved', 40_000);
    expect((await c.submit('alice')).code).toBe(0);
    expect(groupFile()).toBe(groups);
  });

  it('probing: a security alert, never a proposal', async () => {
    await c.practice('break', 'probing');
    const incident = await c.incidentOf('an address incident', i => i.kind === 'address');
    const looked = await c.until('escalated', async () => {
      const i = await c.show(incident.id);
      return i.state === 'escalated' && i;
    });
    expect(looked.cause).toBe('openclaw/probing');
    expect(looked.plan).toBeNull();
    expect((await c.json<typeof looked>('show', incident.id)).diagnosis!.advice).toMatchObject({ to: 'administrator' });
    const refused = await c.readmit('approve', incident.id, '--as', 'root-ann', '--json');
    expect(refused.code).toBe(1);
    await c.practice('heal', 'probing');
  });

  it('stands in the report, and every chain is unbroken', async () => {
    const report = await c.json<{ grants: { user: string }[]; numbers: { denials: number } }>('report');
    expect(report.grants.map(g => g.user).sort()).toEqual(['alice', 'bob']);
    expect(report.numbers.denials).toBeGreaterThan(0);
    expect((await c.readmit('report')).out).toContain('alice');
    expect((await c.readmit('report', '--csv')).out).toContain('bob');
    expect((await c.readmit('report', '--html')).out).toContain('<html');
    const verified = await c.readmit('audit', 'verify');
    expect(verified.out).not.toContain('BROKEN');
    expect(verified.code).toBe(0);
  });

  it('leaves no process and no socket behind', async () => {
    const group = c.group;
    await c.down();
    expect(() => process.kill(-group, 0)).toThrow();
    await expect(fetch(`http://127.0.0.1:${c.port}/healthz`)).rejects.toThrow();
    await c.up();
    expect((await c.incidents()).length).toBeGreaterThan(4);
  });
});

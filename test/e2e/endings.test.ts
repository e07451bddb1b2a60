/**
 * Access with an end: asked for before the vote, shown in the plan and told to the person, taken back by itself when it is
 * over; and what others take back before that is noticed, said, and left alone.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Grant } from '../../src/desk.ts';
import { type Cluster, startCluster } from '../faults/lab.ts';

describe('access with an end', () => {
  let c: Cluster;
  beforeAll(async () => {
    c = await startCluster({ 'policy.announceEnd': 15 });
  });
  afterAll(() => c?.end());

  const isMember = (user: string): boolean =>
    /^claw-users:.*$/m
      .exec(readFileSync(join(c.dir, 'etc/group'), 'utf8'))![0]
      .split(':')[3]!
      .split(',')
      .includes(user);
  const offered = async (user: string): Promise<string> => {
    await c.practice('break', 'missing-group', user);
    await c.submit(user);
    return (await c.incidentOf('a proposal', i => i.key === user && i.state === 'proposed')).id;
  };
  const grantOf = async (user: string): Promise<Grant> => (await c.json<Grant[]>('access')).find(g => g.user === user)!;

  it('is a plan of its own: the vote is for the end it shows', async () => {
    const id = await offered('alice');
    const before = (await c.show(id)).plan!;
    const made = await c.json<typeof before>('plan', id, '--until', '90d', '--as', 'root-ann');
    expect(made.serial).toBe(before.serial + 1);
    expect(made.digest).not.toBe(before.digest);
    const shown = (await c.show(id)).plan!;
    expect(shown.digest).toBe(made.digest);
    expect(JSON.stringify(shown.full)).toMatch(/"until":"20\d\d-/);
    // Looked at again and again, it stays as it was asked for.
    await c.until('another look', async () => (await c.show(id)).plan!.digest === made.digest);
    const endless = await c.json<typeof before>('plan', id, '--until', 'never', '--as', 'root-ben');
    expect(endless.digest).toBe(before.digest);
    for (const [until, why] of [
      ['2001-01-01', 'no time to come'],
      ['tomorrow', '--until tomorrow'],
    ]) {
      const refused = await c.readmit('plan', id, '--until', until!, '--as', 'root-ann');
      expect(refused.code).not.toBe(0);
      expect(refused.err).toContain(why);
    }
  });

  it('is told to the person, listed, and taken back by itself', async () => {
    const { id } = (await c.incidents()).find(i => i.key === 'alice')!;
    const end = new Date(Date.now() + 25_000);
    await c.json('plan', id, '--until', end.toISOString(), '--as', 'root-ann');
    await c.json('approve', id, '--as', 'root-ann');
    await c.incidentOf('alice works again', i => i.id === id && i.state === 'resolved', 60_000);
    expect((await c.submit('alice')).code).toBe(0);
    expect(await grantOf('alice')).toMatchObject({ until: end.toISOString(), ended: null });
    const mail = await c.until('the mail', async () => (await c.mails()).find(m => m.to.join().includes('alice@')));
    expect(mail.text).toContain('This access ends at');
    const ends = await c.until('it is announced', async () => (await c.mails()).find(m => /ends soon/.test(m.subject)));
    expect(ends.to.join()).toContain('alice@');
    expect(ends.text).toContain('You are taken out of claw-users then');
    expect(isMember('alice'), 'announced before it is taken back').toBe(true);
    await c.incidentOf('it is taken back', i => i.id === id && i.state === 'undone', 60_000);
    expect(isMember('alice')).toBe(false);
    expect((await grantOf('alice')).ended).not.toBeNull();
    expect((await c.submit('alice')).code).not.toBe(0);
    const { history } = await c.show(id);
    expect(history.some(h => h.what.includes('ends: it was given until'))).toBe(true);
    expect((await c.mails()).filter(m => /ends soon/.test(m.subject))).toHaveLength(1);
    expect((await c.readmit('audit', 'verify')).code).toBe(0);
  });

  it('what others take back is said, and not repeated', async () => {
    const id = await offered('bob');
    await c.json('approve', id, '--as', 'root-ann');
    await c.incidentOf('bob works again', i => i.id === id && i.state === 'resolved', 60_000);
    execFileSync(join(c.dir, 'bin/usermod'), ['-rG', 'claw-users', 'bob']);
    await c.until('it is noticed', async () => (await grantOf('bob')).ended);
    expect((await c.show(id)).history.some(h => h.what.startsWith('reverted-externally: bob'))).toBe(true);
    expect(isMember('bob')).toBe(false);
    // Asked for again, the plan says what became of the last one.
    await c.submit('bob');
    const again = await c.incidentOf('a new proposal', i => i.key === 'bob' && i.state === 'proposed');
    expect((await c.show(again.id)).plan!.notes.join()).toContain('taken back by others');
  });
});

/**
 * The ways to people: the mail server is down, the watcher dies, more alerts than an administrator can read. Nothing is
 * lost, somebody hears of it, and each thing is said once.
 */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { smtp } from '../notify/smtp.ts';
import {
  type Cluster,
  counted,
  denial,
  pidOf,
  proposedFor,
  query,
  type Receiver,
  receiver,
  startCluster,
  status,
  write,
} from './lab.ts';

let c: Cluster;
let pager: Receiver;
let port: number;
let post: Awaited<ReturnType<typeof smtp>> | null = null;
beforeAll(async () => {
  pager = await receiver();
  port = await freePort();
  // Everybody's incident is their own here, so that there are many letters.
  c = await startCluster({
    'webhook.url': pager.url,
    'mail.host': 'localhost',
    'mail.port': port,
    'mail.perHour': 2,
    'detect.serviceUsers': 500,
  });
});
afterAll(async () => {
  await c?.end();
  await post?.close();
  await pager?.close();
});

const to = (name: string): number => post!.recipients.filter(r => r.join().includes(name)).length;

describe('the mail server is down', () => {
  it('D25: the plan waits, the second channel and the banner say so, and the letter goes when it is back', async () => {
    const { id } = await proposedFor(c, 'alice');
    await c.until(
      'the second channel',
      async () =>
        pager.calls.some(
          call => call.incident === id && /mail can't be sent/i.test(call.text.replaceAll('&#39;', "'")),
        ),
      40_000,
    );
    await c.until('the banner', async () =>
      (await status(c)).banner.some(line => line.startsWith("Mail can't be sent")),
    );
    expect((await c.show(id)).state).toBe('proposed');
    const row = () =>
      query<{ attempts: number; due: number; done: number | null }>(
        c,
        "SELECT attempts, due, done FROM outbox WHERE channel = 'mail' AND incident = ?",
        Number(id),
      )[0]!;
    await c.until('it is tried again, ever more rarely', async () => Number(row().attempts) >= 3, 40_000);
    expect(row().done).toBeNull();
    expect(pager.calls.filter(call => call.incident === id)).toHaveLength(1);
    post = await smtp({}, port);
    await c.until('the letter', async () => post!.mails.some(m => m.subject?.includes('alice')), 60_000);
    await c.until(
      'the banner is gone',
      async () => !(await status(c)).banner.some(line => line.startsWith("Mail can't be sent")),
    );
    expect(to('root-ann')).toBe(1);
    await c.json('approve', id, '--as', 'root-ann');
    await c.incidentOf('alice works again', i => i.id === id && i.state === 'resolved', 60_000);
  }, 180_000);
});

describe('more than anybody can read', () => {
  it('G14: over the hourly limit the rest is folded into one digest that says how many, within a quarter of an hour', async () => {
    for (const user of ['bob', 'carol', 'dave', 'erin']) await proposedFor(c, user);
    const results = () =>
      query<{ result: string; n: number }>(
        c,
        "SELECT result, count(*) AS n FROM outbox WHERE key LIKE 'alert-%' AND channel = 'mail' AND done IS NOT NULL GROUP BY result",
      );
    await c.until('all are decided', async () => results().reduce((sum, r) => sum + Number(r.n), 0) === 5, 30_000);
    expect(Object.fromEntries(results().map(r => [r.result, Number(r.n)]))).toEqual({ sent: 2, folded: 3 });
    const digest = query<{ due: number; key: string }>(
      c,
      "SELECT due, key FROM outbox WHERE key LIKE 'digest-%' AND done IS NULL",
    );
    expect(digest).toHaveLength(1);
    expect(Number(digest[0]!.due) - Date.now()).toBeLessThanOrEqual(15 * 60_000);
    // The quarter of an hour passes at once: nobody waits for it here.
    const db = new DatabaseSync(join(c.dir, 'state/serve/readmit.db'));
    db.exec('PRAGMA busy_timeout = 5000');
    db.prepare('UPDATE outbox SET due = ? WHERE key = ?').run(Date.now(), digest[0]!.key);
    db.close();
    write(c, denial('somebody'));
    const letter = await c.until(
      'the digest',
      async () => post!.mails.find(m => /\b3\b/.test(m.subject ?? '') || /\b3 alerts?\b/.test(m.text ?? '')),
      70_000,
    );
    expect(letter.text).toMatch(/\b3\b/);
  }, 120_000);
});

describe('the watcher dies', () => {
  it('H01: an agent that says nothing any more is told of on the second channel within a minute, once', async () => {
    const agent = pidOf(c, 'agent')!;
    const before = pager.calls.length;
    process.kill(agent, 'SIGSTOP');
    const began = performance.now();
    const of = () => pager.calls.slice(before).filter(call => call.text.includes('No word from the agent'));
    await c.until('the alarm', async () => of().length > 0, 60_000);
    expect(performance.now() - began).toBeLessThan(60_000);
    await c.until('the banner', async () =>
      (await status(c)).banner.some(line => line.startsWith('No word from the agent')),
    );
    await new Promise(done => setTimeout(done, 5000));
    process.kill(agent, 'SIGCONT');
    write(c, denial('afterwards'));
    await c.until('it reads on', async () => counted(c, 'afterwards') === 1, 40_000);
    expect(of()).toHaveLength(1);
  }, 150_000);
});

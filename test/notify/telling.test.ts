/** Who is told what, where and when, over restarts and quiet times, as the people at the other ends see it. */
import { describe, expect, it } from 'vitest';
import { Usage } from '../../src/incident.ts';
import { askForReport } from '../../src/roles/reporting.ts';
import { tellRouted } from '../../src/roles/tell/telling.ts';
import { enqueue } from '../../src/store/outbox.ts';
import { HOUR, MIN } from './a-post.ts';
import { CHAT, FILES, open, posted } from './at-the-office.ts';

describe('without routes', () => {
  it('the administrators get the alert by mail, as ever', async () => {
    const o = await open();
    const id = o.propose();
    await o.settle();
    expect(o.box.mails).toEqual([]);
    await o.pass(1500);
    expect(o.rows()).toMatchObject([{ key: `alert-${id}`, channel: 'mail', result: 'sent' }]);
    expect(o.box.recipients).toEqual([['ops@site.example']]);
    await o.pass(24 * HOUR, 6 * HOUR);
    expect(o.box.mails).toHaveLength(1);
  });
});

describe('routes', () => {
  const NOTIFY = `{receivers: [${CHAT}, {name: netops, type: mail, to: [net@site.example]}], routes: [
    {matchers: {kind: service}, receiver: chat, groupWait: 10, continue: true},
    {matchers: {cause: "openclaw/config-*"}, receiver: netops}]}`;

  it('lead each alert to its receivers, after their wait, in one thread of their own', async () => {
    const o = await open(NOTIFY, { files: FILES });
    const service = o.propose('claw-scheduler', 2);
    o.propose('alice');
    await o.pass(1500);
    expect(o.box.recipients.flat().sort()).toEqual(['net@site.example', 'ops@site.example']);
    expect(posted()).toEqual([]);
    await o.pass(8500);
    expect(posted()).toHaveLength(1);
    expect(posted()[0]).toContain(`](https://readmit.site.example/incidents/${service})`);
    expect(o.desk.show(service).told).toMatchObject([
      { to: 'chat', letter: 'alert', state: 'sent' },
      { to: 'netops', letter: 'alert', state: 'sent' },
    ]);
  });

  it('a receiver that is away is tried again, is said to be away, and holds up nobody', async () => {
    const o = await open(NOTIFY, { files: FILES });
    o.hook.manner = { status: 503 };
    const id = o.propose('claw-scheduler', 2);
    await o.pass(10_000);
    expect(o.box.mails).toHaveLength(1);
    expect(o.desk.health().receivers).toMatchObject([
      { name: 'chat', type: 'mattermost', up: false, waiting: 1, detail: expect.stringMatching(/answered 503/) },
      { name: 'netops', up: true },
    ]);
    expect(o.desk.health().banner.join()).toContain("chat (mattermost) can't be told");
    expect(o.desk.show(id).told![0]).toMatchObject({ to: 'chat', state: expect.stringMatching(/tried again.*503/) });
    o.hook.manner = { status: 200 };
    await o.restart();
    await o.pass(10_000);
    expect(posted()).toHaveLength(2);
    expect(o.desk.health().receivers![0]).toMatchObject({ up: true, waiting: 0 });
    await o.pass(HOUR);
    expect(posted()).toHaveLength(2);
  });

  it('what a receiver will never take is not sent for ever, and is said', async () => {
    const o = await open(NOTIFY, { files: FILES });
    o.hook.manner = { status: 413, body: 'too large' };
    const id = o.propose('claw-scheduler', 2);
    await o.pass(10_000);
    await o.pass(HOUR);
    expect(posted()).toHaveLength(1);
    expect(o.desk.show(id).told![0]!.state).toMatch(/^refused: chat at .* answered 413: too large$/);
    expect(o.desk.health().receivers![0]).toMatchObject({ up: false });
  });

  it('a letter that can not be written is said once and holds up no other', async () => {
    const o = await open();
    o.store.tx(() =>
      enqueue(o.store, o.now(), {
        key: 'report-2025-W53',
        channel: 'mail',
        payload: { letter: 'report', week: '2025-W53' },
      }),
    );
    await o.pass(MIN);
    expect(o.rows()[0]!.result).toMatch(/^refused: "2025-W53" is no ISO week/);
    expect(o.rows()[0]!.attempts).toBe(0);
    expect(() => askForReport(o.store, o.now(), 'root-ann', '2025-W53', null)).toThrow(Usage);
    askForReport(o.store, o.now(), 'root-ann', '2026-W47', null);
    await o.pass(MIN);
    expect(o.subjects()).toEqual([expect.stringContaining('W47')]);
  });

  it('what waits for a receiver that was taken out of the file is let go', async () => {
    const o = await open(NOTIFY, { files: FILES });
    o.hook.manner = { status: 503 };
    o.propose('claw-scheduler', 2);
    await o.pass(10_000);
    await o.restart('{}');
    expect(o.rows().find(r => r.channel === 'to:chat')).toMatchObject({ result: 'no such receiver any more' });
  });

  it('more than the hourly limit is folded, for each receiver by itself', async () => {
    const o = await open(
      `{receivers: [${CHAT}], routes: [{receiver: chat, continue: true}, {receiver: administrators}]}`,
      {
        files: FILES,
        perHour: 2,
      },
    );
    for (const name of ['alice', 'bob', 'carol', 'dave']) o.propose(name);
    await o.pass(1500);
    expect(posted()).toHaveLength(2);
    expect(o.box.mails).toHaveLength(2);
    await o.pass(16 * MIN);
    expect(posted()[2]).toContain('2 alerts were folded into this digest');
    expect(o.subjects()[2]).toBe('[readmit] 2 alerts were folded into this digest');
    await o.pass(HOUR);
    expect(posted()).toHaveLength(3);
  });
});

describe('quiet times', () => {
  // It is Monday noon.
  const NOTIFY = `{receivers: [${CHAT}], routes: [{receiver: chat, muteTimes: [lunch]}], timeIntervals: [
    {name: lunch, intervals: [{weekdays: ["monday:friday"], times: [{startTime: "11:30", endTime: "13:00"}]}]}]}`;

  it('hold an alert back and tell of it at their end, if it is still open; the incident says so meanwhile', async () => {
    const o = await open(NOTIFY, { files: FILES });
    const [alice, bob] = [o.propose('alice'), o.propose('bob')];
    await o.pass(20 * MIN, 5 * MIN);
    expect(posted()).toEqual([]);
    expect(o.desk.show(alice).told).toMatchObject([{ to: 'chat', state: 'muted until 2026-11-23T13:00:00.000Z' }]);
    o.go(bob, 'approved');
    o.go(bob, 'running');
    o.go(bob, 'verifying');
    o.go(bob, 'resolved');
    await o.restart();
    await o.pass(40 * MIN, 10 * MIN);
    expect(posted()).toHaveLength(1);
    expect(posted()[0]).toContain('1 incident came up in the quiet time and is still open');
    expect(posted()[0]).toContain('alice');
    expect(posted()[0]).not.toContain('bob');
    await o.pass(HOUR, 5 * MIN);
    expect(posted()).toHaveLength(1);
    o.propose('carol');
    await o.pass(1500);
    expect(posted()).toHaveLength(2);
  });

  it('hold back that it is over, and that a change failed, and lose neither', async () => {
    const o = await open(NOTIFY.replace('11:30', '12:10'), { files: FILES });
    const [alice, bob] = [o.propose('alice'), o.propose('bob')];
    await o.pass(5 * MIN, MIN);
    expect(posted()).toHaveLength(2);
    await o.pass(10 * MIN, MIN);
    const carol = o.propose('carol');
    await o.pass(5 * MIN, MIN);
    for (const id of [alice, carol])
      for (const state of ['approved', 'running', 'verifying', 'resolved'] as const) o.go(id, state);
    for (const state of ['approved', 'running', 'failed'] as const) o.go(bob, state);
    o.store.tx(() => tellRouted(o.store, o.config, o.now(), bob, 'failed', `failed-${bob}`));
    await o.pass(5 * MIN, MIN);
    expect(posted()).toHaveLength(2);
    await o.restart();
    await o.pass(60 * MIN, 5 * MIN);
    const said = posted().slice(2).join('\n');
    expect(posted()).toHaveLength(4);
    expect(said).toMatch(/alice/);
    expect(said).toMatch(/bob/);
    expect(said).not.toMatch(/carol/);
  });
});

describe('a vote is missing', () => {
  it('whoever may still vote is asked for it once, and who voted is not', async () => {
    const o = await open('{secondVoteAfter: 600}');
    const id = o.propose('claw-scheduler', 2);
    await o.pass(1500);
    o.vote(id, 'root-ann');
    await o.pass(9 * MIN);
    expect(o.box.mails).toHaveLength(1);
    await o.pass(MIN);
    await o.restart();
    await o.pass(3 * HOUR, 5 * MIN);
    expect(o.subjects().slice(1)).toEqual([expect.stringMatching(/^\[readmit\] 1 more vote needed/)]);
    expect(o.box.recipients[1]).toEqual(['root-ben@site.example', 'alice@site.example']);
    expect(o.box.mails[1]!.inReplyTo).toBe(o.box.mails[0]!.messageId);
    expect(o.desk.show(id).told!.at(-1)).toMatchObject({ to: 'who may still vote', state: 'sent' });
  });

  it('where there is no mail, by the routes', async () => {
    const o = await open(`{receivers: [${CHAT}], routes: [{receiver: chat}]}`, { files: FILES, mail: '{}' });
    const id = o.propose('claw-scheduler', 2);
    await o.pass(1500);
    o.vote(id, 'root-ann');
    await o.pass(20 * MIN, MIN);
    expect(posted()).toHaveLength(2);
    expect(posted()[1]).toContain('1 more vote needed');
    expect(o.box.mails).toEqual([]);
  });

  it('not after the last vote', async () => {
    const o = await open('{secondVoteAfter: 600}');
    const id = o.propose('claw-scheduler', 2);
    await o.pass(1500);
    o.vote(id, 'root-ann');
    await o.pass(5 * MIN);
    o.vote(id, 'root-ben');
    o.go(id, 'approved');
    await o.pass(HOUR, MIN);
    expect(o.box.mails).toHaveLength(1);
  });
});

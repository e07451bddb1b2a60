/** What goes wrong on the way to people, and that nobody who must know is left out for it. */
import { describe, expect, it } from 'vitest';
import { tellRouted } from '../../src/roles/tell/telling.ts';
import { saveSilence } from '../../src/store/desk-rows.ts';
import { APPROVERS, HOUR, MIN, type Office } from './a-post.ts';
import { CHAT, FILES, open, posted } from './at-the-office.ts';

const about = (name: string): string[] => posted().filter(text => text.includes(name));
/** It is Monday noon. */
const lunch = (from: string, receiver = 'chat', more = ''): string =>
  `timeIntervals: [{name: lunch, intervals: [{times: [{startTime: "${from}", endTime: "13:00"}]}]}],
   routes: [{receiver: ${receiver}, muteTimes: [lunch]${more}}]`;

describe('one thread of mails', () => {
  it('the alert that is told once more is a message of its own in it, which no mail system takes for the first', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    o.store.tx(() => tellRouted(o.store, o.config, o.now(), id, 'alert', `alert-${id}-again-1`));
    await o.pass(1500);
    const [first, again] = o.box.mails;
    expect(again!.messageId).not.toBe(first!.messageId);
    expect([again!.inReplyTo, again!.references]).toEqual([first!.messageId, first!.messageId]);
    expect(first!.inReplyTo).toBeUndefined();
  });
});

describe('what came up in a quiet time', () => {
  const silence = (o: Office): string =>
    saveSilence(o.store, o.now(), { matcher: { key: 'alice' }, until: o.now() + HOUR, author: 'ann', reason: 'known' });
  it.each([
    ['silenced', silence, () => {}],
    [
      'held',
      (o: Office, id: string) => o.change(id, { held: true }),
      (o: Office, id: string) => o.change(id, { held: false }),
    ],
    [
      'explained by a greater incident',
      (o: Office, id: string) => o.change(id, { inhibitedBy: o.propose('claw-scheduler', 2) }),
      (o: Office, id: string) => o.change(id, { inhibitedBy: null }),
    ],
  ] as const)('and is %s when it ends is told when that is over, once', async (_, begins, ends) => {
    const o = await open(`{receivers: [${CHAT}], ${lunch('11:30')}}`, { files: FILES });
    const id = o.propose('alice');
    o.propose('bob');
    await o.pass(30 * MIN, 5 * MIN);
    begins(o, id);
    await o.pass(40 * MIN, 5 * MIN);
    expect(posted()).toHaveLength(1);
    expect(posted()[0]).toContain('bob was refused');
    expect(posted()[0]).not.toContain('alice');
    await o.restart();
    ends(o, id);
    await o.pass(HOUR, MIN);
    expect(about('alice')).toHaveLength(1);
    expect(o.desk.show(id).told!.map(t => t.state)).toEqual(['sent']);
  });

  it('and somebody acted on meanwhile is not brought up again', async () => {
    const o = await open(`{receivers: [${CHAT}], ${lunch('11:30')}}`, { files: FILES });
    const id = o.propose('alice');
    await o.pass(30 * MIN, 5 * MIN);
    silence(o);
    await o.pass(40 * MIN, 5 * MIN);
    o.go(id, 'approved');
    await o.pass(2 * HOUR, 5 * MIN);
    expect(posted()).toEqual([]);
  });

  it('is said again after the interval of its route: the digest was the first time', async () => {
    const o = await open(`{receivers: [${CHAT}], ${lunch('11:30', 'chat', ', repeatInterval: 7200')}}`, {
      files: FILES,
    });
    o.propose('alice');
    await o.pass(5 * HOUR + 5 * MIN, 5 * MIN);
    expect(posted().map(text => /still waiting after (.*?):/i.exec(text)?.[1] ?? 'digest')).toEqual([
      'digest',
      '3 hours',
      '5 hours',
    ]);
  });

  it('goes up when the quiet time and then a silence are over, if nobody acted', async () => {
    const o = await open(
      `{receivers: [${CHAT}], ${lunch('12:30', 'administrators', ', continue: true}, {receiver: chat, muteTimes: [lunch]')},
        escalateAfter: 2400, escalateTo: chat}`,
      { files: FILES },
    );
    const id = o.propose('alice');
    await o.pass(45 * MIN, 5 * MIN);
    expect(o.rows().find(r => r.key === `escalate-${id}-to-chat`)!.result).toMatch(/^muted until/);
    silence(o);
    await o.pass(HOUR - MIN, MIN);
    expect(posted()).toHaveLength(1);
    await o.pass(3 * MIN, MIN);
    expect(posted()).toHaveLength(2);
    expect(posted()[1]).toMatch(/nobody acted for/i);
  });
});

describe('a vote is missing in a quiet time', () => {
  it('whoever may still vote is asked when it is over, and nobody else', async () => {
    const o = await open(`{secondVoteAfter: 600, ${lunch('12:05', 'administrators')}}`);
    const id = o.propose('claw-scheduler', 2);
    await o.pass(1500);
    o.vote(id, 'root-ann');
    await o.pass(50 * MIN, 5 * MIN);
    expect(o.box.mails).toHaveLength(1);
    await o.pass(2 * HOUR, 5 * MIN);
    expect(o.box.recipients.slice(1)).toEqual([['root-ben@site.example', 'alice@site.example']]);
    expect(o.subjects()[1]).toMatch(/1 more vote needed/);
  });
});

it('whose vote counts no more is asked again, with those who have not voted', async () => {
  const o = await open('{secondVoteAfter: 600}');
  const id = o.propose('claw-scheduler', 2);
  await o.pass(1500);
  o.vote(id, 'root-ann');
  o.approvers(APPROVERS.map(a => (a.name === 'root-ann' ? { ...a, keys: [] } : a)));
  o.vote(id, 'root-ben');
  await o.pass(15 * MIN, MIN);
  expect(o.subjects()[1]).toMatch(/1 more vote needed/);
  expect(o.box.recipients[1]!.toSorted()).toEqual(['alice@site.example', 'root-ann@site.example']);
});

describe('what was folded', () => {
  const NOTIFY = `{receivers: [${CHAT}], ${lunch('12:05')}}`;

  it('is not told in a quiet time that began meanwhile, and is at its end', async () => {
    const o = await open(NOTIFY, { files: FILES, perHour: 1 });
    const [alice, bob] = [o.propose('alice'), o.propose('bob')];
    await o.pass(1500);
    expect(posted()).toHaveLength(1);
    await o.pass(50 * MIN, 5 * MIN);
    expect(posted()).toHaveLength(1);
    expect(o.desk.show(bob).told).toMatchObject([{ state: 'muted until 2026-11-23T13:00:00.000Z' }]);
    await o.pass(20 * MIN, 5 * MIN);
    expect(posted()).toHaveLength(2);
    expect(posted()[1]).toContain('bob was refused');
    expect(o.desk.show(alice).told).toMatchObject([{ state: 'sent' }]);
  });

  it('is told though the clock was set back after a digest, and once', async () => {
    const o = await open(`{receivers: [${CHAT}], routes: [{receiver: chat}]}`, { files: FILES, perHour: 1 });
    for (const name of ['alice', 'bob']) o.propose(name);
    await o.pass(16 * MIN, MIN);
    expect(posted()).toHaveLength(2);
    o.setClock(-2 * HOUR);
    o.propose('carol');
    await o.pass(20 * MIN, MIN);
    expect(about('carol')).toHaveLength(1);
    expect(about('bob')).toHaveLength(1);
    await o.pass(3 * HOUR, 10 * MIN);
    expect(posted()).toHaveLength(3);
  });

  it('during an outage of its receiver is told in one digest', async () => {
    const o = await open(`{receivers: [${CHAT}], routes: [{receiver: chat}]}`, { files: FILES, perHour: 1 });
    for (const name of ['alice', 'bob']) o.propose(name);
    await o.pass(10 * MIN, MIN);
    o.hook.manner = { status: 503 };
    await o.pass(10 * MIN, MIN);
    o.propose('carol');
    await o.pass(5 * MIN, MIN);
    o.hook.manner = { status: 200 };
    await o.pass(20 * MIN, MIN);
    const taken = o.hook.came.filter(c => c.answered === 200);
    expect(taken).toHaveLength(2);
    expect(taken[1]!.body).toMatch(/2 alerts were folded/);
  });
});

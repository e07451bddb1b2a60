/** What waits for an administrator: reminders, what goes up, and the time in which nobody could know. */
import { describe, expect, it } from 'vitest';
import { handOver } from '../../src/roles/desk/marks.ts';
import { saveSilence } from '../../src/store/desk-rows.ts';
import { HOUR, MIN, type Office } from './a-post.ts';
import { CHAT, FILES, open, posted } from './at-the-office.ts';

const ANN = { name: 'root-ann', uid: 2000, roles: ['administrator'], since: 0 };

describe('what waits', () => {
  const NOTIFY = `{remindAfter: 3600, escalateAfter: 14400, escalateTo: boss,
    receivers: [{name: boss, type: mail, to: [boss@site.example]}]}`;

  it('is reminded of every hour and goes up after four, once; in the thread, over restarts', async () => {
    const o = await open(NOTIFY);
    const id = o.propose();
    await o.pass(1500);
    for (let quarters = 0; quarters < 4 * 5; quarters++) {
      await o.pass(15 * MIN);
      if (quarters % 3 === 0) await o.restart();
    }
    const reminders = o.box.mails.filter(m => /still waiting after/.test(m.subject!));
    expect(reminders.map(m => m.subject!.match(/after (.*?):/)![1])).toEqual([
      '1 hour',
      '2 hours',
      '3 hours',
      '4 hours',
      '5 hours',
    ]);
    const up = o.box.mails.filter((_, n) => o.box.recipients[n]!.includes('boss@site.example'));
    expect(up.map(m => m.subject)).toEqual([expect.stringMatching(/^\[readmit\] nobody acted for 4 hours/)]);
    for (const later of [...reminders, ...up]) expect(later.inReplyTo).toBe(o.box.mails[0]!.messageId);
    expect(o.rows().filter(r => r.key === `escalate-${id}-to-boss`)).toHaveLength(1);
  });

  it('a late reminder does not bring the next one closer', async () => {
    const o = await open(NOTIFY);
    o.propose();
    await o.pass(119 * MIN);
    expect(o.subjects().filter(s => /still waiting/.test(s!))).toHaveLength(1);
    await o.pass(30 * MIN, MIN);
    expect(o.subjects().filter(s => /still waiting/.test(s!))).toHaveLength(1);
    await o.pass(31 * MIN, MIN);
    expect(o.subjects().filter(s => /still waiting/.test(s!))).toHaveLength(2);
  });

  it.each([
    ['held', (o: Office, id: string) => o.change(id, { held: true })],
    ['taken over', (o: Office, id: string) => o.change(id, { takenBy: 'root-ann' })],
    ['inhibited', (o: Office, id: string) => o.change(id, { inhibitedBy: o.propose('claw-scheduler', 2) })],
    [
      'silenced',
      (o: Office) =>
        void saveSilence(o.store, o.now(), {
          matcher: { key: 'alice' },
          until: o.now() + 100 * HOUR,
          author: 'root-ann',
          reason: 'known',
        }),
    ],
  ] as const)('nobody is bothered again while it is %s', async (_, quiet) => {
    const o = await open(NOTIFY);
    const id = o.propose();
    await o.pass(1500);
    quiet(o, id);
    await o.pass(6 * HOUR, 30 * MIN);
    expect(o.desk.show(id).told!.filter(t => t.letter !== 'alert')).toEqual([]);
  });

  const silence = (o: Office): string =>
    saveSilence(o.store, o.now(), { matcher: { key: 'alice' }, until: o.now() + HOUR, author: 'ann', reason: 'known' });
  it.each([
    [
      'maintenance',
      (o: Office, id: string) => o.change(id, { held: true }),
      (o: Office, id: string) => o.change(id, { held: false }),
    ],
    [
      'a greater incident',
      (o: Office, id: string) => o.change(id, { inhibitedBy: o.propose('claw-scheduler', 2) }),
      (o: Office, id: string) => o.change(id, { inhibitedBy: null }),
    ],
    ['a silence', silence, () => {}],
  ] as const)('an alert that came during %s is told when that is over', async (_, begins, ends) => {
    const o = await open();
    const id = o.propose();
    begins(o, id);
    await o.pass(HOUR - MIN, MIN);
    const ofAlice = (): unknown[] => o.rows().filter(r => r.key === `alert-${id}` && r.result === 'sent');
    expect(ofAlice()).toEqual([]);
    ends(o, id);
    await o.pass(2 * MIN, MIN / 4);
    expect(ofAlice()).toHaveLength(1);
    await o.pass(HOUR, MIN);
    expect(o.subjects().filter(s => s!.includes('alice'))).toHaveLength(1);
  });

  it('an alert that came during a silence is not told when somebody acted meanwhile, or it is over', async () => {
    const o = await open();
    const id = o.propose();
    silence(o);
    await o.pass(MIN);
    expect(o.desk.show(id).told).toMatchObject([{ letter: 'alert', state: 'silenced' }]);
    o.go(id, 'approved');
    await o.pass(2 * HOUR, 10 * MIN);
    expect(o.box.mails).toEqual([]);
    for (const state of ['running', 'verifying', 'resolved'] as const) o.go(id, state);
    await o.pass(10 * MIN);
    expect(o.rows().find(r => r.key === `alert-${id}`)!.result).toBe('ended');
  });

  it('nobody is reminded, and nothing goes up, for the time in which nobody could know or somebody had it', async () => {
    const o = await open(NOTIFY);
    const [quiet, taken] = [o.propose('alice'), o.propose('bob')];
    saveSilence(o.store, o.now(), {
      matcher: { key: 'alice' },
      until: o.now() + 9 * HOUR,
      author: 'root-ann',
      reason: 'known',
    });
    handOver(o.store, o.now(), ANN, taken, 'root-ben', '');
    await o.pass(9 * HOUR - 5 * MIN, 5 * MIN);
    handOver(o.store, o.now(), ANN, taken, null, '');
    await o.pass(10 * MIN, 1000);
    const reminded = (): string[] =>
      o
        .rows()
        .map(r => r.key)
        .filter(key => /^(remind|escalate)-/.test(key));
    expect(o.rows().find(r => r.key === `alert-${quiet}`)!.result).toBe('sent');
    expect(reminded()).toEqual([]);
    await o.pass(4 * HOUR, 5 * MIN);
    expect(
      reminded()
        .filter(key => key.startsWith('escalate-'))
        .sort(),
    ).toEqual([`escalate-${quiet}-to-boss`, `escalate-${taken}-to-boss`]);
  });

  it('an alert that no server takes, though nothing holds it back any more, goes up all the same', async () => {
    const o = await open(
      NOTIFY.replace('receivers: [', `receivers: [${CHAT}, `).replace('escalateTo: boss', 'escalateTo: chat'),
      { files: FILES },
    );
    const id = o.propose();
    silence(o);
    await o.pass(HOUR - MIN, MIN);
    await o.box.close();
    await o.pass(6 * HOUR, 10 * MIN);
    expect(o.rows().find(r => r.key === `alert-${id}`)!.result).not.toBe('sent');
    expect(o.rows().map(r => r.key)).toContain(`escalate-${id}-to-chat`);
  });

  it('somebody acted between the asking and the sending: nothing is said', async () => {
    const o = await open(NOTIFY);
    const id = o.propose();
    await o.pass(1500);
    o.store.run(
      "INSERT INTO outbox (key, channel, incident, payload_json, created, due) VALUES ('remind-x', 'mail', ?, ?, ?, ?)",
      Number(id),
      JSON.stringify({ letter: 'reminder', incident: id }),
      o.now(),
      o.now(),
    );
    o.go(id, 'approved');
    await o.settle();
    expect(o.rows().at(-1)).toMatchObject({ key: 'remind-x', result: 'somebody acted' });
    expect(o.box.mails).toHaveLength(1);
  });

  it('a route says an alert again after its own interval, to its receiver alone', async () => {
    const o = await open(
      `{receivers: [${CHAT}], routes: [{receiver: chat, repeatInterval: 7200, continue: true}, {receiver: administrators}]}`,
      { files: FILES },
    );
    o.propose();
    await o.pass(1500);
    await o.pass(5 * HOUR, 10 * MIN);
    expect(posted().map(text => /still waiting after (.*?):/i.exec(text)?.[1] ?? 'alert')).toEqual([
      'alert',
      '2 hours',
      '4 hours',
    ]);
    expect(o.box.mails).toHaveLength(1);
  });
});

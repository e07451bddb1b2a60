/** Who is told what, where and when, over restarts and quiet times, as the people at the other ends see it. */
import { afterEach, describe, expect, it } from 'vitest';
import { Usage } from '../../src/incident.ts';
import { handOver } from '../../src/roles/desk/marks.ts';
import { askForReport } from '../../src/roles/reporting.ts';
import { tellRouted } from '../../src/roles/tell/telling.ts';
import { lastRun } from '../../src/store/approvals.ts';
import { saveSilence } from '../../src/store/desk-rows.ts';
import { enqueue } from '../../src/store/outbox.ts';
import { anOffice, HOUR, MIN, type Office } from './a-post.ts';

let office: Office;
const open = async (...args: Parameters<typeof anOffice>): Promise<Office> => (office = await anOffice(...args));
afterEach(async () => {
  await office?.end();
});

const ANN = { name: 'root-ann', uid: 2000, roles: ['administrator'], since: 0 };
const CHAT = '{name: chat, type: mattermost, urlFile: DIR/chat}';
const FILES = { chat: 'HOOK/hooks/chat', ops: 'HOOK/hooks/ops' };
const posted = (path = '/hooks/chat'): string[] => office.hook.to(path).map(c => JSON.parse(c.body).text as string);

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

describe('when it is over', () => {
  const resolve = (o: Office, id: string): void => {
    for (const state of ['approved', 'running', 'verifying', 'resolved'] as const) o.go(id, state);
  };

  it('those hear of it who were told, in the thread, once', async () => {
    const o = await open(
      `{receivers: [${CHAT}], routes: [{matchers: {kind: user}, receiver: chat, continue: true}, {receiver: administrators}]}`,
      {
        files: FILES,
      },
    );
    const id = o.propose();
    await o.pass(1500);
    resolve(o, id);
    await o.pass(2000);
    await o.restart();
    await o.pass(HOUR, MIN);
    expect(o.subjects()).toEqual([expect.anything(), '[readmit] resolved: alice can work again']);
    expect(o.box.mails[1]!.references).toBe(o.box.mails[0]!.messageId);
    expect(posted()).toHaveLength(2);
    expect(posted()[1]).toContain('alice can work again');
  });

  it.each([
    ['done', 'What was done: Adds alice to claw-users.'],
    ['unknown', 'A change of Readmit broke off: how much of it was made is not known.'],
    ['already', 'Readmit changed nothing for it.'],
  ] as const)('they hear what was done for it by a run that ended: %s', async (result, said) => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    o.carriedOut(id, result);
    resolve(o, id);
    await o.pass(2000);
    expect(o.box.mails[1]!.text!.replace(/\s+/g, ' ')).toContain(said);
  });

  it('they hear what was done by a run that broke off, when that is access by now', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    o.carriedOut(id, 'unknown');
    const run = lastRun(o.store, id)!.id;
    o.store.run(
      `INSERT INTO access_grant (id, user, uid, "group", host, incident, run, by_json, reason, since)
       VALUES ('g', 'alice', 1001, 'claw-users', 'claw-head-01', ?, ?, '[]', '', ?)`,
      ...[Number(id), run, o.now()],
    );
    resolve(o, id);
    await o.pass(2000);
    expect(o.box.mails[1]!.text!.replace(/\s+/g, ' ')).toContain('What was done: Adds alice to claw-users.');
  });

  it('nobody who was not told is told that it is over', async () => {
    const o = await open();
    const id = o.propose();
    resolve(o, id);
    await o.pass(HOUR, MIN);
    expect(o.box.mails).toEqual([]);
    expect(o.desk.show(id).told!.map(t => t.state)).toEqual(['ended', 'they were not told of it']);
  });

  it.each([
    ['always', 1],
    ['never', 0],
  ] as const)('notify.resolved: %s', async (wanted, mails) => {
    const o = await open(`{resolved: ${wanted}}`);
    resolve(o, o.propose());
    await o.pass(MIN);
    expect(o.box.mails).toHaveLength(mails);
  });

  it.each([
    ['{}', false, 'sent'],
    ['{restored: told}', false, 'the person was not told before'],
    ['{restored: told}', true, 'sent'],
    ['{restored: never}', true, 'switched off (notify.restored)'],
  ] as const)('the person hears that they can work again: %s, told before: %s', async (notify, before, result) => {
    const o = await open(notify);
    const id = o.propose();
    const add = (key: string, letter: string, done: string | null): void =>
      void o.store.run(
        'INSERT INTO outbox (key, channel, incident, payload_json, created, due, done, result) VALUES (?,?,?,?,?,?,?,?)',
        key,
        'mail',
        Number(id),
        JSON.stringify({ letter, incident: id }),
        o.now(),
        o.now(),
        done && o.now(),
        done ?? '',
      );
    if (before) add(`tell-${id}-openclaw/missing-group`, 'user-tell', 'sent');
    o.carriedOut(id);
    resolve(o, id);
    add(`restored-${id}`, 'access-restored', null);
    await o.settle();
    expect(o.rows().find(r => r.key === `restored-${id}`)!.result).toBe(result);
    expect(o.box.recipients.flat().filter(to => to === 'alice@site.example')).toHaveLength(result === 'sent' ? 1 : 0);
  });

  it.each([
    ['access-restored', `restored-`, 'undone', 'it is not so any more'],
    ['user-tell', `tell-`, 'resolved', 'it is over'],
    ['failed', `failed-`, 'resolved', 'it is not so any more'],
  ] as const)(
    'a letter that waited for the mail server is not sent when it has become wrong: %s',
    async (letter, key, state, why) => {
      const o = await open();
      const id = o.propose();
      o.carriedOut(id);
      resolve(o, id);
      if (state !== 'resolved') o.go(id, state);
      o.store.run(
        'INSERT INTO outbox (key, channel, incident, payload_json, created, due) VALUES (?,?,?,?,?,?)',
        ...[`${key}${id}`, 'mail', Number(id), JSON.stringify({ letter, incident: id }), o.now(), o.now()],
      );
      await o.settle();
      expect(o.rows().find(r => r.key === `${key}${id}`)!.result).toBe(why);
    },
  );

  it('what ended before Readmit said such things is not brought up', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    o.store.run("DELETE FROM meta WHERE key = 'read-resolved'");
    resolve(o, id);
    await o.pass(HOUR, MIN);
    expect(o.box.mails).toHaveLength(1);
  });
});

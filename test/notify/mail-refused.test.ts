/** A mail server that says no, to a letter or to one of its recipients, or that is away: somebody hears of it, once. */
import { describe, expect, it } from 'vitest';
import { Usage } from '../../src/incident.ts';
import { approverMail } from '../../src/roles/tell/approver-mail.ts';
import { freePort } from '../free-port.ts';
import { APPROVERS, HOUR, MIN } from './a-post.ts';
import { CHAT, closing, FILES, office, open, posted } from './at-the-office.ts';
import { smtp } from './smtp.ts';

/** It is Monday noon. */
const lunch = (from: string, receiver = 'chat', more = ''): string =>
  `timeIntervals: [{name: lunch, intervals: [{times: [{startTime: "${from}", endTime: "13:00"}]}]}],
   routes: [{receiver: ${receiver}, muteTimes: [lunch]${more}}]`;

/** A mail server that says no to some. */
const server = async (answer: (address: string) => number | null) => {
  const box = await smtp({
    onRcptTo: (to, _session, done) => {
      const code = answer((to as { address: string }).address);
      done(code === null ? null : Object.assign(new Error('not you'), { responseCode: code }));
    },
  });
  closing.push(box.close);
  return box;
};
const mailTo = (port: number, ...to: string[]): string =>
  `{host: 127.0.0.1, port: ${port}, from: "readmit@site.example", to: ${JSON.stringify(to)}, userDomain: site.example}`;
const SECOND = '{}\nwebhook: {url: "HOOK/second"}';
const called = (): string[] => office.hook.to('/second').map(c => JSON.parse(c.body).text as string);

describe('a letter that is refused', () => {
  it('by the mail server is lost: the second channel hears of it, and the page until mail goes out again', async () => {
    let no: number | null = 550;
    const box = await server(() => no);
    const o = await open(SECOND, { mail: mailTo(box.port, 'ops@site.example') });
    const id = o.propose();
    await o.pass(1500);
    await o.settle();
    expect(o.desk.show(id).told![0]!.state).toMatch(/^refused: .* 550 /);
    expect(called()).toEqual([expect.stringMatching(/a letter is lost, mail can't be sent: .*550.*alice was refused/)]);
    await o.restart();
    expect(o.desk.health()).toMatchObject({ mail: { up: false, detail: expect.stringContaining('550') } });
    expect(o.desk.health().banner.join()).toContain("Mail can't be sent");
    no = null;
    o.propose('bob');
    await o.pass(HOUR, 10 * MIN);
    expect(o.desk.health().mail.up).toBe(true);
    expect(called()).toHaveLength(1);
  });

  it('to a person who has no mailbox is no alarm', async () => {
    const box = await server(to => (to.startsWith('alice') ? 550 : null));
    const o = await open(SECOND, { mail: mailTo(box.port, 'ops@site.example') });
    const id = o.propose();
    await o.pass(1500);
    o.carriedOut(id);
    for (const state of ['approved', 'running', 'verifying', 'resolved'] as const) o.go(id, state);
    o.ask('mail', `restored-${id}`, { letter: 'access-restored', incident: id });
    await o.settle();
    expect(o.rows().find(r => r.key === `restored-${id}`)!.result).toMatch(/^refused: /);
    expect(called()).toEqual([]);
    expect(o.desk.health().mail.up).toBe(true);
  });

  it('with 400, as Mattermost does for a hook that was deleted, is tried again, and somebody hears of it', async () => {
    const o = await open(`{receivers: [${CHAT}], routes: [{receiver: chat}]}\nwebhook: {url: "HOOK/second"}`, {
      files: FILES,
    });
    o.hook.manner = { status: 400, body: '{"id":"web.incoming_webhook.invalid.app_error"}' };
    o.propose();
    await o.pass(1500);
    expect(called()).toEqual([]);
    await o.pass(30 * MIN, MIN);
    expect(called()[0]).toMatch(/chat can't be told: .*400/);
    o.hook.manner = { status: 200 };
    await o.pass(10 * MIN, MIN);
    expect(o.hook.to('/hooks/chat').at(-1)!.answered).toBe(200);
    expect(o.rows()[0]).toMatchObject({ result: 'sent' });
  });

  it('with 400 for a day is given up', async () => {
    const o = await open(`{receivers: [${CHAT}], routes: [{receiver: chat}]}`, { files: FILES });
    o.hook.manner = { status: 400 };
    const id = o.propose();
    await o.pass(20 * HOUR, 6 * MIN);
    expect(o.desk.show(id).told![0]!.state).toMatch(/tried again/);
    await o.pass(10 * HOUR, 6 * MIN);
    expect(o.desk.show(id).told![0]!.state).toMatch(/^refused: /);
  });
});

describe('one recipient of several', () => {
  it('who is refused for now gets the letter later, alone, as the same message', async () => {
    let later: number | null = 450;
    const box = await server(to => (to.startsWith('two') ? later : null));
    const o = await open('{}', { mail: mailTo(box.port, 'one@site.example', 'two@site.example'), perHour: 1 });
    const id = o.propose();
    await o.pass(1500);
    await o.pass(5 * MIN, MIN);
    expect(box.recipients).toEqual([['one@site.example']]);
    expect(o.desk.show(id).told).toMatchObject([
      { to: 'administrators', state: 'sent' },
      { to: 'two@site.example', state: expect.stringMatching(/tried again: .*450/) },
    ]);
    later = null;
    await o.restart();
    await o.pass(10 * MIN, MIN);
    expect(box.recipients.slice(1)).toEqual([['two@site.example']]);
    expect(box.mails[1]!.messageId).toBe(box.mails[0]!.messageId);
    await o.pass(HOUR, 5 * MIN);
    expect(box.mails).toHaveLength(2);
  });

  it('gets the digest that the others got, too', async () => {
    let later: number | null = null;
    const box = await server(to => (to.startsWith('two') ? later : null));
    const mail = mailTo(box.port, 'one@site.example', 'two@site.example').replace('}', ', perHour: 1}');
    const o = await open('{}', { mail });
    for (const name of ['alice', 'bob']) o.propose(name);
    await o.pass(1500);
    later = 450;
    await o.pass(16 * MIN, MIN);
    later = null;
    await o.pass(10 * MIN, MIN);
    expect(box.recipients.slice(1)).toEqual([['one@site.example'], ['two@site.example']]);
    expect(box.mails[2]!.text).toContain('bob was refused');
    expect(box.mails[2]!.messageId).toBe(box.mails[1]!.messageId);
  });

  it('who is refused for good is said to be, on the second channel too', async () => {
    const box = await server(to => (to.startsWith('two') ? 550 : null));
    const o = await open(SECOND, { mail: mailTo(box.port, 'one@site.example', 'two@site.example') });
    const id = o.propose();
    await o.pass(1500);
    await o.pass(HOUR, 10 * MIN);
    expect(box.recipients).toEqual([['one@site.example']]);
    expect(o.desk.show(id).told).toMatchObject([
      { to: 'administrators', state: 'sent' },
      { to: 'two@site.example', state: expect.stringMatching(/^refused: .*550/) },
      { to: 'the second channel' },
    ]);
    expect(called()).toEqual([expect.stringContaining(`a letter to two@${'\u200b'}site.example is lost`)]);
  });
});

describe('a receiver that was renamed', () => {
  const named = (name: string, more = ''): string =>
    `{receivers: [${CHAT.replace('name: chat', `name: ${name}`)}], routes: [{receiver: ${name}, continue: true${more}}, {matchers: {tier: 2}, receiver: administrators}]}`;

  it('gets what waited for it under its old name; who was told is not told again', async () => {
    const o = await open(named('chat'), { files: FILES });
    o.hook.manner = { status: 503 };
    const [alice, service] = [o.propose('alice'), o.propose('claw-scheduler', 2)];
    await o.pass(5000);
    expect(o.box.mails).toHaveLength(1);
    o.hook.manner = { status: 200 };
    const before = posted().length;
    await o.restart(named('chat2'));
    await o.pass(HOUR, 5 * MIN);
    expect(
      posted()
        .slice(before)
        .map(text => /incidents\/(\d+)/.exec(text)![1]),
    ).toEqual([alice, service]);
    expect(o.box.mails).toHaveLength(1);
    await o.restart(named('chat3'));
    await o.pass(HOUR, 5 * MIN);
    expect(posted()).toHaveLength(before + 2);
  });

  it('during a quiet time gets what came up in it', async () => {
    const notify = (name: string): string =>
      `{receivers: [${CHAT.replace('name: chat', `name: ${name}`)}], ${lunch('11:30', name)}}`;
    const o = await open(notify('chat'), { files: FILES });
    const [alice, bob] = [o.propose('alice'), o.propose('bob')];
    await o.pass(10 * MIN, MIN);
    for (const state of ['approved', 'running', 'verifying', 'resolved'] as const) o.go(bob, state);
    await o.restart(notify('chat2'));
    await o.pass(2 * HOUR, 5 * MIN);
    expect(posted()).toHaveLength(1);
    expect(posted()[0]).toContain(`#${alice} `.replace('#', '\\#'));
    expect(posted()[0]).not.toContain('bob');
  });
});

describe('the mail server is away', () => {
  it('and many letters wait: the second channel is called once, and once for the rest, each quarter of an hour', async () => {
    const o = await open(SECOND, { mail: mailTo(9, 'ops@site.example').replace('}', ', perHour: 100}') });
    for (let n = 0; n < 6; n++) o.propose(`u${n}`);
    await o.pass(1500);
    await o.pass(10 * MIN, MIN);
    expect(called()).toEqual([expect.stringMatching(/mail can't be sent: .*u0 was refused/)]);
    await o.pass(6 * MIN, MIN);
    expect(called()).toHaveLength(2);
    expect(called()[1]).toMatch(/6 letters wait\. mail can't be sent: /);
    for (let n = 6; n < 18; n++) {
      o.propose(`u${n}`);
      await o.pass(10 * MIN, MIN);
    }
    const at = o.store.all<{ done: number }>(
      "SELECT done FROM outbox WHERE channel = 'webhook' AND result = 'sent' ORDER BY done",
    );
    for (const { done } of at)
      expect(at.filter(a => a.done >= done && a.done < done + HOUR).length).toBeLessThanOrEqual(4);
    expect(at.length).toBeGreaterThan(5);
  });

  it('and back before the rest was told: nobody is called for what has gone out', async () => {
    const port = await freePort();
    const o = await open(SECOND, { mail: mailTo(port, 'ops@site.example') });
    for (const name of ['alice', 'bob', 'carol']) o.propose(name);
    await o.pass(1500);
    expect(called()).toHaveLength(1);
    const box = await smtp({}, port);
    closing.push(box.close);
    await o.pass(HOUR, MIN);
    expect(box.mails).toHaveLength(3);
    expect(called()).toHaveLength(1);
  });

  it('alarms are not held up by it, and are folded by themselves', async () => {
    const o = await open(SECOND, { mail: mailTo(9, 'ops@site.example') });
    o.propose();
    await o.pass(1500);
    for (let n = 1; n <= 9; n++) o.ask('webhook', `alarm-source-${n}-0`, { text: `/var/log/${n}.log: missing.` });
    await o.pass(1000);
    expect(called().filter(text => text.includes('missing'))).toHaveLength(4);
    await o.pass(HOUR, 5 * MIN);
    const alarms = called().filter(text => text.includes('missing'));
    expect(alarms).toHaveLength(5);
    expect(alarms[4]).toMatch(/5 more troubles\. .*5\.log: missing\..* And 2 more, on the page\./);
  });
});

describe('those who may give the missing vote', () => {
  const people = [
    { name: 'root-ann', uid: 2000, mail: 'a.miller@site.example' },
    { name: 'Ben', uid: 2005, mail: 'BEN@other.example' },
    { name: 'Dora', uid: 2007 },
    { name: 'dave', uid: 2008 },
  ].map(a => ({ ...a, roles: ['administrator'], keys: APPROVERS[0]!.keys, passkeys: [] }));

  it('each get it where the configuration says; one without an address keeps it from nobody', async () => {
    const o = await open(
      '{secondVoteAfter: 600, receivers: [{name: lead, type: mail, to: ["Ben Bauer <ben@other.example>"]}]}',
    );
    o.approvers(people);
    const id = o.propose('claw-scheduler', 2);
    await o.pass(1500);
    o.vote(id, 'root-ann');
    await o.pass(30 * MIN, 5 * MIN);
    expect(o.box.recipients.slice(1)).toEqual([['ben@other.example', 'dave@site.example']]);
  });

  it.each([
    ['the address of the approvers file before one of their name', 'ben', 'b@site.example', 'b@site.example'],
    ['without regard to capitals, with a name before it', 'ann', 'ANN.M@site.example', 'Ann.M@site.example'],
    ['one of their name', 'ben', undefined, 'ben@other.example'],
    ['of their name at the domain', 'carol', 'carol@evil.example', 'carol@site.example'],
    ['none where their name is no address of the site', 'Carol', undefined, null],
  ] as const)('%s', async (_, name, mail, address) => {
    const o = await open('{}', {
      mail: mailTo(9, 'ben@other.example', 'Ann Miller <Ann.M@site.example>', 'b@site.example'),
    });
    expect(approverMail(o.config, { name, mail })).toBe(address);
  });

  it('D27: an address that the configuration does not name is left out, is said, and costs the others nothing', async () => {
    const o = await open(SECOND);
    o.ask('mail', 'report-x', { letter: 'report', week: '2026-W47', to: ['ops@site.example', 'Mallory@evil.example'] });
    o.report(async () => ({ week: '2026-W47', headline: 'x', text: 'x', html: 'x', csv: '', json: '{}' }));
    await o.settle();
    await o.settle();
    expect(o.box.recipients).toEqual([['ops@site.example']]);
    expect(o.rows().find(r => r.key.startsWith('for-Mallory'))!.result).toMatch(/^refused: .*not a recipient/);
    expect(called()).toHaveLength(1);
  });
});

describe('a letter that can not be written', () => {
  it('is not tried for ever; one for which a file must be mended is', async () => {
    const o = await open('{secondVoteAfter: 600}');
    o.report(async () => Promise.reject(new Usage('"2025-W53" is no ISO week')));
    o.ask('mail', 'report-2025-W53-all-1', { letter: 'report', week: '2025-W53' });
    await o.settle();
    expect(o.rows()[0]!.result).toBe('refused: "2025-W53" is no ISO week');
    const id = o.propose('claw-scheduler', 2);
    await o.pass(1500);
    o.vote(id, 'root-ann');
    o.approvers(new Usage('approvers.yaml:1: not a list'));
    await o.pass(20 * MIN, MIN);
    expect(o.box.mails).toHaveLength(1);
    o.approvers(people);
    await o.pass(10 * MIN, MIN);
    expect(o.box.recipients[1]).toEqual(['dave@site.example']);
  });
  const people = [APPROVERS[0]!, { name: 'dave', uid: 2008, roles: ['administrator'], keys: [], passkeys: [] }];
});

/** When it is over: who hears of it, in which thread, and what is not brought up again. */
import { describe, expect, it } from 'vitest';
import { lastRun } from '../../src/store/approvals.ts';
import { HOUR, MIN, type Office } from './a-post.ts';
import { CHAT, FILES, open, posted } from './at-the-office.ts';

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

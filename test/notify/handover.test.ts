/** What an Alertmanager is sent over an incident's life, request by request, with the time in our hands. */
import { afterEach, describe, expect, it } from 'vitest';
import { saveSilence } from '../../src/store/desk-rows.ts';
import { anOffice, HOUR, MIN, type Office } from './a-post.ts';

const NOTIFY = `{receivers: [{name: am, type: alertmanager, url: "HOOK/am/", tokenFile: DIR/token, resendInterval: 60}],
  timeIntervals: [{name: later, intervals: [{times: [{startTime: "12:05", endTime: "12:10"}]}]}],
  routes: [{receiver: am, muteTimes: [later]}], remindAfter: 60, escalateAfter: 3600, escalateTo: am}`;

let office: Office;
afterEach(async () => {
  await office.end();
});
const open = async (notify = NOTIFY): Promise<Office> =>
  (office = await anOffice(notify, { files: { token: 't0ken' } }));

interface Sent {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
}
const sent = (): Sent[][] => office.hook.came.map(c => JSON.parse(c.body) as Sent[]);
const over = (a: Sent, now: number): boolean => Date.parse(a.endsAt) <= now;

describe('an incident that is handed over', () => {
  it('is posted to /api/v2/alerts as Alertmanager documents it', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    const [came] = o.hook.came;
    expect(came).toMatchObject({ method: 'POST', path: '/am/api/v2/alerts' });
    expect(came!.headers).toMatchObject({ 'content-type': 'application/json', authorization: 'Bearer t0ken' });
    expect(JSON.parse(came!.body)).toEqual([
      {
        labels: {
          alertname: 'ReadmitIncident',
          service: 'readmit',
          incident: id,
          host: 'claw-head-01',
          kind: 'user',
          subject: 'alice',
          cause: 'openclaw/missing-group',
          tier: '1',
        },
        annotations: {
          summary: 'alice was refused',
          description: 'proposed; 0 denials, 0 users; needs 1 vote',
          deed: 'Add alice to claw-users',
          link: `https://readmit.site.example/incidents/${id}`,
        },
        startsAt: '2026-11-23T12:00:00.000Z',
        endsAt: '2026-11-23T12:04:01.500Z',
        generatorURL: `https://readmit.site.example/incidents/${id}`,
      },
    ]);
    expect(o.desk.show(id).told).toMatchObject([{ to: 'am', letter: 'alert', state: 'firing' }]);
  });

  it('is sent again every minute, over restarts, and ends when it ends; no reminder of ours goes there', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    for (let n = 0; n < 4; n++) {
      await o.pass(MIN);
      await o.restart();
    }
    expect(sent()).toHaveLength(5);
    for (const [alert] of sent()) expect(alert!.startsAt).toBe('2026-11-23T12:00:00.000Z');
    for (const state of ['approved', 'running', 'verifying', 'resolved'] as const) o.go(id, state);
    await o.pass(1000);
    expect(sent()).toHaveLength(6);
    expect(over(sent()[5]![0]!, o.now())).toBe(true);
    await o.restart();
    await o.pass(HOUR, 10 * MIN);
    expect(sent()).toHaveLength(6);
    expect(o.rows()).toMatchObject([{ channel: 'to:am', result: 'sent', done: expect.any(Number) }]);
  });

  it('an end that does not arrive is sent until it does', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    o.hook.manner = { status: 503 };
    for (const state of ['approved', 'running', 'verifying', 'resolved'] as const) o.go(id, state);
    await o.pass(20_000, 1000);
    expect(o.desk.health().receivers).toMatchObject([{ name: 'am', up: false }]);
    o.hook.manner = { status: 200 };
    await o.restart();
    await o.pass(MIN);
    expect(over(sent().at(-1)![0]!, o.now())).toBe(true);
    expect(o.rows()[0]!.done).not.toBeNull();
  });

  it('with another cause it is another alert, and the one before is over', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    o.change(id, { cause: 'openclaw/access-removed' });
    await o.pass(MIN);
    const [before, now] = sent()[1]!;
    expect([before!.labels.cause, over(before!, o.now())]).toEqual(['openclaw/missing-group', true]);
    expect([now!.labels.cause, over(now!, o.now())]).toEqual(['openclaw/access-removed', false]);
    await o.pass(MIN);
    expect(sent()[2]).toHaveLength(1);
  });

  it('a silence of ours, and a quiet time, end it there; afterwards it fires again', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(1500);
    const until = o.now() + 150_000;
    saveSilence(o.store, o.now(), { matcher: { key: 'alice' }, until, author: 'root-ann', reason: 'known' });
    await o.pass(MIN);
    expect(over(sent()[1]![0]!, o.now())).toBe(true);
    expect(o.desk.show(id).told![0]!.state).toBe('silenced');
    await o.pass(2 * MIN, MIN);
    expect(sent()).toHaveLength(3);
    expect(over(sent()[2]![0]!, o.now())).toBe(false);
    await o.pass(2 * MIN, MIN);
    expect(o.desk.show(id).told![0]!.state).toBe('muted until 2026-11-23T12:10:00.000Z');
    expect(over(sent().at(-1)![0]!, o.now())).toBe(true);
    await o.pass(6 * MIN, MIN);
    expect(over(sent().at(-1)![0]!, o.now())).toBe(false);
  });

  it('one that nobody acts on is another alert, until somebody does', async () => {
    const o = await open();
    const id = o.propose();
    await o.pass(62 * MIN, MIN);
    const escalation = sent()
      .flat()
      .filter(a => a.labels.alertname === 'ReadmitEscalation');
    expect(escalation.length).toBeGreaterThan(0);
    o.change(id, { takenBy: 'root-ann' });
    await o.pass(MIN);
    const last = sent()
      .flat()
      .filter(a => a.labels.alertname === 'ReadmitEscalation')
      .at(-1)!;
    expect(over(last, o.now())).toBe(true);
  });
});

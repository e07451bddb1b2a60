/** Requests that no browser of ours sends: each gets an answer that says so, and leaves nothing behind. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aSite, type Site } from './a-site.ts';
import { API, expectProblem } from './problem.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

describe('requests that no browser of ours sends', () => {
  it('a form that can’t be read is 400, for strangers too', async () => {
    const headers = { 'content-type': 'multipart/form-data', 'sec-fetch-site': 'same-origin' };
    expect((await site.ask('/sign-in/x', { body: 'x', headers })).status).toBe(400);
    expect(site.lines.filter(l => l.message === 'web request failed')).toEqual([]);
  });

  it('a week that no year has is no week: not on the page, not over the API, and nothing is queued', async () => {
    const olga = await site.signIn('olga');
    const get = async (path: string) => (await site.ask(path, { headers: { cookie: olga.cookie } })).status;
    for (const week of ['2025-W53', '2026-W54', '2026-W00', '0001-W01', 'x']) {
      expect(await get(`/report?week=${week}`), week).toBe(404);
      expect(await get(`/report.csv?week=${week}`), week).toBe(404);
      expect((await olga.post('/report/send', { week, to: 'all' })).status, week).toBe(404);
      const token = site.token('operator', 'olga');
      expectProblem(await site.ask(`${API}/report?week=${week}`, { token }), 422, /only some years have a W53/);
      const body = { week, to: 'all' };
      expectProblem(await site.ask(`${API}/report/send`, { token, body }), 422, /only some years have a W53/);
    }
    expect(site.store.all("SELECT * FROM outbox WHERE channel = 'mail'")).toEqual([]);
    expect((await olga.post('/report/send', { week: '2020-W53', to: 'all' })).status).toBe(303);
    for (const week of ['1000-W01', '2026-W48'])
      expect((await site.ask(`${API}/report?week=${week}`, { token: site.token('viewer') })).status, week).toBe(200);
  });

  it('a week that has not begun has no report: the API says so, the page too, and nothing is queued', async () => {
    const olga = await site.signIn('olga');
    const token = site.token('operator', 'olga');
    for (const week of ['2026-W49', '2099-W01', '9999-W52']) {
      const why = new RegExp(`${week} has not begun: it begins on \\d{4}-`);
      expectProblem(await site.ask(`${API}/report?week=${week}`, { token }), 422, why);
      const body = { week, to: 'all' };
      expectProblem(await site.ask(`${API}/report/send`, { token, body }), 422, why);
      const sent = await olga.post('/report/send', body);
      expect([sent.status, sent.text]).toEqual([409, expect.stringMatching(why)]);
    }
    expect(site.store.all("SELECT * FROM outbox WHERE channel = 'mail'")).toEqual([]);
  });

  it('HEAD of the live stream opens none: the seventh in a row is as good as the first', async () => {
    const { cookie } = await site.signIn('vera');
    for (let i = 0; i < 7; i++) {
      const answer = await site.send('/live', { method: 'HEAD', headers: { cookie } });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream']);
    }
    const stream = await site.send('/live', { headers: { cookie } });
    expect(stream.status).toBe(200);
    await stream.body!.cancel();
  });
});

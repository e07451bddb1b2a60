/** How often the API may be asked: by token, by session, by address; and what that costs nobody else. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Limit } from '../../src/web/api/limit.ts';
import { aSite, NOON, type Site } from './a-site.ts';
import { API, expectProblem } from './problem.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

describe('how often', () => {
  it('one token, one session, one address: each has its own bucket, and gets it back with time', async () => {
    const busy = site.token('viewer');
    const statuses = [];
    for (let n = 0; n < 130; n++) statuses.push((await site.ask(`${API}/me`, { token: busy })).status);
    expect(statuses.filter(s => s === 200)).toHaveLength(120);
    const last = await site.ask(`${API}/me`, { token: busy });
    expectProblem(last, 429, /too many/);
    expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await site.ask(`${API}/me`, { token: site.token('viewer') })).status).toBe(200);
    site.pass(1000);
    expect((await site.ask(`${API}/me`, { token: busy })).status).toBe(200);
  });

  it('guessing tokens is slow, and nobody else pays for it', async () => {
    const guess = (from: string) => site.ask(`${API}/me`, { token: `rdm_${'B'.repeat(43)}`, from });
    const statuses = [];
    for (let n = 0; n < 40; n++) statuses.push((await guess('2001:db8::1')).status);
    expect(statuses.filter(s => s === 401)).toHaveLength(30);
    expect((await guess('2001:db8::ffff:1')).status).toBe(429);
    expect((await guess('2001:DB8:0:0:5::1')).status).toBe(429);
    expect((await guess('2001:db8:0:1::1')).status).toBe(401);
    expect((await guess('::ffff:192.0.2.1')).status).toBe(401);
    expect((await guess('fe80::1%eth0')).status).toBe(401);
    expect((await site.ask(`${API}/me`, { token: site.token('viewer'), from: '2001:db8::1' })).status).toBe(200);
  });

  it('deeds are counted more strictly', async () => {
    const token = site.token('operator', 'olga');
    const statuses = [];
    for (let n = 0; n < 25; n++)
      statuses.push((await site.ask(`${API}/incidents/${site.user}/undo`, { token, body: {} })).status);
    expect(statuses.filter(s => s === 409)).toHaveLength(20);
    expect(statuses.at(-1)).toBe(429);
  });

  it('a million callers take no more memory than the bound, and a clock that goes back gives nothing', () => {
    let time = NOON;
    const limit = new Limit({ burst: 2, perSecond: 1 }, () => time, 100);
    for (let n = 0; n < 10_000; n++) limit.take(`address ${n}`);
    expect(limit.size).toBe(100);
    limit.take('one');
    limit.take('one');
    time -= 86_400_000;
    expect(limit.take('one')).toBe(1);
    time += 1000;
    expect(limit.take('one')).toBe(0);
  });
});

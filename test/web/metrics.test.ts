/** /metrics as Prometheus reads it: the same numbers as the store's, and who may read them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aSite, NOON, type Site } from './a-site.ts';
import { API } from './problem.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

describe('/metrics', () => {
  const value = (text: string, line: string) =>
    Number(
      text
        .split('\n')
        .find(l => l.startsWith(`${line} `))
        ?.split(' ')[1],
    );

  it('tells the same as the store, in the text format of Prometheus', async () => {
    const token = site.token('viewer');
    const olga = site.token('operator', 'olga');
    await site.ask(`${API}/incidents/${site.user}/approve`, {
      token: olga,
      body: { digest: site.digest(site.user), reason: 'x' },
    });
    site.store.run(
      "INSERT INTO hour (hour, host, event, user, ip, account, self_reported, incident, count) VALUES (?,'h','denied','alice','','user',0,1,7), (?,'h','denied','alice','','user',0,1,5), (?,'h','denied','zzz','','unknown',0,0,3)",
      NOON,
      NOON - 90 * 86_400_000,
      NOON,
    );
    const { text, type, status } = await site.ask('/metrics', { token });
    expect(status).toBe(200);
    expect(type).toMatch(/^text\/plain/);
    expect(value(text, 'readmit_incidents{state="approved"}')).toBe(1);
    expect(value(text, 'readmit_incidents{state="proposed"}')).toBe(1);
    expect(value(text, 'readmit_incidents{state="failed"}')).toBe(0);
    expect(value(text, 'readmit_denials_total{event="denied",account="user"}')).toBe(12);
    expect(value(text, 'readmit_denials_total{event="denied",account="unknown"}')).toBe(3);
    expect(value(text, 'readmit_votes_total{decision="approve"}')).toBe(1);
    expect(value(text, 'readmit_outbox_pending{channel="job"}')).toBe(1);
    expect(value(text, 'readmit_executor_up{host="claw-head-01"}')).toBe(1);
    expect(value(text, 'readmit_source_lag_bytes{host="claw-head-01",path="/var/log/claw-scheduler.log"}')).toBe(17);
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
    for (const line of text.split('\n').filter(Boolean))
      expect(line).toMatch(/^(# (HELP|TYPE) |[a-z_0-9]+(\{.*\})? \S+$)/);
  });

  it('time to access is a histogram that counts each case once, however often it is asked', async () => {
    const { move } = await import('../../src/store/incidents.ts');
    const token = site.token('viewer');
    move(site.store, NOON + 400_000, site.user, 'proposed', 'resolved', { actor: 'readmit', what: 'works again' });
    for (let n = 0; n < 3; n++) {
      site.pass(2000);
      const { text } = await site.ask('/metrics', { token });
      expect(value(text, 'readmit_time_to_access_seconds_bucket{le="300"}')).toBe(0);
      expect(value(text, 'readmit_time_to_access_seconds_bucket{le="900"}')).toBe(1);
      expect(value(text, 'readmit_time_to_access_seconds_count')).toBe(1);
      expect(value(text, 'readmit_time_to_access_seconds_sum')).toBe(400);
    }
  });

  it('without a token only where the site says so, from this machine, under our name, and never behind a proxy', async () => {
    const near = { from: '127.0.0.1' };
    expect((await site.ask('/metrics', near)).status).toBe(401);
    for (const [web, o, status] of [
      ['metrics: loopback', near, 200],
      ['metrics: loopback', { from: '::1' }, 200],
      ['metrics: loopback', { from: '::ffff:127.0.0.1' }, 200],
      ['metrics: loopback', { from: '192.0.2.9' }, 401],
      ['metrics: loopback', { ...near, headers: { host: 'evil.example' } }, 401],
      [
        'metrics: loopback, origin: "https://readmit.example", behindProxy: [127.0.0.1]',
        { ...near, headers: { host: 'readmit.example' } },
        401,
      ],
    ] as const) {
      site.end();
      site = aSite({ web });
      expect((await site.ask('/metrics', o)).status, JSON.stringify([web, o])).toBe(status);
    }
  });
});

/**
 * Who is told what, by the running program: a chat, a program of the site and an Alertmanager hear of a denial by the
 * routes of readmit.yaml, once each, though `serve` is killed in between; the page and the command line say who was told.
 */
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { pidOf } from '../faults/lab.ts';
import { type Hooks, hooks } from '../notify/hooks.ts';
import { Cluster } from './cluster.ts';

let c: Cluster;
let hook: Hooks;

beforeAll(async () => {
  hook = await hooks();
  c = await Cluster.start();
  await c.down();
  for (const [name, text] of [
    ['chat.url', `${hook.origin}/chat`],
    ['site.secret', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  ] as const)
    writeFileSync(join(c.dir, name), text, { mode: 0o600 });
  appendFileSync(
    join(c.dir, 'readmit.yaml'),
    `notify:
  receivers:
    - {name: chat, type: slack, urlFile: ${c.dir}/chat.url}
    - {name: site, type: webhook, url: "${hook.origin}/site", secretFile: ${c.dir}/site.secret}
    - {name: pager, type: alertmanager, url: "${hook.origin}/am", resendInterval: 2}
  routes:
    - {matchers: {cause: "openclaw/*", kind: user}, receiver: chat, continue: true}
    - {matchers: {tier: 1}, receiver: pager, continue: true}
    - {receiver: site}
  remindAfter: 3
`,
  );
  await c.up();
});
afterAll(async () => {
  await c?.end();
  await hook?.close();
});

interface Message {
  text: string;
}
const chat = (): string[] => hook.to('/chat').map(p => (JSON.parse(p.body) as Message).text);
interface Alert {
  labels: Record<string, string>;
  endsAt: string;
}
const alerts = (): Alert[] => hook.to('/am/api/v2/alerts').flatMap(p => JSON.parse(p.body) as Alert[]);

it('each receiver hears of it once, is reminded, and hears that it is over; kill -9 in between', async () => {
  await c.practice('break', 'missing-group', 'alice');
  await c.submit('alice');
  const incident = await c.incidentOf('a proposal', i => i.key === 'alice' && i.state === 'proposed');
  process.kill(pidOf(c, 'serve')!, 'SIGKILL');
  await c.until('the chat', async () => chat().some(text => text.includes("alice can't submit jobs")));
  await c.until('the site', async () => hook.to('/site').length > 0);
  await c.until('the pager', async () => alerts().length > 0);
  expect(alerts()[0]!.labels).toMatchObject({ alertname: 'ReadmitIncident', incident: incident.id, subject: 'alice' });
  await c.until('a reminder', async () => chat().some(text => text.includes('still waiting')));
  expect(chat().filter(text => !text.includes('still waiting'))).toHaveLength(1);
  expect((await c.mails()).filter(m => m.to.join().includes('root-'))).toEqual([]);

  const told = (await c.show(incident.id)).told!;
  expect(told.map(t => [t.to, t.letter, t.state])).toEqual(
    expect.arrayContaining([
      ['chat', 'alert', 'sent'],
      ['pager', 'alert', 'firing'],
      ['site', 'alert', 'sent'],
      ['chat', 'reminder', 'sent'],
    ]),
  );
  const routed = await c.json<{ receivers: { receiver: string; route: number }[] }>('routes', 'test', incident.id);
  expect(routed.receivers.map(r => [r.receiver, r.route])).toEqual([
    ['chat', 1],
    ['pager', 2],
    ['site', 3],
  ]);

  const { token } = await c.json<{ token: string }>('token', 'create', '--name', 'grafana', '--role', 'viewer');
  const page = (path: string): Promise<string> =>
    fetch(`http://127.0.0.1:${c.port}${path}`, { headers: { authorization: `Bearer ${token}` } }).then(a => a.text());
  expect(await page('/metrics')).toContain('readmit_receiver_up{receiver="pager",type="alertmanager"} 1');
  const health = JSON.parse(await page('/api/v1/health')) as { receivers: { name: string; up: boolean }[] };
  expect(health.receivers).toMatchObject([
    { name: 'chat', up: true },
    { name: 'site', up: true },
    { name: 'pager', up: true },
  ]);

  await c.json('approve', incident.id, '--as', 'root-ann');
  await c.incidentOf('alice works again', i => i.id === incident.id && i.state === 'resolved');
  await c.until('the end in the chat', async () =>
    chat().some(text => text.includes('resolved: alice can work again')),
  );
  await c.until('the end at the pager', async () => alerts().some(a => Date.parse(a.endsAt) <= Date.now()));
  await c.until('all is told', async () =>
    (await c.show(incident.id)).told!.every(t => !['waiting', 'firing'].includes(t.state)),
  );
  expect(chat().filter(text => text.includes('resolved'))).toHaveLength(1);
});

/** Debian's Alertmanager, as it comes: what it makes of the incidents that are handed over to it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../free-port.ts';
import { anOffice, type Office } from './a-post.ts';
import { type Hooks, hooks } from './hooks.ts';

let dir: string;
let daemon: ChildProcess;
let pager: Hooks;
let office: Office;
let url: string;

async function until<T>(what: string, look: () => Promise<T | false | undefined> | T | false | undefined): Promise<T> {
  const end = Date.now() + 20_000;
  for (;;) {
    const found = await look();
    if (found) return found as T;
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise(done => setTimeout(done, 50));
  }
}

beforeAll(async () => {
  if (spawnSync('prometheus-alertmanager', ['--version']).error)
    throw new Error('prometheus-alertmanager is missing: apt-get install prometheus-alertmanager');
  dir = mkdtempSync(join(tmpdir(), 'rdm-am-'));
  pager = await hooks();
  writeFileSync(
    join(dir, 'alertmanager.yml'),
    `route: {receiver: pager, group_by: ['...'], group_wait: 0s, group_interval: 1s}
receivers: [{name: pager, webhook_configs: [{url: "${pager.origin}/page", send_resolved: true}]}]\n`,
  );
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  daemon = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${join(dir, 'alertmanager.yml')}`,
      `--storage.path=${join(dir, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
      '--cluster.listen-address=',
    ],
    { stdio: 'ignore' },
  );
  await until('Alertmanager', async () => (await fetch(`${url}/-/ready`).catch(() => null))?.ok);
  office = await anOffice(
    `{receivers: [{name: am, type: alertmanager, url: "${url}", resendInterval: 30}], routes: [{receiver: am}]}`,
    { at: Date.now() - 60_000 },
  );
});
afterAll(async () => {
  await office?.end();
  daemon?.kill('SIGKILL');
  await pager?.close();
  if (dir) rmSync(dir, { recursive: true, force: true });
});

interface There {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
  status: { state: string };
}
const alerts = async (): Promise<There[]> => (await (await fetch(`${url}/api/v2/alerts`)).json()) as There[];
interface Page {
  status: string;
  alerts: { labels: Record<string, string>; annotations: Record<string, string> }[];
}
const pages = (): Page[] => pager.to('/page').map(c => JSON.parse(c.body) as Page);

it('pages for an incident, hears of it again before it would go out, and pages that it is resolved', async () => {
  const id = office.propose();
  await office.pass(1500);
  const [there] = await until('the alert', async () => (await alerts()).length === 1 && (await alerts()));
  expect(there!.labels).toMatchObject({
    alertname: 'ReadmitIncident',
    incident: id,
    subject: 'alice',
    host: 'claw-head-01',
    cause: 'openclaw/missing-group',
    tier: '1',
  });
  expect(there!.annotations.link).toBe(`https://readmit.site.example/incidents/${id}`);
  expect(there!.generatorURL).toBe(`https://readmit.site.example/incidents/${id}`);
  expect(there!.status.state).toBe('active');
  const page = await until('the page', () => pages()[0]);
  expect(page).toMatchObject({ status: 'firing', alerts: [{ labels: { incident: id } }] });

  await office.restart();
  await office.pass(30_000);
  const [again] = await until('the resend', async () => {
    const now = await alerts();
    return now[0] && now[0].endsAt > there!.endsAt && now;
  });
  expect(again!.startsAt).toBe(there!.startsAt);
  expect(await alerts()).toHaveLength(1);

  for (const state of ['approved', 'running', 'verifying', 'resolved'] as const) office.go(id, state);
  await office.pass(1000);
  const resolved = await until('the end', () => pages().find(p => p.status === 'resolved'));
  expect(resolved.alerts[0]!.labels.incident).toBe(id);
  await until('nothing there', async () => (await alerts()).length === 0);
  expect(office.rows()).toMatchObject([{ channel: 'to:am', result: 'sent' }]);
});

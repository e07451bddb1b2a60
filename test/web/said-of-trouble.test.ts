/** What the page says where something keeps Readmit from working: the executor, a file of the site's own, an ended incident. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Usage } from '../../src/incident.ts';
import { noteAlarm } from '../../src/store/alarms.ts';
import { saveHealth } from '../../src/store/desk-rows.ts';
import { aSite, NOON, type Site } from './a-site.ts';
import { consoleWith } from './console.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

it('an executor that can not act is in the banner once it has lasted, until it can', () => {
  const says = (executor: string): void =>
    saveHealth(site.store, NOON, 'claw-head-01', { sources: [], files: 1, spooled: 0, refused: 0, executor });
  const said = () => site.desk.health().banner.filter(line => line.includes('executor'));
  says('the audit file can not be written');
  expect(said()).toEqual([]);
  noteAlarm(site.store, 'executor', NOON);
  site.store.writes++;
  expect(said()).toEqual(["The executor can't act: the audit file can not be written. Nothing approved is run."]);
  says('ok');
  site.store.writes++;
  expect(said()).toEqual([]);
});

it('an approvers file that is broken by now is named on the page', async () => {
  const c = consoleWith();
  const ann = await c.signIn('root-ann');
  c.people.get = () => {
    throw new Usage('/etc/readmit/approvers.yaml: line 3: not a list\nand more of it');
  };
  const answer = await ann.get('/');
  const text = await answer.text();
  expect(answer.status).toBe(503);
  expect(text).toContain('/etc/readmit/approvers.yaml: line 3: not a list');
  expect(text).toContain('readmit doctor');
  expect(text).not.toContain('and more of it');
});

it('an incident that has ended is not silenced, whoever asks: the next one would be', () => {
  site.store.run("UPDATE incident SET state = 'resolved' WHERE id = ?", Number(site.user));
  const olga = { name: 'olga', uid: 2003, roles: ['operator'], since: 0 };
  const tomorrow = new Date(NOON + 86_400_000).toISOString();
  expect(() => site.desk.silence(olga, site.user, tomorrow, 'known')).toThrow(/has ended/);
});

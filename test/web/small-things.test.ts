/** What one stumbles over: a scale that is even, one group shown once, the same word for the same thing. */
import { expect, it } from 'vitest';
import { consoleWith } from './console.ts';

it.each([
  ['24h', 6],
  ['7d', 48],
  ['30d', 240],
] as const)('the times below %s are evenly apart', async (range, hours) => {
  const page = await (await consoleWith().signIn('root-ann')).page(`/?range=${range}`);
  const ticks = /class="ticks[^>]*>(.*?)<span>now/.exec(page)![1]!;
  const times = [...ticks.matchAll(/datetime="([^"]+)"/g)].map(m => Date.parse(m[1]!));
  const apart = times.slice(1).map((t, i) => (t - times[i]!) / 3_600_000);
  expect(apart.length).toBeGreaterThan(1);
  expect(new Set(apart)).toEqual(new Set([hours]));
});

it('a group somebody was put into twice stands there once, with both times', async () => {
  const c = consoleWith();
  const person = c.desk.person('carol');
  const [once] = person.groups;
  const before = { ...once!, since: '2026-10-01T00:00:00.000Z', until: '2026-10-09T00:00:00.000Z' };
  c.desk.person = () => ({ ...person, groups: [once!, { ...before, removedBy: 'others' as const }] });
  const page = await (await c.signIn('root-ann')).page('/people/carol');
  const card = page.split('id="groups"')[1]!.split('</section>')[0]!;
  expect(card.split('<li>')).toHaveLength(2);
  expect(card.match(/added/g)).toHaveLength(2);
});

it('the footer and the page of health call the executor the same, and users’ own logs are counted', async () => {
  const c = consoleWith();
  c.desk.healthNow.executor = 'ok';
  const ann = await c.signIn('root-ann');
  const page = await ann.page('/health');
  expect(page).toContain('<span>Executor up</span>');
  expect(page).toContain('<b>Executor</b><span class="state good">up</span>');
  expect(page).toContain('Beside these 11 users’ own logs are read.');
});

it('what is resolved says so in its first sentence, and then what it was', async () => {
  const c = consoleWith();
  const incident = c.desk.all.find(i => i.id === '41')!;
  const was = incident.headline.replaceAll("'", '&#39;');
  incident.state = 'resolved';
  const ann = await c.signIn('root-ann');
  const page = await ann.page('/incidents/41');
  expect(page).toContain('<h1 data-live="headline">alice can work again</h1>');
  expect(page).toContain('<title>alice can work again · Readmit</title>');
  expect(page).toContain(`It was: ${was}. `);
  // Of one whose cause was never found there is no cause that is not known *yet*, and no share of its facts.
  incident.cause = null;
  incident.diagnosis = { ...incident.diagnosis!, cause: null, title: incident.headline, confidence: 0 };
  const unexplained = await ann.page('/incidents/41');
  expect(unexplained).toContain('<h1 data-live="headline">alice can work again</h1>');
  expect(unexplained).not.toContain('It was:');
  expect(unexplained).toContain('<strong>No cause found</strong>');
  expect(unexplained).not.toContain('% of the facts');
});

it('a name without an account is no account, not somebody called nobody', async () => {
  const page = await (await consoleWith().signIn('root-ann')).page('/addresses/203.0.113.77');
  expect(page).toContain('no account');
  expect(page).not.toContain('<span class="faint">nobody</span>');
});

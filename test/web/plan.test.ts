/** The plan as an approver reads it: what is checked afterwards, and as whom; times in the reader's zone. */
import { describe, expect, it } from 'vitest';
import { checkWords } from '../../src/check-words.ts';
import { parseConfig } from '../../src/config/config.ts';
import { consoleWith } from './console.ts';

const verify = (text: string) => parseConfig(`verify: {${text}}\n`, '/etc/readmit/readmit.yaml').verify;

describe('what is checked after a change', () => {
  it.each([
    ['', 'alice', '10 test jobs as alice, each accepted within a second; and no new denial for 3 s.'],
    [
      'submits: 1, quiet: 300',
      null,
      'One test job as some of those who were refused, accepted within a second; and no new denial for 5 min.',
    ],
    [
      'canary: account, account: probe',
      'alice',
      '10 test jobs as the canary account probe, each accepted within a second; and no new denial for 3 s.',
    ],
    [
      'canary: off',
      'alice',
      'No test job: the change is read back, and whether it lets alice in; and no new denial for 3 s.',
    ],
  ])('with {%s} for %s', (text, user, words) => {
    expect(checkWords(verify(text), user)).toBe(words);
  });

  it('stands in the plan until it is done, and not where nobody but others carries it out', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const incident = c.desk.all.find(i => i.id === '41')!;
    const words = '10 test jobs as alice';
    expect(await ann.page('/incidents/41')).toContain(words);
    incident.state = 'resolved';
    expect(await ann.page('/incidents/41')).not.toContain(words);
    incident.state = 'proposed';
    incident.plan!.managedBy = 'ansible';
    expect(await ann.page('/incidents/41')).not.toContain(words);
  });
});

it('says when the access would end as a time, not as a machine writes it', async () => {
  const c = consoleWith();
  const ann = await c.signIn('root-ann');
  const [step] = c.desk.all.find(i => i.id === '41')!.plan!.full;
  Object.assign(step!, { until: '2026-12-24T00:11:29.979Z' });
  const card = /<dt>Group<\/dt><dd>(.*?)<\/dd>/.exec(await ann.page('/incidents/41'))![1];
  expect(card).toMatch(/until <time datetime="2026-12-24T00:11:29.979Z"[^>]*>24 Dec 00:11<\/time>$/);
});

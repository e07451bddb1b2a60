/**
 * Lists of incidents: what is over is found again, and what waits for a human is said, with the name of who has it.
 */
import { describe, expect, it } from 'vitest';
import { isEnded } from '../../src/incident.ts';
import { consoleWith } from './console.ts';

const numbers = (page: string): string[] => [...page.matchAll(/data-live="row-(\d+)"/g)].map(m => m[1]!);

describe('all incidents', () => {
  it('are listed with those that are over, and Now leads there', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const over = c.desk.all.filter(i => isEnded(i.state)).map(i => i.id);
    expect(over.length).toBeGreaterThan(0);
    const now = await ann.page('/');
    expect(numbers(now)).not.toContain(over[0]);
    expect(now).toContain('<a href="/incidents">All incidents');
    expect(numbers(await ann.page('/incidents'))).toEqual(c.desk.all.map(i => i.id));
  });

  it('are narrowed by state, kind and name; what is none of these narrows nothing', async () => {
    const c = consoleWith();
    const ann = await c.signIn('root-ann');
    const listed = async (query: string) => numbers(await ann.page(`/incidents?${query}`));
    const having = (fits: (i: (typeof c.desk.all)[number]) => boolean) => c.desk.all.filter(fits).map(i => i.id);
    expect(await listed('state=escalated')).toEqual(having(i => i.state === 'escalated'));
    expect(await listed('kind=address&state=')).toEqual(having(i => i.kind === 'address'));
    expect(await listed('key=alice')).toEqual(having(i => i.key === 'alice'));
    expect(await listed('before=40')).toEqual(having(i => Number(i.id) < 40));
    expect(await listed('state=constructor&kind=x&before=-1')).toHaveLength(c.desk.all.length);
    expect(await ann.page('/incidents?key=nobody-at-all')).toContain('No such incident.');
  });

  it('go on below the last one listed, with what they were narrowed by', async () => {
    const c = consoleWith();
    const [one] = c.desk.all;
    for (let id = 1000; id < 1060; id++) c.desk.all.unshift({ ...one!, id: String(id), state: 'resolved', key: 'zoe' });
    const ann = await c.signIn('root-ann');
    const first = await ann.page('/incidents?key=zoe&state=resolved');
    expect(first).toContain('<h1>Incidents of zoe: can work again, the newest first.</h1>');
    expect(numbers(first)).toHaveLength(50);
    const next = /<a href="([^"]+)" rel="next">/.exec(first)![1]!.replaceAll('&amp;', '&');
    expect(next).toBe('/incidents?state=resolved&key=zoe&before=1010');
    expect(numbers(await ann.page(next))).toEqual([...Array(10).keys()].map(n => String(1009 - n)));
  });
});

describe('what needs a human', () => {
  it('is not called nothing, and not asked for any more once somebody has it, whose name stands there', async () => {
    const c = consoleWith();
    const vera = await c.signIn('vera');
    const stuck = c.desk.all.filter(i => ['escalated', 'failed', 'not-effective'].includes(i.state));
    expect(await vera.page('/')).toContain(`Nothing waits for your vote; ${stuck.length} incidents need a human.`);
    for (const i of stuck) i.takenBy = 'the network team';
    const now = await vera.page('/');
    expect(now).toContain('Nothing waits for you.');
    expect(now).toContain('with <b>the network team</b>');
  });
});

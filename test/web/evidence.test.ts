/** Evidence is read once: what is so is said, never a question with a no behind it. */
import { describe, expect, it } from 'vitest';
import { FACTS } from '../../src/diagnose/probes.ts';
import type { FactValue } from '../../src/diagnosis.ts';
import { factSaid, factWords } from '../../src/fact-words.ts';
import { consoleWith } from './console.ts';

describe('a fact that was found', () => {
  it.each([
    ['account.system', false, 'is not a system account', null],
    ['account.system', true, 'is a system account', null],
    ['account.exists', true, 'has an account', null],
    ['groups.lag', null, 'neither side lags behind', null],
    ['groups.lag', 'none', 'neither side lags behind', null],
    ['groups.nss', [], 'in no group by the system', null],
    ['groups.nss', ['alice', 'staff'], 'groups by the system', 'alice, staff'],
    ['access.mode', 'ldap', 'how the scheduler decides', 'ldap'],
    // Of a site's own rules nothing is known but the name.
    ['site.badge', false, 'site.badge', 'no'],
    ['constructor', null, 'constructor', 'none'],
  ] as [string, FactValue, string, string | null][])('%s: %j', (fact, value, words, shown) => {
    expect(factSaid(fact, value)).toEqual({ words, value: shown });
  });

  it('has words of its own, whichever of ours it is', () => {
    expect([...FACTS].filter(fact => factWords(fact) === fact)).toEqual([]);
  });

  it('stands so on the page, also beside another cause', async () => {
    const c = consoleWith();
    const diagnosis = c.desk.all.find(i => i.id === '41')!.diagnosis!;
    const lag = { fact: 'groups.lag', value: null, source: 'id -nG alice', at: '2026-11-23T09:00:00.000Z' };
    diagnosis.evidence.push({ ...lag, fact: 'account.system', value: false });
    diagnosis.also.push({ cause: 'openclaw/ldap-lag', evidence: [lag] });
    const page = await (await c.signIn('root-ann')).page('/incidents/41');
    expect(page).toContain('is not a system account</span><span class="source">');
    expect(page).toContain('neither side lags behind</span> <span class="mono">');
  });

  it('of one refusal that both logs tell of there is one row, with both who said so', async () => {
    const c = consoleWith();
    const incident = c.desk.all.find(i => i.id === '41')!;
    const at = '2026-11-23T09:00:00.000Z';
    const pair = { user: 'alice', ip: '10.0.0.1', endpoint: '/submit', count: 1, first: at, last: at };
    const server = { ...pair, selfReported: false };
    const own = { ...pair, ip: null, endpoint: null, selfReported: true };
    const ann = await c.signIn('root-ann');
    const rows = async (...pairs: (typeof incident.pairs)[number][]) => {
      incident.pairs = pairs;
      const card = (await ann.page('/incidents/41')).split('id="seen"')[1]!.split('</table>')[0]!;
      return [...card.matchAll(/<tr data-row>(.*?)<\/tr>/g)].map(m =>
        [...m[1]!.matchAll(/class="trust [^"]+">([^<]+)/g)].map(t => t[1]).join(' and '),
      );
    };
    expect(await rows(own, server)).toEqual(['server and user-written']);
    // What they tell differently stays apart.
    expect(await rows({ ...own, count: 3 }, server)).toEqual(['user-written', 'server']);
    expect(await rows(own, server, { ...server, ip: '10.0.0.2' })).toHaveLength(3);
    expect(await rows({ ...own, last: '2026-11-23T11:00:00.000Z' }, server)).toHaveLength(2);
  });
});

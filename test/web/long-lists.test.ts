/** Lists of the page that are longer, newer or of another kind than most: nothing falls between two pages, and a name counts once. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { saveGrant } from '../../src/store/approvals.ts';
import { openIncident } from '../../src/store/incidents.ts';
import { aSite, NOON, type Site } from './a-site.ts';

let site: Site;
beforeEach(() => {
  site = aSite();
});
afterEach(() => site.end());

it('grants that began in the same millisecond are all there, page by page', async () => {
  for (let i = 0; i < 250; i++)
    saveGrant(site.store, {
      ...{ id: `g${String(i).padStart(3, '0')}`, user: `u${i}`, uid: 3000 + i, group: 'claw-users', host: 'head' },
      ...{
        incident: '1',
        run: 'r',
        by: ['root-ann'],
        reason: 'x',
        entitlement: null,
        since: NOON,
        until: null,
        ended: null,
      },
    });
  const vera = await site.signIn('vera');
  const seen: string[] = [];
  for (let at: string | undefined = '/access'; at; ) {
    const page = await vera.page(at);
    seen.push(...[...page.matchAll(/\/people\/(u\d+)/g)].map(m => m[1]!));
    at = /href="(\/access\?[^"]+)" rel="next"/.exec(page)?.[1]?.replaceAll('&amp;', '&');
  }
  expect(seen).toHaveLength(250);
  expect(new Set(seen).size).toBe(250);
});

describe('an IPv6 address', () => {
  const SITE = '2001:db8::/64';
  beforeEach(() => {
    const what = {
      kind: 'address',
      key: SITE,
      host: 'head',
      event: 'denied',
      because: 'probing',
      held: false,
    } as const;
    const { id } = openIncident(site.store, NOON, what);
    for (const [user, endpoint] of [
      ['bob', '/submit'],
      ['bob', '/list'],
      ['carl', '/submit'],
      ['', '/submit'],
    ])
      site.store.run(
        'INSERT INTO pair (incident, user, ip, endpoint, self_reported, account, count, first, last) VALUES (?,?,?,?,0,?,3,?,?)',
        ...[Number(id), user!, '2001:db8::5', endpoint!, 'unknown', NOON, NOON],
      );
    site.store.run('INSERT INTO address (ip, count, first, last) VALUES (?,12,?,?)', '2001:db8::5', NOON, NOON);
  });

  it('is marked by the incident of its network', async () => {
    const vera = await site.signIn('vera');
    expect(await vera.page('/addresses')).toMatch(/2001:db8::5[\s\S]*?>probing</);
    expect(site.desk.addresses({ limit: 10 }).rows).toMatchObject([{ ip: '2001:db8::5', key: SITE }]);
  });

  it('of its network each name is told once, and nobody is no name', async () => {
    const page = await (await site.signIn('vera')).page(`/addresses/${encodeURIComponent(SITE)}`);
    expect(page).toContain(`2 names were denied from ${SITE}.`);
    expect(page.match(/href="\/people\/bob"/g)).toHaveLength(1);
    expect(page).not.toContain('href="/people/"');
  });

  it('is found however it is written; what is none is not found', async () => {
    const vera = await site.signIn('vera');
    const get = async (ip: string) =>
      (await site.ask(`/addresses/${encodeURIComponent(ip)}`, { headers: { cookie: vera.cookie } })).status;
    expect(await get('2001:DB8:0::5')).toBe(200);
    for (const ip of ['1:2:3:4:5:6:7:8:9::', 'a::b::c', 'foo', '127.1', '2001:db8:1::/64'])
      expect(await get(ip)).toBe(404);
  });
});

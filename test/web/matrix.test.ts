/**
 * The picture of who was denied from where: whom it shows when there is no room for all, and where the rest is.
 */
import { describe, expect, it } from 'vitest';
import { type Cell, matrix } from '../../src/web/pages/matrix.ts';

const person = (user: string, ip: string, count = 5): Cell => ({ user, ip, count, account: 'user' });
const nobody = (user: string, ip: string, count = 50): Cell => ({ user, ip, count, account: 'unknown' });

/** The rows by name, with how many dots each has; the columns; what is said of the rest. */
async function picture(cells: Cell[]) {
  const count = (of: (c: Cell) => string | false): number => new Set(cells.flatMap(c => of(c) || [])).size;
  const seen = {
    people: count(c => c.account === 'user' && c.user),
    names: count(c => c.account !== 'user' && c.user),
    addresses: count(c => c.ip),
  };
  const text = String(await matrix(cells, seen));
  const rows = [...text.matchAll(/<tr><th scope="row"><a href="\/people\/([^"]+)">.*?<\/tr>/g)];
  return {
    rows: rows.map(r => r[1]),
    dots: rows.map(r => r[0].split('class="dot').length - 1),
    columns: [...text.matchAll(/<a href="\/addresses\/([^"]+)">/g)].map(m => m[1]),
    rest: [...text.matchAll(/<a href="([^"]+)">(\d+ more [^<]+)</g)].map(m => `${m[1]} ${m[2]}`),
  };
}

const PEOPLE = Array.from({ length: 12 }, (_, i) => `user${i}`);

describe('the picture of people and addresses', () => {
  it('drops nobody for names that no one has', async () => {
    const scanned = ['admin', 'oracle', 'test', 'root', 'git', 'demo'].map(name => nobody(name, '203.0.113.66'));
    const seen = await picture([...PEOPLE.map(name => person(name, '10.0.0.1', 2)), ...scanned]);
    expect(seen.rows.slice(0, 12).sort()).toEqual([...PEOPLE].sort());
    expect(seen.rows.slice(12)).toHaveLength(4);
    expect(seen.rest).toEqual(['/people?names=other 2 more other names']);
  });

  it('has a dot in every row, however many addresses there are', async () => {
    // The busiest addresses are those of a few; the others came once, each from elsewhere.
    const busy = Array.from({ length: 10 }, (_, i) => person('user0', `10.0.1.${i}`, 500));
    const once = PEOPLE.slice(1).map((name, i) => person(name, `10.0.2.${i}`, 1));
    const seen = await picture([...busy, ...once, nobody('admin', '203.0.113.66', 1)]);
    expect(seen.columns).toHaveLength(10);
    expect(Math.min(...seen.dots)).toBe(1);
    expect(seen.rows).toContain('admin');
    expect(seen.columns).toContain('203.0.113.66');
    expect(seen.rest).toEqual(['/people 3 more people', '/addresses 12 more addresses']);
  });
});

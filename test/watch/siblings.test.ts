/** Which names are rotations of a log, and which of them is the older one. */
import { describe, expect, test } from 'vitest';
import { oldestFirst, siblingsOf } from '../../src/watch/siblings.ts';

const names = (base: string, all: string[]): string[] =>
  oldestFirst(siblingsOf(base, all).map((sibling, at) => ({ sibling, mtime: at }))).map(f => f.sibling.name);

describe('rotations', () => {
  test.each([
    [
      'numbers count down to the present',
      'log',
      ['log', 'log.1', 'log.10.gz', 'log.2.gz'],
      ['log.10.gz', 'log.2.gz', 'log.1'],
    ],
    ['dates count up', 'log', ['log-20260102', 'log-20260101.gz', 'log'], ['log-20260101.gz', 'log-20260102']],
    [
      'dates with a time',
      'log',
      ['log-20260101-1767225600', 'log-20260101-1767312000'],
      ['log-20260101-1767225600', 'log-20260101-1767312000'],
    ],
    ["logrotate's extension", 'claw.log', ['claw.1.log', 'claw.2.log.gz', 'claw.log'], ['claw.2.log.gz', 'claw.1.log']],
    ['what only looks like it', 'log', ['log.txt', 'log.conf', 'logger.1', 'log.1.bak', 'log.swp', 'catalog.1'], []],
    ['a packed file whose plain one is still there is being made', 'log', ['log.1', 'log.1.gz'], ['log.1']],
  ])('%s', (_what, base, all, expected) => {
    expect(names(base, all)).toEqual(expected);
  });

  test('whoever owns the directory can fill it: no more than 64 are looked at, the youngest', () => {
    const many = Array.from({ length: 500 }, (_, i) => `log.${i + 1}`);
    const found = names('log', many);
    expect(found).toHaveLength(64);
    expect(found.at(-1)).toBe('log.1');
  });
});

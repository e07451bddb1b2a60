/** Times in their one written form: as the language itself writes them, whatever the time. */
import { expect, it } from 'vitest';
import { iso } from '../src/iso-time.ts';

it('writes what Date writes, before and after the epoch, at the ends of days and of years with five digits', () => {
  const odd = [0, -1, 1, 999, 86_399_999, 86_400_000, -86_400_000, -86_400_001, 1.7e12, 1.7e12 + 0.9, -0.5];
  const far = [Date.UTC(1, 0, 1), Date.UTC(9999, 11, 31, 23, 59, 59, 999), Date.UTC(10_000, 0, 1), 8.64e15, -8.64e15];
  const many = Array.from({ length: 5000 }, (_, n) => Date.UTC(2024, 1, 28) + n * 7_654_321);
  for (const ms of [...odd, ...far, ...many]) expect(iso(ms), String(ms)).toBe(new Date(ms).toISOString());
});

it.each([Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1, -8.64e15 - 1])('%d is no time', ms => {
  expect(() => iso(ms)).toThrow(RangeError);
});

/** How much mail is too much, as a table of what was sent when. */
import { describe, expect, it } from 'vitest';
import { DIGEST_EVERY, judgeAlert, judgeDigest, judgePage, judgeTell } from '../../src/notify/limits.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const MINUTE = 60_000;
const ago = (...minutes: number[]): number[] => minutes.map(m => NOW - m * MINUTE);

describe('alerts per hour', () => {
  it.each([
    ['nothing was sent', [], 2, 'send'],
    ['one of two', ago(10), 2, 'send'],
    ['two of two', ago(10, 20), 2, 'fold'],
    ['two, but one is older than an hour', ago(10, 61), 2, 'send'],
    ['exactly an hour ago no longer counts', ago(10, 60), 2, 'send'],
    ['a clock that was set back: times in the future count', ago(-30, -40), 2, 'fold'],
    ['no alerts at all are wanted one by one', [], 0, 'fold'],
  ] as const)('%s', (_what, sent, perHour, verdict) => {
    expect(judgeAlert(NOW, sent, perHour).verdict).toBe(verdict);
  });
  it('G14: says when the next one fits', () => {
    expect(judgeAlert(NOW, ago(10, 20, 50), 2)).toEqual({
      verdict: 'fold',
      reason: 'over-hourly-limit',
      until: NOW + 40 * MINUTE,
    });
  });
});

it('at most one digest in a quarter of an hour; what comes meanwhile is folded into the next', () => {
  expect(judgeDigest(NOW, []).verdict).toBe('send');
  expect(judgeDigest(NOW, ago(5))).toEqual({
    verdict: 'fold',
    reason: 'digest-too-soon',
    until: NOW - 5 * MINUTE + DIGEST_EVERY,
  });
  expect(judgeDigest(NOW, ago(15)).verdict).toBe('send');
});

it('a person is told the same thing once in the interval, another thing at once', () => {
  const told = [{ cause: 'openclaw/expired-token', at: NOW - 60 * MINUTE }];
  expect(judgeTell(NOW, told, 'openclaw/proxy', 86400).verdict).toBe('send');
  expect(judgeTell(NOW, told, 'openclaw/expired-token', 86400)).toEqual({
    verdict: 'drop',
    reason: 'told-recently',
    until: NOW - 60 * MINUTE + 86_400_000,
  });
  expect(judgeTell(NOW, told, 'openclaw/expired-token', 3600)).toEqual({ verdict: 'send', reason: 'interval-over' });
});

it('four calls to the second channel an hour', () => {
  expect(judgePage(NOW, ago(1, 2, 3)).verdict).toBe('send');
  expect(judgePage(NOW, ago(1, 2, 3, 4)).verdict).toBe('drop');
});

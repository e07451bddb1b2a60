/**
 * Text from outside, made harmless: secrets taken out, control characters shown.
 */
import { describe, expect, test } from 'vitest';
import { redact } from '../../src/rules/redact.ts';
import { visible } from '../../src/visible.ts';

const JWT =
  'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c2VyIjoiYWxpY2UiLCJncm91cHMiOlsiY2xhdy11c2VycyJdLCJleHAiOjE3MjY2NDIwMDV9.signature';

describe('B17, F07: redact', () => {
  test.each([
    [`[ERROR] token ${JWT} rejected`, '[ERROR] token [redacted] rejected'],
    ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9... (expired)', '[redacted] (expired)'],
    ['Authorization: Bearer abc.def-123', /^Authorization: (Bearer )?\[redacted\]$/],
    ['{"authorization":"Bearer abc123","x":1}', /^\{"authorization":\[redacted\],"x":1\}$/],
    ['bearer   AbC', 'bearer [redacted]'],
    ['Basic dXNlcjpwYXNz', 'Basic [redacted]'],
    ['password=hunter2 user=bob', 'password=[redacted] user=bob'],
    ['"password": "a b \\" c", "user": "bob"', '"password": [redacted], "user": "bob"'],
    ['clw login --password hunter2', 'clw login --password [redacted]'],
    ['access_token=xyz&user=bob', 'access_token=[redacted]&user=bob'],
    ['https://bob:hunter2@host/x', 'https://bob:[redacted]@host/x'],
  ])('%s', (line, safe) => {
    const said = redact(line);
    if (typeof safe === 'string') expect(said).toBe(safe);
    else expect(said).toMatch(safe);
    expect(redact(said)).toBe(said);
  });
  test('leaves what is no secret as it is', () => {
    const line = '[WARNING] Unauthorized access attempt from 192.168.1.100: user alice, endpoint /submit';
    expect(redact(line)).toBe(line);
  });
  test('takes no time over hostile lines', () => {
    const started = performance.now();
    for (const text of ['eyJ', 'eyJaaaaaaa.', 'Bearer ', 'password=', '"password":"\\', '//a:', 'token', '-'])
      redact(text.repeat(Math.ceil(65536 / text.length)));
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('B21: visible', () => {
  test.each([
    ['\x1b[31mred', '\\x1b[31mred'],
    ['\x1b]52;c;eA==\x07', '\\x1b]52;c;eA==\\x07'],
    ['a\nb\tc\r', 'a\\x0ab\\x09c\\x0d'],
    ['\u009b31m\x7f', '\\x9b31m\\x7f'],
    ['abc\u202edef\u2066\u200f', 'abc\\u202edef\\u2066\\u200f'],
    ['a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['\ufeffa\u200bb', '\\ufeffa\\u200bb'],
    ['\ud800', '\\ud800'],
    ['\u{e0041}', '\\u{e0041}'],
    ['Grüße, 王 😀', 'Grüße, 王 😀'],
  ])('%j', (text, shown) => {
    expect(visible(text)).toBe(shown);
  });
});

/** What is a line: half ones wait, long ones are cut, NUL runs are stepped over, and memory stays that of one chunk. */
import { describe, expect, test } from 'vitest';
import { cutLines } from '../../src/watch/lines.ts';

const cut = (text: string, inside: 'start' | 'line' = 'start', max = 10) => {
  const bytes = Buffer.from(text, 'latin1');
  const out = cutLines(bytes, 0, bytes.length, inside, max);
  const pieces = out.pieces.map(([from, to]) => bytes.toString('latin1', from, to)).join('');
  return { pieces, left: text.slice(out.cursor), cut: out.cut, bad: out.bad, inside: out.inside, claim: out.claim };
};

describe('what is handed to the parser', () => {
  test.each([
    ['complete lines', 'one\ntwo\n', 'one\ntwo\n', '', 0],
    ['A09 a half line waits for its end', 'one\ntw', 'one\n', 'tw', 0],
    ['nothing complete yet', 'tw', '', 'tw', 0],
    ['A22 carriage returns are not ours to take', 'one\r\ntwo\r\n', 'one\r\ntwo\r\n', '', 0],
    ['A25 a long line is cut out, its neighbours stay', 'one\n01234567890123\ntwo\n', 'one\ntwo\n', '', 1],
    ['a line of exactly the limit is no long line', '0123456789\n', '0123456789\n', '', 0],
    ['two long lines in a row', '01234567890\n01234567890\nx\n', 'x\n', '', 2],
    ['empty lines are lines', '\n\n\n', '\n\n\n', '', 0],
  ])('%s', (_what, text, pieces, left, cuts) => {
    expect(cut(text)).toMatchObject({ pieces, left, cut: cuts, inside: 'start' });
  });

  test('A25 a line without end is cut once and thrown away chunk by chunk', () => {
    expect(cut('01234567890123')).toMatchObject({ pieces: '', cut: 1, inside: 'line', left: '' });
    expect(cut('still the same line', 'line')).toMatchObject({ pieces: '', cut: 0, inside: 'line', left: '' });
    expect(cut('its end\nnext\n', 'line')).toMatchObject({ pieces: 'next\n', cut: 0, inside: 'start' });
  });

  test('A22 a run of NUL bytes before a line (a crashed disk) is stepped over and counted, inside a line it is left', () => {
    expect(cut('one\n\0\0\0two\n')).toMatchObject({ pieces: 'one\ntwo\n', bad: 1, cut: 0 });
    expect(cut('\0\0\0\0\0\0\0\0\0\0\0\0one\n')).toMatchObject({ pieces: 'one\n', bad: 1, cut: 0 });
    expect(cut('o\0e\ntwo\n')).toMatchObject({ pieces: 'o\0e\ntwo\n', bad: 0 });
  });

  test('a chunk of thousands of pieces is handed over in turns, so that no turn takes long', () => {
    const bytes = Buffer.from('\n\0'.repeat(10_000));
    let turns = 0;
    let lines = 0;
    let bad = 0;
    for (let at = 0; at < bytes.length; turns++) {
      const out = cutLines(bytes, at, bytes.length, 'start', 10);
      expect(out.pieces.length).toBeLessThanOrEqual(2000);
      if (out.rest === 'none') expect(out.cursor).toBe(bytes.length);
      lines += out.pieces.length;
      bad += out.bad;
      at = out.cursor;
    }
    expect([turns, lines, bad]).toEqual([6, 10_000, 10_000]);
  });

  test('inside a cut line nothing is claimed up to a NUL: a restarted reader could not tell where it stands', () => {
    expect(cut('x0123456789ab\0\0')).toMatchObject({ inside: 'line', claim: 13 });
    expect(cut('\0\0\0', 'line')).toMatchObject({ inside: 'line', claim: 0 });
  });

  test('every split of a text into chunks gives the same lines', () => {
    const text = 'a\nbb\n0123456789abcdef\nccc\n\n\0\0dd\n0123456789\nlast\n';
    const bytes = Buffer.from(text, 'latin1');
    const whole = cut(text);
    for (let size = 18; size < text.length; size++) {
      let at = 0;
      let inside: 'start' | 'line' = 'start';
      let pieces = '';
      let cuts = 0;
      while (at < bytes.length) {
        const chunk = bytes.subarray(at, at + size);
        const out = cutLines(chunk, 0, chunk.length, inside, 10);
        for (const [from, to] of out.pieces) pieces += chunk.toString('latin1', from, to);
        cuts += out.cut;
        inside = out.inside;
        if (out.cursor === 0) throw new Error('no progress');
        at += out.cursor;
      }
      expect([pieces, cuts]).toEqual([whole.pieces, whole.cut]);
    }
  });
});

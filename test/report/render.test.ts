/** The report as text, HTML, CSV and JSON: it says the same in each, and no stranger's text does anything in any. */
import { describe, expect, it } from 'vitest';
import { csvCell, csvTable } from '../../src/csv.ts';
import { denialsChart, layersOf, stackOf, timeToAccessChart } from '../../src/report/charts.ts';
import { reportCss } from '../../src/report/html.ts';
import { renderCsv, renderHtml, renderJson, renderMail, renderText } from '../../src/report/render.ts';
import { weekNumbers, weekReport } from '../../src/report/week.ts';
import { BUSY, EMPTY, grant, incident, tally } from './a-week.ts';

/** A reader of RFC 4180, written from the RFC. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let at = 0;
  while (at < text.length) {
    let cell = '';
    if (text[at] === '"') {
      for (at++; ; at++) {
        if (text[at] === '"' && text[at + 1] === '"') at++;
        else if (text[at] === '"') break;
        cell += text[at];
      }
      at++;
    } else while (at < text.length && text[at] !== ',' && text[at] !== '\r') cell += text[at++];
    row.push(cell);
    if (text[at] === ',') at++;
    else {
      expect(text.slice(at, at + 2)).toBe('\r\n');
      at += 2;
      rows.push(row);
      row = [];
    }
  }
  return rows;
}

describe('CSV', () => {
  it.each([
    '=1+1',
    '+1',
    '-1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    '\n=1',
    '\u0000=1',
    '"=1',
    "'=1",
    ' =1',
    '  "=cmd|x',
    '＝1',
    '  +1',
    '" @x',
  ])('D21: %j is no formula', evil => {
    const [[cell]] = parseCsv(csvTable([evil], [])) as [[string]];
    expect(cell).toMatch(/^'/);
    expect(cell).not.toMatch(/[\u0000-\u001f]/);
  });
  it.each(['a;=1', 'a,=1', 'a\t=1', 'a\n=1', 'a\r\n@x', 'a; "=1', 'a,;=1', '=1;=2'])(
    'D21: %j is none where another separator is used either',
    evil => {
      const [[cell]] = parseCsv(csvTable([evil], [])) as [[string]];
      for (const part of cell.split(/[;,|]|\\x0[9ad]/)) expect(part).not.toMatch(/^[\s"]*[=+\-@]/);
    },
  );
  it('quotes, commas and line breaks are quoted; numbers are numbers', () => {
    expect(csvCell('say "hi", alice')).toBe('"say ""hi"", alice"');
    expect([csvCell(-5), csvCell(0), csvCell(null), csvCell(Number.NaN), csvCell('alice')]).toEqual([
      '-5',
      '0',
      '',
      '',
      'alice',
    ]);
    expect(csvCell('a-b')).toBe('a-b');
  });
  it('is one table with CRLF and the same number of cells in each row', () => {
    const rows = parseCsv(renderCsv(weekReport(BUSY)));
    expect(new Set(rows.map(r => r.length)).size).toBe(1);
    const at = (name: string): number => rows[0]!.indexOf(name);
    expect(rows.find(r => r[0] === 'number' && r[at('what')] === 'denials')![at('count')]).toBe('54');
    const [given] = rows.filter(r => r[0] === 'grant');
    expect([
      given![at('person')],
      given![at('uid')],
      given![at('by')],
      given![at('digest')],
      given![at('after')],
    ]).toEqual(['alice', '1001', 'root-ann', 'cd'.repeat(32), 'domain-users, claw-users']);
    expect(rows.filter(r => r[0] === 'member-change').map(r => [r[at('person')], r[at('by')]])).toEqual([
      ['alice', 'readmit'],
      ['eve', 'somebody else'],
    ]);
    expect(rows.find(r => r[0] === 'audit-head')![at('digest')]).toBe('ab'.repeat(32));
  });
});

describe('the same in each', () => {
  const report = weekReport({ ...BUSY, previous: weekNumbers(EMPTY) });
  it.each([
    'carol: only they can do it',
    '3 people were refused access, 24 times in all.',
    '1 h 46 min',
    'longer than three days',
    'expired-token',
    '2026-11-20 00:00, overdue',
    'ab'.repeat(32),
    'readmit audit verify',
  ])('text and HTML, page and mail, say %j', part => {
    const mail = renderMail(report, 'https://r.example/report?week=2026-W47');
    for (const text of [renderText(report), mail.text]) expect(text.replace(/\s+/g, ' ')).toContain(part);
    for (const html of [renderHtml(report), renderHtml(report, { dress: 'fragment' }), mail.html])
      expect(html).toContain(part);
  });
  it('JSON is the report', () => {
    expect(JSON.parse(renderJson(report))).toEqual(JSON.parse(JSON.stringify(report)));
  });
  it('the mail has one link and needs neither style sheet nor SVG', () => {
    const { html, text } = renderMail(report, 'https://r.example/report?week=2026-W47');
    expect(html.match(/href="[^"]*"/g)).toEqual(['href="https://r.example/report?week=2026-W47"']);
    expect(html).not.toMatch(/<style|<svg|class=/);
    expect(html.length).toBeLessThan(100_000);
    expect(text.match(/https?:\S+/g)).toEqual(['https://r.example/report?week=2026-W47']);
    expect(renderMail(report, 'https://r.example/', { denials: 'denials' }).html).toContain('<img src="cid:denials"');
  });
  it('the fragment has no inline style, so that a strict content policy shows it', () => {
    const html = renderHtml(report, { dress: 'fragment' });
    expect(html).not.toMatch(/\sstyle=|<style|<html|<script/);
    for (const name of new Set([...html.matchAll(/class="(r-[^"]+)"/g)].flatMap(m => m[1]!.split(' '))))
      expect(reportCss).toContain(`.${name}{`);
  });
  it('H03: an empty week renders in each', () => {
    const empty = weekReport(EMPTY);
    for (const text of [renderText(empty), renderHtml(empty), renderMail(empty, 'https://r.example/').text]) {
      expect(text).toContain('Nobody was refused access.');
      expect(text).toContain('The logs of claw-head-01 were read without a gap.');
      expect(text).not.toMatch(/NaN|undefined|Infinity|null/);
    }
    expect(parseCsv(renderCsv(empty)).length).toBeGreaterThan(10);
    expect(renderText(weekReport({ ...EMPTY, hosts: [] }))).toContain('No host has reported');
    expect(renderText(weekReport({ ...EMPTY, made: '2026-11-18T00:00:00.000Z' })).replace(/\s+/g, ' ')).toContain(
      'it is not over yet',
    );
  });
});

describe('hostile names', () => {
  const EVIL = '"><img src=x onerror=alert(1)>\u001b]52;c;x\u0007\u009b31m\u202e\r\n=cmd,\u0000';
  const report = weekReport({
    ...BUSY,
    title: EVIL,
    hosts: [EVIL],
    tallies: [tally('2026-11-16T09', EVIL, 3, { cause: EVIL, ip: EVIL }), ...BUSY.tallies],
    incidents: [
      incident('1', EVIL, '2026-11-16T09:00:00.000Z', { cause: EVIL, host: EVIL }),
      ...BUSY.incidents.slice(1),
    ],
    grants: [
      grant(EVIL, '2026-11-16T09:00:00.000Z', {
        group: EVIL,
        reason: EVIL,
        entitlement: null,
        until: '2026-11-25T00:00:00.000Z',
        by: [EVIL],
      }),
    ],
    groups: [
      {
        host: EVIL,
        group: EVIL,
        start: [EVIL],
        end: null,
        changes: [{ at: '2026-11-17T00:00:00.000Z', user: EVIL, change: 'added', byUs: false }],
      },
    ],
    blind: [{ host: EVIL, source: EVIL, from: '2026-11-17T00:00:00.000Z', to: null, why: EVIL }],
    policyNotes: [EVIL],
  });
  it('D18: are inert in HTML, in the page and in the mail', () => {
    for (const html of [
      renderHtml(report),
      renderHtml(report, { dress: 'fragment' }),
      renderMail(report, 'https://r.example/').html,
      denialsChart(report),
      timeToAccessChart(report),
    ]) {
      expect(html).not.toMatch(/<img|<[^>]*\sonerror=/);
      expect(html).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    }
  });
  it('B21: move nothing on a terminal', () => {
    for (const text of [renderText(report), renderJson(report), renderCsv(report)])
      expect(text.replaceAll('\r\n', '\n')).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
    expect(JSON.parse(renderJson(report)).title).toBe(EVIL);
  });
  it('D21: are no formula and no further row', () => {
    const rows = parseCsv(renderCsv(report));
    expect(new Set(rows.map(r => r.length)).size).toBe(1);
    for (const cell of rows.flat()) expect(cell).not.toMatch(/^[\s"]*[=+@]|[;,]\s*=/);
  });
});

describe('charts', () => {
  it('have a title and a description that says the numbers', () => {
    const svg = denialsChart(weekReport(BUSY));
    expect(svg).toMatch(/role="img" aria-labelledby="denials-title denials-desc"/);
    expect(svg).toContain('<title id="denials-title">Denials per day, stacked by cause</title>');
    expect(svg).toContain('Mon 16 Nov: 6; Tue 17 Nov: 3');
    expect(timeToAccessChart(weekReport(BUSY))).toContain('2 cases; median 1 h 46 min');
  });
  it('more causes than colours are stacked as one, and each day adds up', () => {
    const tallies = 'abcdefghij'.split('').map((c, n) => tally('2026-11-16T09', 'alice', 20 - n, { cause: `x/${c}` }));
    const report = weekReport({
      ...EMPTY,
      tallies: [...tallies, tally('2026-11-16T10', 'root', 2, { account: 'system' })],
    });
    const layers = layersOf(report);
    expect(layers.map(l => l.label)).toEqual(['a', 'b', 'c', 'd', 'e', 'other causes', 'unknown or system names']);
    expect(stackOf(report.days[0]!, layers).reduce((a, b) => a + b, 0)).toBe(report.days[0]!.total);
    expect(stackOf(report.days[1]!, layers)).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

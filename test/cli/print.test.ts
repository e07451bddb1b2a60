/** B21: whatever strangers and colleagues wrote, a terminal shows it and does not obey it; and what is no line of plain text is not taken. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { print, printFile, printJson } from '../../src/cli/print.ts';
import { incidentPage } from '../../src/cli/tables.ts';
import { Refused } from '../../src/incident.ts';
import { plainReason } from '../../src/roles/conduct/reason.ts';
import { ALICE } from '../notify/an-incident.ts';
import { aSite } from '../web/a-site.ts';

const TITLE = '\u001b]0;pwned\u0007';
const out = (body: () => void): string => {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  body();
  const text = write.mock.calls.map(([chunk]) => String(chunk)).join('');
  write.mockRestore();
  return text;
};
afterEach(() => vi.restoreAllMocks());

describe('standard output', () => {
  it('shows every escape of a page, whichever field it stands in', () => {
    const d = structuredClone(ALICE);
    const poisoned = { ...d, next: `${TITLE} has taken it over`, takenBy: TITLE };
    poisoned.votes = [{ by: TITLE, at: d.opened, decision: 'approve' }];
    poisoned.plan!.entitlement = `by \u009b2J`;
    const text = out(() => print(incidentPage(poisoned)));
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
    expect(text).toContain('\\x1b]0;pwned\\x07 has taken it over');
    expect(text.split('\n').length).toBeGreaterThan(5);
  });

  it('is JSON that means the same, and is inert', () => {
    const said = { note: `a${TITLE}\u009b\u202e\u00ad\u200b\u{e0041}b` };
    const text = out(() => printJson(said));
    expect(text).toMatch(/^[\x20-\x7e]*\n$/);
    expect(JSON.parse(text)).toEqual(said);
  });

  it('is a file byte for byte, and on a terminal what of it can be looked at', () => {
    const text = 'a\t"b"\r\nc\u009b2J\r!\n';
    const was = process.stdout.isTTY;
    process.stdout.isTTY = false;
    expect(out(() => printFile(text))).toBe(text);
    process.stdout.isTTY = true;
    expect(out(() => printFile(text))).toBe('a\t"b"\r\nc\\x9b2J\\x0d!\n');
    process.stdout.isTTY = was;
  });
});

describe('what people write', () => {
  it.each(['\u001b[31m', '\u009b2J', '\n', '\u202e', '\u2028', '\u0000'])('%j is in no reason', text => {
    expect(() => plainReason(`joined${text} the lab`)).toThrow(Refused);
  });

  it('is taken in every language', () => {
    for (const text of ['tägliche Läufe', 'می‌خواهم', 'לבקשת‎ X', '👩‍🔬', '研究']) expect(plainReason(text)).toBe(text);
  });

  it('holds no escape wherever it comes in: votes, silences, hand-overs', async () => {
    const site = aSite();
    const token = site.token('administrator', 'root-ann');
    const path = (deed: string) => `/api/v1/incidents/${site.user}/${deed}`;
    for (const [deed, body] of [
      ['approve', { digest: site.digest(site.user), reason: TITLE }],
      ['approve', site.signed('root-ann', site.user, 'approve', { reason: TITLE })],
      ['silence', { for: '1h', reason: `a${TITLE}` }],
      ['hand-over', { to: TITLE, note: 'yours' }],
      ['hand-over', { to: 'olga', note: TITLE }],
    ] as const)
      expect((await site.ask(path(deed), { token, body })).text, deed).toMatch(/holds control characters/);
    expect(site.desk.show(site.user)).toMatchObject({ state: 'proposed', votes: [], marks: [] });
    site.end();
  });
});

/** Letters with what strangers wrote in them, and the addresses they go to. */
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { Refused } from '../../src/incident.ts';
import { NAME_EXTRAS, USUAL_NAMES } from '../../src/names.ts';
import { addressProblems, headerValue, mailbox, subjectLine, userAddress } from '../../src/notify/address.ts';
import type { Letter } from '../../src/notify/letter.ts';
import { addressAlert } from '../../src/notify/letters/address-alert.ts';
import { alert } from '../../src/notify/letters/alert.ts';
import { digest } from '../../src/notify/letters/digest.ts';
import { escalation } from '../../src/notify/letters/escalation.ts';
import { failed } from '../../src/notify/letters/failed.ts';
import { mutedDigest } from '../../src/notify/letters/muted.ts';
import { reminder } from '../../src/notify/letters/reminder.ts';
import { resolved } from '../../src/notify/letters/resolved.ts';
import { needsSecondVote } from '../../src/notify/letters/second-vote.ts';
import { shellWords } from '../../src/shell-word.ts';
import { ALICE, PAPER } from './an-incident.ts';

const SITE = { mail: { userDomain: 'site.example' }, userNames: USUAL_NAMES };
const links = (text: string): string[] =>
  text.match(/\b(?:https?|ftp|mailto|javascript):[^\s"<>]+|www\.[^\s"<>]+/gi) ?? [];

describe('hostile text', () => {
  const EVIL = [
    '<img src=x onerror=alert(1)>',
    '"><script>alert(1)</script>',
    'javascript:alert(1)',
    'http://evil.example/login',
    'www.evil.example',
    'a\r\nBcc: all@evil.example',
    '\x1b]52;c;ZXZpbA==\x07',
    '\u202egpj.exe',
    'x\u0000y',
    '<!channel> @everyone [x](http://evil.example)',
    '\u2028next',
    'mailto:a@evil.example',
  ];
  const everywhere = (evil: string): Letter[] => {
    const detail = {
      ...ALICE,
      key: evil,
      host: evil,
      headline: evil,
      next: evil,
      pairs: [{ ...ALICE.pairs[0]!, user: evil, ip: evil, endpoint: evil, first: evil }],
      samples: [{ ...ALICE.samples[0]!, line: evil }],
      history: [{ at: evil, who: evil, what: evil }],
      diagnosis: {
        ...ALICE.diagnosis!,
        title: evil,
        cause: evil,
        evidence: [{ fact: evil, value: [evil], source: evil, at: evil }],
        ruledOut: [{ cause: evil, because: evil }],
        unknown: [{ fact: evil, because: evil }],
      },
      plan: {
        ...ALICE.plan!,
        summary: evil,
        gains: [evil],
        loses: [evil],
        undo: evil,
        entitlement: evil,
        notes: [evil],
        managedBy: evil,
        expires: evil,
      },
      votes: [{ by: evil, at: evil, decision: 'approve' as const }],
    };
    return [
      alert(detail, PAPER),
      addressAlert(detail, PAPER),
      needsSecondVote(detail, PAPER),
      resolved(detail, PAPER, { summary: evil, by: [evil] }),
      failed(detail, PAPER),
      reminder(detail, 3_600_000, PAPER),
      escalation(detail, 3_600_000, PAPER),
      digest([detail], 1, null, PAPER),
      mutedDigest([detail], 0, PAPER),
    ];
  };

  it.each(EVIL)('D18: %j is inert in every letter', evil => {
    for (const letter of everywhere(evil)) {
      const tags = [...letter.html.matchAll(/<\/?([a-z!]+)/gi)].map(m => m[1]!.toLowerCase());
      expect(
        tags.filter(
          t =>
            ![
              '!doctype',
              'html',
              'head',
              'meta',
              'title',
              'body',
              'table',
              'tr',
              'td',
              'th',
              'h',
              'p',
              'br',
              'span',
              'div',
              'ul',
              'li',
              'a',
            ].includes(t),
        ),
      ).toEqual([]);
      expect(letter.html).not.toMatch(/<[^>]*\son\w+=/i);
      expect(letter.html.match(/href="[^"]*"/g)).toHaveLength(1);
      expect(
        links(letter.text).filter(l => !l.startsWith('https://readmit.site.example/') && !l.startsWith('javascript:')),
      ).toEqual([]);
      for (const part of [letter.html, letter.text])
        expect(part).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]/);
      for (const header of [letter.subject, ...letter.to, ...Object.values(letter.headers)])
        expect(header).not.toMatch(/[\x00-\x1f\x7f<>]+.*evil|[\r\n]/);
      expect(letter.subject).not.toContain('evil');
    }
  });

  it('a headline that is more than checked words gives way to the incident number', () => {
    expect(alert({ ...ALICE, headline: 'alice\r\nBcc: x@y' }, PAPER).subject).toBe('[readmit] user incident 7');
    for (const name of ['DOM\\alice', 'alice@site.example', 'node7$'])
      expect(subjectLine(`${name} can't submit jobs`, 'y')).toBe(`[readmit] ${name} can't submit jobs`);
    expect(subjectLine('x'.repeat(500), 'y').length).toBeLessThanOrEqual(130);
  });

  it('commands are quoted as a shell would need them', () => {
    expect(shellWords(['clw', 'a b', "it's", '$(id)'])).toBe(`clw 'a b' 'it'\\''s' '$(id)'`);
  });
});

describe('addresses', () => {
  it('D27: a user is written to at the site domain under a checked name, or not at all', () => {
    expect(userAddress('alice', SITE)).toBe('alice@site.example');
    for (const name of ['alice@evil.example', 'a,b', 'a b', 'ALICE', '', 'a\nb', '-x', 'a..b', 'a.', 'x'.repeat(33)])
      expect(userAddress(name, SITE)).toBeNull();
  });
  it('a directory’s name is written to where it can be an address of the site, and nowhere else', () => {
    const site = { ...SITE, userNames: { capitals: true, digitFirst: true, also: NAME_EXTRAS, longest: 64 } };
    expect(userAddress('Alice', site)).toBe('Alice@site.example');
    expect(userAddress('alice@site.example', site)).toBe('alice@site.example');
    for (const name of [
      'DOM\\alice',
      'alice@evil.example',
      'alice@sub.site.example',
      'alice+bob',
      'node7$',
      'a..b@site.example',
    ])
      expect(userAddress(name, site), name).toBeNull();
  });
  it('one entry is one mailbox: no lists, groups, or second headers', () => {
    expect(mailbox('HPC team <hpc@site.example>')).toEqual({ name: 'HPC team', address: 'hpc@site.example' });
    for (const bad of [
      'a@b, c@d',
      'list: a@b;',
      'a@b\r\nBcc: c@d',
      'a@b c@d',
      '<a@b> <c@d>',
      'a',
      '',
      'a@',
      '"x@y" <a@b>, c@d',
    ])
      expect(() => mailbox(bad)).toThrow(Refused);
  });
  it('nothing that breaks the line gets into a header', () => {
    for (const bad of ['a\r\nb', 'a\nb', 'a\u0000', 'é', '']) expect(() => headerValue('X', bad)).toThrow(Refused);
    expect(() => alert({ ...ALICE, id: '7\r\nX: y' }, PAPER)).toThrow(Refused);
    expect(() => alert({ ...ALICE, id: '../approve?x=1' }, PAPER)).toThrow(Refused);
  });
  it('doctor hears what is wrong with the addresses', () => {
    const config = parseConfig(
      'mail: {host: smtp.example, from: "no..address@b.example", to: ["a@b.example", "x@-y"], userDomain: "-bad"}',
      'x.yaml',
    );
    expect(addressProblems(config.mail, config.report).map(p => p.split(':')[0])).toEqual([
      'mail.from',
      'mail.to',
      'mail.userDomain',
    ]);
    expect(addressProblems(parseConfig('mail: {host: h, to: [a@b.example]}', 'x.yaml').mail, { to: [] })).toEqual([]);
  });
});

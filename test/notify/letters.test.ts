/** What administrators and users read in their mail. */
import { convert } from 'html-to-text';
import { describe, expect, it } from 'vitest';
import type { FactValue } from '../../src/diagnosis.ts';
import { USUAL_NAMES } from '../../src/names.ts';
import { messageId } from '../../src/notify/address.ts';
import { mattermostMessage } from '../../src/notify/chats/mattermost.ts';
import { slackMessage } from '../../src/notify/chats/slack.ts';
import { teamsMessage } from '../../src/notify/chats/teams.ts';
import type { Letter } from '../../src/notify/letter.ts';
import { accessRestored } from '../../src/notify/letters/access-restored.ts';
import { addressAlert } from '../../src/notify/letters/address-alert.ts';
import { alert } from '../../src/notify/letters/alert.ts';
import { digest } from '../../src/notify/letters/digest.ts';
import { escalation } from '../../src/notify/letters/escalation.ts';
import { failed } from '../../src/notify/letters/failed.ts';
import { mutedDigest } from '../../src/notify/letters/muted.ts';
import { reminder } from '../../src/notify/letters/reminder.ts';
import { resolved } from '../../src/notify/letters/resolved.ts';
import { needsSecondVote } from '../../src/notify/letters/second-vote.ts';
import { userTell } from '../../src/notify/letters/user-tell.ts';
import { weekly } from '../../src/notify/letters/weekly.ts';
import { ALICE, CONFIG, PAPER } from './an-incident.ts';

/** What was done for alice. */
const DONE = { summary: ALICE.plan!.summary, by: ['root-ann'] };
const SITE = { mail: { userDomain: 'site.example' }, userNames: USUAL_NAMES };
const LINK = 'https://readmit.site.example/incidents/7';
const links = (text: string): string[] =>
  text.match(/\b(?:https?|ftp|mailto|javascript):[^\s"<>]+|www\.[^\s"<>]+/gi) ?? [];

describe('a plan that nobody here votes on', () => {
  const next = 'Readmit only observes here: nobody votes on the plan, readmit plan 7 exports it.';
  const elsewhere = { ...ALICE, needs: 0, next };

  it.each([
    ['the alert', (d: typeof ALICE) => alert(d, PAPER)],
    ['a reminder', (d: typeof ALICE) => reminder(d, 3_600_000, PAPER)],
    ['an escalation', (d: typeof ALICE) => escalation(d, 3_600_000, PAPER)],
  ])('%s says what it is for, asks for no vote and calls none given', (_, letter) => {
    const text = letter(elsewhere).text.replace(/\s+/g, ' ');
    expect(text).toContain(next);
    expect(text).toContain('usermod');
    expect(text).toContain('Open the plan');
    expect(text).not.toMatch(/all its votes|It needs|Nothing is proposed|can't vote/);
  });
});

describe('the alert', () => {
  const letter = alert(ALICE, PAPER);

  it('says in the subject who can not work and why', () => {
    expect(letter.subject).toBe("[readmit] alice can't submit jobs: not in claw-users");
    expect(letter.to).toEqual(['ops@site.example']);
  });

  it('tells what happened, the evidence, the plan and who must approve, in text and in HTML alike', () => {
    for (const part of [
      'refused alice 4 times',
      '192.168.1.100',
      '/submit',
      'alice asked again 3 times',
      'openclaw/missing-group',
      'id -Gn alice',
      '/usr/sbin/usermod -aG claw-users alice',
      'gpasswd -d alice claw-users',
      'It needs 1 vote (administrator or operator)',
      '/etc/readmit/entitlements.yaml names alice',
      'Not openclaw/scheduler-down: it answers',
      'Could not be asked: ldap groups',
    ]) {
      expect(letter.text.replace(/\s+/g, ' ')).toContain(part);
      expect(letter.html).toContain(part);
    }
  });

  it('has one link, to the plan on our own page', () => {
    expect(links(letter.text)).toEqual([LINK]);
    expect(letter.html.match(/href="[^"]*"/g)).toEqual([`href="${LINK}"`]);
  });

  it('shows the diff of a config change and that two people must say yes', () => {
    const { text } = alert({ ...CONFIG, votes: [], needs: 2 }, PAPER);
    expect(text).toContain('    +    - claw-users\n');
    expect(text.replace(/\s+/g, ' ')).toContain(
      'It needs 2 votes (administrator). Different people, each with a fresh sign-in.',
    );
    expect(text.replace(/\s+/g, ' ')).toContain('Nothing shows that this access is meant to be');
  });

  it('goes to a human when no plan fits', () => {
    const { text } = alert({ ...ALICE, plan: null, diagnosis: { ...ALICE.diagnosis!, cause: null } }, PAPER);
    expect(text).toContain('Nothing is proposed: a human must look at it.');
    expect(text).not.toContain('usermod');
  });

  it('shows advice as commands to copy and never as a plan', () => {
    const advice = {
      to: 'administrator' as const,
      text: 'Open the port.',
      commands: ['firewall-cmd --add-port=8080/tcp'],
      check: 'nc -zv scheduler 8080',
    };
    const { text } = alert({ ...ALICE, plan: null, diagnosis: { ...ALICE.diagnosis!, advice } }, PAPER);
    expect(text).toContain('    firewall-cmd --add-port=8080/tcp');
    expect(text).toContain('Readmit does not run it');
    expect(text).toContain('nc -zv scheduler 8080');
  });
});

describe('the evidence', () => {
  const at = '2026-11-23T09:14:02.000Z';
  const found = (fact: string, value: FactValue) => ({ fact, value, source: `source of ${fact}`, at });
  const diagnosis = {
    ...ALICE.diagnosis!,
    evidence: [
      found('account.system', false),
      found('access.lacks-group', true),
      found('groups.nss', ['alice', 'staff']),
      found('token.groups', []),
    ],
  };

  it('says what is so, in a letter and in a chat, and never asks a question with a no behind it', () => {
    const letter = alert({ ...ALICE, diagnosis }, PAPER);
    expect(letter.text.replace(/\s+/g, ' ')).toMatch(
      /is not a system account \(source of account.system,.*is in no authorised group \(source.*groups by the system: alice and staff \(.*no groups in the token \(/,
    );
    // A chat has what stands before the link.
    const rows = [{ label: 'is not a system account' }, { label: 'groups by the system', value: 'alice' }];
    for (const chat of [slackMessage, mattermostMessage, teamsMessage]) {
      const said = JSON.stringify(chat({ ...letter, blocks: [{ kind: 'facts', rows }] }));
      expect(said).toMatch(/is not a system account["\\]/);
      expect(said).not.toContain('undefined');
    }
    expect(letter.html).toContain('>is not a system account<');
    expect(letter.html).not.toContain('undefined');
  });
});

describe('text and HTML say the same', () => {
  const HISTORY = {
    ...ALICE,
    history: ['opened: denied', 'proposed: Add alice to claw-users'].map(what => ({
      at: ALICE.opened,
      who: 'readmit',
      what,
    })),
  };
  const outcome = { result: 'failed' as const, detail: 'usermod answered 10', steps: [] };
  const letters: Record<string, Letter> = {
    alert: alert(ALICE, PAPER),
    'address alert': addressAlert({ ...ALICE, kind: 'address' }, PAPER),
    'second vote': needsSecondVote(CONFIG, PAPER),
    reminder: reminder(ALICE, 4 * 3_600_000, PAPER),
    'reminder of what has no plan': reminder({ ...ALICE, plan: null, needs: 0 }, 60_000, PAPER),
    escalation: escalation(HISTORY, 8 * 3_600_000, PAPER),
    failed: failed(HISTORY, PAPER, outcome),
    resolved: resolved(HISTORY, PAPER, DONE),
    digest: digest([ALICE, CONFIG], 5, { seq: 12, digest: 'ef'.repeat(32) }, PAPER),
    'digest after a quiet time': mutedDigest([ALICE, CONFIG], Date.parse('2026-11-24T06:00:00Z'), PAPER),
  };
  /** The words alone, without what only one of the two has: rules, bullets, brackets around a source. */
  const words = (text: string): string =>
    text
      .replace(/^-+ ?$/gm, ' ')
      .replace(/(^|\s)[*•](?=\s)/g, ' ')
      .replace(/[():]/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();

  it.each(Object.keys(letters))('%s', name => {
    const { html, text, headers, subject } = letters[name]!;
    const read = convert(html, {
      wordwrap: false,
      selectors: [
        { selector: 'a', format: 'anchor', options: { hideLinkHrefIfSameAsText: true, linkBrackets: [' ', ' '] } },
        { selector: 'h1', options: { uppercase: false } },
        { selector: 'h2', options: { uppercase: false } },
        { selector: 'table', format: 'block' },
        { selector: 'tr', format: 'block' },
        { selector: 'th', format: 'block' },
        { selector: 'td', format: 'block' },
      ],
    });
    expect(words(read)).toBe(words(text));
    expect(subject).toMatch(/^\[readmit\] /);
    expect(headers['Message-ID']).toMatch(/^<[0-9a-f]{40}@site\.example>$/);
  });
});

describe('threads', () => {
  const first = alert(ALICE, PAPER);
  it('the alert is the root, and every later letter of the incident refers to it', () => {
    for (const [key, write] of [
      ['vote-7', needsSecondVote],
      ['resolved-7', (d: typeof ALICE, p: typeof PAPER) => resolved(d, p, DONE)],
      ['failed-7', failed],
      ['remind-7-1', (d: typeof ALICE, p: typeof PAPER) => reminder(d, 3_600_000, p)],
      ['escalate-7', (d: typeof ALICE, p: typeof PAPER) => escalation(d, 3_600_000, p)],
    ] as const) {
      const { headers } = write(ALICE, { ...PAPER, key });
      expect(headers['In-Reply-To']).toBe(first.headers['Message-ID']);
      expect(headers.References).toBe(first.headers['Message-ID']);
      expect(headers['Message-ID']).not.toBe(first.headers['Message-ID']);
    }
  });
  it('a letter made again after a crash has the same id, another incident another', () => {
    expect(alert({ ...ALICE, count: 5 }, PAPER).headers['Message-ID']).toBe(first.headers['Message-ID']);
    expect(alert({ ...ALICE, id: '9' }, PAPER).headers['Message-ID']).not.toBe(first.headers['Message-ID']);
    expect(messageId('a', PAPER.from)).toBe(messageId('a', PAPER.from));
  });
  it('says that it is a list and a machine', () => {
    expect(first.headers).toMatchObject({
      'List-Id': 'Readmit <readmit.site.example>',
      'Auto-Submitted': 'auto-generated',
      'X-Readmit-Incident': '7',
    });
  });
});

describe('the other letters', () => {
  it('probing: lists what was tried and proposes nothing', () => {
    const detail = {
      ...ALICE,
      id: '12',
      kind: 'address' as const,
      key: '203.0.113.9',
      headline: '203.0.113.9 tries names: 40 denials',
      plan: ALICE.plan,
      count: 40,
      users: 2,
    };
    const letter = addressAlert(
      { ...detail, pairs: ['oracle', 'admin'].map(user => ({ ...ALICE.pairs[0]!, user, ip: '203.0.113.9' })) },
      PAPER,
    );
    expect(letter.subject).toBe('[readmit] 203.0.113.9 tries names: 40 denials');
    expect(letter.text).toContain('oracle and admin');
    expect(letter.text).not.toContain('usermod');
    expect(letter.text.replace(/\s+/g, ' ')).toContain('proposes nothing');
  });
  it('a missing vote: who has voted, how many are missing', () => {
    const { subject, text } = needsSecondVote(CONFIG, PAPER);
    expect(subject).toMatch(/^\[readmit\] 1 more vote needed: 3 people can't work/);
    expect(text.replace(/\s+/g, ' ')).toContain('root-ann approved. It needs 1 more vote (administrator).');
  });
  it('resolved: who can work again, what was done, by whose vote', () => {
    const letter = resolved({ ...ALICE, state: 'resolved' }, PAPER, DONE);
    expect(letter.subject).toBe('[readmit] resolved: alice can work again');
    expect(letter.text.replace(/\s+/g, ' ')).toContain('Approved by root-ann.');
    expect(resolved({ ...ALICE, state: 'resolved' }, PAPER, 'nothing').text).toContain(
      'Readmit changed nothing for it.',
    );
    expect(resolved({ ...ALICE, state: 'resolved' }, PAPER, 'not-known').text).toContain('broke off');
  });
  it('failed: what the executor saw, and the undo as it would run', () => {
    const outcome = {
      result: 'failed' as const,
      detail: 'usermod answered 10',
      steps: [{ action: 'group.add', result: 'failed', before: 'domain-users', after: 'domain-users' }],
    };
    const { text, subject } = failed({ ...ALICE, state: 'failed' }, PAPER, outcome);
    expect(subject).toBe("[readmit] the change failed: alice can't submit jobs: not in claw-users");
    expect(text).toContain('usermod answered 10');
    expect(text).toContain('    /usr/bin/gpasswd -d alice claw-users');
    expect(failed({ ...ALICE, state: 'not-effective' }, PAPER).subject).toContain('the change did not help');
  });
  it('G14: the digest says how many alerts were folded, and carries the head of the audit chain', () => {
    const letter = digest([ALICE, CONFIG], 37, { seq: 12, digest: 'ef'.repeat(32) }, PAPER);
    expect(letter.subject).toBe('[readmit] 37 alerts were folded into this digest');
    expect(letter.text).toContain("#7 (proposed, asked again 3 times): alice can't");
    expect(letter.text).toContain('ef'.repeat(32));
    expect(links(letter.text)).toEqual(['https://readmit.site.example/']);
  });
  it('the user is told the steps only they can do, without a link and at their own address', () => {
    const advice = {
      to: 'user' as const,
      text: 'Your session is older than your group.',
      commands: ['newgrp claw-users'],
      check: 'clw submit test.yaml',
    };
    const told = {
      user: 'alice',
      host: 'claw-head-01',
      incident: '7',
      title: 'Your session is older than your group',
      advice,
      at: ALICE.opened,
    };
    const letter = userTell(told, PAPER, SITE)!;
    expect(letter.to).toEqual(['alice@site.example']);
    expect(letter.subject).toBe('[readmit] alice, how to submit jobs on claw-head-01 again');
    expect(letter.text).toContain('    newgrp claw-users');
    expect(letter.html).not.toContain('href=');
    expect(userTell(told, PAPER, { ...SITE, mail: { userDomain: null } })).toBeNull();
  });
  it('times are those of the site, in a cause and in what happens next too; commands and lines of a log stay', () => {
    const expired = '2026-11-23T06:39:51.000Z';
    const there = { ...PAPER, timezone: 'Europe/Berlin' };
    const title = `alice's token expired at ${expired}`;
    const advice = {
      to: 'user' as const,
      text: `It ended at ${expired}.`,
      commands: [`date -d ${expired}`],
      check: '',
    };
    const told = { user: 'alice', host: 'claw-head-01', incident: '7', title, advice, at: ALICE.opened };
    const letter = userTell(told, there, SITE)!;
    expect(letter.text.replace(/\s+/g, ' ')).toContain("alice's token expired at 2026-11-23 07:39 CET.");
    expect(letter.text).toContain('It ended at 2026-11-23 07:39 CET.');
    expect(letter.text).toContain(`    date -d ${expired}`);
    const samples = [{ ...ALICE.samples[0]!, line: `[ERROR] ${expired}: denied` }];
    const mail = alert({ ...ALICE, headline: title, next: `Good until ${expired}.`, samples }, there);
    expect(mail.subject).toContain('expired at 2026-11-23 07:39 CET');
    expect(mail.text).toContain('What happens next: Good until 2026-11-23 07:39 CET.');
    expect(mail.text).toContain(`[ERROR] ${expired}: denied`);
    expect(mail.html.match(new RegExp(expired, 'g'))).toHaveLength(1);
  });
  it('the user hears that the door is open, what their session still needs, and until when', () => {
    const steps = [
      {
        ...(ALICE.plan!.full[0] as Extract<(typeof ALICE.plan & object)['full'][number], { action: 'group.add' }>),
        until: '2026-12-01T00:00:00Z',
      },
    ];
    const letter = accessRestored({ user: 'alice', host: 'claw-head-01', incident: '7', steps }, PAPER, SITE)!;
    expect(letter.text).toContain('    newgrp claw-users');
    expect(letter.text).toContain('This access ends at 2026-12-01 00:00 UTC.');
  });
  it('the weekly report carries its tables, and pictures when there are any', () => {
    const letter = weekly(
      {
        week: '2026-W47',
        headline: '3 people refused, 2 cases solved, 1 still waits',
        text: 't',
        html: 'h',
        csv: 'a\r\n',
        json: '{}',
        pictures: [{ name: 'denials', png: 'AAAA' }],
      },
      PAPER,
    );
    expect(letter.subject).toBe('[readmit] week 2026-W47: 3 people refused, 2 cases solved, 1 still waits');
    expect(letter.attachments.map(a => a.filename)).toEqual([
      'readmit-2026-W47.csv',
      'readmit-2026-W47.json',
      'denials.png',
    ]);
  });
});

/** What a terminal shows of incidents and access, and what letters share with it: the words of the page, and times that say whose they are. */
import { expect, it } from 'vitest';
import { grantLines, incidentPage, incidentTable } from '../../src/cli/tables.ts';
import type { IncidentDetail } from '../../src/desk.ts';
import { evidence } from '../../src/notify/letters/words.ts';
import { ALICE, PAPER } from '../notify/an-incident.ts';
import { grants } from '../web/a-week/past.ts';

const NOON = Date.parse('2026-11-23T12:00:00Z');
const advised = (over: Partial<IncidentDetail>): string =>
  incidentPage({
    ...ALICE,
    diagnosis: {
      ...ALICE.diagnosis!,
      advice: { to: 'user', text: 'You were added to claw-users.', commands: ['newgrp claw-users'], check: 'id' },
    },
    ...over,
  });

it.each([
  ['proposed', 'What alice is told when it is done'],
  ['running', 'What alice is told when it is done'],
  ['resolved', 'What alice was told when it was done'],
] as const)('before and after it was done, as on the page: %s', (state, heading) => {
  const { serial, deed, undo, undoSteps } = ALICE.plan!;
  const begun = { serial, deed, undo, undoSteps, result: 'done' as const, takenBack: false };
  expect(advised({ state, ...(state === 'resolved' ? { begun } : {}) }).split('\n')).toContain(heading);
});

it('what nobody carried out was told to nobody, whatever became of the incident', () => {
  for (const state of ['resolved', 'denied', 'expired'] as const)
    expect(advised({ state }), state).toContain('What alice would be told if it were done');
});

it('of what is over the first sentence says what is so now, and the next what it was', () => {
  expect(advised({ state: 'resolved' })).toMatch(/^alice can work again\nIt was: alice can't submit jobs: /);
  expect(advised({ state: 'resolved', cause: null })).toMatch(/^alice can work again\n\n/);
  expect(advised({ state: 'denied' })).toMatch(/^alice can't submit jobs/);
});

it('a command is shown as a shell takes it', () => {
  const plan = {
    ...ALICE.plan!,
    steps: [{ action: 'group.add', argv: ['usermod', '-aG', 'claw-users', 'DOM\\alice'] }],
  };
  expect(advised({ plan })).toContain("$ usermod -aG claw-users 'DOM\\alice'");
});

it('without a plan it is what the person has to do', () => {
  expect(advised({ plan: null })).toContain('\nWhat alice has to do\n');
});

const access = {
  ...ALICE,
  diagnosis: {
    ...ALICE.diagnosis!,
    evidence: [{ fact: 'access.lacks-group', value: true, source: 'id -Gn alice', at: '2026-11-23T09:14:02.000Z' }],
    unknown: [{ fact: 'directory.member', because: 'no directory is configured' }],
  },
};

it('facts are in the words of the page, with the name that the rules have for them', () => {
  const lines = incidentPage(access).split('\n');
  expect(lines).toContain('  + is in no authorised group [access.lacks-group]   (id -Gn alice)');
  expect(lines).toContain('  the directory lists them in the group [directory.member]: no directory is configured');
});

it('and so they are in a letter', () => {
  const blocks = evidence(access, PAPER);
  const facts = blocks.find(b => b.kind === 'facts');
  expect(facts?.rows).toEqual([
    { label: 'is in no authorised group', source: expect.stringContaining('id -Gn alice') },
  ]);
  expect(blocks.find(b => b.kind === 'list')?.items).toContain(
    'Could not be asked: the directory lists them in the group (no directory is configured)',
  );
});

it('times are UTC, and say so', () => {
  expect(incidentTable([ALICE]).split('\n')[0]).toMatch(/ OPENED \(UTC\) /);
  expect(advised({})).toMatch(/since \d{4}-\d\d-\d\d \d\d:\d\d UTC\n/);
  const access = grantLines(grants(ago => new Date(NOON - ago).toISOString())).split('\n')[0];
  expect(access).toMatch(/ SINCE \(UTC\) .* UNTIL \(UTC\) /);
});

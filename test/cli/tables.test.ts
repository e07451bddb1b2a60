/** What a terminal shows of incidents and access: the words of the page, and times that say whose they are. */
import { expect, it } from 'vitest';
import { grantLines, incidentPage, incidentTable } from '../../src/cli/tables.ts';
import type { IncidentDetail } from '../../src/desk.ts';
import { ALICE } from '../notify/an-incident.ts';
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
  expect(advised({ state }).split('\n')).toContain(heading);
});

it('without a plan it is what the person has to do', () => {
  expect(advised({ plan: null })).toContain('\nWhat alice has to do\n');
});

it('times are UTC, and say so', () => {
  expect(incidentTable([ALICE]).split('\n')[0]).toMatch(/ OPENED \(UTC\) /);
  expect(advised({})).toMatch(/since \d{4}-\d\d-\d\d \d\d:\d\d UTC\n/);
  const access = grantLines(grants(ago => new Date(NOON - ago).toISOString())).split('\n')[0];
  expect(access).toMatch(/ SINCE \(UTC\) .* UNTIL \(UTC\) /);
});

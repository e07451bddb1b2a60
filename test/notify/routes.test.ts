/** Routes and quiet times, as tables; and what a configuration is told that leads nowhere. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { receiverFindings } from '../../src/cli/doctor/receivers.ts';
import { routesText, routesTold } from '../../src/cli/routes.ts';
import { parseConfig } from '../../src/config/config.ts';
import { mutedUntil, type Routable, routesFor } from '../../src/notify/routes.ts';

const config = (notify: string) => parseConfig(`mail: {to: [ops@site.example]}\nnotify: ${notify}`, 'readmit.yaml');
const ALICE: Routable = { kind: 'user', host: 'claw-head-01', cause: 'openclaw/missing-group', tier: 1 };
const RECEIVERS =
  'receivers: [{name: chat, type: slack, urlFile: /k}, {name: pager, type: alertmanager, url: "https://am.site.example"}, {name: net, type: mail, to: [net@site.example]}]';
const to = (routes: string, alert: Partial<Routable> = {}, more = '') =>
  routesFor(config(`{${RECEIVERS}, routes: ${routes}${more}}`), { ...ALICE, ...alert }).map(r => r.receiver.name);

describe('an alert goes', () => {
  it.each([
    ['to the administrators where there is no route', '[]', {}, ['administrators']],
    ['to the first that matches', '[{receiver: chat}, {receiver: net}]', {}, ['chat']],
    ['on where it says so', '[{receiver: chat, continue: true}, {receiver: net}]', {}, ['chat', 'net']],
    ['once to each', '[{receiver: chat, continue: true}, {receiver: chat}]', {}, ['chat']],
    ['by kind', '[{matchers: {kind: service}, receiver: pager}]', {}, ['administrators']],
    ['by kind, of several', '[{matchers: {kind: [service, user]}, receiver: pager}]', {}, ['pager']],
    ['by cause', '[{matchers: {cause: openclaw/missing-group}, receiver: net}]', {}, ['net']],
    ['by the beginning of a cause', '[{matchers: {cause: "openclaw/*"}, receiver: net}]', {}, ['net']],
    ['without a cause by no cause', '[{matchers: {cause: "*"}, receiver: net}]', { cause: null }, ['administrators']],
    ['by host', '[{matchers: {host: ["login-*", "claw-head-*"]}, receiver: net}]', {}, ['net']],
    ['by tier', '[{matchers: {tier: 2}, receiver: net}]', { tier: 2 }, ['net']],
    ['without a tier by no tier', '[{matchers: {tier: [0, 1, 2]}, receiver: net}]', { tier: null }, ['administrators']],
    ['where all matchers match', '[{matchers: {tier: 1, kind: service}, receiver: net}]', {}, ['administrators']],
    ['nowhere else when one that goes on took it', '[{receiver: chat, continue: true}]', {}, ['chat']],
  ] as const)('%s', (_, routes, alert, expected) => expect(to(routes, alert)).toEqual(expected));

  it('to notify.receiver where no route takes it', () =>
    expect(to('[{matchers: {kind: service}, receiver: pager}]', {}, ', receiver: net')).toEqual(['net']));
});

describe('quiet times', () => {
  const { timeIntervals } = config(`{timeIntervals: [
    {name: nights, intervals: [{times: [{startTime: "22:00", endTime: "24:00"}, {startTime: "00:00", endTime: "07:00"}], location: Europe/Berlin}]},
    {name: weekend, intervals: [{weekdays: ["saturday:sunday"], location: Europe/Berlin}]},
    {name: turn, intervals: [{weekdays: ["friday:monday"]}]},
    {name: always, intervals: [{}]}]}`).notify;
  const until = (names: string[], at: string) => {
    const muted = mutedUntil(timeIntervals, names, Date.parse(at));
    return muted && new Date(muted.until).toISOString().slice(0, 16);
  };

  it.each([
    ['by day', ['nights'], '2026-11-23T12:00:00Z', null],
    ['the end is not included', ['nights'], '2026-11-24T06:00:00Z', null],
    ['over midnight', ['nights'], '2026-11-23T21:30:10Z', '2026-11-24T06:00'],
    ['in the zone of the place', ['nights'], '2026-07-23T20:30:00Z', '2026-07-24T05:00'],
    ['the night the clocks go back is an hour longer', ['nights'], '2026-10-24T20:30:00Z', '2026-10-25T06:00'],
    ['the night the clocks go forward is an hour shorter', ['nights'], '2026-03-28T21:30:00Z', '2026-03-29T05:00'],
    ['days', ['weekend'], '2026-11-20T23:30:00Z', '2026-11-22T23:00'],
    ['a range of days over the turn of the week', ['turn'], '2026-11-23T12:00:00Z', '2026-11-24T00:00'],
    ['two that touch are one', ['weekend', 'nights'], '2026-11-22T22:30:00Z', '2026-11-23T06:00'],
    ['none named, none muted', [], '2026-11-23T23:00:00Z', null],
    ['what never ends is looked at again after eight days', ['always'], '2026-11-01T00:00:00Z', '2026-11-09T00:00'],
  ] as const)('%s', (_, names, at, expected) => expect(until([...names], at)).toBe(expected));
});

describe('a configuration that leads nowhere is refused, with its line', () => {
  it.each([
    ['{receivers: [{name: a, type: mail, to: ["a@b, c@d"]}]}', /receivers\.0\.to\.0: name@domain/],
    ['{routes: [{receiver: nobody}]}', /routes\.0\.receiver: no receiver is called nobody/],
    ['{receiver: nobody}', /notify\.receiver: no receiver/],
    ['{escalateAfter: 60}', /escalateAfter: needs escalateTo/],
    ['{escalateTo: nobody}', /escalateTo: no receiver/],
    ['{routes: [{receiver: administrators, muteTimes: [nights]}]}', /muteTimes\.0: no time interval is called nights/],
    ['{receivers: [{name: administrators, type: mail, to: [a@b]}]}', /administrators are those of mail\.to/],
    [`{receivers: [{name: a, type: slack, urlFile: /k}, {name: a, type: teams, urlFile: /k}]}`, /two of the name a/],
    ['{receivers: [{name: a, type: slack, url: "https://hooks.slack.com/x"}]}', /url: unknown key|urlFile/],
    ['{receivers: [{name: a, type: webhook, url: "http://elsewhere.example/", secretFile: /k}]}', /https:\/\/ URL/],
    ['{receivers: [{name: a, type: alertmanager, url: "https://me:secret@am/"}]}', /https:\/\/ URL/],
    ['{receivers: [{name: a, type: pigeon}]}', /receivers\.0\.type/],
    [
      '{timeIntervals: [{name: n, intervals: [{times: [{startTime: "22:00", endTime: "07:00"}]}]}]}',
      /crosses midnight/,
    ],
    ['{timeIntervals: [{name: n, intervals: [{location: Moon/Base}]}]}', /a time zone/],
    ['{timeIntervals: [{name: n, intervals: [{weekdays: ["mon:fri"]}]}]}', /a day or a range of days/],
    ['{routes: [{receiver: administrators, matcher: {}}]}', /unknown key/],
  ] as const)('%s', (notify, message) => expect(() => config(notify)).toThrow(message));
});

describe('readmit routes test', () => {
  const told = (alert: Partial<Routable>, at = '2026-11-23T23:00:00Z') =>
    routesTold(
      config(`{${RECEIVERS}, timeIntervals: [{name: nights, intervals: [{times: [{startTime: "22:00", endTime: "24:00"}]}]}],
        routes: [{matchers: {kind: service}, receiver: pager, continue: true},
          {receiver: chat, muteTimes: [nights], repeatInterval: 14400, continue: true}, {receiver: administrators}],
        remindAfter: 3600, escalateAfter: 28800, escalateTo: net}`),
      { ...ALICE, ...alert },
      Date.parse(at),
    );

  it('says who gets what and when', () => {
    expect(
      routesText(told({ kind: 'service', tier: 2 })),
    ).toBe(`Alert: service incident on claw-head-01, cause openclaw/missing-group, tier 2

pager (alertmanager), by route 1
  after 1.5 s
chat (slack), by route 2
  muted by nights: in a digest at 2026-11-24T00:00:00.000Z if it is still open
  again every 4 h while nobody has acted
administrators (mail to ops@site.example), by route 3
  after 1.5 s

A missing vote is asked for after 15 min, of those who may still vote.
A proposal that waits is reminded of every 60 min.
What nobody acts on goes to net after 8 h.
When it is over, those hear of it who were told.`);
  });

  it('and as one document', () =>
    expect(told({}, '2026-11-23T12:00:00Z')).toMatchObject({
      receivers: [
        { receiver: 'chat', type: 'slack', to: null, route: 2, mutedUntil: null, repeatInterval: 14400 },
        { receiver: 'administrators', to: ['ops@site.example'], route: 3, groupWait: 1.5 },
      ],
      escalate: { after: 28800, to: 'net' },
    }));
});

describe('readmit doctor', () => {
  const dir = mkdtempSync(join(tmpdir(), 'rdm-doctor-'));
  afterAll(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name: string, text: string, mode = 0o600): string => {
    writeFileSync(join(dir, name), text, { mode });
    return join(dir, name);
  };
  const found = (notify: string) => receiverFindings(config(notify)).map(f => `${f.level}: ${f.what}`);

  it('says which secret is missing, can be read by others, or is none', () => {
    const [good, open, odd] = [
      file('good', 'https://hooks.example/x\n'),
      file('open', 'https://hooks.example/x\n', 0o644),
      file('odd', 'http://hooks.example/x\n'),
    ];
    expect(
      found(`{receivers: [{name: a, type: slack, urlFile: ${good}}, {name: b, type: teams, urlFile: ${open}},
        {name: c, type: slack, urlFile: ${odd}}, {name: d, type: mattermost, urlFile: ${dir}/none}],
        routes: [{receiver: a, continue: true}, {receiver: b, continue: true}, {receiver: c, continue: true}, {receiver: d}]}`),
    ).toEqual([
      'ok: a (slack) has what it needs',
      `problem: b: ${open} can be read by others`,
      'problem: c: its address: https:// (http:// only on loopback)',
      `problem: d: ${dir}/none: ENOENT`,
    ]);
  });

  it('says which route gets no alert and which receiver nothing', () => {
    expect(
      found(
        '{receivers: [{name: net, type: mail, to: [net@site.example]}], routes: [{receiver: administrators}, {receiver: administrators}]}',
      ),
    ).toEqual([
      'ok: net (mail) has what it needs',
      'note: nothing leads to the receiver net',
      'note: route 1 takes every alert: those below it get none',
    ]);
  });
});

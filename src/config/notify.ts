/**
 * `notify` of readmit.yaml: who is told what, where and when. Receivers, routes to them and times in which they are left
 * alone, in Alertmanager's words; then reminders. Names that lead nowhere are refused here, and so is every secret that
 * stands in the file itself.
 */
import { z } from 'zod';
import { isThisMachine } from '../addresses.ts';
import { absolute, mailbox } from './values.ts';

const name = z.string().regex(/^[a-z][a-z0-9_-]{0,31}$/i, 'a name of letters, digits, _ -');
const seconds = (fallback: number | null, text: string) =>
  z.number().min(1).nullable().default(fallback).describe(`${text} (seconds)`);

/** The receiver that needs no entry: mail to `mail.to`. */
export const ADMINISTRATORS = 'administrators';

/** What is posted to a network goes by TLS; plain HTTP stays on this machine. Nobody's name stands in an address. */
export function addressFault(text: string): string | null {
  if (!URL.canParse(text)) return 'not a URL';
  const url = new URL(text);
  if (url.username || url.password) return 'a user or password in the URL';
  if (url.protocol === 'https:' || (url.protocol === 'http:' && isThisMachine(url.hostname))) return null;
  return 'https:// (http:// only on loopback)';
}
const address = z.string().refine(text => addressFault(text) === null, 'an https:// URL, or http:// on loopback');

const caFile = absolute
  .nullable()
  .default(null)
  .describe("certificates that the server's must be signed by; null: those Node brings");
const named = { name: name.describe('what routes call it') };
const chat = {
  ...named,
  urlFile: absolute.describe('file that holds the address of its incoming webhook, which is a secret'),
  caFile,
};

const Receiver = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('mail').describe('what it is'),
      ...named,
      to: z.array(mailbox).min(1).describe('mail addresses'),
    }),
    z.strictObject({ type: z.literal('slack').describe('what it is'), ...chat }),
    z.strictObject({ type: z.literal('mattermost').describe('what it is'), ...chat }),
    z.strictObject({ type: z.literal('teams').describe('what it is'), ...chat }),
    z.strictObject({
      type: z.literal('webhook').describe('what it is'),
      ...named,
      url: address.describe('where it answers; of an Alertmanager without /api/v2'),
      secretFile: absolute.describe('file that holds the secret each request is signed with'),
      caFile,
    }),
    z.strictObject({
      type: z.literal('alertmanager').describe('what it is'),
      ...named,
      url: address.describe('where it answers; of an Alertmanager without /api/v2'),
      username: z.string().nullable().default(null).describe('for basic authentication'),
      passwordFile: absolute.nullable().default(null).describe('its password'),
      tokenFile: absolute.nullable().default(null).describe('a bearer token instead'),
      caFile,
      resendInterval: z
        .number()
        .min(1)
        .default(60)
        .describe('an open incident is sent again this often; it ends there by itself after four of them (seconds)'),
    }),
  ])
  .describe('one receiver; `type` is mail, slack, mattermost, teams, webhook or alertmanager');
export type Receiver = z.infer<typeof Receiver>;

const texts = z.union([z.string().min(1), z.array(z.string().min(1)).min(1)]);
const tier = z.number().int().min(0).max(2);
const kind = z.enum(['user', 'address', 'service']);

const Route = z
  .strictObject({
    matchers: z
      .strictObject({
        cause: texts.optional().describe('e.g. openclaw/missing-group; a trailing * matches the rest'),
        host: texts.optional().describe('a trailing * matches the rest'),
        tier: z
          .union([tier, z.array(tier).min(1)])
          .optional()
          .describe('of the plan; what has none matches no tier'),
        kind: z
          .union([kind, z.array(kind).min(1)])
          .optional()
          .describe('user, address or service'),
      })
      .prefault({})
      .describe('all of them must match, of a list any; none: every alert'),
    receiver: name.describe('who gets it: a name of notify.receivers, or administrators'),
    continue: z.boolean().default(false).describe('go on to the routes below'),
    groupWait: z
      .number()
      .min(0)
      .max(3600)
      .default(1.5)
      .describe('an alert waits so long for what explains it (seconds)'),
    repeatInterval: seconds(null, 'said again this often while nobody has acted; null: once'),
    muteTimes: z.array(name).default([]).describe('names of notify.timeIntervals in which nothing is sent'),
  })
  .describe('one route; the first that matches takes the alert');
export type Route = z.infer<typeof Route>;

const clock = z.string().regex(/^(([01]\d|2[0-3]):[0-5]\d|24:00)$/, 'a time of day, 00:00 to 24:00');
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;
const day = `(${DAYS.join('|')})`;

const Interval = z.strictObject({
  weekdays: z
    .array(z.string().regex(new RegExp(`^${day}(:${day})?$`), 'a day or a range of days, e.g. monday:friday'))
    .default([])
    .describe('days or ranges of days, e.g. monday:friday; empty: every day'),
  times: z
    .array(
      z
        .strictObject({ startTime: clock, endTime: clock })
        .refine(t => t.startTime < t.endTime, 'endTime after startTime; what crosses midnight is two of them'),
    )
    .default([])
    .describe('{startTime, endTime}, the end not included, up to 24:00; empty: the whole day'),
  location: z
    .string()
    .refine(isZone, 'a time zone, e.g. Europe/Berlin')
    .default('UTC')
    .describe('time zone the days and times are in'),
});
export type Interval = z.infer<typeof Interval>;

function isZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** The days that `monday` or `friday:monday` names, Sunday is 0. */
export function daysOf(range: string): number[] {
  const [from, to] = range.split(':').map(d => (DAYS as readonly string[]).indexOf(d));
  const days: number[] = [];
  for (let d = from!; ; d = (d + 1) % 7) {
    days.push(d);
    if (d === (to ?? from)) return days;
  }
}

export const Notify = z
  .strictObject({
    receiver: name.default(ADMINISTRATORS).describe('who gets what no route takes; administrators: mail to mail.to'),
    routes: z.array(Route).default([]).describe('in this order; none: everything goes to notify.receiver'),
    receivers: z.array(Receiver).default([]).describe('whom routes lead to'),
    timeIntervals: z
      .array(
        z.strictObject({
          name: name.describe('what muteTimes calls it'),
          intervals: z.array(Interval).min(1).describe('it is any of these'),
        }),
      )
      .default([])
      .describe('times that have a name'),
    secondVoteAfter: seconds(900, 'whoever may still vote is asked for the missing vote after this time; null: never'),
    remindAfter: seconds(null, 'a proposal that waits is reminded of each time this has passed; null: never'),
    escalateAfter: seconds(null, 'what nobody has acted on for this time goes to escalateTo, once; null: never'),
    escalateTo: name.nullable().default(null).describe('a receiver'),
    resolved: z
      .enum(['told', 'always', 'never'])
      .default('told')
      .describe('say when it is over; told: to those who were sent the alert'),
    restored: z
      .enum(['always', 'told', 'never'])
      .default('always')
      .describe('write to the person who can work again; told: only if they were written to before'),
  })
  .superRefine((notify, context) => {
    const fault = (path: PropertyKey[], message: string): void =>
      void context.addIssue({ code: 'custom', path, message });
    const twice = (key: 'receivers' | 'timeIntervals'): void => {
      for (const [n, one] of notify[key].entries())
        if (notify[key].findIndex(other => other.name === one.name) < n)
          fault([key, n, 'name'], `there are two of the name ${one.name}`);
    };
    twice('receivers');
    twice('timeIntervals');
    const known = (called: string, path: PropertyKey[]): void => {
      if (called !== ADMINISTRATORS && !notify.receivers.some(r => r.name === called))
        fault(path, `no receiver is called ${called}`);
    };
    for (const [n, r] of notify.receivers.entries())
      if (r.name === ADMINISTRATORS) fault(['receivers', n, 'name'], `${ADMINISTRATORS} are those of mail.to`);
    known(notify.receiver, ['receiver']);
    for (const [n, route] of notify.routes.entries()) {
      known(route.receiver, ['routes', n, 'receiver']);
      for (const [m, called] of route.muteTimes.entries())
        if (!notify.timeIntervals.some(t => t.name === called))
          fault(['routes', n, 'muteTimes', m], `no time interval is called ${called}`);
    }
    if (notify.escalateTo !== null) known(notify.escalateTo, ['escalateTo']);
    if (notify.escalateAfter !== null && notify.escalateTo === null)
      fault(['escalateAfter'], 'needs escalateTo, the receiver it goes to');
  })
  .prefault({})
  .describe('who is told what, where and when');
export type Notify = z.infer<typeof Notify>;

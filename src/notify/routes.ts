/**
 * Which receivers an alert goes to, and when they are left alone: Alertmanager's routes without its tree. Pure functions
 * of the configuration and of what is known of the incident, so that `readmit routes test` says what `serve` does.
 */
import type { Config } from '../config/config.ts';
import { ADMINISTRATORS, daysOf, type Interval, type Notify, type Receiver, type Route } from '../config/notify.ts';
import type { IncidentKind } from '../incident.ts';

/** What routes look at. */
export interface Routable {
  kind: IncidentKind;
  host: string;
  cause: string | null;
  tier: number | null;
}

export interface Routed {
  receiver: Receiver;
  /** Its place in notify.routes, from 0; null: no route took it. */
  route: number | null;
  groupWaitMs: number;
  repeatMs: number | null;
  muteTimes: string[];
}

/** So long others are waited for who are refused for the same: one plan and one alert are for all of them. */
export const GROUP_WAIT_MS = 1500;

/** A receiver by its name; `administrators` is always there. Names were checked with the configuration. */
export function receiverOf(config: Pick<Config, 'notify' | 'mail'>, name: string): Receiver {
  const found = config.notify.receivers.find(r => r.name === name);
  return found ?? { type: 'mail', name: ADMINISTRATORS, to: config.mail.to };
}

/** Every receiver that alerts can go to, the administrators first. */
export const receivers = (config: Pick<Config, 'notify' | 'mail'>): Receiver[] => [
  receiverOf(config, ADMINISTRATORS),
  ...config.notify.receivers,
];

/** Mail addresses that the configuration names beside `mail.to`. */
export const otherAddresses = (config: Pick<Config, 'notify' | 'report'>): string[] => [
  ...config.report.to,
  ...config.notify.receivers.flatMap(r => (r.type === 'mail' ? r.to : [])),
];

/** In the order of the routes, each receiver once: the first route that leads to it says how. */
export function routesFor(config: Pick<Config, 'notify' | 'mail'>, alert: Routable): Routed[] {
  const routed: Routed[] = [];
  for (const [n, route] of config.notify.routes.entries()) {
    if (!matches(route, alert)) continue;
    if (!routed.some(r => r.receiver.name === route.receiver))
      routed.push({
        receiver: receiverOf(config, route.receiver),
        route: n,
        groupWaitMs: route.groupWait * 1000,
        repeatMs: route.repeatInterval === null ? null : route.repeatInterval * 1000,
        muteTimes: route.muteTimes,
      });
    if (!route.continue) return routed;
  }
  // What only routes that go on have taken has been taken.
  if (routed.length) return routed;
  const receiver = receiverOf(config, config.notify.receiver);
  return [{ receiver, route: null, groupWaitMs: GROUP_WAIT_MS, repeatMs: null, muteTimes: [] }];
}

const list = <T>(one: T | T[]): T[] => (Array.isArray(one) ? one : [one]);

const fits = (wanted: string, value: string): boolean =>
  wanted.endsWith('*') ? value.startsWith(wanted.slice(0, -1)) : wanted === value;

function matches({ matchers }: Route, alert: Routable): boolean {
  const { cause, host, tier, kind } = matchers;
  return (
    (cause === undefined || (alert.cause !== null && list(cause).some(c => fits(c, alert.cause!)))) &&
    (host === undefined || list(host).some(h => fits(h, alert.host))) &&
    (tier === undefined || (alert.tier !== null && list(tier).includes(alert.tier))) &&
    (kind === undefined || list(kind).includes(alert.kind))
  );
}

const MINUTE = 60_000;
/** Whoever is muted for longer than this is looked at again after it. */
const MOST_MINUTES = 8 * 24 * 60;

export interface Muted {
  /** When the mute ends, epoch ms. */
  until: number;
  by: string;
}

/** Whether one of these named times is now, and when none of them is any more. */
export function mutedUntil(intervals: Notify['timeIntervals'], names: readonly string[], now: number): Muted | null {
  const mine = intervals.filter(i => names.includes(i.name));
  const by = mine.find(i => isWithin(i.intervals, now));
  if (!by) return null;
  const all = mine.flatMap(i => i.intervals);
  let until = Math.floor(now / MINUTE) * MINUTE;
  for (let n = 0; n < MOST_MINUTES && isWithin(all, until); n++) until += MINUTE;
  return { until, by: by.name };
}

const isWithin = (intervals: readonly Interval[], at: number): boolean => intervals.some(i => isIn(i, at));

function isIn({ weekdays, times, location }: Interval, at: number): boolean {
  const { day, time } = clockAt(at, location);
  return (
    (weekdays.length === 0 || weekdays.some(range => daysOf(range).includes(day))) &&
    (times.length === 0 || times.some(t => t.startTime <= time && time < t.endTime))
  );
}

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const clocks = new Map<string, Intl.DateTimeFormat>();

/** The day of the week (Sunday is 0) and `HH:MM` there. */
function clockAt(at: number, zone: string): { day: number; time: string } {
  let clock = clocks.get(zone);
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    clocks.set(zone, clock);
  }
  const [day, time] = clock.format(at).split(/,? /);
  return { day: DAYS.indexOf(day!), time: time! };
}

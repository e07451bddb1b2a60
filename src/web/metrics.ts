/**
 * `/metrics` for Prometheus: what waits, what was done, whether the parts live. Read by whoever has a token; by programs
 * on this machine without one only where the site says so, and never behind a proxy, where everybody comes from here.
 */
import type { Registry } from 'prom-client';
import { isLoopback } from '../addresses.ts';
import type { Health } from '../desk.ts';
import { STATES } from '../incident.ts';
import { VERSION } from '../version.ts';
import { type Limits, orWait, stranger, tokenOf } from './api/caller.ts';
import type { Numbers } from './api/parts.ts';
import { answerProblem, Problem } from './api/problem.ts';
import type { Ask, Web } from './ask.ts';
import { maySee } from './rights.ts';
import { hostOf, knownHost } from './security.ts';

/** Answers a scrape. The registry is made at the first one: a site without Prometheus pays nothing. */
export function metrics(web: Web, limits: Limits): (c: Ask) => Promise<Response> {
  let made: Promise<Exposition> | null = null;
  return async c => {
    try {
      mayScrape(web, limits, c);
      made ??= exposition();
      const { type, text } = await made;
      const body = await text({ health: web.desk.health(), numbers: web.extra.api?.numbers() ?? null, now: web.now() });
      return c.body(body, 200, { 'content-type': type });
    } catch (error) {
      return answerProblem(web, c, error as Error);
    }
  };
}

/** @throws Problem 401, 403 or 429 */
function mayScrape(web: Web, limits: Limits, c: Ask): void {
  const caller = tokenOf(web, limits, c);
  if (caller !== 'none') {
    orWait(limits.caller.take(caller.key));
    if (!maySee(caller.person, web.config)) throw new Problem(403, 'none of your roles may see this');
    return;
  }
  if (isNear(web, c)) return orWait(limits.caller.take('this machine'));
  stranger(web, limits, c);
  throw new Problem(401, 'send a token: Authorization: Bearer rdm_…, made with `readmit token create --role viewer`', {
    headers: { 'www-authenticate': 'Bearer realm="readmit"' },
  });
}

/** A program on this machine, asking for us by our name (or a page it shows could ask in its place). */
function isNear(web: Web, c: Ask): boolean {
  const { metrics: who, behindProxy } = web.config.web;
  if (who !== 'loopback' || behindProxy.length || !knownHost(web.config, hostOf(c))) return false;
  return isLoopback(c.env?.incoming?.socket?.remoteAddress ?? '');
}

interface Moment {
  health: Health;
  numbers: Numbers | null;
  now: number;
}
interface Exposition {
  type: string;
  text(moment: Moment): Promise<string>;
}

async function exposition(): Promise<Exposition> {
  const prom = await import('prom-client');
  const registers = [new prom.Registry()];
  const register: Registry = registers[0]!;
  prom.collectDefaultMetrics({ register });
  const metric = { registers };
  const gauges = GAUGES.map(g => ({ rows: g.rows, it: new prom.Gauge({ ...metric, ...named(g) }) }));
  const totals = TOTALS.map(t => ({ rows: t.rows, it: new prom.Counter({ ...metric, ...named(t) }) }));
  const access = new prom.Histogram({
    ...metric,
    name: 'readmit_time_to_access_seconds',
    help: 'From the first denial until the person could work again',
    buckets: [60, 300, 900, 3600, 14_400, 86_400, 259_200],
  });
  let observed = 0;
  const take = (moment: Moment): void => {
    for (const { rows, it } of gauges) {
      it.reset();
      for (const [labels, value] of rows(moment)) it.set(labels, value);
    }
    for (const { rows, it } of totals) {
      it.reset();
      for (const [labels, value] of rows(moment)) it.inc(labels, value);
    }
    const cases = moment.numbers?.access ?? [];
    for (; observed < cases.length; observed++) access.observe(cases[observed]!);
  };
  return {
    type: register.contentType,
    text: moment => {
      take(moment);
      return register.metrics();
    },
  };
}

type Labels = Record<string, string>;
type Rows = (moment: Moment) => [labels: Labels, value: number][];
interface Metric {
  name: string;
  help: string;
  labels: string[];
  rows: Rows;
}

const named = ({ name, help, labels }: Metric) => ({ name: `readmit_${name}`, help, labelNames: labels });
const seconds = (from: number, to: number): number => Math.max(0, (to - from) / 1000);

const GAUGES: Metric[] = [
  { name: 'info', help: 'The version that answers', labels: ['version'], rows: () => [[{ version: VERSION }, 1]] },
  {
    name: 'incidents',
    help: 'Incidents by state',
    labels: ['state'],
    rows: ({ numbers }) =>
      STATES.map(state => [{ state }, sum(numbers?.incidents.filter(i => i.state === state) ?? [])]),
  },
  {
    name: 'grants',
    help: 'Grants made through Readmit that are in force',
    labels: [],
    rows: ({ numbers }) => (numbers ? [[{}, numbers.grants]] : []),
  },
  {
    name: 'outbox_pending',
    help: 'Messages not yet delivered, by channel',
    labels: ['channel'],
    rows: ({ numbers }) =>
      ['job', 'mail', 'webhook'].map(channel => [
        { channel },
        sum(numbers?.outbox.filter(o => o.channel === channel) ?? []),
      ]),
  },
  {
    name: 'outbox_oldest_seconds',
    help: 'Age of the oldest message not yet delivered, by channel',
    labels: ['channel'],
    rows: ({ numbers, now }) => (numbers?.outbox ?? []).map(o => [{ channel: o.channel }, seconds(o.oldest, now)]),
  },
  {
    name: 'executor_up',
    help: '1 when the executor of a host can act',
    labels: ['host'],
    rows: ({ numbers }) => (numbers?.executors ?? []).map(e => [{ host: e.host }, e.status === 'ok' ? 1 : 0]),
  },
  {
    name: 'agent_silent_seconds',
    help: 'Since the last word of the agent of a host',
    labels: ['host'],
    rows: ({ numbers, now }) => (numbers?.executors ?? []).map(e => [{ host: e.host }, seconds(e.seen, now)]),
  },
  {
    name: 'agent_spooled_batches',
    help: 'Batches an agent has read and serve has not taken',
    labels: ['host'],
    rows: ({ health }) => health.agents.map(a => [{ host: a.host }, a.spooled]),
  },
  {
    name: 'source_up',
    help: "1 when a scheduler's log can be read",
    labels: ['host', 'path'],
    rows: ({ health }) => servers(health).map(s => [{ host: s.host, path: s.path }, readable(s) ? 1 : 0]),
  },
  {
    name: 'source_lag_bytes',
    help: "Bytes of a scheduler's log that are not yet counted",
    labels: ['host', 'path'],
    rows: ({ health }) => servers(health).map(s => [{ host: s.host, path: s.path }, s.lag]),
  },
  {
    // One row a host: a cluster has thousands of homes, and their owners' names are no labels.
    name: 'home_logs_lag_bytes',
    help: 'The same for the logs in home directories, added up',
    labels: ['host'],
    rows: ({ health }) => hosts(health).map(host => [{ host }, lag(health, host)]),
  },
  { name: 'queue_up', help: '1 when Redis answers', labels: [], rows: ({ health }) => [[{}, health.queue.up ? 1 : 0]] },
  {
    name: 'mail_up',
    help: '1 when the last mail went out',
    labels: [],
    rows: ({ health }) => [[{}, health.mail.up ? 1 : 0]],
  },
  {
    name: 'receiver_up',
    help: '1 when the last message to a receiver of notify.receivers went out',
    labels: ['receiver', 'type'],
    rows: ({ health }) => (health.receivers ?? []).map(r => [{ receiver: r.name, type: r.type }, r.up ? 1 : 0]),
  },
];

const TOTALS: Metric[] = [
  {
    name: 'denials_total',
    help: 'Denials counted, by event and by what is known of the name: user, system, unknown',
    labels: ['event', 'account'],
    rows: ({ numbers }) =>
      (numbers?.observations ?? [])
        .filter(o => o.event !== 'succeeded')
        .map(o => [{ event: o.event, account: o.account }, o.count]),
  },
  {
    name: 'successes_total',
    help: 'Successes counted',
    labels: [],
    rows: ({ numbers }) => (numbers ? [[{}, sum(numbers.observations.filter(o => o.event === 'succeeded'))]] : []),
  },
  {
    name: 'votes_total',
    help: 'Votes taken, by decision',
    labels: ['decision'],
    rows: ({ numbers }) =>
      ['approve', 'deny'].map(decision => [
        { decision },
        sum(numbers?.votes.filter(v => v.decision === decision) ?? []),
      ]),
  },
  {
    name: 'runs_total',
    help: 'Runs that ended, by what was run and how it ended',
    labels: ['what', 'outcome'],
    rows: ({ numbers }) => (numbers?.runs ?? []).map(r => [{ what: r.what, outcome: r.outcome }, r.count]),
  },
];

const sum = (rows: readonly { count: number }[]): number => rows.reduce((n, r) => n + r.count, 0);
type Source = Health['sources'][number];
const servers = (health: Health): Source[] => health.sources.filter(s => s.kind === 'server');
const readable = (s: Source): boolean => s.state === 'ok' || s.state === 'catching-up';
const hosts = (health: Health): string[] => [...new Set(health.agents.map(a => a.host))];
const lag = (health: Health, host: string): number =>
  health.sources.filter(s => s.kind === 'client' && s.host === host).reduce((n, s) => n + s.lag, 0);

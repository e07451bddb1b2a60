/** `readmit routes test`: who would be told of an alert, how and when, by the same functions that `serve` asks. */
import { type Config, inState, loadConfig } from '../config/config.ts';
import { INCIDENT_KINDS, type IncidentKind, Usage } from '../incident.ts';
import { mutedUntil, type Routable, routesFor } from '../notify/routes.ts';
import { incident } from '../store/incidents.ts';
import { openStoreToRead } from '../store/open.ts';
import type { Options } from './inbox.ts';
import { print, printJson } from './print.ts';

interface TestOptions extends Options {
  cause?: string;
  host?: string;
  tier?: string;
  kind?: string;
  at?: string;
}

export async function testRoutes(id: string | undefined, o: TestOptions): Promise<void> {
  const config = loadConfig(o.config);
  const at = o.at === undefined ? Date.now() : Date.parse(o.at);
  if (Number.isNaN(at)) throw new Usage('--at: a time, e.g. 2026-12-01T03:00:00Z');
  const alert = id === undefined ? described(config, o) : stored(config, id, o);
  const told = routesTold(config, alert, at);
  if (o.json) printJson(told);
  else print(routesText(told));
}

/** What the options say; what they leave out is an ordinary proposal of this host. */
function described(config: Config, o: TestOptions): Routable {
  const kind = o.kind ?? 'user';
  if (!(INCIDENT_KINDS as readonly string[]).includes(kind)) throw new Usage(`--kind: ${INCIDENT_KINDS.join(', ')}`);
  if (o.tier !== undefined && !/^[012]$/.test(o.tier)) throw new Usage('--tier: 0, 1 or 2');
  return {
    kind: kind as IncidentKind,
    host: o.host ?? config.host,
    cause: o.cause ?? null,
    tier: o.tier === undefined ? null : Number(o.tier),
  };
}

function stored(config: Config, id: string, o: TestOptions): Routable {
  if ([o.cause, o.host, o.tier, o.kind].some(v => v !== undefined))
    throw new Usage('an incident, or --cause, --host, --tier and --kind');
  const store = openStoreToRead(inState(config, 'serve', 'readmit.db'));
  try {
    const { kind, host, cause, tier } = incident(store, id);
    return { kind, host, cause, tier };
  } finally {
    store.close();
  }
}

interface RoutesTold {
  alert: Routable;
  at: string;
  receivers: {
    receiver: string;
    type: string;
    to: string[] | null;
    /** Its number in notify.routes, from 1; null: no route took it. */
    route: number | null;
    groupWait: number;
    repeatInterval: number | null;
    mutedBy: string | null;
    mutedUntil: string | null;
  }[];
  secondVoteAfter: number | null;
  remindAfter: number | null;
  escalate: { after: number; to: string } | null;
  resolved: Config['notify']['resolved'];
}

/** The document `--json` prints; times in seconds. */
export function routesTold(config: Config, alert: Routable, at: number): RoutesTold {
  const { timeIntervals, secondVoteAfter, remindAfter, escalateAfter, escalateTo, resolved } = config.notify;
  return {
    alert,
    at: new Date(at).toISOString(),
    receivers: routesFor(config, alert).map(r => {
      const muted = mutedUntil(timeIntervals, r.muteTimes, at);
      return {
        receiver: r.receiver.name,
        type: r.receiver.type,
        to: r.receiver.type === 'mail' ? r.receiver.to : null,
        route: r.route === null ? null : r.route + 1,
        groupWait: r.groupWaitMs / 1000,
        repeatInterval: r.repeatMs === null ? null : r.repeatMs / 1000,
        mutedBy: muted?.by ?? null,
        mutedUntil: muted ? new Date(muted.until).toISOString() : null,
      };
    }),
    secondVoteAfter,
    remindAfter,
    escalate: escalateAfter !== null && escalateTo !== null ? { after: escalateAfter, to: escalateTo } : null,
    resolved,
  };
}

const span = (seconds: number): string =>
  seconds >= 7200 && seconds % 3600 === 0
    ? `${seconds / 3600} h`
    : seconds >= 120 && seconds % 60 === 0
      ? `${seconds / 60} min`
      : `${seconds} s`;

export function routesText(told: RoutesTold): string {
  const { kind, host, cause, tier } = told.alert;
  const lines = [
    `Alert: ${kind} incident on ${host}, cause ${cause ?? 'not known'}, ${tier === null ? 'no tier' : `tier ${tier}`}`,
    '',
  ];
  for (const r of told.receivers) {
    const to = r.to === null ? '' : ` to ${r.to.join(', ') || 'nobody: mail.to is empty'}`;
    lines.push(
      `${r.receiver} (${r.type}${to}), by ${r.route === null ? 'default' : `route ${r.route}`}`,
      `  ${r.mutedUntil ? `muted by ${r.mutedBy}: in a digest at ${r.mutedUntil} if it is still open` : `after ${span(r.groupWait)}`}`,
      ...(r.repeatInterval === null ? [] : [`  again every ${span(r.repeatInterval)} while nobody has acted`]),
    );
  }
  lines.push('');
  if (told.secondVoteAfter !== null)
    lines.push(`A missing vote is asked for after ${span(told.secondVoteAfter)}, of those who may still vote.`);
  if (told.remindAfter !== null) lines.push(`A proposal that waits is reminded of every ${span(told.remindAfter)}.`);
  if (told.escalate) lines.push(`What nobody acts on goes to ${told.escalate.to} after ${span(told.escalate.after)}.`);
  lines.push(
    {
      told: 'When it is over, those hear of it who were told.',
      always: 'When it is over, all of them hear of it.',
      never: 'When it is over, nobody is told.',
    }[told.resolved],
  );
  return lines.join('\n');
}

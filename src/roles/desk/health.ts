/** How the parts of Readmit are: what the footer, the banner, the page and `readmit doctor` tell. */
import type { Health } from '../../desk.ts';
import { iso } from '../../iso-time.ts';
import { alarmsTold } from '../../store/alarms.ts';
import { agentRows, maintenance } from '../../store/desk-rows.ts';
import { linesByPath } from '../../store/observations.ts';
import type { Store } from '../../store/open.ts';
import { pending, waitingRows } from '../../store/outbox.ts';
import type { DeskActs } from './acts.ts';

interface AgentHealth {
  sources?: { path: string; kind: string; state: string; why: string; lag: number }[];
  files?: number;
  spooled?: number;
  refused?: number;
  executor?: string;
}

export interface HealthParts {
  store: Store;
  now: () => number;
  acts: Pick<DeskActs, 'queue' | 'mail' | 'receivers'>;
  version: string;
}

/** Sources, queue, mail, executor and agents, and in one sentence each what is wrong with them. */
export function healthOf({ store, now, acts, version }: HealthParts): Health {
  const at = now();
  const agents = agentRows(store).map(a => ({ ...a, health: a.health as AgentHealth }));
  const queue = acts.queue();
  const mail = { ...acts.mail(), pending: pending(store, 'mail').count };
  const receivers = acts.receivers?.() ?? [];
  const rows = new Map(linesByPath(store).map(r => [`${r.host} ${r.path}`, r]));
  const down = maintenance(store);
  const executor = agents.map(a => a.health.executor).join('; ') || 'unknown';
  const banner = [
    ...(down ? [`Maintenance since ${iso(down.started)} (${down.author}: ${down.reason}): incidents are held.`] : []),
    ...(queue.up ? [] : [`Redis does not answer: ${queue.detail}. Votes are kept; nothing runs until it is back.`]),
    ...(mail.up ? [] : [`Mail can't be sent: ${mail.detail}. ${mail.pending} waiting.`]),
    ...receivers.filter(r => !r.up).map(r => `${r.name} (${r.type}) can't be told: ${r.detail}. ${r.waiting} waiting.`),
    ...agents.filter(a => at - a.seen > 30_000).map(a => `No word from the agent on ${a.host} since ${iso(a.seen)}.`),
    ...agents.flatMap(a =>
      (a.health.sources ?? [])
        .filter(s => s.kind === 'server' && s.state !== 'ok' && s.state !== 'catching-up')
        .map(s => `${s.path} on ${a.host}: ${s.why || s.state}.`),
    ),
    ...(alarmsTold(store).has('executor') && agents.some(a => a.health.executor !== 'ok')
      ? [`The executor can't act: ${executor}. Nothing approved is run.`]
      : []),
  ];
  return {
    banner,
    sources: agents.flatMap(a =>
      (a.health.sources ?? []).map(s => {
        const { lines = 0, unparsed = 0, bad = 0, cut = 0, strange = null } = rows.get(`${a.host} ${s.path}`) ?? {};
        return { host: a.host, ...s, lines, unparsed, bad, cut, strange };
      }),
    ),
    queue: { up: queue.up, detail: queue.up ? '' : queue.detail },
    mail: { ...mail, detail: mail.up ? '' : mail.detail },
    receivers,
    executor,
    agents: agents.map(a => ({
      host: a.host,
      seen: iso(a.seen),
      files: a.health.files ?? 0,
      spooled: a.health.spooled ?? 0,
      refused: a.health.refused ?? 0,
    })),
    version: version,
    versions: {
      Node: process.version.slice(1),
      SQLite: String(store.get<{ v: string }>('SELECT sqlite_version() AS v')!.v),
    },
    waiting: { jobs: waitingRows(store, 'job'), mails: waitingRows(store, 'mail') },
  };
}

/**
 * An open incident as Alertmanager takes it (`POST /api/v2/alerts`): labels name it, annotations tell of it, and an end
 * some resends ahead lets it go out by itself if nobody resends it. Routing, grouping and silencing are Alertmanager's
 * from there on.
 */
import type { Receiver } from '../config/notify.ts';
import type { IncidentRow } from '../desk.ts';
import { tame } from './blocks.ts';
import { incidentLink, type Paper } from './letter.ts';
import { type Endpoint, postJson, readSecret } from './post-json.ts';

export interface PostableAlert {
  labels: Record<string, string>;
  annotations: Record<string, string>;
  startsAt: string;
  endsAt: string;
  generatorURL: string;
}

/** It ends there after so many resends that did not come: Prometheus does the same. */
const RESENDS_TO_LIVE = 4;

/**
 * @param occasion `alert`, or `escalation` of one that nobody acted on: another name, so that it is another alert there
 * @param now epoch ms
 */
export function firing(
  row: IncidentRow,
  paper: Paper,
  occasion: 'alert' | 'escalation',
  resendMs: number,
  now: number,
): PostableAlert {
  const link = incidentLink(paper, row.id);
  const labels = {
    alertname: occasion === 'alert' ? 'ReadmitIncident' : 'ReadmitEscalation',
    service: 'readmit',
    incident: row.id,
    host: row.host,
    kind: row.kind,
    subject: tame(row.key),
    cause: row.cause ?? '',
    tier: row.tier === null ? '' : String(row.tier),
  };
  return {
    // An empty label is none, for Alertmanager; it is left out so that what comes back is what was sent.
    labels: Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== '')),
    annotations: {
      summary: tame(row.headline),
      description: `${row.state}; ${row.count} ${row.count === 1 ? 'denial' : 'denials'}, ${row.users} ${row.users === 1 ? 'user' : 'users'}${row.needs > 0 ? `; needs ${row.needs} ${row.needs === 1 ? 'vote' : 'votes'}` : ''}`,
      ...(row.deed ? { deed: tame(row.deed) } : {}),
      link,
    },
    startsAt: row.opened,
    endsAt: new Date(now + RESENDS_TO_LIVE * resendMs).toISOString(),
    generatorURL: link,
  };
}

/** The same alert, over. */
export const ended = (alert: PostableAlert, now: number): PostableAlert => ({
  ...alert,
  endsAt: new Date(Math.max(now, Date.parse(alert.startsAt) + 1)).toISOString(),
});

export const sameLabels = (a: PostableAlert, b: PostableAlert): boolean => {
  const text = ({ labels }: PostableAlert): string =>
    Object.entries(labels)
      .map(([k, v]) => JSON.stringify([k, v]))
      .sort()
      .join();
  return text(a) === text(b);
};

/** @throws Refused or Retry, as `postJson` */
export async function postAlerts(
  receiver: Extract<Receiver, { type: 'alertmanager' }>,
  alerts: PostableAlert[],
): Promise<void> {
  const { name, username, passwordFile, tokenFile, caFile } = receiver;
  const endpoint: Endpoint = { name, url: `${receiver.url.replace(/\/+$/, '')}/api/v2/alerts`, caFile };
  const basic =
    username === null
      ? null
      : Buffer.from(`${username}:${passwordFile === null ? '' : readSecret(name, passwordFile)}`).toString('base64');
  const authorization =
    tokenFile !== null ? `Bearer ${readSecret(name, tokenFile)}` : basic === null ? null : `Basic ${basic}`;
  await postJson(endpoint, JSON.stringify(alerts), authorization === null ? {} : { authorization });
}

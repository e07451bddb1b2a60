/**
 * The second channel: a small JSON body for Slack, Mattermost or a pager, for when mail fails and for alarms. What
 * strangers wrote can't mention anybody, make a link or break the line there.
 */
import type { IncidentRow } from '../desk.ts';
import { Refused } from '../incident.ts';
import { tame } from './blocks.ts';
import { incidentLink, type Paper } from './letter.ts';
import { post } from './post-json.ts';

export interface Call {
  text: string;
  incident: string | null;
  state: string | null;
  link: string | null;
}

/** Shows nothing, and parts what a chat would join: `@` from a name, `]` from `(`. */
const GAP = '\u200b';

/** Text from outside as it may stand in a chat message (Slack's entities; Mattermost's and Discord's mentions and links). */
export const chatText = (text: string): string =>
  tame(text)
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('@', `@${GAP}`)
    .replaceAll('](', `]${GAP}(`)
    .replaceAll('`', "'");

/** An incident in one line, with the link to it. */
export function incidentCall(row: IncidentRow, paper: Pick<Paper, 'origin'>, before = ''): Call {
  const link = incidentLink(paper, row.id);
  const needs = row.needs > 0 ? ` Needs ${row.needs === 1 ? '1 vote' : `${row.needs} votes`}.` : '';
  return {
    text: `[readmit] ${chatText(before + row.headline.replace(/\.$/, ''))}.${needs} ${link}`,
    incident: row.id,
    state: row.state,
    link,
  };
}

/** Something is wrong with Readmit itself: a dead watcher, an audit file that can't be written, mail that fails. */
export const alarmCall = (text: string, paper: Pick<Paper, 'origin'>): Call => ({
  text: `[readmit] ${chatText(text)} ${paper.origin}/`,
  incident: null,
  state: null,
  link: `${paper.origin}/`,
});

/**
 * Posts one call. The address is a secret, so no error names more of it than the host.
 * @throws Refused, Retry or Doubtful, as `postJson`
 */
export async function callWebhook(address: string, call: Call, deadlineMs = 5000): Promise<void> {
  const url = URL.parse(address);
  if (!url || !/^https?:$/.test(url.protocol)) throw new Refused('webhook.url is not an http:// or https:// URL');
  await post(`webhook at ${url.host}`, url, JSON.stringify(call), { deadlineMs });
}

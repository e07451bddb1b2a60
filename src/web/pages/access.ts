/**
 * Access: every grant made through Readmit, by whom, why and until when; each can be taken back from its incident.
 */
import type { Grant } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { mayDecide } from '../rights.ts';
import { whyTakenBack } from './decision.ts';
import { type Frame, page, token } from './frame.ts';
import { incidentLink, moment, near, nothing, personLink, sentence } from './marks.ts';
import { table } from './table.ts';

const LISTED = 100;

/** `ended` shows those that have ended; `before` is the last grant of the page before. */
export function accessPage(frame: Frame, query: { ended: boolean; before: Pick<Grant, 'since' | 'id'> | null }): Html {
  const { ended, before } = query;
  const counts = frame.desk.grantCounts();
  const found = frame.desk.grants({ ended, limit: LISTED + 1, ...(before ? { before } : {}) });
  const shown = found.slice(0, LISTED);
  const older = new URLSearchParams({
    ...(ended ? { show: 'ended' } : {}),
    before: shown.at(-1)?.since ?? '',
    id: shown.at(-1)?.id ?? '',
  }).toString();
  return page(
    frame,
    'Access',
    html`<div class="lead"><h1>${counts.inForce ? `${counted(counts.people, 'person has', 'people have')} access through Readmit.` : 'No access granted through Readmit is in force.'}</h1>
<p>${counts.ending ? `${counted(counts.ending, 'grant ends', 'grants end')} by itself.` : counts.inForce ? 'None of it ends by itself.' : ''} Export as <a href="/access.csv" download>CSV</a> or <a href="/access.json" download>JSON</a></p></div>
<nav class="ranges" aria-label="Which grants"><a href="/access"${!ended && html` aria-current="true"`}>In force ${counts.inForce.toLocaleString('en')}</a><a href="/access?show=ended"${ended && html` aria-current="true"`}>Ended ${counts.ended.toLocaleString('en')}</a></nav>
<section aria-label="${ended ? 'Ended' : 'In force'}" data-live="grants">${grantTable(frame, shown, ended ? 'No grant has ended.' : 'When a plan lets somebody in, it stands here.')}</section>
${found.length > LISTED && html`<p><a href="/access?${older}" rel="next">Older grants</a></p>`}`,
  );
}

export function grantTable(frame: Frame, grants: Grant[], empty = 'Nothing was granted.'): Html {
  if (!grants.length) return nothing(empty);
  const act = mayDecide(frame.person, frame.config);
  return html`<div class="card">${table(
    'Grants',
    ['Who', ['Group', 'mono'], 'Approved by', 'Why', ['Since', 'nowrap'], ['Until', 'nowrap'], ['Take back', 'silent']],
    grants.map(g => [
      html`${personLink(g.user)}<span class="source">uid ${g.uid}</span>`,
      html`${g.group}<span class="source">on ${g.host}</span>`,
      g.by.join(', '),
      html`${sentence(g.entitlement || g.reason)}${g.entitlement && g.reason && html`<span class="source">${g.reason}</span>`}`,
      html`${moment(g.since)}<span class="source">${incidentLink(g.incident, `incident ${g.incident}`)}</span>`,
      g.ended ? html`ended ${moment(g.ended)}` : g.until ? near(g.until, frame.now) : 'no end',
      act && !g.ended && takeBack(frame, g),
    ]),
  )}</div>`;
}

const takeBack = (frame: Frame, g: Grant): Html =>
  html`<details class="other"><summary aria-label="${`Take back ${g.user}’s access`}">Take back</summary><form method="post" action="/incidents/${encodeURIComponent(g.incident)}/undo">${token(frame)}<input type="hidden" name="grant" value="${g.id}">${whyTakenBack}<button class="plain">Remove ${g.user} from ${g.group}</button></form></details>`;

/** The grants as a table for a spreadsheet: heads and rows. */
export const grantCells = (grants: Grant[]): { head: string[]; rows: (string | number | null)[][] } => ({
  head: ['user', 'uid', 'group', 'host', 'approved by', 'entitlement', 'reason', 'since', 'until', 'ended', 'incident'],
  rows: grants.map(g => [
    g.user,
    g.uid,
    g.group,
    g.host,
    g.by.join(' '),
    g.entitlement,
    g.reason,
    g.since,
    g.until,
    g.ended,
    g.incident,
  ]),
});

/**
 * Access: every grant made through Readmit, by whom, why and until when; each can be taken back from its incident.
 */
import type { Grant } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { mayAct } from '../rights.ts';
import { type Frame, page, token } from './frame.ts';
import { incidentLink, moment, near, nothing, personLink } from './marks.ts';

export function accessPage(frame: Frame): Html {
  const grants = frame.desk.grants().sort((a, b) => Date.parse(b.since) - Date.parse(a.since));
  const inForce = grants.filter(g => !g.ended);
  const ended = grants.filter(g => g.ended);
  const ending = inForce.filter(g => g.until !== null);
  return page(
    frame,
    'Access',
    html`<div class="lead"><h1>${inForce.length ? `${counted(new Set(inForce.map(g => g.user)).size, 'person has', 'people have')} access through Readmit.` : 'No access granted through Readmit is in force.'}</h1>
<p>${ending.length ? `${counted(ending.length, 'grant ends', 'grants end')} by itself.` : 'None of it ends by itself.'} <a href="/access.json" download>Export as JSON</a></p></div>
<section aria-label="In force" data-live="grants">${grantTable(frame, inForce)}</section>
${ended.length > 0 && html`<section aria-labelledby="ended"><h2 id="ended">Ended</h2>${grantTable(frame, ended)}</section>`}`,
  );
}

export function grantTable(frame: Frame, grants: Grant[]): Html {
  if (!grants.length) return nothing('Nothing was granted.');
  const act = mayAct(frame.person, frame.config);
  return html`<div class="card"><div class="scroll" tabindex="0" role="group" aria-label="Grants"><table class="grants">
<thead><tr><th scope="col">Who</th><th scope="col">Group</th><th scope="col">Approved by</th><th scope="col">Why</th><th scope="col">Since</th><th scope="col">Until</th><th scope="col"><span class="aloud">Take back</span></th></tr></thead>
<tbody>${grants.map(
    g => html`<tr data-row><th scope="row">${personLink(g.user)}<span class="faint"> uid ${g.uid}</span></th><td class="mono">${g.group}<span class="faint"> on ${g.host}</span></td>
<td>${g.by.join(', ')}</td><td>${g.entitlement ?? g.reason}${g.entitlement && g.reason && html`<span class="source">${g.reason}</span>`}</td>
<td>${moment(g.since, 'day')}<span class="source">${incidentLink(g.incident, 'incident')}</span></td>
<td>${g.ended ? html`ended ${moment(g.ended, 'day')}` : g.until ? near(g.until, frame.now) : 'no end'}</td>
<td>${act && !g.ended && html`<details class="other"><summary aria-label="${`Take back ${g.user}’s access`}">Take back</summary><form method="post" action="/incidents/${encodeURIComponent(g.incident)}/undo">${token(frame)}<button class="plain">Remove ${g.user} from ${g.group}</button></form></details>`}</td></tr>`,
  )}</tbody></table></div></div>`;
}

/**
 * Approvals: everything that waits for the reader, oldest first, each with its deed and why. Plans with the same deed on
 * the same host stand together: one change serves them all. The button is on the incident's own page, beside the evidence.
 */
import type { IncidentRow } from '../../desk.ts';
import { lacksEntitlement } from '../../plan.ts';
import { counted, type Html, html } from '../html.ts';
import { waitsFor } from '../rights.ts';
import { type Frame, page } from './frame.ts';
import { incidentLink, listed, near, nothing, sentence, stateMark, whole } from './marks.ts';
import { blockedBy } from './now.ts';

/** More than anyone decides in one sitting; the next ones follow as these are decided. */
const SHOWN = 50;
const NAMED = 8;

const oldest = (a: IncidentRow, b: IncidentRow): number => Date.parse(a.opened) - Date.parse(b.opened);

/** Incidents that one change would mend, the oldest first. */
function byDeed(rows: IncidentRow[]): IncidentRow[][] {
  const groups = new Map<string, IncidentRow[]>();
  for (const row of rows) {
    const key = row.deed ? `${row.host}\n${row.deed}` : `\n${row.id}`;
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  return [...groups.values()];
}

export function approvalsPage(frame: Frame): Html {
  const proposed = frame.desk
    .incidents({ state: 'proposed' })
    .filter(r => !r.marks.includes('inhibited'))
    .sort(oldest);
  const mine = byDeed(proposed.filter(r => waitsFor(frame.person, r, frame.config)));
  const theirs = byDeed(proposed.filter(r => r.needs > 0 && !waitsFor(frame.person, r, frame.config)));
  const elsewhere = byDeed(proposed.filter(r => r.needs === 0));
  const people = mine.flat().reduce((n, r) => n + blockedBy(r), 0);
  return page(
    frame,
    'Approvals',
    html`<div class="lead" data-live="headline"><h1>${mine.length ? `${counted(mine.length, 'plan waits', 'plans wait')} for you.` : 'Nothing waits for you.'}</h1>
<p>${mine.length ? `${mine.length === 1 ? 'It lets' : 'Together they let'} ${counted(people, 'person', 'people')} work again.` : theirs.length ? `${counted(theirs.length, 'plan waits', 'plans wait')} for somebody else.` : 'When a plan needs your vote, it stands here.'}</p></div>
<div data-live="approvals">
${mine.length > 0 && html`<h2 class="aloud">Waits for you</h2><ol class="deeds">${mine.slice(0, SHOWN).map(rows => deed(frame, rows, true))}</ol>${rest(mine)}`}
${theirs.length > 0 && html`<section aria-labelledby="others"><h2 id="others">Waits for others</h2><ol class="deeds">${theirs.slice(0, SHOWN).map(rows => deed(frame, rows, false))}</ol>${rest(theirs)}</section>`}
${elsewhere.length > 0 && html`<section aria-labelledby="elsewhere"><h2 id="elsewhere">Not carried out by Readmit</h2><ol class="deeds">${elsewhere.slice(0, SHOWN).map(rows => deed(frame, rows, false))}</ol>${rest(elsewhere)}</section>`}
${!proposed.length && nothing('No plan is open.')}
</div>`,
  );
}

const rest = (groups: IncidentRow[][]): Html | false =>
  groups.length > SHOWN &&
  html`<p class="faint">${counted(groups.length - SHOWN, 'more plan')}; they follow as these are decided.</p>`;

function deed(frame: Frame, [row, ...others]: IncidentRow[], mine: boolean): Html | false {
  if (!row) return false;
  const { plan } = frame.desk.show(row.id);
  const approved = row.votes.filter(v => v.decision === 'approve' && !v.lapsed);
  return html`<li class="card" data-row><div><p>${stateMark(row.state)} <span class="faint">first denial ${near(row.opened, frame.now)}${plan && html`, plan expires ${near(plan.expires, frame.now)}`}</span></p>
<h3><a class="cover" href="/incidents/${encodeURIComponent(row.id)}">${whole(row.headline)}</a></h3>
<p>${plan?.summary}. ${plan && (plan.entitlement ? html`${sentence(plan.entitlement)}.` : lacksEntitlement(plan) ? 'Nothing shows that this access is meant to be.' : '')}</p>
${others.length > 0 && html`<p>The same change serves ${counted(others.length, 'more incident')}: ${listed([...others.slice(0, NAMED).map(o => html`<span class="above">${incidentLink(o.id, o.kind === 'user' ? o.key : `incident ${o.id}`)}</span>`), ...(others.length > NAMED ? [html`${counted(others.length - NAMED, 'other')}`] : [])])}.</p>`}
<p class="faint">${approved.map(v => html`<b>${v.by}</b> approved ${near(v.at, frame.now)}. `)}${row.needs > 0 ? `${counted(row.needs, 'vote')} missing.` : 'The plan is there to be exported.'}</p></div>
<span class="${mine ? 'deed' : 'plain'} like-button" aria-hidden="true">${mine ? 'Review and decide' : 'Look at it'}</span></li>`;
}

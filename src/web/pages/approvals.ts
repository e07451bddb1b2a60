/**
 * Approvals: everything that waits for the reader, oldest first, each with its deed and why. What waits for others
 * stands below. The button is on the incident's own page, beside the evidence.
 */
import type { IncidentRow } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { waitsFor } from '../rights.ts';
import { type Frame, page } from './frame.ts';
import { near, nothing, stateMark, whole } from './marks.ts';
import { blockedBy } from './now.ts';

/** More than anyone decides in one sitting; the next ones follow as these are decided. */
const SHOWN = 50;

const oldest = (a: IncidentRow, b: IncidentRow): number => Date.parse(a.opened) - Date.parse(b.opened);

export function approvalsPage(frame: Frame): Html {
  const proposed = frame.desk.incidents({ state: 'proposed' }).sort(oldest);
  const mine = proposed.filter(r => waitsFor(frame.person, r, frame.config));
  const theirs = proposed.filter(r => !mine.includes(r));
  const people = mine.reduce((n, r) => n + blockedBy(r), 0);
  return page(
    frame,
    'Approvals',
    html`<div class="lead" data-live="headline"><h1>${mine.length ? `${counted(mine.length, 'plan waits', 'plans wait')} for you.` : 'Nothing waits for you.'}</h1>
<p>${mine.length ? `Together they let ${counted(people, 'person', 'people')} work again.` : theirs.length ? `${counted(theirs.length, 'plan waits', 'plans wait')} for somebody else.` : 'When a plan needs your vote, it stands here.'}</p></div>
<div data-live="approvals">
${mine.length > 0 && html`<h2 class="aloud">Waits for you</h2><ol class="deeds">${mine.slice(0, SHOWN).map(row => deed(frame, row))}</ol>`}
${theirs.length > 0 && html`<section aria-labelledby="others"><h2 id="others">Waits for others</h2><ol class="deeds">${theirs.slice(0, SHOWN).map(row => deed(frame, row))}</ol></section>`}
${!proposed.length && nothing('No plan is open.')}
</div>`,
  );
}

function deed(frame: Frame, row: IncidentRow): Html {
  const { plan } = frame.desk.show(row.id);
  const mine = waitsFor(frame.person, row, frame.config);
  const approved = row.votes.filter(v => v.decision === 'approve');
  return html`<li class="card" data-row><div><p>${stateMark(row.state)} <span class="faint">first denial ${near(row.opened, frame.now)}${plan && html`, plan expires ${near(plan.expires, frame.now)}`}</span></p>
<h3><a class="cover" href="/incidents/${encodeURIComponent(row.id)}">${whole(row.headline)}</a></h3>
<p>${plan?.summary} ${plan && (plan.entitlement ?? 'Nothing shows that this access is meant to be.')}</p>
<p class="faint">${approved.map(v => html`<b>${v.by}</b> approved ${near(v.at, frame.now)}. `)}${counted(row.needs, 'vote')} missing.</p></div>
<span class="${mine ? 'deed' : 'plain'} like-button" aria-hidden="true">${mine ? 'Review and decide' : 'Look at it'}</span></li>`;
}

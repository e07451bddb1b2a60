/**
 * The decision: one obvious button whose label is the deed, and the quieter ways beside it. Where there is no button,
 * a sentence says why. The digest of the plan that is shown goes with every vote.
 */
import type { IncidentDetail } from '../../desk.ts';
import { isEnded, type State } from '../../incident.ts';
import { lacksEntitlement } from '../../plan.ts';
import { counted, type Html, html } from '../html.ts';
import { mayAct, mayDecide, type Standing, standing, votingRoles } from '../rights.ts';
import { type Frame, passkeyScript, token } from './frame.ts';
import { near, sentence } from './marks.ts';

/** States in which something of ours was done that can be taken back. */
const UNDOABLE: readonly State[] = ['verifying', 'propagating', 'not-effective', 'failed', 'resolved'];
/** States in which nothing is under way that somebody could take over from the middle of. */
const HANDED_OVER: readonly State[] = ['open', 'proposed', 'advised', 'not-effective', 'failed', 'stale', 'escalated'];
/** States in which a run has ended and somebody still waits. */
const RETRIED: readonly State[] = ['failed', 'not-effective'];
/** When access ends, in days from the choice; null: never by itself. */
export const ENDS = { '1d': 1, '7d': 7, '30d': 30, '90d': 90, '365d': 365, never: null } as const;
export const SILENCES = { '1h': 1, '4h': 4, '1d': 24, '7d': 168 } as const;

/** A form that was sent and not taken: what was typed stands in it again. */
export interface Typed {
  deed: string;
  fields: Record<string, unknown>;
}

const said = (typed: Typed | null, deed: string, field: string): string => {
  const text = typed?.deed === deed ? typed.fields[field] : '';
  return typeof text === 'string' ? text.slice(0, 500) : '';
};
/** Forms that are folded away are open for whoever just used them. */
const open = (typed: Typed | null, deed: string): Html | false => typed?.deed === deed && html` open`;

/**
 * Marks a piece of the page that is never exchanged under the reader, because their vote is for what they see; with what it
 * was made for, so that the page can say when that is no more. Null where there is no form to vote with.
 */
export function heldBy(frame: Frame, incident: IncidentDetail): Html | null {
  const where = standing(frame.person, incident, frame.config, frame.now);
  return where === 'may' || where === 'passkey' ? html` data-held="${`${where} ${incident.plan?.digest}`}"` : null;
}

/** @param held what `heldBy` says of the page this stands on */
export function decision(frame: Frame, incident: IncidentDetail, held: Html | null, typed: Typed | null = null): Html {
  const where = standing(frame.person, incident, frame.config, frame.now);
  const { plan } = incident;
  return html`<section class="card decision" aria-labelledby="decide">
<h2 id="decide" data-live="decide">${plan && incident.state === 'proposed' ? 'Decision' : 'What happens next'}</h2>
<div data-live="next">${incident.next && html`<p>${sentence(incident.next)}</p>`}${votes(incident, frame.now)}</div>
<div data-live="standing"${held}>${plan && decide(frame, incident, plan, where, typed)}
${!plan && !isEnded(incident.state) && html`<p class="faint">No change is offered here${incident.diagnosis?.advice ? ': the steps beside this are for a person' : ''}.</p>`}</div>
${mayAct(frame.person, frame.config) && html`<div data-live="others">${others(frame, incident, typed)}</div>`}
</section>`;
}

function votes(incident: IncidentDetail, now: number): Html | false {
  const needed = incident.needs + incident.votes.filter(v => v.decision === 'approve' && !v.lapsed).length;
  if (!incident.plan || (needed === 0 && !incident.votes.length)) return false;
  return html`<ul class="votes">${incident.votes.map(v => html`<li class="${v.decision}"><b>${v.by}</b> ${v.decision === 'approve' ? 'approved' : 'denied'} ${near(v.at, now)}${v.lapsed && ', which counts no more'}</li>`)}
${incident.state === 'proposed' && incident.needs > 0 && html`<li class="missing">${counted(incident.needs, 'vote')} of ${needed} still missing</li>`}</ul>`;
}

type Plan = NonNullable<IncidentDetail['plan']>;

function decide(
  frame: Frame,
  incident: IncidentDetail,
  plan: Plan,
  where: Standing,
  typed: Typed | null,
): Html | false {
  switch (where) {
    case 'may':
      return forms(frame, incident, plan, typed);
    case 'not-proposed':
      return false;
    case 'no-role':
      if (frame.person.uid < 0)
        return html`<p class="faint">You are not in the approvers file, so you can read this plan and not vote on it.</p>`;
      return html`<p class="faint">Your roles (${frame.person.roles.join(', ') || 'none'}) let you read this plan. Approving it takes one of: ${votingRoles(incident.tier, frame.config).join(', ') || 'none'}.</p>`;
    case 'own':
      return html`<p class="faint">This plan is for you. Somebody else has to decide.</p>`;
    case 'gains':
      return html`<p class="faint">You would newly gain access by this plan, so somebody else has to approve it.</p>
${frame.config.policy.proof === 'session' && denyForm(frame, incident, plan, typed)}`;
    case 'voted':
      return html`<p class="faint">You have voted. ${incident.needs > 0 ? 'Somebody else has to approve too. Was it a mistake, deny it: that stops the plan.' : ''}</p>
${frame.config.policy.proof === 'session' && denyForm(frame, incident, plan, typed)}`;
    case 'managed':
      return html`<p class="faint">Nothing to approve: configuration management makes this change.</p>`;
    case 'observing':
      return html`<p class="faint">Nothing to approve: Readmit only observes here. The plan, to run or file elsewhere:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit plan ${incident.id}</code></pre></div>`;
    case 'inhibited':
      return html`<p class="faint">Nothing to decide here: a greater incident explains this one, and its plan is the one to look at.</p>`;
    case 'passkey':
      return frame.passkeys ? byPasskey(frame, incident, plan, typed) : noPasskey(frame, incident);
    case 'key-only':
      return html`<p class="faint">Votes here are signed with your own key, on the host:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit approve ${incident.id} --as ${frame.person.name}</code></pre></div>`;
    case 'stale-sign-in':
      return html`<p>This plan asks for a fresh sign-in; yours is from ${near(frame.person.since, frame.now)}. <a href="/sign-in">Sign in again</a>, or by a link from the host:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit sign-in --as ${frame.person.name}</code></pre></div>`;
    default:
      return where satisfies never;
  }
}

const byPasskey = (
  frame: Frame,
  incident: IncidentDetail,
  plan: Plan,
  typed: Typed | null,
): Html => html`<div data-passkey-votes>
${forms(frame, incident, plan, typed)}
<p class="faint">Your passkey signs the vote.</p><p class="notice act" role="alert" data-passkey-says hidden></p>
<div data-without-script><p>Passkeys need JavaScript. Without it, vote with your own key on the host:</p>
<div class="command"><pre tabindex="0"><code>readmit approve ${incident.id} --as ${frame.person.name}</code></pre></div></div></div>
${passkeyScript(frame)}`;

const noPasskey = (
  frame: Frame,
  incident: IncidentDetail,
): Html => html`<p class="faint">Votes here are signed by a passkey that root has put into the approvers file; you have none yet: see <a href="/me">your sign-in</a>. Or with your own key, on the host:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit approve ${incident.id} --as ${frame.person.name}</code></pre></div>`;

function forms(frame: Frame, incident: IncidentDetail, plan: Plan, typed: Typed | null): Html {
  const path = `/incidents/${encodeURIComponent(incident.id)}`;
  const bare = lacksEntitlement(plan);
  return html`<form method="post" action="${path}/approve" class="approve">${seenPlan(frame, plan)}
<label>Reason${bare ? html` <span class="faint">needed: nothing shows the entitlement</span>` : html` <span class="faint">optional</span>`}
<input name="reason" maxlength="500" autocomplete="off" value="${said(typed, 'approve', 'reason')}"${bare && html` required`}></label>
<button class="deed">${plan.deed}</button></form>
${ending(frame, plan, path)}
${denyForm(frame, incident, plan, typed)}`;
}

const seenPlan = (frame: Frame, plan: Plan): Html =>
  html`${token(frame)}<input type="hidden" name="digest" value="${plan.digest}">`;

const denyForm = (frame: Frame, incident: IncidentDetail, plan: Plan, typed: Typed | null): Html =>
  html`<details class="other"${open(typed, 'deny')}><summary>Deny</summary><form method="post" action="/incidents/${encodeURIComponent(incident.id)}/deny">${seenPlan(frame, plan)}
<label>Reason <input name="reason" maxlength="500" required autocomplete="off" value="${said(typed, 'deny', 'reason')}"></label>
<button class="plain">Deny this plan</button><p class="faint">Final for this plan; the same change is not offered again for ${hours(frame.config.policy.denySticky)}.</p></form></details>`;

/** Asked for wherever something is taken back; the history keeps it. */
export const whyTakenBack: Html = html`<label>Reason <span class="faint">optional</span> <input name="reason" maxlength="500" autocomplete="off"></label>`;

/** A group can be given for a while; choosing makes a new plan, which is then voted on. */
function ending(frame: Frame, plan: Plan, path: string): Html | false {
  if (!plan.full.every(step => step.action === 'group.add' || step.action === 'directory.group-add')) return false;
  const end = plan.full.find(step => 'until' in step && step.until !== null);
  const until = end && 'until' in end ? end.until : null;
  return html`<details class="other"><summary>${until ? html`Ends ${near(until, frame.now)}` : 'Give it an end'}</summary><form method="post" action="${path}/ends">${token(frame)}
<label>Access ends <select name="after">${Object.entries(ENDS).map(([key, days]) => html`<option value="${key}"${key === '30d' && html` selected`}>${days === null ? 'never by itself' : `in ${counted(days, 'day')}`}</option>`)}</select></label>
<button class="plain">Show that plan</button><p class="faint">It is taken back by itself then, if it is still our own change. Votes given so far lapse.</p></form></details>`;
}

const hours = (seconds: number): string =>
  seconds % 86_400 === 0 ? counted(seconds / 86_400, 'day') : counted(Math.round(seconds / 3600), 'hour');

function others(frame: Frame, incident: IncidentDetail, typed: Typed | null): Html {
  const path = `/incidents/${encodeURIComponent(incident.id)}`;
  const { begun } = incident;
  return html`${
    !isEnded(incident.state) &&
    html`<details class="other"${open(typed, 'silence')}><summary>Silence</summary><form method="post" action="${path}/silence">${token(frame)}
<label>For <select name="for">${Object.entries(SILENCES).map(([key, n]) => html`<option value="${key}">${n < 24 ? counted(n, 'hour') : counted(n / 24, 'day')}</option>`)}</select></label>
<label>Reason <input name="reason" maxlength="500" required autocomplete="off" value="${said(typed, 'silence', 'reason')}"></label>
<button class="plain">Silence</button><p class="faint">No mail until then. The incident stays on this page.</p></form></details>`
  }
${handOver(frame, incident, path, typed)}
${
  RETRIED.includes(incident.state) &&
  html`<details class="other"><summary>Try again</summary><form method="post" action="${path}/retry">${token(frame)}
<p>When what was in the way is mended: the facts are taken again, and what would help is offered again, to be voted on.</p><button class="plain">Look at it anew</button></form></details>`
}
${
  begun &&
  !begun.takenBack &&
  mayDecide(frame.person, frame.config) &&
  begun.undoSteps.length > 0 &&
  UNDOABLE.includes(incident.state) &&
  html`<details class="other"><summary>Take it back</summary><form method="post" action="${path}/undo">${token(frame)}
<p>${begun.undo}</p>${whyTakenBack}<button class="plain">Take back: ${begun.deed}</button></form></details>`
}`;
}

function handOver(frame: Frame, incident: IncidentDetail, path: string, typed: Typed | null): Html | false {
  if (incident.takenBy)
    return html`<details class="other"${open(typed, 'hand-over')}><summary>Give back to Readmit</summary><form method="post" action="${path}/hand-over">${token(frame)}
<input type="hidden" name="to" value=""><label>Note <span class="faint">optional</span> <input name="note" maxlength="500" autocomplete="off" value="${said(typed, 'hand-over', 'note')}"></label>
<button class="plain">Give back</button><p class="faint">It is looked at at once, and what would help is offered again.</p></form></details>`;
  if (!HANDED_OVER.includes(incident.state)) return false;
  return html`<details class="other"${open(typed, 'hand-over')}><summary>Hand over</summary><form method="post" action="${path}/hand-over">${token(frame)}
<label>Who takes it <input name="to" maxlength="64" required autocomplete="off" value="${said(typed, 'hand-over', 'to') || frame.person.name}"></label>
<label>Note <input name="note" maxlength="500" required autocomplete="off" value="${said(typed, 'hand-over', 'note')}"></label>
<button class="plain">Hand over</button><p class="faint">Readmit offers nothing while they have it; it still notices when the person can work again.</p></form></details>`;
}

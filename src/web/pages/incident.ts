/**
 * One incident: a sentence, why, what would be done, and the decision. The evidence is the page; the plan is shown
 * exactly as it would run, because that is what the vote is for.
 */
import type { IncidentDetail } from '../../desk.ts';
import { isEnded } from '../../incident.ts';
import { counted, type Html, html, type Part } from '../html.ts';
import { decision } from './decision.ts';
import { type Frame, page } from './frame.ts';
import {
  addressLink,
  causeWords,
  listed,
  moment,
  near,
  otherMarks,
  personLink,
  STATE_WORDS,
  sentence,
  stateMark,
  valueWords,
  whole,
} from './marks.ts';
import { planCard } from './plan.ts';

/** What a form just did or why it was refused; stands on top of the page. */
export interface Notice {
  tone: 'good' | 'act';
  title: string;
  text: Part;
}

export function incidentPage(frame: Frame, incident: IncidentDetail, notice: Notice | null = null): Html {
  return page(
    frame,
    incident.headline,
    html`<nav class="crumbs" aria-label="Where you are"><a href="/">Now</a> <span aria-hidden="true">›</span> <span>${incident.id}</span></nav>
${notice && html`<div class="notice ${notice.tone}" role="${notice.tone === 'act' ? 'alert' : 'status'}"><strong>${notice.title}</strong> ${notice.text}</div>`}
<div class="lead"><div class="marks" data-live="state">${stateMark(incident.state)} ${otherMarks(incident.marks)}</div>
<h1>${whole(incident.headline)}</h1>
<p data-live="counts">${summary(incident, frame.now)}</p></div>
<div class="incident">
<div class="main">
${diagnosisCard(incident)}
${adviceCard(incident)}
${planCard(incident)}
</div>
<aside aria-label="Decision">${decision(frame, incident)}</aside>
<div class="main">
${seenCard(incident, frame.now)}
${historyCard(incident)}
</div>
</div>`,
  );
}

function summary(incident: IncidentDetail, now: number): Html {
  const places = [...new Set(incident.pairs.flatMap(p => p.ip ?? []))];
  const shown = places.slice(0, 3).map(addressLink);
  return html`${counted(incident.count, 'denial')} of ${incident.kind === 'user' ? personLink(incident.key) : counted(incident.users, 'person', 'people')} on ${incident.host}, the first ${near(incident.opened, now)}${shown.length > 0 && html`, from ${places.length > 3 ? html`${listed(shown.slice(0, 2))} and ${counted(places.length - 2, 'other address', 'other addresses')}` : listed(shown)}`}.`;
}

const where = (item: { source: string; at: string }): Html =>
  html`<span class="source"><span class="mono">${item.source}</span> ${moment(item.at)}</span>`;

function diagnosisCard({ diagnosis, state, kind, headline, cause }: IncidentDetail): Html {
  if (!diagnosis)
    return html`<section class="card" aria-labelledby="why"><h2 id="why">Why</h2><div data-live="diagnosis">${cause && html`<p class="cause"><strong>${capital(causeWords(cause))}</strong> <code>${cause}</code></p>`}<p>${undiagnosed(state, kind, cause)}</p></div></section>`;
  const { evidence, ruledOut, unknown, also } = diagnosis;
  return html`<section class="card" aria-labelledby="why"><h2 id="why">Why</h2>
<div data-live="diagnosis">
<p class="cause"><strong>${diagnosis.title === headline ? capital(causeWords(diagnosis.cause)) : diagnosis.title}</strong> ${diagnosis.cause && html`<code>${diagnosis.cause}</code>`}</p>
<p class="faint">${sureness(diagnosis.confidence, unknown.length)}</p>
<ul class="facts">${evidence.map(e => html`<li class="holds"><span class="verdict">holds</span><div><span class="fact">${e.fact}</span> <b>${valueWords(e.value)}</b>${where(e)}</div></li>`)}
${also.map(other => html`<li class="holds"><span class="verdict">also</span><div><span class="fact">${causeWords(other.cause)}</span> <code>${other.cause}</code>${other.evidence.map(e => html`<span class="source">${e.fact}: <b>${valueWords(e.value)}</b> <span class="mono">${e.source}</span> ${moment(e.at)}</span>`)}</div></li>`)}
${unknown.map(u => html`<li class="unknown"><span class="verdict">unknown</span><div><span class="fact">${u.fact}</span><span class="source">${u.because}</span></div></li>`)}</ul>
${ruledOut.length > 0 && html`<details class="ruled"><summary>${counted(ruledOut.length, 'other cause')} ruled out</summary><ul class="facts">${ruledOut.map(r => html`<li class="out"><span class="verdict">ruled out</span><div><span class="fact">${causeWords(r.cause)}</span><span class="source">${r.because}</span></div></li>`)}</ul></details>`}
</div></section>`;
}

function undiagnosed(state: IncidentDetail['state'], kind: IncidentDetail['kind'], cause: string | null): string {
  if (kind === 'address')
    return 'One address tries many names, most of which do not exist. That is a matter for whoever looks after security; nobody is let in because of it.';
  if (state === 'open') return 'The facts are being asked for. This page shows them as they come.';
  return cause
    ? 'The facts behind it are not kept here any more.'
    : 'No cause is known. What was done to find one stands in the history.';
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function sureness(confidence: number, unknown: number): string {
  const share = `${Math.round(confidence * 100)} % of the facts this cause asks for were known`;
  return unknown ? `${share}; ${counted(unknown, 'question')} stayed open.` : `${share}.`;
}

function adviceCard({ diagnosis }: IncidentDetail): Html | false {
  const advice = diagnosis?.advice;
  if (!advice) return false;
  return html`<section class="card" aria-labelledby="advice"><h2 id="advice">${advice.to === 'user' ? `What ${diagnosis.user} has to do` : 'What an administrator has to do'}</h2>
<p>${advice.text}</p>
${advice.commands.map(command => html`<div class="command" data-copy><pre tabindex="0"><code>${command}</code></pre></div>`)}
${advice.check && html`<p class="faint">Afterwards: ${advice.check}</p>`}
<p class="faint">Readmit never runs these commands itself.</p></section>`;
}

function seenCard(incident: IncidentDetail, now: number): Html {
  const { pairs, samples } = incident;
  return html`<section class="card" aria-labelledby="seen"><h2 id="seen">What was seen</h2>
<div class="scroll" tabindex="0" role="group" aria-label="Denials by person, address and endpoint" data-live="pairs"><table>
<thead><tr><th scope="col">Person</th><th scope="col">Address</th><th scope="col">Endpoint</th><th scope="col" class="number">Denials</th><th scope="col">Last</th><th scope="col">Said by</th></tr></thead>
<tbody>${pairs.map(p => html`<tr><td>${p.user ? personLink(p.user) : '–'}</td><td>${p.ip ? addressLink(p.ip) : '–'}</td><td class="mono">${p.endpoint ?? '–'}</td><td class="number">${p.count}</td><td>${near(p.last, now)}</td><td>${trust(p.selfReported ? 'user-written' : 'server')}</td></tr>`)}</tbody></table></div>
${
  samples.length > 0 &&
  html`<details><summary>${counted(samples.length, 'line')} as found in the log</summary>
<p class="faint">Exactly as written; characters that would not show are made visible. A line marked <em>user-written</em> comes from a file its user can edit, and speaks for that user only.</p>
<ul class="samples">${samples.map(s => html`<li><div class="meta">${trust(s.trust)} <span class="mono">${s.source}</span> byte ${s.offset} ${moment(s.at)}</div><pre tabindex="0"><code>${s.line}</code></pre></li>`)}</ul></details>`
}
</section>`;
}

const trust = (label: 'server' | 'user-written'): Html => html`<span class="trust ${label}">${label}</span>`;

function historyCard(incident: IncidentDetail): Html {
  const ended = isEnded(incident.state);
  return html`<section class="card" aria-labelledby="history"><h2 id="history">History</h2>
<ol class="history" data-live="history">${incident.history.map(h => html`<li><span class="when">${moment(h.at)}</span><span><b>${h.who}</b> ${sentence(h.what)}</span></li>`)}
${incident.next && html`<li class="next"><span class="when">${ended ? 'after' : 'next'}</span><span>${sentence(incident.next)}</span></li>`}
${!incident.history.length && !incident.next && html`<li><span>${STATE_WORDS[incident.state][0]}</span></li>`}</ol></section>`;
}

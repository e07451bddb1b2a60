/**
 * One incident: a sentence, why, what would be done, and the decision. The evidence is the page; the plan is shown
 * exactly as it would run, because that is what the vote is for.
 */
import { adviceHeading, type IncidentDetail, saidNow } from '../../desk.ts';
import type { FactValue } from '../../diagnosis.ts';
import { factSaid, factWords } from '../../fact-words.ts';
import { isEnded } from '../../incident.ts';
import { counted, type Html, html, type Part } from '../html.ts';
import { standing } from '../rights.ts';
import { decision, heldBy, type Typed } from './decision.ts';
import { type Frame, page } from './frame.ts';
import {
  addressLink,
  causeWords,
  listed,
  moment,
  near,
  nothing,
  otherMarks,
  personLink,
  plainly,
  STATE_WORDS,
  sentence,
  stateMark,
  timesSeen,
  whole,
} from './marks.ts';
import { planCard } from './plan.ts';
import { table } from './table.ts';

/** What a form just did or why it was refused; stands on top of the page. */
export interface Notice {
  tone: 'good' | 'act';
  title: string;
  text: Part;
}

export function incidentPage(
  frame: Frame,
  incident: IncidentDetail,
  notice: Notice | null = null,
  typed: Typed | null = null,
): Html {
  const held = heldBy(frame, incident);
  const { now, was } = saidNow(incident);
  return page(
    frame,
    plainly(now),
    html`<nav class="crumbs" aria-label="Where you are"><a href="/">Now</a> <span aria-hidden="true">›</span> <a href="/incidents">Incidents</a> <span aria-hidden="true">›</span> <span>${incident.id}</span></nav>
${notice && html`<div class="notice ${notice.tone}" role="${notice.tone === 'act' ? 'alert' : 'status'}"><strong>${notice.title}</strong> ${notice.text}</div>`}
<div class="lead"><div class="marks" data-live="state">${stateMark(incident.state)} ${otherMarks(incident.marks)}</div>
<h1 data-live="headline">${whole(now)}</h1>
<p data-live="counts">${was !== null && html`It was: ${sentence(was)}. `}${summary(incident, frame.now)}</p></div>
<div class="incident">
<div class="main">
${diagnosisCard(incident)}
<div data-live="plan"${held}>${planCard(incident, frame.config)}
${adviceCard(incident)}</div>
</div>
<aside aria-label="Decision">${decision(frame, incident, held, typed)}</aside>
<div class="main">
${seenCard(incident, frame.now)}
${historyCard(incident)}
</div>
</div>
${standing(frame.person, incident, frame.config, frame.now) === 'may' && html`<p class="jump"><a class="deed like-button" href="#decide">To the decision</a></p>`}
<p class="changed notice act" role="status" data-changed hidden>This has moved on. <a href="/incidents/${encodeURIComponent(incident.id)}">Show it as it is now</a></p>`,
  );
}

function summary(incident: IncidentDetail, now: number): Html {
  const places = [...new Set(incident.pairs.flatMap(p => p.ip ?? []))];
  const shown = places.slice(0, 3).map(addressLink);
  return html`${timesSeen(incident)} of ${whose(incident)} on ${incident.host}, the first ${near(incident.opened, now)}${shown.length > 0 && html`, from ${places.length > 3 ? html`${listed(shown.slice(0, 2))} and ${counted(places.length - 2, 'other address', 'other addresses')}` : listed(shown)}`}.`;
}

function whose({ kind, key, users }: IncidentDetail): Html | string {
  if (kind === 'user') return personLink(key);
  return kind === 'address' ? counted(users, 'name') : counted(users, 'person', 'people');
}

/** Where a fact came from and when, and the name the rules have for it. */
const where = (item: { fact: string; source: string; at: string }): Html =>
  html`<span class="source"><span class="mono">${sentence(item.source)}</span> ${moment(item.at, 'second')}${named(item.fact)}</span>`;

/** A fact that was found, as one reads it: what is so, or what is asked for with its value. */
function factFound({ fact, value }: { fact: string; value: FactValue }): Html {
  const said = factSaid(fact, value);
  return html`<span class="fact">${said.words}</span>${said.value !== null && html` <b>${sentence(said.value)}</b>`}`;
}

const named = (fact: string): Html | false => factWords(fact) !== fact && html` <code class="name">${fact}</code>`;

function diagnosisCard({ diagnosis, state, kind, headline, cause }: IncidentDetail): Html {
  if (!diagnosis)
    return html`<section class="card" aria-labelledby="why"><h2 id="why">Why</h2><div data-live="diagnosis">${cause && html`<p class="cause"><strong>${capital(causeWords(cause))}</strong> <code>${cause}</code></p>`}<p>${undiagnosed(state, kind, cause)}</p></div></section>`;
  const { evidence, ruledOut, unknown, also } = diagnosis;
  return html`<section class="card" aria-labelledby="why"><h2 id="why">Why</h2>
<div data-live="diagnosis">
<p class="cause"><strong>${diagnosis.title === headline ? capital(causeWords(diagnosis.cause, state)) : whole(diagnosis.title)}</strong> ${diagnosis.cause && html`<code>${diagnosis.cause}</code>`}</p>
<p class="faint">${sureness(diagnosis, unknown.length)}</p>
<ul class="facts">${evidence.map(e => html`<li class="holds"><span class="verdict">holds</span><div>${factFound(e)}${where(e)}</div></li>`)}
${also.map(other => html`<li class="holds"><span class="verdict">also</span><div><span class="fact">${other.title ? whole(other.title) : causeWords(other.cause)}</span> <code>${other.cause}</code>${other.evidence.map(e => html`<span class="source">${factFound(e)} <span class="mono">${sentence(e.source)}</span> ${moment(e.at, 'second')}</span>`)}</div></li>`)}
${diagnosis.cause === null && unknowns(unknown)}</ul>
${ruledOut.length > 0 && html`<details class="ruled"><summary>${counted(ruledOut.length, 'other cause')} ruled out</summary><ul class="facts">${ruledOut.map(r => html`<li class="out"><span class="verdict">ruled out</span><div><span class="fact">${causeWords(r.cause)}</span><span class="source">${sentence(r.because)}</span></div></li>`)}</ul></details>`}
${diagnosis.cause !== null && unknown.length > 0 && html`<details class="ruled"><summary>${counted(unknown.length, 'question')} without an answer</summary><ul class="facts">${unknowns(unknown)}</ul></details>`}
</div></section>`;
}

type Unknown = NonNullable<IncidentDetail['diagnosis']>['unknown'];

/** What could not be asked. Without a cause it is what to look at next; with one it is only said. */
const unknowns = (unknown: Unknown): Html[] =>
  unknown.map(
    u =>
      html`<li class="unknown"><span class="verdict">unknown</span><div><span class="fact">${factWords(u.fact)}</span><span class="source">${sentence(u.because)}${named(u.fact)}</span></div></li>`,
  );

function undiagnosed(state: IncidentDetail['state'], kind: IncidentDetail['kind'], cause: string | null): string {
  if (kind === 'address')
    return 'One address tries many names, most of which do not exist. That is a matter for whoever looks after security; nobody is let in because of it.';
  if (state === 'open') return 'The facts are being asked for. This page shows them as they come.';
  return cause
    ? 'The facts behind it are not kept here any more.'
    : 'No cause is known. What was done to find one stands in the history.';
}

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

function sureness({ cause, confidence }: { cause: string | null; confidence: number }, unknown: number): string {
  if (cause === null)
    return unknown
      ? `No cause that is known here fits; ${counted(unknown, 'question')} stayed open.`
      : 'No cause that is known here fits, and every question was answered.';
  const share =
    confidence === 1
      ? 'Every fact this cause asks for was known'
      : `${Math.round(confidence * 100)} % of the facts this cause asks for were known`;
  return unknown && confidence < 1 ? `${share}; ${counted(unknown, 'question')} stayed open.` : `${share}.`;
}

function adviceCard(incident: IncidentDetail): Html | false {
  const advice = incident.diagnosis?.advice;
  if (!advice) return false;
  return html`<section class="card" aria-labelledby="advice"><h2 id="advice">${adviceHeading(incident)}</h2>
<p>${sentence(advice.text)}</p>
${advice.commands.map(command => html`<div class="command" data-copy><pre tabindex="0"><code>${command}</code></pre></div>`)}
${advice.check && html`<p class="faint">To see whether it helped: <code>${advice.check}</code></p>`}
<p class="faint">Readmit never runs these commands itself.</p></section>`;
}

function seenCard(incident: IncidentDetail, now: number): Html {
  const { samples } = incident;
  const pairs = told(incident.pairs);
  return html`<section class="card" aria-labelledby="seen"><h2 id="seen">What was seen</h2>
<div data-live="pairs">${pairs.length ? pairTable('Denials by person, address and endpoint', pairs.slice(0, PAIRS_SHOWN), now) : nothing('No denial is counted here.')}</div>
${
  pairs.length > PAIRS_SHOWN &&
  html`<details><summary>${counted(pairs.length - PAIRS_SHOWN, 'more row')}</summary>${pairTable('More denials by person, address and endpoint', pairs.slice(PAIRS_SHOWN), now)}</details>`
}
${
  samples.length > 0 &&
  html`<details><summary>${counted(samples.length, 'line')} as found in the log</summary>
<p class="faint">Exactly as written; characters that would not show are made visible. A line marked <em>user-written</em> comes from a file its user can edit, and speaks for that user only.</p>
<ul class="samples">${samples.map(s => html`<li><div class="meta">${trust(s.trust)} <span class="mono">${s.source}</span> byte ${s.offset} ${moment(s.at, 'second')}</div><pre tabindex="0"><code>${s.line}</code></pre></li>`)}</ul></details>`
}
</section>`;
}

/** The rest is behind a fold: the list of a scanner's names is long and says the same. */
const PAIRS_SHOWN = 12;

type Pair = IncidentDetail['pairs'][number] & { both?: boolean };
/** How far the clocks of two logs may be apart in telling of the same. */
const APART_MS = 60_000;

/** What a person's own log and the server's tell of alike is one row with both witnesses; the own log knows no address. */
function told(pairs: IncidentDetail['pairs']): Pair[] {
  const of = Map.groupBy(pairs, p => p.user);
  return pairs.flatMap((pair): Pair[] => {
    const all = of.get(pair.user)!;
    const [server, own] = [all.find(p => !p.selfReported), all.find(p => p.selfReported)];
    const alike =
      all.length === 2 &&
      server?.count === own?.count &&
      (!own?.endpoint || own.endpoint === server?.endpoint) &&
      Math.abs(Date.parse(server?.last ?? '') - Date.parse(own?.last ?? '')) < APART_MS;
    if (!alike) return [pair];
    return pair.selfReported ? [] : [{ ...pair, both: true }];
  });
}

const pairTable = (about: string, pairs: Pair[], now: number): Html =>
  table(
    about,
    ['Person', 'Address', ['Endpoint', 'mono', 'breaks'], ['Denials', 'number'], 'Last', 'Said by'],
    pairs.map(p => [
      p.user ? personLink(p.user) : '–',
      p.ip ? addressLink(p.ip) : '–',
      p.endpoint === null ? '–' : shortened(p.endpoint),
      p.count.toLocaleString('en'),
      near(p.last, now),
      p.both ? html`${trust('server')} ${trust('user-written')}` : trust(p.selfReported ? 'user-written' : 'server'),
    ]),
  );

/** Enough of an endpoint to know it by. All of it stands in the line, as found in the log. */
const ENDPOINT_SHOWN = 160;
const shortened = (text: string): string =>
  text.length > ENDPOINT_SHOWN ? `${text.slice(0, ENDPOINT_SHOWN)}… (${counted(text.length, 'character')})` : text;

const trust = (label: 'server' | 'user-written'): Html => html`<span class="trust ${label}">${label}</span>`;

function historyCard(incident: IncidentDetail): Html {
  const ended = isEnded(incident.state);
  const told = (incident.told ?? []).map(t => ({
    at: t.at,
    who: 'readmit',
    what: `${t.letter} to ${t.to}: ${t.state}`,
  }));
  const lines = [...incident.history, ...told].sort((a, b) => a.at.localeCompare(b.at));
  return html`<section class="card" aria-labelledby="history"><h2 id="history">History</h2>
<ol class="history" data-live="history">${lines.map(h => html`<li><span class="when">${moment(h.at, 'second')}</span><span><b>${h.who}</b> ${sentence(h.what)}</span></li>`)}
${incident.next && html`<li class="next"><span class="when">${ended ? 'after' : 'next'}</span><span>${sentence(incident.next)}</span></li>`}
${!incident.history.length && !incident.next && html`<li><span>${STATE_WORDS[incident.state][0]}</span></li>`}</ol></section>`;
}

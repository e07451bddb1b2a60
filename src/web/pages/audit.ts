/**
 * Audit: who did what, newest first, each entry with the digest that chains it to the one before. The proof itself is
 * `readmit audit verify`, which reads the file and not this page.
 */
import { type Html, html } from '../html.ts';
import { type Frame, page } from './frame.ts';
import { incidentLink, moment, nothing } from './marks.ts';

const SHOWN = 100;
const SEARCHED = 1000;

/** `before` pages back: entries with a smaller number; `query` is looked for in actor, deed and incident. */
export function auditPage(frame: Frame, query: string, before: number | null): Html {
  const wanted = query.toLowerCase();
  const amount = wanted ? SEARCHED : SHOWN;
  const from = before === null ? -1 : Math.max(1, before - amount);
  const read = frame.desk
    .audit(from, amount)
    .filter(e => before === null || e.seq < before)
    .sort((a, b) => b.seq - a.seq);
  const entries = read
    .filter(e => !wanted || `${e.actor} ${e.what} ${e.incident ?? ''} ${e.digest}`.toLowerCase().includes(wanted))
    .slice(0, SHOWN);
  const head = before === null ? read[0] : undefined;
  const last = read.at(-1);
  return page(
    frame,
    'Audit',
    html`<div class="lead"><h1>${head ? html`${head.seq.toLocaleString('en')} entries, each chained to the one before.` : 'The audit chain.'}</h1>
<p>${head && html`Head of the chain: <code class="breaks">${head.digest}</code>. `}Prove it on the host: <code>readmit audit verify</code>. <a href="/audit.json" download>Export as JSON</a></p></div>
<form class="search" method="get" action="/audit" role="search"><label>Search <input type="search" name="q" value="${query}" maxlength="100"></label><button class="plain">Search</button></form>
${
  entries.length
    ? html`<section class="card" aria-label="Entries"><div class="scroll" tabindex="0" role="group" aria-label="Audit entries"><table>
<thead><tr><th scope="col" class="number">No.</th><th scope="col">When</th><th scope="col">Who</th><th scope="col">What</th><th scope="col">Incident</th><th scope="col">Digest</th></tr></thead>
<tbody>${entries.map(e => html`<tr data-row><td class="number">${e.seq}</td><td class="nowrap">${moment(e.time)}</td><td>${e.actor}</td><td>${e.what}</td><td>${e.incident ? incidentLink(e.incident, e.incident) : '–'}</td><td class="mono" title="${e.digest}">${e.digest.slice(0, 12)}</td></tr>`)}</tbody></table></div></section>`
    : nothing(wanted ? 'No entry holds that.' : 'No entry yet.')
}
${last && last.seq > 1 && html`<p><a href="/audit?${query ? html`q=${encodeURIComponent(query)}&amp;` : ''}before=${last.seq}">Older entries</a></p>`}`,
  );
}

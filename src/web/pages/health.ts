/**
 * Health: can we see, can we tell, can we act? Sources with their lag, agents, queue, mail, executor.
 */
import type { Health } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { type Frame, page } from './frame.ts';
import { near, nothing } from './marks.ts';

export function healthPage(frame: Frame): Html {
  const health = frame.desk.health();
  const [first, ...rest] = sentences(health);
  return page(
    frame,
    'Health',
    html`<div class="lead" data-live="headline"><h1>${first}</h1><p>${rest.join(' ')}</p></div>
<div data-live="health">
<ul class="lamps">${lamp('Queue', health.queue.up, health.queue.detail)}${lamp('Mail', health.mail.up, `${health.mail.detail}${health.mail.pending ? ` · ${counted(health.mail.pending, 'mail')} waiting` : ''}`)}
<li class="card"><b>Executor</b><span>${health.executor}</span></li><li class="card"><b>Version</b><span>${health.version}</span></li></ul>
<section class="card" aria-labelledby="sources"><h2 id="sources">Sources</h2>${sources(health)}</section>
<section class="card" aria-labelledby="agents"><h2 id="agents">Agents</h2>${
      health.agents.length
        ? html`<div class="scroll" tabindex="0" role="group" aria-label="Agents"><table><thead><tr><th scope="col">Host</th><th scope="col">Last heard</th><th scope="col" class="number">Files</th><th scope="col" class="number">Spooled batches</th></tr></thead><tbody>${health.agents.map(a => html`<tr><th scope="row">${a.host}</th><td>${near(a.seen, frame.now)}</td><td class="number">${a.files}</td><td class="number">${a.spooled}</td></tr>`)}</tbody></table></div>`
        : nothing('No agent has reported yet.')
    }</section></div>`,
  );
}

/** What is not well, worst first; or that all is. */
function sentences(health: Health): [string, ...string[]] {
  const bad = health.sources.filter(s => s.state !== 'ok').length;
  const all = counted(health.sources.length, 'source');
  const [first, ...rest] = [...health.banner, ...(bad ? [`${bad} of ${all} can’t be read.`] : [])];
  return first === undefined
    ? ['All is well.', health.sources.length ? `${all} being read.` : 'No source is watched yet.']
    : [first, ...rest];
}

const lamp = (name: string, up: boolean, detail: string): Html =>
  html`<li class="card"><b>${name}</b><span class="state ${up ? 'good' : 'act'}">${up ? 'up' : 'down'}</span><span class="faint">${detail}</span></li>`;

const sources = ({ sources }: Health): Html =>
  sources.length
    ? html`<div class="scroll" tabindex="0" role="group" aria-label="Sources"><table><thead><tr><th scope="col">File</th><th scope="col">Host</th><th scope="col">State</th><th scope="col" class="number">Behind</th><th scope="col" class="number">Lines</th><th scope="col" class="number">Unparsed</th></tr></thead>
<tbody>${[...sources].sort((a, b) => Number(a.state === 'ok') - Number(b.state === 'ok')).map(s => html`<tr data-row><th scope="row" class="mono breaks">${s.path}</th><td>${s.host}</td><td><span class="state ${s.state === 'ok' ? 'good' : 'act'}">${s.state}</span>${s.why && html`<span class="source">${s.why}</span>`}</td><td class="number">${bytes(s.lag)}</td><td class="number">${s.lines.toLocaleString('en')}</td><td class="number">${s.unparsed.toLocaleString('en')}</td></tr>`)}</tbody></table></div>`
    : nothing('No source is watched yet.');

const bytes = (n: number): string =>
  n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;

/**
 * Health: can we see, can we tell, can we act? Sources with their lag, agents, queue, mail, executor.
 */
import type { Health } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { type Frame, page } from './frame.ts';
import { near, nothing, sentence } from './marks.ts';
import { table } from './table.ts';

/** States of a source in which its lines do arrive. */
const READ = ['ok', 'catching-up'];

export function healthPage(frame: Frame): Html {
  const health = frame.desk.health();
  const [first, ...rest] = sentences(health);
  const { jobs, mails } = health.waiting;
  const own = ownLogs(health);
  return page(
    frame,
    'Health',
    html`<div class="lead" data-live="headline"><h1>${sentence(first)}</h1><p>${sentence(rest.join(' '))}</p></div>
<div data-live="health">
<ul class="lamps">${lamp('Queue', health.queue.up, [health.queue.detail, jobs ? `${counted(jobs, 'order')} waiting` : 'no order waiting'])}${lamp('Mail', health.mail.up, [health.mail.detail, mails ? `${counted(mails, 'mail')} waiting` : 'no mail waiting'])}
${(health.receivers ?? []).map(r => lamp(r.name, r.up, [r.type, r.detail, r.waiting ? `${counted(r.waiting, 'message')} waiting` : 'nothing waiting']))}
${lamp('Executor', health.executor === 'ok', [health.executor === 'ok' ? 'ready' : health.executor], health.executor === 'ok' ? 'up' : 'look')}
<li class="card"><b>Readmit ${health.version}</b>${Object.entries(health.versions).map(([name, version]) => html`<span class="faint">${name} ${version}</span>`)}</li></ul>
<section class="card" aria-labelledby="sources"><h2 id="sources">Sources</h2>${sources(health)}${own > 0 && html`<p class="faint">Beside these ${counted(own, 'user’s own log is', 'users’ own logs are')} read.</p>`}</section>
<section class="card" aria-labelledby="agents"><h2 id="agents">Agents</h2>${
      health.agents.length
        ? table(
            'Agents',
            [
              'Host',
              'Last heard',
              ['Files', 'number'],
              ['Refused logs', 'number'],
              ['Batches not yet counted', 'number'],
            ],
            health.agents.map(a => [
              a.host,
              near(a.seen, frame.now),
              a.files.toLocaleString('en'),
              a.refused || '–',
              a.spooled || '–',
            ]),
          )
        : nothing('No agent has reported yet.')
    }</section></div>`,
  );
}

/** What is not well, worst first; or that all is. */
function sentences(health: Health): [string, ...string[]] {
  const bad = health.sources.filter(s => !READ.includes(s.state)).length;
  const all = counted(health.sources.length, 'source');
  const [first, ...rest] = [...health.banner, ...(bad ? [`${bad} of ${all} can’t be read.`] : [])];
  return first === undefined
    ? ['All is well.', health.sources.length ? `${all} being read.` : 'No source is watched yet.']
    : [first, ...rest];
}

/** Users' own logs are listed only when something is the matter with them; they are counted among the agents' files. */
const ownLogs = ({ agents, sources }: Health): number =>
  agents.reduce((n, a) => n + a.files, 0) - sources.filter(s => READ.includes(s.state)).length;

const lamp = (name: string, up: boolean, details: string[], word = up ? 'up' : 'down'): Html =>
  html`<li class="card"><b>${name}</b><span class="state ${up ? 'good' : 'act'}">${word}</span>${details.map(d => d && html`<span class="faint">${d}</span>`)}</li>`;

const sources = ({ sources }: Health): Html =>
  sources.length
    ? table(
        'Sources',
        [
          ['File', 'mono', 'breaks'],
          'Host',
          'State',
          ['Behind', 'number'],
          ['Lines', 'number'],
          ['Not understood', 'number'],
        ],
        [...sources]
          .sort((a, b) => Number(READ.includes(a.state)) - Number(READ.includes(b.state)))
          .map(s => [
            s.path,
            s.host,
            html`<span class="state ${s.state === 'ok' ? 'good' : s.state === 'catching-up' ? 'wait' : 'act'}">${s.state.replaceAll('-', ' ')}</span>${s.why && html`<span class="source">${s.why}</span>`}`,
            bytes(s.lag),
            s.lines.toLocaleString('en'),
            notUnderstood(s),
          ]),
      )
    : nothing('No source is watched yet.');

/** How many, what of them is broken, and the latest of them to look at. */
function notUnderstood({ unparsed, bad, cut, strange }: Health['sources'][number]): Html {
  const parts = [bad && `${bad.toLocaleString('en')} broken`, cut && `${cut.toLocaleString('en')} cut short`];
  const said = parts.filter(Boolean).join(', ');
  return html`${unparsed.toLocaleString('en')}${said && html`<span class="source">${said}</span>`}${
    strange &&
    html`<details><summary>the latest</summary><code class="breaks">${strange.text}</code><span class="source">${strange.bad ? 'bytes, ' : ''}at byte ${strange.offset.toLocaleString('en')}</span></details>`
  }`;
}

const bytes = (n: number): string =>
  n < 1024 ? `${n} B` : n < 1048576 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`;

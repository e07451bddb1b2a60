/**
 * The plan as it would run: commands as argument lists, the diff, whom it is for, who gains and who loses access, and
 * how it is taken back and checked. Nothing is shortened here: what is voted on must be on the page.
 */

import { checkWords } from '../../check-words.ts';
import type { Config } from '../../config/config.ts';
import { type IncidentDetail, wasDone } from '../../desk.ts';
import type { State } from '../../incident.ts';
import { ANY_SITE } from '../../names.ts';
import { lacksEntitlement, type Step } from '../../plan.ts';
import { shellWords } from '../../shell-word.ts';
import { counted, type Html, html } from '../html.ts';
import { moment, personLink, sentence } from './marks.ts';

const OFFERED: readonly State[] = ['proposed'];
const UNDER_WAY: readonly State[] = ['approved', 'running'];
const NOT_CARRIED_OUT = 'It is not offered now, and it was not carried out.';
const BEGUN = 'It was begun, and not done as planned: the history says what came of it.';

/** What became of the plan, and what is said of one that was not done. What was done says a run, not the state. */
function standOf(incident: IncidentDetail): { title: string; note: string } {
  const { state, begun, plan } = incident;
  if (OFFERED.includes(state)) return { title: 'What will be done', note: '' };
  if (UNDER_WAY.includes(state)) return { title: 'What is being done', note: '' };
  if (wasDone(incident)) return { title: `What was done${begun?.takenBack ? ' and taken back' : ''}`, note: '' };
  return { title: 'What was proposed', note: begun?.serial === plan?.serial ? BEGUN : NOT_CARRIED_OUT };
}

export function planCard(incident: IncidentDetail, config: Config): Html | false {
  const { plan, id, state } = incident;
  if (!plan) return false;
  const { title, note } = standOf(incident);
  const offered = OFFERED.includes(state);
  const ahead = (offered || UNDER_WAY.includes(state)) && plan.managedBy === null && config.executor.enabled;
  return html`<section class="card plan" aria-labelledby="plan"><h2 id="plan" data-live="plan-title">${title}</h2>
${note && html`<p class="faint">${note}</p>`}
<p class="cause">${plan.summary}</p>
${plan.managedBy && html`<p class="notice act">This target belongs to ${plan.managedBy}: Readmit does not change it. Export the plan with <code>readmit plan ${id} --format ${plan.managedBy === 'ansible' ? 'ansible' : 'shell'}</code>.</p>`}
${steps(plan.full)}
<dl class="pairs">
${plan.subject && html`<div><dt>For</dt><dd>${personLink(plan.subject.user)}, uid ${plan.subject.uid}</dd></div>`}
${targets(plan.full).map(([label, value]) => html`<div><dt>${label}</dt><dd>${sentence(value)}</dd></div>`)}
<div><dt>Gains access</dt><dd>${people(plan.gains)}</dd></div>
<div><dt>Loses access</dt><dd>${people(plan.loses)}</dd></div>
${(plan.entitlement !== null || lacksEntitlement(plan)) && html`<div><dt>Entitled by</dt><dd>${plan.entitlement === null ? html`<strong>Nothing shows that this access is meant to be.</strong>${offered && ' Approving needs a reason.'}` : sentence(plan.entitlement)}</dd></div>`}
${ahead && html`<div><dt>Afterwards</dt><dd>${checkWords(config.verify, plan.subject?.user ?? null)}</dd></div>`}
${offered && html`<div><dt>Valid until</dt><dd>${moment(plan.expires)}</dd></div>`}
</dl>
${plan.notes.length > 0 && html`<ul class="notes">${plan.notes.map(n => html`<li>${sentence(n)}</li>`)}</ul>`}
<details><summary>How it is taken back</summary><p>${plan.undo}</p>${steps(plan.undoSteps)}</details>
<p class="faint digest">Plan ${plan.serial}, digest <code>${plan.digest}</code></p>
</section>`;
}

/** Long lists are folded, never cut. */
function people(names: string[]): Html {
  if (!names.length) return html`nobody`;
  const all = html`${names.map((n, i) => html`${i > 0 && ', '}${ANY_SITE.fits(n) ? personLink(n) : n}`)}`;
  return names.length > 12
    ? html`<details><summary>${counted(names.length, 'person', 'people')}</summary>${all}</details>`
    : all;
}

function targets(all: Step[]): [string, string][] {
  const rows = all.flatMap((step): [string, string][] => {
    switch (step.action) {
      case 'group.add':
        return [['Group', `${step.group}, gid ${step.gid}${step.until ? `, until ${step.until}` : ''}`]];
      case 'group.remove':
        return [['Group', `${step.group}, gid ${step.gid}`]];
      case 'directory.group-add':
      case 'directory.group-remove':
        return [
          ['Group', `${step.group}, gid ${step.gid}${'until' in step && step.until ? `, until ${step.until}` : ''}`],
          ['Directory entry', step.dn],
        ];
      case 'config.authorize-group':
      case 'config.restore':
        return [['File', step.file]];
      case 'service.restart':
      case 'service.start':
        return [['Service', step.unit]];
      default:
        return step satisfies never;
    }
  });
  return [...new Map(rows.map(row => [row.join(' '), row])).values()];
}

const steps = (all: Step[]): Html | false =>
  all.length > 0 &&
  html`<ol class="steps">${all.map(step => html`<li><span class="action">${step.action}</span>${'argv' in step ? command(step.argv) : diff(step.diff)}</li>`)}</ol>`;

const command = (argv: string[]): Html =>
  html`<div class="command" data-copy><pre tabindex="0"><code>${shellWords(argv)}</code></pre></div>`;

function diff(text: string): Html {
  const lines = text.replace(/\n$/, '').split('\n');
  return html`<pre class="diff" tabindex="0"><code>${lines.map(line => html`<span class="${kind(line)}">${line || ' '}</span>`)}</code></pre>`;
}

const kind = (line: string): string => {
  if (/^(---|\+\+\+|@@|diff |index )/.test(line)) return 'head';
  return line.startsWith('+') ? 'plus' : line.startsWith('-') ? 'minus' : 'same';
};

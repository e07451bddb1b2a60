/**
 * Now: who can't work, what would let them back in, and since when. A sentence, then the picture, then the incidents by
 * how many people each one blocks.
 */
import type { Config } from '../../config/config.ts';
import type { Desk, IncidentRow, Person } from '../../desk.ts';
import { isEnded } from '../../incident.ts';
import { counted, type Html, html } from '../html.ts';
import { waitsFor } from '../rights.ts';
import { type Frame, page } from './frame.ts';
import { causeWords, near, nothing, otherMarks, STATE_WORDS, spark, stateMark, timesSeen, whole } from './marks.ts';
import { matrix } from './matrix.ts';
import { RANGES, type Range, startOf, timeline } from './timeline.ts';

/** A page stays a page; the command line lists everything. */
const LISTED = 100;

/** People this incident keeps from working now. Probing and names without an account block nobody, and what a greater incident explains counts there. */
export function blockedBy(row: IncidentRow): number {
  if (row.kind === 'address' || isEnded(row.state) || row.marks.includes('inhibited') || row.ofSomebody === false)
    return 0;
  return Math.max(1, row.users);
}

/** The largest first; of two alike the one where someone must act, then the one that waits longer. */
const byBlocked = (a: IncidentRow, b: IncidentRow): number =>
  blockedBy(b) - blockedBy(a) || urgency(b) - urgency(a) || Date.parse(a.opened) - Date.parse(b.opened);

const urgency = (row: IncidentRow): number =>
  row.state === 'proposed' ? 2 : STATE_WORDS[row.state][1] === 'act' ? 1 : 0;

/** `3 people can't work right now; one change lets all 3 back in.` Each person counts once, whatever they are in. */
function headline(
  rows: IncidentRow[],
  blocked: ReturnType<Desk['blocked']>,
  person: Person,
  config: Config,
): { first: string; second: string } {
  const open = rows.filter(r => !isEnded(r.state));
  const { people, helped, changes } = blocked;
  const mine = new Set(open.filter(r => waitsFor(person, r, config)).map(r => (r.deed ? `${r.host} ${r.deed}` : r.id)))
    .size;
  const probing = open.filter(r => r.kind === 'address').length;
  if (people === 0)
    return {
      first: 'Everyone can work.',
      second: probing
        ? `${counted(probing, 'address is', 'addresses are')} probing; nobody is kept from working by it.`
        : 'Nobody has been denied without an answer.',
    };
  const lets = changes === 1 ? 'one change lets' : `${changes} changes let`;
  const whom = helped === people ? (people === 1 ? 'them' : `all ${people}`) : `${helped} of them`;
  return {
    first: `${counted(people, 'person', 'people')} can’t work right now${helped ? `; ${lets} ${whom} back in` : ''}.`,
    second: mine ? `${counted(mine, 'plan waits', 'plans wait')} for your approval.` : nothingToDecide(open),
  };
}

/** No vote of the reader's is asked for; what somebody must look at is not nothing, unless somebody has it. */
function nothingToDecide(open: IncidentRow[]): string {
  const stuck = open.filter(
    r => r.state !== 'proposed' && STATE_WORDS[r.state][1] === 'act' && !r.takenBy && !r.marks.some(m => m !== 'held'),
  ).length;
  return stuck
    ? `Nothing waits for your vote; ${counted(stuck, 'incident needs', 'incidents need')} a human.`
    : 'Nothing waits for you.';
}

export function nowPage(frame: Frame, range: Range): Html {
  const rows = frame.desk
    .incidents({ all: false })
    .filter(r => !isEnded(r.state))
    .sort(byBlocked);
  // What is held still keeps people from working; only what is muted or counted elsewhere stands aside.
  const aside = rows.filter(r => r.marks.some(m => m !== 'held'));
  const shown = rows.filter(r => !aside.includes(r));
  const from = startOf(range, frame.now);
  const words = headline(rows, frame.desk.blocked(), frame.person, frame.config);
  return page(
    frame,
    'Now',
    html`<div class="lead" data-live="headline"><h1>${words.first}</h1><p>${words.second}${words.second.includes('your approval') && html` <a href="/approvals">Look at ${words.second.startsWith('1 ') ? 'it' : 'them'}</a>`}</p></div>
<section class="card" aria-labelledby="over-time"><div class="head"><h2 id="over-time">Denials over time</h2>
<nav aria-label="Range" class="ranges">${Object.keys(RANGES).map(key => html`<a href="/?range=${key}"${key === range && html` aria-current="true"`}>${key.replace(/(\d+)/, '$1 ')}</a>`)}</nav></div>
<div data-live="timeline">${timeline(frame.desk.timeline(from), range, frame.now)}</div></section>
<div class="pair">
<section aria-labelledby="open-now"><h2 id="open-now">Open now</h2>
<div data-live="open">${incidentList(shown, frame.now)}
${aside.length > 0 && html`<details class="aside"><summary>${aside.length} more silenced or explained by a greater one</summary>${incidentList(aside, frame.now)}</details>`}</div>
<p><a href="/incidents">All incidents, past ones too</a></p></section>
<section class="card" aria-labelledby="who-where"><h2 id="who-where">Who, from where</h2><p class="faint">Last ${RANGES[range].words}. Larger dots are more denials.</p>
<div data-live="matrix">${matrix(frame.desk.matrix(from), frame.desk.seen(from))}</div></section>
</div>`,
  );
}

/** Incidents as a list of sentences; each row leads to its page. */
export const incidentList = (rows: IncidentRow[], now: number, empty = 'No open incident.'): Html =>
  rows.length
    ? html`<ol class="incidents">${rows.slice(0, LISTED).map(row => incidentItem(row, now))}</ol>
${rows.length > LISTED && html`<p class="faint">${counted(rows.length - LISTED, 'more incident')}; they are among <a href="/incidents">all incidents</a>.</p>`}`
    : nothing(empty);

function incidentItem(row: IncidentRow, now: number): Html {
  const blocked = blockedBy(row);
  const size = blocked > 999 ? 'thousands' : blocked > 99 ? 'hundreds' : '';
  return html`<li data-row data-live="row-${row.id}">
<div class="blocked">${blocked ? html`<b${size && html` class="${size}"`}>${blocked.toLocaleString('en')}</b><span>${blocked === 1 ? 'person' : 'people'}</span>` : html`<b class="faint">–</b><span>${isEnded(row.state) ? 'over' : 'nobody'}</span>`}</div>
<div class="what"><a class="cover" href="/incidents/${encodeURIComponent(row.id)}">${whole(row.headline)}</a>
<p>${stateMark(row.state)} ${row.takenBy && html`<span>with <b>${row.takenBy}</b></span>`} ${otherMarks(row.marks)} <span>${causeWords(row.cause, row.state)}</span> <span>${timesSeen(row)}</span> <span>first ${near(row.opened, now)}</span>${row.state === 'proposed' && row.needs > 0 && html` <span>${counted(row.needs, 'vote')} missing</span>`}</p></div>
${spark(row.spark)}</li>`;
}

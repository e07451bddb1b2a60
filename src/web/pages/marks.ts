/**
 * The small marks all pages share: a state, a time, a cause, a value, a link to somebody's page, the bar of the last
 * 24 hours. The words for a state stand here and nowhere else.
 */
import type { IncidentRow } from '../../desk.ts';
import { isEnded, type State } from '../../incident.ts';
import { counted, type Html, html, ownMarkup } from '../html.ts';

/** `act`: someone must do something; `wait`: something is under way; `good`, `over`: nobody waits. */
export type Tone = 'act' | 'wait' | 'good' | 'over';

export const STATE_WORDS: Record<State, [words: string, tone: Tone]> = {
  open: ['being diagnosed', 'wait'],
  proposed: ['waits for approval', 'act'],
  advised: ['only the user can act', 'wait'],
  approved: ['approved', 'wait'],
  running: ['running', 'wait'],
  propagating: ['waits to take effect', 'wait'],
  verifying: ['being checked', 'wait'],
  resolved: ['can work again', 'good'],
  'not-effective': ['did not help', 'act'],
  failed: ['failed', 'act'],
  denied: ['plan denied', 'over'],
  expired: ['no longer the case', 'over'],
  stale: ['plan out of date', 'wait'],
  undone: ['taken back', 'over'],
  escalated: ['needs a human', 'act'],
};

export function stateMark(state: State): Html {
  const [words, tone] = STATE_WORDS[state];
  return html`<span class="state ${tone}" data-state="${state}" title="${state}">${words}</span>`;
}

const MARK_WORDS: Record<IncidentRow['marks'][number], string> = {
  inhibited: 'explained by a greater incident',
  silenced: 'silenced',
  held: 'held: maintenance',
};
export const otherMarks = (marks: IncidentRow['marks']): Html[] =>
  marks.map(m => html`<span class="state over" data-mark="${m}" title="${m}">${MARK_WORDS[m]}</span>`);

/** `3 denials`; of anything else that was seen, how often it failed. */
export const timesSeen = (row: Pick<IncidentRow, 'count' | 'event'>): string =>
  counted(row.count, (row.event ?? 'denied') === 'denied' ? 'denial' : 'failed request');

const two = (n: number): string => String(n).padStart(2, '0');
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * Exact; the script writes it in the reader's zone, the exact value stays on hover. `second` is for what happens many
 * times a minute.
 */
export function moment(iso: string | number, form: 'full' | 'second' | 'hour' | 'day' = 'full'): Html {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return html`<span>${String(iso)}</span>`;
  const day = `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
  const hour = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  const exactly = `${day} ${hour}:${two(at.getUTCSeconds())}`;
  const text = form === 'hour' ? hour : form === 'day' ? day : form === 'second' ? exactly : `${day} ${hour}`;
  const exact = at.toISOString();
  return html`<time datetime="${exact}" data-form="${form}" title="${exact}">${text}</time>`;
}

const TIMES = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** A sentence that may hold exact times: they become times of the page. */
export const sentence = (text: string): Html =>
  html`${text.split(TIMES).map((part, i) => (i % 2 ? moment(part) : part))}`;

/** A headline: its times are times of the page, and its names don't break at their hyphens. */
export const whole = (text: string): Html =>
  html`${text.split(TIMES).map((part, i) => (i % 2 ? moment(part) : unbroken(part)))}`;

const unbroken = (text: string): Html =>
  html`${text.split(/(\S*\w-\w\S*)/).map((part, i) => (i % 2 && part.length < 20 ? html`<span class="nowrap">${part}</span>` : part))}`;

/** A headline where only text may stand: a title. The times in it lose what nobody reads. */
export const plainly = (text: string): string =>
  text
    .split(TIMES)
    .map((part, i) => (i % 2 ? `${part.slice(0, 10)} ${part.slice(11, 16)} UTC` : part))
    .join('');

/** How long ago or in how long, roughly; the exact value on hover. */
export function near(iso: string | number, now: number): Html {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return html`<span>${String(iso)}</span>`;
  const exact = at.toISOString();
  return html`<time datetime="${exact}" data-form="near" title="${exact}">${nearWords(at.getTime() - now)}</time>`;
}

function nearWords(ahead: number): string {
  const seconds = Math.round(Math.abs(ahead) / 1000);
  const [n, unit] =
    seconds < 60
      ? [seconds, 's']
      : seconds < 5400
        ? [Math.round(seconds / 60), 'min']
        : seconds < 129_600
          ? [Math.round(seconds / 3600), 'h']
          : [Math.round(seconds / 86_400), 'days'];
  if (seconds < 5) return 'now';
  return ahead > 0 ? `in ${n} ${unit}` : `${n} ${unit} ago`;
}

/** `openclaw/missing-group` → `missing group`; of what has ended without one nobody will find it any more. */
export const causeWords = (cause: string | null, state: State = 'open'): string =>
  cause
    ? cause.replace(/^[^/]*\//, '').replaceAll('-', ' ')
    : isEnded(state)
      ? 'no cause found'
      : 'cause not known yet';

export const personLink = (name: string): Html => html`<a href="/people/${encodeURIComponent(name)}">${name}</a>`;
export const addressLink = (ip: string): Html =>
  html`<a class="mono" href="/addresses/${encodeURIComponent(ip)}">${ip}</a>`;
export const incidentLink = (id: string, words: string): Html =>
  html`<a href="/incidents/${encodeURIComponent(id)}">${words}</a>`;

/** Commas and a last `and`. */
export const listed = (parts: Html[]): Html =>
  html`${parts.map((part, i) => html`${i === 0 ? '' : i === parts.length - 1 ? ' and ' : ', '}${part}`)}`;

/** A small bar per hour of the last day. The numbers are said in words for those who do not see it. */
export function spark(hours: number[]): Html {
  const most = Math.max(1, ...hours);
  const bars = hours.map((n, i) => {
    const height = n === 0 ? 1 : Math.max(3, Math.round((n / most) * 24));
    return `<rect x="${i * 4}" y="${25 - height}" width="3" height="${height}"${n === 0 ? ' class="none"' : ''}/>`;
  });
  const total = hours.reduce((a, b) => a + b, 0);
  return html`<svg class="spark" viewBox="0 0 ${hours.length * 4 || 1} 26" role="img" aria-label="${`Denials in the last ${hours.length} hours: ${total}, at most ${Math.max(0, ...hours)} an hour`}">${ownMarkup(bars.join(''))}</svg>`;
}

/** The sign: a door that stands open. */
export const mark: Html = ownMarkup(
  '<svg class="mark" viewBox="0 0 24 24" aria-hidden="true"><path d="M5 21V4.5A1.5 1.5 0 0 1 6.500 3H17.500A1.500 1.500 0 0 1 19 4.500V21" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"/><path d="M8.500 21V7.200L15.500 5V21Z" fill="currentColor"/></svg>',
);

/** Nothing to show, said in a sentence. */
export const nothing = (words: string): Html => html`<p class="nothing">${words}</p>`;

/**
 * The report of any week, the same as the mail: its own markup, in a shadow tree so that its style and ours don't meet.
 */
import { type Html, html, ownMarkup } from '../html.ts';
import { mayAct } from '../rights.ts';
import { type Frame, page, token } from './frame.ts';

/** One week's report. `html` is what the report made of it: every value in it escaped already, no script. */
export interface WeekReport {
  week: string;
  title: string;
  html: string;
  previous: string | null;
  next: string | null;
}

const SENT = { me: 'It is on its way to you.', all: 'It is on its way to everybody who gets it.' } as const;

/** `sent`: to whom it was just mailed. */
export function reportPage(frame: Frame, report: WeekReport, sent: string | null = null): Html {
  const { week, previous, next } = report;
  return page(
    frame,
    report.title,
    html`<nav class="weeks" aria-label="Weeks">${previous ? html`<a href="/report?week=${previous}" rel="prev">‹ ${previous}</a>` : html`<span></span>`}<span class="faint">${week}</span>${next ? html`<a href="/report?week=${next}" rel="next">${next} ›</a>` : html`<span></span>`}</nav>
${sent !== null && Object.hasOwn(SENT, sent) && html`<div class="notice good" role="status"><strong>Sent.</strong> ${SENT[sent as keyof typeof SENT]}</div>`}
${ways(frame, week)}
<article class="paper${report.html.search(DARK) >= 0 && ' both'}"><div><template shadowrootmode="open">${sheet(report.html, frame)}</template></div></article>`,
  );
}

/** What can be done with it: files for the auditor, and the mail. */
function ways(frame: Frame, week: string): Html {
  const send = (to: 'me' | 'all', words: string): Html =>
    html`<form method="post" action="/report/send">${token(frame)}<input type="hidden" name="week" value="${week}"><input type="hidden" name="to" value="${to}"><button class="plain">${words}</button></form>`;
  return html`<div class="ways"><p>For the auditor: <a href="/report.csv?week=${week}" download>CSV</a> or <a href="/report.json?week=${week}" download>JSON</a></p>
${frame.maySend && mayAct(frame.person, frame.config) && html`${send('me', 'Send to me')}${send('all', 'Send to everybody who gets it')}`}</div>`;
}

/** Its style sheet knows a dark dress. One that doesn't is shown on white, whatever the page around it. */
const DARK = /@media\s*\(prefers-color-scheme:\s*dark\)/g;

/**
 * The body and the style of a whole document. Style elements get the nonce; scripts were never there, and the content
 * policy would not run them. Where the reader chose light or dark here, that choice counts and not the system's.
 */
function sheet(text: string, { nonce, theme }: Pick<Frame, 'nonce' | 'theme'>): Html {
  const chosen =
    theme === 'dark' ? '@media all' : theme === 'light' ? '@media not all' : '@media (prefers-color-scheme:dark)';
  const styles = [...text.matchAll(/<style[^>]*>([\s\S]*?)<\/style>/gi)].map(m => m[1]!.replace(DARK, chosen));
  const body = /<body[^>]*>([\s\S]*)<\/body>/i.exec(text)?.[1] ?? text;
  const inner = body.replace(/<style[^>]*>[\s\S]*?<\/style>/gi, '').replace(/<\/?template[^>]*>/gi, '');
  return ownMarkup(`<style nonce="${nonce}">${styles.join('\n')}</style>${inner}`);
}

/**
 * The report of any week, the same as the mail: its own markup, in a shadow tree so that its style and ours don't meet.
 */
import { type Html, html, ownMarkup } from '../html.ts';
import { type Frame, page } from './frame.ts';

/** One week's report. `html` is what the report made of it: every value in it escaped already, no script. */
export interface WeekReport {
  week: string;
  title: string;
  html: string;
  previous: string | null;
  next: string | null;
}

/** `2026-W47` */
export const WEEK = /^\d{4}-W(0[1-9]|[1-4]\d|5[0-3])$/;

export function reportPage(frame: Frame, report: WeekReport): Html {
  const { week, previous, next } = report;
  return page(
    frame,
    report.title,
    html`<nav class="weeks" aria-label="Weeks">${previous ? html`<a href="/report?week=${previous}" rel="prev">‹ ${previous}</a>` : html`<span></span>`}<span class="faint">${week}</span>${next ? html`<a href="/report?week=${next}" rel="next">${next} ›</a>` : html`<span></span>`}</nav>
<h1 class="aloud">${report.title}, ${week}</h1>
<article class="paper${report.html.search(DARK) >= 0 && ' both'}"><div><template shadowrootmode="open">${sheet(report.html, frame)}</template></div></article>`,
  );
}

/** Its style sheet knows a dark dress. One that doesn't is shown on white, whatever the page around it. */
const DARK = /@media\s*\(prefers-color-scheme:\s*dark\)/g;

/**
 * The body and the style of a whole document. Style elements get the nonce; scripts were never there, and the content
 * policy would not run them. Where the reader chose light or dark here, that choice counts and not the system's.
 */
export function sheet(text: string, { nonce, theme }: Pick<Frame, 'nonce' | 'theme'>): Html {
  const chosen =
    theme === 'dark' ? '@media all' : theme === 'light' ? '@media not all' : '@media (prefers-color-scheme:dark)';
  const styles = [...text.matchAll(/<style[^>]*>([\s\S]*?)<\/style>/gi)].map(m => m[1]!.replace(DARK, chosen));
  const body = /<body[^>]*>([\s\S]*)<\/body>/i.exec(text)?.[1] ?? text;
  const inner = body.replace(/<style[^>]*>[\s\S]*?<\/style>/gi, '').replace(/<\/?template[^>]*>/gi, '');
  return ownMarkup(`<style nonce="${nonce}">${styles.join('\n')}</style>${inner}`);
}

/**
 * What stands around every page: head, navigation, who is signed in, the banner when something is degraded, and the
 * footer that says whether we can see at all. A page is a function from data to HTML and gets a `Frame` to stand in.
 */
import type { Config } from '../../config/config.ts';
import type { Desk, Health, Person } from '../../desk.ts';
import { counted, type Html, html } from '../html.ts';
import { waitsFor } from '../rights.ts';
import { mark, sentence } from './marks.ts';

/** What a page knows about its reader and the moment. */
export interface Frame {
  config: Config;
  desk: Desk;
  person: Person;
  csrf: string;
  nonce: string;
  path: string;
  theme: 'light' | 'dark' | null;
  now: number;
  asset: (name: string) => string;
  /** Whether a report and rules are there to link to, and whether a report can be mailed. */
  hasReport: boolean;
  hasRules: boolean;
  maySend: boolean;
  /** How many passkeys this reader's votes may be signed with; null where passkeys don't sign votes. */
  passkeys: number | null;
}

/** The part of it that a page without a signed-in person has. */
export type Bare = Pick<Frame, 'nonce' | 'theme' | 'asset'>;

const PAGES = [
  ['/', 'Now'],
  ['/approvals', 'Approvals'],
  ['/people', 'People'],
  ['/addresses', 'Addresses'],
  ['/access', 'Access'],
  ['/report', 'Report'],
  ['/rules', 'Rules'],
  ['/audit', 'Audit'],
  ['/health', 'Health'],
] as const;

/** The script that speaks to passkeys, for the pages that have something for it to do. */
export const passkeyScript = (bare: Bare): Html =>
  html`<script nonce="${bare.nonce}" src="${bare.asset('passkey.js')}" defer></script>`;

/** The hidden field every form carries. */
export const token = (frame: Frame): Html => html`<input type="hidden" name="csrf" value="${frame.csrf}">`;

const documentOf = (
  bare: Bare,
  title: string,
  body: Html,
  live: Pick<Frame, 'now' | 'desk'> | null,
): Html => html`<!doctype html>
<html lang="en" data-theme="${bare.theme ?? 'auto'}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="${bare.theme ?? 'light dark'}">
<title>${title} · Readmit</title>
<link rel="icon" href="${bare.asset('icon.svg')}" type="image/svg+xml">
<link rel="stylesheet" href="${bare.asset('readmit.css')}">
<script nonce="${bare.nonce}" src="${bare.asset('readmit.js')}" defer></script>
</head>
<body${live && html` data-live-from="/live" data-now="${live.now}" data-told="${live.desk.told()}"`}>
<a class="skip" href="#main">Skip to the content</a>
${body}
</body>
</html>`;

/** A whole page for a signed-in person. */
export function page(frame: Frame, title: string, body: Html): Html {
  const waiting = frame.desk
    .incidents({ state: 'proposed' })
    .filter(row => waitsFor(frame.person, row, frame.config)).length;
  const health = frame.desk.health();
  return documentOf(
    frame,
    title,
    html`<header class="top"><div class="wide">
<a class="brand" href="/">${mark}<span>Readmit</span></a>
<nav aria-label="Pages"><ul>
${PAGES.filter(([path]) => (path !== '/report' || frame.hasReport) && (path !== '/rules' || frame.hasRules)).map(
  ([path, label]) =>
    html`<li><a href="${path}"${isHere(frame.path, path) && html` aria-current="page"`}>${label}${path === '/approvals' && html`<span class="tally" data-live="waiting"${waiting === 0 && html` hidden`}>${waiting}<span class="aloud"> waiting</span></span>`}</a></li>`,
)}
</ul></nav>
${menu(frame)}
</div></header>
<div data-live="banner">${banner(health)}</div>
<main id="main" class="wide" tabindex="-1">
${body}
</main>
${footer(health)}
<p class="aloud" role="status" data-says></p>
${keys()}`,
    frame,
  );
}

/** A page for somebody who is not signed in, or must not see more. */
export const barePage = (bare: Bare, title: string, body: Html): Html =>
  documentOf(
    bare,
    title,
    html`<header class="top"><div class="wide"><span class="brand">${mark}<span>Readmit</span></span></div></header>
<main id="main" class="alone" tabindex="-1">${body}</main>`,
    null,
  );

const isHere = (path: string, page: string): boolean =>
  page === '/' ? path === '/' || path.startsWith('/incidents') : path === page || path.startsWith(`${page}/`);

const menu = (frame: Frame): Html => html`<div class="me">
<button type="button" class="quiet icon" data-theme-button hidden aria-label="Change between light and dark"><span aria-hidden="true" class="sun"></span></button>
<details class="menu"><summary><span class="who">${frame.person.name}</span></summary>
<div class="sheet">
<p><strong>${frame.person.name}</strong><br><span class="faint">${frame.person.roles.join(', ') || 'no role'}</span></p>
<p><a href="/me">Your sign-in</a></p>
<form method="post" action="/sign-out">${token(frame)}<button class="quiet">Sign out</button></form>
<form method="post" action="/sign-out-everywhere">${token(frame)}<button class="quiet">Sign out everywhere</button></form>
</div></details>
</div>`;

const banner = (health: Health): Html | false =>
  health.banner.length > 0 &&
  html`<div class="banner" role="status"><div class="wide"><strong>Not all is well.</strong> ${sentence(health.banner.join(' '))} <a href="/health">Health</a></div></div>`;

function footer(health: Health): Html {
  const readable = health.sources.filter(s => s.state === 'ok' || s.state === 'catching-up').length;
  return html`<footer><div class="wide" data-live="footer">
<span>Reading ${readable} of ${counted(health.sources.length, 'source')}</span>
<span>Queue ${health.queue.up ? 'up' : 'down'}</span>
<span>Mail ${health.mail.up ? 'up' : 'down'}</span>
<span>Executor${health.executor === 'ok' ? ' up' : `: ${health.executor || 'unknown'}`}</span>
<span>Readmit ${health.version}</span>
<a href="/health">Health</a>
</div></footer>`;
}

const keys = (): Html => html`<dialog id="keys" aria-labelledby="keys-title"><h2 id="keys-title">Keys</h2>
<dl class="keys"><div><dt><kbd>j</kbd> <kbd>k</kbd></dt><dd>next, previous</dd></div><div><dt><kbd>Enter</kbd></dt><dd>open</dd></div>
<div><dt><kbd>g</kbd> <kbd>n</kbd></dt><dd>Now</dd></div><div><dt><kbd>g</kbd> <kbd>a</kbd></dt><dd>Approvals</dd></div>
<div><dt><kbd>g</kbd> <kbd>i</kbd></dt><dd>all incidents</dd></div>
<div><dt><kbd>?</kbd></dt><dd>these keys</dd></div></dl>
<form method="dialog"><button class="quiet">Close</button></form></dialog>`;

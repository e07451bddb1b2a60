/**
 * How to get in, and the pages that say no. A link only shows a button; the button signs in. None of these pages says
 * anything about incidents, plans or people.
 */
import { type Html, html } from '../html.ts';
import { type Bare, barePage, type Frame, page, passkeyScript } from './frame.ts';

/** Which ways to sign in there are here, beside the one-time link. */
export interface Offered {
  /** The label of the identity provider. */
  provider: string | null;
  directory: boolean;
  passkeys: boolean;
}

/** What went wrong with the last try, and the name that was typed. */
export interface Tried {
  why: string;
  name?: string;
}

/** For anybody without a session, and for whoever is asked to sign in again. */
export const signInPage = (bare: Bare, offered: Offered, tried: Tried | null = null): Html =>
  barePage(
    bare,
    'Sign in',
    html`<h1>Please sign in.</h1>
${tried && html`<p class="notice act" role="alert">${tried.why}</p>`}
${
  offered.provider !== null &&
  html`<p><a class="deed" href="/sign-in/provider">Sign in with ${offered.provider}</a></p>`
}
${
  offered.directory &&
  html`<form method="post" action="/sign-in/directory" class="credentials">
<label>Name <input name="name" autocomplete="username" maxlength="64" required autocapitalize="none" spellcheck="false" value="${tried?.name ?? ''}"></label>
<label>Password <input name="password" type="password" autocomplete="current-password" maxlength="1000" required></label>
<button class="${offered.provider === null ? 'deed' : 'plain'}">Sign in</button></form>`
}
${
  offered.passkeys &&
  html`<form data-passkey="sign-in"><button class="${offered.provider !== null || offered.directory ? 'plain' : 'deed'}" disabled>Sign in with a passkey</button>
<p class="notice act" role="alert" data-passkey-says hidden></p><p class="faint" data-without-script>Passkeys need JavaScript.</p></form>
${passkeyScript(bare)}`
}
<p>${(offered.provider !== null || offered.directory || offered.passkeys) && 'Or: ask'}${offered.provider === null && !offered.directory && !offered.passkeys && 'Ask'} for a sign-in link on the host Readmit runs on, with your own name:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit sign-in --as NAME</code></pre></div>
<p>Open the link it prints in this browser; it works once, within 15 minutes, and leads to the page you asked for.</p>`,
  );

/** The page behind a link: whose it is, and the button. */
export const confirmPage = (bare: Bare, name: string, path: string): Html =>
  barePage(
    bare,
    'Sign in',
    html`<h1>Hello, ${name}.</h1>
<p>This link signs you in on this browser, once. Nothing has happened yet.</p>
<form method="post" action="${path}"><button class="deed">Sign in as ${name}</button></form>`,
  );

/** `here`: who is signed in with this browser all the same. */
export const usedLinkPage = (bare: Bare, here: string | null): Html =>
  barePage(
    bare,
    'Link not valid',
    html`<h1>This link does not work any more.</h1>
${here !== null && html`<p>You are signed in here as ${here} already. <a href="/">To Now</a></p>`}
<p>It was used, or it is older than 15 minutes. Ask for a new one on the host:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit sign-in --as NAME</code></pre></div>`,
  );

export const signedOutPage = (bare: Bare): Html =>
  barePage(
    bare,
    'Signed out',
    html`<h1>You are signed out.</h1><p>This browser can’t see or change anything here any more.</p><p><a href="/sign-in">Sign in</a></p>`,
  );

/** Any refusal or fault, in a sentence or two. */
export const problemPage = (bare: Bare, title: string, text: string, back: string | null = '/'): Html =>
  barePage(bare, title, html`<h1>${title}</h1><p>${text}</p>${back && html`<p><a href="${back}">Back</a></p>`}`);

/** For somebody who may look around here, and looked for something that is not there: `what` says so. */
export const lostPage = (frame: Frame, what = 'there is no such page'): Html =>
  page(
    frame,
    'Not found',
    html`<div class="lead"><h1>${what.charAt(0).toUpperCase()}${what.slice(1)}.</h1><p><a href="/">Back to Now</a></p></div>`,
  );

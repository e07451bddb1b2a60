/**
 * How to get in, and the pages that say no. A link only shows a button; the button signs in. None of these pages says
 * anything about incidents, plans or people.
 */
import { type Html, html } from '../html.ts';
import { type Bare, barePage, type Frame, page } from './frame.ts';

/** For anybody without a session. */
export const signInPage = (bare: Bare): Html =>
  barePage(
    bare,
    'Sign in',
    html`<h1>Please sign in.</h1>
<p>Ask for a sign-in link on the host Readmit runs on, with your own name:</p>
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

export const usedLinkPage = (bare: Bare): Html =>
  barePage(
    bare,
    'Link not valid',
    html`<h1>This link does not work any more.</h1>
<p>It was used, or it is older than 15 minutes. Ask for a new one on the host:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit sign-in --as NAME</code></pre></div>`,
  );

export const signedOutPage = (bare: Bare): Html =>
  barePage(
    bare,
    'Signed out',
    html`<h1>You are signed out.</h1><p>This browser can’t see or change anything here any more.</p>`,
  );

/** Any refusal or fault, in a sentence or two. */
export const problemPage = (bare: Bare, title: string, text: string, back: string | null = '/'): Html =>
  barePage(bare, title, html`<h1>${title}</h1><p>${text}</p>${back && html`<p><a href="${back}">Back</a></p>`}`);

/** For somebody who may look around here, and looked for something that is not there. */
export const lostPage = (frame: Frame): Html =>
  page(
    frame,
    'Not found',
    html`<div class="lead"><h1>There is no such page.</h1><p>Or it is not for you. <a href="/">Back to Now</a></p></div>`,
  );

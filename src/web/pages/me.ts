/**
 * “Your sign-in”: passkeys, with what root needs to let their votes count, and where one is signed in.
 */
import { iso } from '../../iso-time.ts';
import { type Html, html } from '../html.ts';
import type { SessionRow, Way } from '../session.ts';
import type { ListedPasskey } from '../ways.ts';
import { type Frame, page, passkeyScript, token } from './frame.ts';
import { moment, near, nothing } from './marks.ts';
import { table } from './table.ts';

/** What the page shows. */
export interface Mine {
  /** The session this browser has. */
  here: string;
  /** Signed in lately enough to change something. */
  fresh: boolean;
  sessions: SessionRow[];
  passkeys: { unusable: string | null; list: ListedPasskey[] } | null;
}

const WAYS: Record<Way, string> = {
  link: 'one-time link',
  passkey: 'passkey',
  oidc: 'identity provider',
  ldap: 'directory',
};

export const mePage = (frame: Frame, mine: Mine): Html =>
  page(
    frame,
    'Your sign-in',
    html`<div class="lead"><h1>Your sign-in</h1><p>You are ${frame.person.name}${frame.person.roles.length > 0 && html`, ${frame.person.roles.join(', ')}`}. ${frame.person.uid < 0 && 'You are not in the approvers file, so you look and don’t vote.'}</p></div>
${mine.passkeys && frame.person.uid >= 0 && passkeys(frame, mine.passkeys, mine.fresh)}
<section class="card" aria-labelledby="sessions"><h2 id="sessions">Where you are signed in</h2>
${table(
  'Sessions',
  ['Since', 'By', 'Browser', 'Until', ['End it', 'silent']],
  mine.sessions.map(row => session(frame, row, mine.here)),
)}
<form method="post" action="/sign-out-everywhere">${token(frame)}<button class="plain">Sign out everywhere</button><p class="faint">Every session of yours and every link that was not used yet, this browser’s too.</p></form></section>`,
  );

const session = (frame: Frame, row: SessionRow, here: string): Html[] => [
  near(iso(row.since), frame.now),
  html`${WAYS[row.way ?? 'link']}`,
  html`${browserWords(row.browser ?? '')}`,
  moment(iso(row.expires)),
  row.id === here
    ? html`<span class="faint">this one</span>`
    : html`<form method="post" action="/me/sessions/end">${token(frame)}<input type="hidden" name="id" value="${row.id}"><button class="quiet">Sign out</button></form>`,
];

/** A browser in two words of the many it uses for itself: `Firefox on Linux`. The first that fits is the most exact. */
function browserWords(agent: string): string {
  const named = (names: Record<string, string>): string | undefined =>
    Object.entries(names).find(([, mark]) => agent.includes(mark))?.[0];
  const browser = named({ Edge: 'Edg/', Opera: 'OPR/', Firefox: 'Firefox/', Chrome: 'Chrome/', Safari: 'Safari/' });
  const system = named({ Android: 'Android', iOS: 'iPhone', Windows: 'Windows', macOS: 'Mac OS X', Linux: 'Linux' });
  return browser ? `${browser}${system ? ` on ${system}` : ''}` : agent.slice(0, 40) || 'unknown';
}

function passkeys(frame: Frame, { unusable, list }: NonNullable<Mine['passkeys']>, fresh: boolean): Html {
  const votes = frame.config.policy.proof === 'passkey';
  return html`<section class="card" aria-labelledby="passkeys"><h2 id="passkeys">Passkeys</h2>
<p>A passkey signs you in${votes && ', and signs your votes once root has put it into the approvers file'}.</p>
${
  list.length > 0
    ? html`<ul class="passkeys">${list.map(p => passkey(frame, p, votes, fresh))}</ul>`
    : nothing('You have no passkey here yet.')
}
${
  unusable !== null
    ? html`<p class="notice">Not here: ${unusable}.</p>`
    : fresh
      ? html`<form data-passkey="register">${token(frame)}<label>What you call it <input name="label" maxlength="80" autocomplete="off" placeholder="e.g. laptop, blue key"></label>
<button class="deed" disabled>Add a passkey</button><p class="notice act" role="alert" data-passkey-says hidden></p>
<p class="faint" data-without-script>Passkeys need JavaScript. Without it you vote on the host: readmit approve ID --as ${frame.person.name}</p></form>
${passkeyScript(frame)}`
      : html`<p class="faint">Adding or removing one asks for a fresh sign-in; yours is from ${near(iso(frame.person.since), frame.now)}. <a href="/sign-in">Sign in again</a></p>`
}</section>`;
}

const passkey = (frame: Frame, p: ListedPasskey, votes: boolean, fresh: boolean): Html =>
  html`<li><b>${p.label}</b> <span class="faint">added ${near(iso(p.created), frame.now)}${p.used !== null && html`, used ${near(iso(p.used), frame.now)}`}</span>
${
  votes &&
  (p.listed
    ? html`<p><span class="state good">votes with it count</span></p>`
    : html`<p>Its votes don’t count yet. Give root this line, and let root compare the fingerprint with what you read out:</p>
<div class="command" data-copy><pre tabindex="0"><code>readmit approvers add ${frame.person.name} --passkey ${p.fingerprint}</code></pre></div>`)
}
<p class="mono breaks faint">${p.fingerprint}</p>
${fresh && html`<form method="post" action="/me/passkeys/remove">${token(frame)}<input type="hidden" name="id" value="${p.id}"><button class="quiet">Remove</button></form>`}</li>`;

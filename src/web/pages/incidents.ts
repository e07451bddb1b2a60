/**
 * Incidents: all there were, over or not, the newest first; by state, by kind, by whom they are about.
 */
import type { IncidentKind, State } from '../../incident.ts';
import { type Html, html } from '../html.ts';
import { type Frame, page } from './frame.ts';
import { STATE_WORDS } from './marks.ts';
import { incidentList } from './now.ts';

const LISTED = 50;

export const KINDS: Record<IncidentKind, string> = {
  user: 'one person',
  service: 'a service',
  address: 'an address',
};

export interface IncidentsQuery {
  state: State | null;
  kind: IncidentKind | null;
  /** Exactly so: a name, an address, a service. */
  key: string;
  /** Goes on below this number. */
  before: number | null;
}

/** What is listed, in the words of the form above the list. */
function which({ state, kind, key }: IncidentsQuery): string {
  const of = key ? ` of ${key}` : '';
  const about = kind && ` about ${KINDS[kind]}`;
  const stands = state && `: ${STATE_WORDS[state][0]}`;
  return of || about || stands ? `Incidents${of}${about ?? ''}${stands ?? ''}` : 'All incidents';
}

export function incidentsPage(frame: Frame, query: IncidentsQuery): Html {
  const { state, kind, key, before } = query;
  const found = frame.desk.incidents({
    limit: LISTED + 1,
    ...(state ? { state } : {}),
    ...(kind ? { kind } : {}),
    ...(key ? { key } : {}),
    ...(before ? { before } : {}),
  });
  const rows = found.slice(0, LISTED);
  const older = new URLSearchParams({
    ...(state ? { state } : {}),
    ...(kind ? { kind } : {}),
    ...(key ? { key } : {}),
    before: rows.at(-1)?.id ?? '',
  });
  return page(
    frame,
    'Incidents',
    html`<nav class="crumbs" aria-label="Where you are"><a href="/">Now</a> <span aria-hidden="true">›</span> <span>Incidents</span></nav>
<div class="lead"><h1>${which(query)}, the newest first.</h1></div>
<form class="search" method="get" action="/incidents" role="search">
<label>State <select name="state"><option value="">any</option>${Object.entries(STATE_WORDS).map(([name, [words]]) => html`<option value="${name}"${name === state && html` selected`}>${words}</option>`)}</select></label>
<label>About <select name="kind"><option value="">anything</option>${Object.entries(KINDS).map(([name, words]) => html`<option value="${name}"${name === kind && html` selected`}>${words}</option>`)}</select></label>
<label>Name or address <input type="search" name="key" value="${key}" maxlength="128" autocomplete="off" spellcheck="false"></label><button class="plain">Show</button></form>
<div data-live="incidents">${incidentList(rows, frame.now, before || state || kind || key ? 'No such incident.' : 'There was no incident yet.')}</div>
${found.length > LISTED && html`<p><a href="/incidents?${older.toString()}" rel="next">Older incidents</a></p>`}`,
  );
}

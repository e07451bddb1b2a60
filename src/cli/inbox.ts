/**
 * The inbox from a terminal: incidents, show, approve, deny, undo, silence, plan, maintenance, access, sign-in.
 * Reading opens the database beside a running `serve`; acting asks `serve` over the control socket.
 */

import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Approvers, loadApprovers } from '../approve/approvers.ts';
import { makeVote, publicKeyOf, signingKey, signVote } from '../approve/vote.ts';
import { type Config, inState, loadConfig } from '../config/config.ts';
import type { Grant, IncidentDetail, IncidentRow } from '../desk.ts';
import { NotFound, Refused, type State, Usage } from '../incident.ts';
import { ANY_SITE } from '../names.ts';
import type { Decision, Plan } from '../plan.ts';
import { readRegular } from '../regular-file.ts';
import { exportPlan } from '../remedy/export.ts';
import { lapsedVotes, votesMissing } from '../roles/conduct/polling.ts';
import { askServe, controlSocket } from '../roles/control.ts';
import { readingOnly } from '../roles/desk/acts.ts';
import { StoreDesk } from '../roles/desk/desk.ts';
import { incident } from '../store/incidents.ts';
import { openStoreToRead, type Store } from '../store/open.ts';
import { VERSION } from '../version.ts';
import { print, printFile, printJson } from './print.ts';
import { grantLines, incidentPage, incidentTable } from './tables.ts';

export interface Options {
  config?: string;
  json?: boolean;
  as?: string;
  reason?: string;
}

const readStore = (config: Config): Store => openStoreToRead(inState(config, 'serve', 'readmit.db'));

/** Opens the desk for reading, beside a running `serve` or without one, and closes it again. */
export function reading<T>(config: Config, body: (desk: StoreDesk, store: Store) => T): T {
  const store = readStore(config);
  const polling = { store, config, approvers: (): Approvers => loadApprovers(config.approvers), now: Date.now };
  try {
    return body(
      new StoreDesk(
        store,
        Date.now,
        readingOnly(
          i => votesMissing(polling, i),
          i => lapsedVotes(polling, i),
        ),
        VERSION,
      ),
      store,
    );
  } finally {
    store.close();
  }
}

export async function listIncidents(o: Options & { open?: boolean }): Promise<void> {
  const rows = reading(loadConfig(o.config), desk => desk.incidents({ all: !o.open }));
  if (o.json) printJson(rows);
  else if (rows.length) print(incidentTable(rows));
  else print(o.open ? 'No open incidents: nobody waits.' : 'No incidents: nobody has been refused.');
}

export async function showIncident(id: string, o: Options): Promise<void> {
  const detail: IncidentDetail = reading(loadConfig(o.config), desk => desk.show(id));
  if (o.json) printJson(asWhy(detail));
  else print(incidentPage(detail));
}

/** Its diagnosis as `why` prints it: where there is neither a plan nor advice, what is to happen instead. */
function asWhy(detail: IncidentDetail): IncidentDetail {
  const { diagnosis, next } = detail;
  if (!diagnosis || diagnosis.plan || diagnosis.advice) return detail;
  return {
    ...detail,
    diagnosis: { ...diagnosis, advice: { to: 'administrator', text: next, commands: [], check: '' } },
  };
}

const whoAmI = (o: Options): string => o.as ?? userInfo().username;

/** The private key that proves who votes. Reading it is the proof of being allowed to. */
function readKey(config: Config, name: string): string {
  if (!ANY_SITE.fits(name)) throw new Usage(`--as: ${JSON.stringify(name)} is no name`);
  const file = join(config.keys, `${name}.key`);
  try {
    return readRegular(file, 'followed').toString('utf8');
  } catch (error) {
    if (error instanceof Refused) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    throw new Refused(
      code === 'ENOENT'
        ? `there is no key ${file}; name an approver with --as`
        : `${file} can't be read by you (${code})`,
    );
  }
}

/** As much of a plan's digest as tells it from any other that was looked at. */
const SEEN_DIGEST = /^[0-9a-f]{8,64}$/;

/** Signs with the person's own key and hands the vote in, for the plan of `digest` where one is given. A refusal is exit 1, with `--json` as `{"refused"}`. */
export async function vote(decision: Decision, id: string, o: Options & { digest?: string }): Promise<number> {
  const config = loadConfig(o.config);
  if (o.digest !== undefined && !SEEN_DIGEST.test(o.digest))
    throw new Usage(`--digest ${o.digest}: at least the first eight characters of what \`readmit show ${id}\` prints`);
  try {
    const name = whoAmI(o);
    const key = signingKey(readKey(config, name), join(config.keys, `${name}.key`));
    const approver = loadApprovers(config.approvers).approvers.find(a => a.name === name);
    if (!approver) throw new Refused(`${name} is not in ${config.approvers}`);
    const i = reading(config, (_, store) => incident(store, id));
    const plan: Pick<Plan, 'host' | 'incident' | 'serial' | 'digest' | 'expires'> | null = i.plan;
    if (!plan) throw new Refused(`there is nothing to vote on: the incident is ${i.state}`);
    if (!plan.digest.startsWith(o.digest ?? ''))
      throw new Refused('the plan has changed since you saw it: look at the new one and decide again');
    const signed = signVote(
      makeVote({ plan, by: approver, decision, reason: o.reason ?? '', proof: 'key', now: Date.now() }),
      key,
    );
    const row = await askServe<IncidentRow>(controlSocket(config), 'vote', signed);
    if (o.json) printJson(row);
    else print(row.needs ? `Vote taken; ${row.needs} more needed.` : `Vote taken; incident ${row.id} is ${row.state}.`);
    return 0;
  } catch (error) {
    if (!(error instanceof Refused || error instanceof NotFound) || !o.json) throw error;
    printJson({ refused: error.message });
    return 1;
  }
}

export async function undo(id: string, o: Options, grant?: string): Promise<void> {
  const config = loadConfig(o.config);
  const row = await askServe<IncidentRow>(controlSocket(config), 'undo', {
    id,
    grant,
    reason: o.reason,
    ...operator(config, o),
  });
  if (o.json) printJson(row);
  else print(`Undo of incident ${row.id} ordered; \`readmit show ${row.id}\` tells what came of it.`);
}

export async function retry(id: string, o: Options): Promise<void> {
  const config = loadConfig(o.config);
  const row = await askServe<IncidentRow>(controlSocket(config), 'retry', { id, ...operator(config, o) });
  if (o.json) printJson(row);
  else print(`Incident ${row.id} is looked at anew; what would help is offered again, to be voted on.`);
}

/** Who acts from this terminal. Whoever can open the control socket is root or `serve`; the key shows which person. */
function operator(config: Config, o: Options): { as: string } {
  const name = whoAmI(o);
  const approver = loadApprovers(config.approvers).approvers.find(a => a.name === name);
  if (approver && !approver.keys.includes(publicKeyOf(readKey(config, name))))
    throw new Refused(`the key in ${config.keys} is none of ${name}'s in ${config.approvers}`);
  return { as: name };
}

const UNITS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/** Whoever means longer means for ever, and a date can't be so far off. */
const CENTURY = 36_525 * UNITS.d!;

/** @throws Usage for what is no duration, or one of more than a century */
export function durationMs(text: string): number {
  const match = /^(\d{1,15})([smhdw])$/.exec(text);
  if (!match) throw new Usage(`${text}: a duration is a number with s, m, h, d or w, e.g. 8h`);
  const ms = Number(match[1]) * UNITS[match[2]!]!;
  if (ms > CENTURY) throw new Usage(`${text}: that is too long; at most a hundred years`);
  return ms;
}

export async function silence(
  id: string | undefined,
  o: Options & { for: string; match?: string[]; end?: string },
): Promise<void> {
  const config = loadConfig(o.config);
  const socket = controlSocket(config);
  if (o.end) {
    const answer = await askServe(socket, 'end-silence', { silence: o.end, ...operator(config, o) });
    return o.json ? printJson(answer) : print(`Silence ${o.end} ended.`);
  }
  if (id === undefined && !o.match) {
    const rows = await askServe<{ id: string; matcher: object; until: string; author: string; reason: string }[]>(
      socket,
      'silences',
      {},
    );
    if (o.json) return printJson(rows);
    return print(
      rows.length
        ? rows.map(r => `${r.id}  until ${r.until}  ${JSON.stringify(r.matcher)}  ${r.author}: ${r.reason}`).join('\n')
        : 'Nothing is silenced.',
    );
  }
  const matcher = Object.fromEntries(
    (o.match ?? []).map(pair => {
      const [key, ...value] = pair.split('=');
      if (!['kind', 'key', 'cause', 'host'].includes(key!) || value.join('') === '')
        throw new Usage(`--match ${pair}: use kind=, key=, cause= or host=`);
      return [key, value.join('=')];
    }),
  );
  if (id && o.match) throw new Usage('a silence is for an incident, or for what --match says');
  if (Object.keys(matcher).length < (o.match?.length ?? 0)) throw new Usage('--match: each of them once');
  if (!o.reason) throw new Usage('a silence needs --reason');
  const until = new Date(Date.now() + durationMs(o.for)).toISOString();
  const answer = await askServe(socket, 'silence', {
    ...(id ? { id } : { matcher }),
    until,
    reason: o.reason,
    ...operator(config, o),
  });
  if (o.json) printJson(answer);
  else print(`Silenced until ${until}.`);
}

export async function exportedPlan(id: string, o: Options & { format?: 'shell' | 'ldif' | 'ansible' }): Promise<void> {
  const config = loadConfig(o.config);
  const i = reading(config, (_, store) => incident(store, id));
  if (!i.plan) throw new Refused(`incident ${id} is ${i.state}: it has no plan`);
  if (o.json && !o.format) return printJson(i.plan);
  const warning = isOver(i.state) ? `incident ${id} is ${i.state}; this plan is not offered any more` : null;
  if (warning) process.stderr.write(`readmit: ${warning}\n`);
  printFile(exportPlan(i.plan, o.format ?? 'shell', config.directory.ldap, warning));
}

/** Nobody should run by hand what somebody denied, or what has been done. */
const isOver = (state: State): boolean => !['open', 'proposed', 'advised', 'approved', 'escalated'].includes(state);

/** Asks for the same plan with an end: a new one, to be voted on anew. */
export async function planUntil(id: string, o: Options & { until: string; format?: string }): Promise<void> {
  if (o.format !== undefined)
    throw new Usage('--format writes down the plan there is, --until asks for a new one: one of the two');
  const config = loadConfig(o.config);
  const until = o.until === 'never' ? null : new Date(endOf(o.until)).toISOString();
  const shown = await askServe<IncidentDetail>(controlSocket(config), 'ends', { id, until, ...operator(config, o) });
  if (o.json) printJson(shown.plan);
  else
    print(`${shown.plan!.summary}${until ? `, until ${until}` : ''}: a new plan (${shown.plan!.digest.slice(0, 16)}).`);
}

/** `7d` from now, a day (when it begins, UTC) or a time. */
function endOf(text: string): number {
  if (/^\d+[smhdw]$/.test(text)) return Date.now() + durationMs(text);
  const at = /^\d{4}-\d{2}-\d{2}(T|$)/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at)) throw new Usage(`--until ${text}: 7d, 2026-12-01, 2026-12-01T18:00Z or never`);
  const day = text.slice(0, 10);
  if (new Date(`${day}T00:00Z`).toISOString().slice(0, 10) !== day)
    throw new Usage(`--until ${text}: there is no ${day}`);
  if (at - Date.now() > CENTURY)
    throw new Usage(`--until ${text}: that is too long; at most a hundred years, or never`);
  return at;
}

export async function maintenance(what: string, o: Options): Promise<void> {
  const config = loadConfig(o.config);
  if (!['start', 'stop', 'status'].includes(what)) throw new Usage(`maintenance ${what}: start, stop or status`);
  const answer = await askServe<{ on: boolean; since?: string; author?: string; reason?: string }>(
    controlSocket(config),
    'maintenance',
    {
      what,
      reason: o.reason ?? '',
      ...operator(config, o),
    },
  );
  if (o.json) printJson(answer);
  else print(answer.on ? `Maintenance since ${answer.since} (${answer.author}: ${answer.reason}).` : 'No maintenance.');
}

export async function access(what: string | undefined, id: string | undefined, o: Options): Promise<void> {
  if (what === 'revoke' && id === undefined)
    throw new Usage('access revoke ID: the id of a grant as `readmit access` prints it, or of an incident');
  const config = loadConfig(o.config);
  const grants: Grant[] = reading(config, desk => desk.grants());
  if (what === 'revoke') {
    const grant = grants.find(g => g.id === id) ?? grants.find(g => g.incident === id && g.ended === null);
    if (!grant) throw new NotFound(`there is no grant ${id}; see \`readmit access\``);
    return await undo(grant.incident, o, grant.id);
  }
  if (what !== undefined) throw new Usage(`access ${what}: only \`access\` and \`access revoke ID\``);
  if (o.json) printJson(grants);
  else print(grants.length ? grantLines(grants) : 'No access was granted through Readmit.');
}

/** Ends every session and every unused link of somebody: a browser was lost, a right is gone. */
export async function signOut(o: Options & { as: string }): Promise<void> {
  const body = { as: o.as, by: userInfo().username };
  const answer = await askServe<{ name: string; ended: number }>(controlSocket(loadConfig(o.config)), 'sign-out', body);
  if (o.json) printJson(answer);
  else print(`${answer.name} is signed out everywhere (${answer.ended} session${answer.ended === 1 ? '' : 's'}).`);
}

export async function signIn(o: Options): Promise<void> {
  const config = loadConfig(o.config);
  const answer = await askServe<{ url: string }>(controlSocket(config), 'sign-in', { as: whoAmI(o) });
  if (o.json) printJson(answer);
  else print(answer.url);
}

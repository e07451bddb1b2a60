/**
 * What an answer is made from: the parts a console is given, what the request carries, and the frame of a page made of
 * both. Everything that answers requests shares this and nothing else.
 */
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import { getCookie } from 'hono/cookie';
import type { Config } from '../config/config.ts';
import type { Desk, IncidentDetail, Person } from '../desk.ts';
import { NotFound } from '../incident.ts';
import type { ApiParts } from './api/parts.ts';
import type { Assets } from './assets.ts';
import { maskedToken } from './csrf.ts';
import type { Live } from './live.ts';
import type { Bare, Frame } from './pages/frame.ts';
import type { WeekReport } from './pages/report.ts';
import type { RulesParts } from './pages/rules.ts';
import type { Sessions, SignedIn } from './session.ts';
import type { Ways } from './ways.ts';

/** What a program's log has to offer; pino's has. Messages are constants, everything else is a field. */
export interface WebLog {
  info(fields: Record<string, unknown>, message: string): void;
  warn(fields: Record<string, unknown>, message: string): void;
  error(fields: Record<string, unknown>, message: string): void;
}

/** What only some installations have. */
export interface Extra {
  /** Tokens, reports and numbers for programs. */
  api?: ApiParts;
  /** The report of a week (`2026-W47`; null: the last whole one), or null when there is none. */
  report?: (week: string | null) => WeekReport | null | Promise<WeekReport | null>;
  /** Has the report of a week mailed, to this person or to everybody who gets it. @throws Refused saying why not */
  sendReport?: (person: Person, week: string, to: 'me' | 'all') => void;
  /** The report of a week as a file. */
  reportFile?: (week: string, format: 'csv' | 'json') => string | Promise<string>;
  /** The packs as they are loaded, and what they make of a line. */
  rules?: RulesParts;
  /** Ways to sign in beside the one-time link. */
  ways?: Ways;
  /** What keeps us from being ready; empty when nothing does. Shown to nobody without a sign-in. */
  notReady?: () => string[];
}

export interface WebParts {
  config: Config;
  desk: Desk;
  sessions: Sessions;
  now: () => number;
  log: WebLog;
  extra?: Extra;
}

/** What the parts of the app share. */
export interface Web extends WebParts {
  extra: Extra;
  assets: Assets;
  live: Live;
}

export interface Env {
  Bindings: Partial<HttpBindings>;
  Variables: { nonce: string; styleAttributes: boolean; signedIn: SignedIn; form: Record<string, unknown> };
}
export type Ask = Context<Env>;

/** What a page without a signed-in person needs. */
export const bareOf = (web: Web, c: Ask): Bare => {
  const theme = getCookie(c, 'readmit-theme');
  return { nonce: c.get('nonce'), asset: web.assets.url, theme: theme === 'light' || theme === 'dark' ? theme : null };
};

export const frameOf = (web: Web, c: Ask): Frame => ({
  ...bareOf(web, c),
  config: web.config,
  desk: web.desk,
  person: c.get('signedIn').person,
  csrf: maskedToken(c.get('signedIn').csrf),
  path: c.req.path,
  now: web.now(),
  passkeys: passkeysFor(web, c.get('signedIn').person.name),
  hasReport: Boolean(web.extra.report),
  hasRules: Boolean(web.extra.rules),
  maySend: Boolean(web.extra.sendReport),
});

/** How many of their passkeys a vote may be signed with; null where there are no passkeys. */
function passkeysFor({ config, extra }: Web, name: string): number | null {
  const { passkeys } = extra.ways ?? {};
  return !passkeys || passkeys.unusable !== null || config.policy.proof !== 'passkey'
    ? null
    : passkeys.voting(name).length;
}

/** The page that the form of this path stands on, or the list that it is in: where to go back to. */
export const pageOf = (path: string): string => /^\/(?:incidents\/[^/]+|[^/]+)(?=\/)/.exec(path)?.[0] ?? '/';

/** The incident of exactly this id, however lenient the desk is with numbers. @throws NotFound */
export function incidentOf(web: Web, id: string): IncidentDetail {
  const incident = web.desk.show(id);
  if (incident.id !== id) throw new NotFound(`there is no incident ${id}`);
  return incident;
}

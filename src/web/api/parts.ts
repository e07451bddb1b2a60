/**
 * What the API needs beside the desk: tokens, reports for programs, and the numbers of `/metrics`. The composition root
 * brings them; without them a token is worth nothing.
 */
import type { Person } from '../../desk.ts';
import type { State } from '../../incident.ts';

/** Whom a token speaks for. `actsFor` is null for one that only reads. */
export interface TokenCaller {
  id: string;
  name: string;
  actsFor: string | null;
  person: Person;
}

/** What of the store is counted for `/metrics`. Totals only grow. */
export interface Numbers {
  incidents: { kind: string; state: State; count: number }[];
  observations: { event: string; account: string; count: number }[];
  outbox: { channel: string; count: number /** epoch ms */; oldest: number }[];
  votes: { decision: string; count: number }[];
  runs: { what: string; outcome: string; count: number }[];
  /** `status` as the agent heard it; `seen` epoch ms. */
  executors: { host: string; status: string; seen: number }[];
  grants: number;
  /** Seconds from the first denial until the person could work again, of every case so far; only ever longer. */
  access: readonly number[];
}

type ReportFormat = 'json' | 'csv' | 'text';

export interface ApiParts {
  /** Who is behind this secret, or null when it is worth nothing (now). */
  token(secret: string): TokenCaller | null;
  /** Does it and writes down through which token, both or neither. */
  throughToken<T>(by: TokenCaller, incident: string | null, what: string, deed: () => T): T;
  /** The report of an ISO week; null: of the week so far. */
  report(week: string | null, format: ReportFormat): { week: string; body: string };
  numbers(): Numbers;
}

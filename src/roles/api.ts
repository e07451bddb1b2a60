/** What the API gets from the store: who a token speaks for, reports for programs, and the numbers of `/metrics`. */
import type { ApiParts } from '../web/api/parts.ts';
import { numbersOf } from './desk/numbers.ts';
import { reportFor } from './reporting.ts';
import { type TokenParts, throughToken, tokenCaller } from './tokens.ts';

export const apiParts = (p: TokenParts): ApiParts => ({
  token: secret => tokenCaller(p, secret),
  throughToken: (by, incident, what, deed) => throughToken(p, by, incident, what, deed),
  report: (week, format) => reportFor(p.store, p.config, p.now(), week, format),
  numbers: numbersOf(p.store, p.now),
});

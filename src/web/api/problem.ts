/**
 * How the API says no: `application/problem+json` (RFC 9457) with the rule's own message as `detail`. An error's class
 * decides the status, as on the page.
 */
import { HTTPException } from 'hono/http-exception';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { NotFound, Refused, Retry, Unfit } from '../../incident.ts';
import type { Ask, Web } from '../ask.ts';

const TITLES: Partial<Record<ContentfulStatusCode, string>> = {
  400: 'Not readable',
  401: 'Not signed in',
  403: 'Not allowed',
  404: 'Not found',
  405: 'Method not allowed',
  409: 'Refused',
  413: 'Too large',
  415: 'Not JSON',
  421: 'Wrong address',
  422: 'Does not fit',
  429: 'Too many requests',
  500: 'Something went wrong',
  503: 'Not now',
};

export interface Fault {
  path: string;
  message: string;
}

/** Thrown where a request ends with less than it asked for. `detail` is shown to whoever asked. */
export class Problem extends Error {
  override name = 'Problem';
  readonly status: ContentfulStatusCode;
  readonly headers: Record<string, string>;
  readonly errors: Fault[];
  constructor(
    status: ContentfulStatusCode,
    detail: string,
    more: { headers?: Record<string, string>; errors?: Fault[] } = {},
  ) {
    super(detail);
    this.status = status;
    this.headers = more.headers ?? {};
    this.errors = more.errors ?? [];
  }
}

/** Every error as an answer. What was not meant for people is written to the log and not told. */
export function answerProblem(web: Web, c: Ask, error: Error): Response {
  const problem = asProblem(error);
  if (problem.status === 500)
    web.log.error({ error: error.message, stack: error.stack, path: c.req.path.slice(0, 200) }, 'api request failed');
  const { status, message, errors } = problem;
  const body = {
    type: 'about:blank',
    title: TITLES[status] ?? 'Problem',
    status,
    detail: message,
    instance: c.req.path.slice(0, 200),
    ...(errors.length ? { errors } : {}),
  };
  return c.body(JSON.stringify(body), status, { ...problem.headers, 'content-type': 'application/problem+json' });
}

function asProblem(error: Error): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof NotFound) return new Problem(404, error.message);
  if (error instanceof Unfit) return new Problem(422, error.message);
  if (error instanceof Refused) return new Problem(409, error.message);
  if (error instanceof Retry)
    return new Problem(503, 'something Readmit needs does not answer; try again in a minute', {
      headers: { 'retry-after': '30' },
    });
  if (error instanceof HTTPException && error.status < 500)
    return error.status === 415
      ? new Problem(415, 'send application/json')
      : new Problem(error.status as ContentfulStatusCode, error.status === 400 ? 'the body is no JSON' : error.message);
  return new Problem(500, 'it has been written to the log; nothing was changed unless the history says so');
}

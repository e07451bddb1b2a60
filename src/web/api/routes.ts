/** What the descriptions of all routes share: how an answer is described, what may be refused, and who may ask. */
import { createRoute, type RouteConfig, type z } from '@hono/zod-openapi';
import { NoQuery } from './asks.ts';
import { Problem } from './schemas.ts';

export const answer = <S extends z.ZodType>(schema: S, description: string) => ({
  description,
  content: { 'application/json': { schema } },
});

/** A body that has to be there. */
export const body = <S>(schema: S) => ({ required: true, content: { 'application/json': { schema } } });

const refusal = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: Problem } },
});

/** Every route may end so. */
export const refusals = {
  401: refusal('no token and no session, or one that is worth nothing'),
  403: refusal('the roles of whoever asks do not allow it'),
  404: refusal('there is no such thing'),
  422: refusal('a parameter or the body does not fit'),
  429: refusal('too many requests; `retry-after` says how many seconds to wait'),
};

/** Where something is done, a rule may say no. */
export const deedRefusals = {
  ...refusals,
  409: refusal('a rule says no; `detail` names it'),
  413: refusal('a body of more than 64 KiB'),
  415: refusal('a body that is not JSON'),
};

export const security: Record<string, string[]>[] = [{ token: [] }, { session: [] }];
export const deedSecurity: Record<string, string[]>[] = [{ token: [] }, { session: [], csrf: [] }];

/** A route that only shows something. */
export const shows = <P extends string, S extends z.ZodType, R extends NonNullable<RouteConfig['request']>>(
  path: P,
  summary: string,
  schema: S,
  request: R = {} as R,
) =>
  createRoute({
    method: 'get',
    path,
    summary,
    security,
    request: { query: NoQuery, ...request } as R,
    responses: { 200: answer(schema, summary), ...refusals },
  });

/**
 * `/api/v1`: everything the pages do, for programs. Read it top to bottom: size, the description of itself, who asks, and
 * then what can be asked. Whatever else is asked for is refused in the same form.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Hono, MiddlewareHandler } from 'hono';
import { originOf } from '../../config/config.ts';
import { VERSION } from '../../version.ts';
import { inertJson } from '../../visible.ts';
import type { Ask, Env, Web } from '../ask.ts';
import { metrics } from '../metrics.ts';
import { BODY_LIMIT, cookieName } from '../security.ts';
import { takeBody } from '../small-body.ts';
import { type ApiEnv, CSRF_HEADER, knownCaller, type Limits, makeLimits, stranger } from './caller.ts';
import { deeds } from './deeds.ts';
import { answerProblem, type Fault, Problem } from './problem.ts';
import { reads } from './reads.ts';

const BASE = '/api/v1';

/** Puts the API and `/metrics` on the app. Comes before whatever thinks every request a browser's. */
export function mountApi(app: Hono<Env>, web: Web): void {
  const limits = makeLimits(web.now);
  app.route(BASE, makeApi(web, limits));
  app.get('/metrics', metrics(web, limits));
}

function makeApi(web: Web, limits: Limits): OpenAPIHono<ApiEnv> {
  const api = new OpenAPIHono<ApiEnv>({
    defaultHook: result => {
      if (!result.success) throw misfit(result.error.issues as Issue[], result.target);
    },
  });
  api.onError((error, c) => answerProblem(web, c as unknown as Ask, error));
  api.use(inert);
  api.use(smallBodies);
  api.get('/openapi.json', describe(api, web, limits));
  api.use(knownCaller(web, limits));
  reads(api, web);
  deeds(api, web);
  for (const [path, methods] of pathsOf(api))
    api.all(path, () => {
      throw new Problem(405, `only ${methods.join(', ')} here`, { headers: { allow: methods.join(', ') } });
    });
  api.all('*', () => {
    throw new Problem(404, `no such resource; ${BASE}/openapi.json lists what there is`);
  });
  return api;
}

/** Lines that strangers wrote are in the answers, and people read them in terminals. */
const inert: MiddlewareHandler<ApiEnv> = async (c, next) => {
  await next();
  if (/json/.test(c.res.headers.get('content-type') ?? '')) c.res = new Response(inertJson(await c.res.text()), c.res);
};

const smallBodies: MiddlewareHandler<ApiEnv> = async (c, next) => {
  if ((await takeBody(c, BODY_LIMIT)) === 'too large')
    throw new Problem(413, `a body of at most ${BODY_LIMIT} bytes`, { headers: { connection: 'close' } });
  return next();
};

/** Every path of the description, in the router's spelling, with its methods. */
function pathsOf(api: OpenAPIHono<ApiEnv>): Map<string, string[]> {
  const paths = new Map<string, string[]>([['/openapi.json', ['GET', 'HEAD']]]);
  for (const { route } of api.openAPIRegistry.definitions.filter(d => d.type === 'route')) {
    const path = route.path.replace(/\{(\w+)\}/g, ':$1');
    const methods = route.method === 'get' ? ['GET', 'HEAD'] : [route.method.toUpperCase()];
    paths.set(path, [...(paths.get(path) ?? []), ...methods]);
  }
  return paths;
}

/** The OpenAPI document, made when it is first asked for. Needs no sign-in: it says nothing of this site. */
function describe(api: OpenAPIHono<ApiEnv>, web: Web, limits: Limits): MiddlewareHandler<ApiEnv> {
  const schemes = api.openAPIRegistry;
  schemes.registerComponent('securitySchemes', 'token', {
    type: 'http',
    scheme: 'bearer',
    description: '`readmit token create` makes one',
  });
  schemes.registerComponent('securitySchemes', 'session', {
    type: 'apiKey',
    in: 'cookie',
    name: cookieName(web.config),
  });
  schemes.registerComponent('securitySchemes', 'csrf', {
    type: 'apiKey',
    in: 'header',
    name: CSRF_HEADER,
    description: 'with a session: what GET /me calls csrf',
  });
  let made: string | null = null;
  return async c => {
    stranger(web, limits, c as unknown as Ask);
    made ??= JSON.stringify(
      api.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Readmit',
          version: VERSION,
          description: 'Turns access denied in a cluster scheduler’s log into an approved, verified fix.',
          license: { name: 'Apache-2.0' },
        },
        servers: [{ url: `${originOf(web.config)}${BASE}` }],
      }),
    );
    return c.body(made, 200, { 'content-type': 'application/json' });
  };
}

interface Issue {
  path: PropertyKey[];
  message: string;
  code?: string;
  errors?: Issue[][];
}

/** What does not fit, each fault with its place. Of alternatives the one that fits best is spoken of. */
function misfit(issues: readonly Issue[], target: string): Problem {
  const errors = issues.flatMap(issue => faultsOf(issue, []));
  const first = errors[0];
  const what = target === 'json' ? 'the body' : target === 'query' ? 'the query' : 'the request';
  return new Problem(
    422,
    `${what} does not fit: ${first ? `${first.path ? `${first.path}: ` : ''}${first.message}` : ''}`,
    {
      errors,
    },
  );
}

function faultsOf(issue: Issue, above: PropertyKey[]): Fault[] {
  const path = [...above, ...issue.path];
  const nearest = (issue.errors ?? []).toSorted((a, b) => a.length - b.length)[0];
  if (issue.code === 'invalid_union' && nearest) return nearest.flatMap(inner => faultsOf(inner, path));
  return [{ path: path.join('.').slice(0, 200), message: issue.message.slice(0, 300) }];
}

/** `readmit token create|list|revoke`: tokens for programs that use the API. `serve` keeps them and shows each once. */
import { userInfo } from 'node:os';
import { loadConfig } from '../config/config.ts';
import { askServe, controlSocket } from '../roles/control.ts';
import type { ListedToken } from '../roles/tokens.ts';
import { durationMs } from './inbox.ts';
import { print, printJson } from './print.ts';

interface Options {
  config?: string;
  json?: boolean;
}

const ask = <T>(o: Options, verb: string, body: Record<string, unknown>): Promise<T> =>
  askServe<T>(controlSocket(loadConfig(o.config)), verb, { ...body, by: userInfo().username });

/** Prints the token alone on standard output, so that it can go straight into a file. */
export async function createToken(
  o: Options & { name: string; role: string; as?: string; expires: string },
): Promise<void> {
  const { name, role, as } = o;
  const made = await ask<ListedToken & { token: string }>(o, 'token-create', {
    name,
    role,
    ...(as === undefined ? {} : { as }),
    lifetime: durationMs(o.expires),
  });
  if (o.json) return printJson(made);
  print(made.token);
  process.stderr.write(
    `readmit: token ${made.id} (${made.name}, ${made.role}${made.as ? ` for ${made.as}` : ''}) works until ${made.expires}; it is not shown again\n`,
  );
}

export async function listTokens(o: Options): Promise<void> {
  const rows = await ask<ListedToken[]>(o, 'token-list', {});
  if (o.json) return printJson(rows);
  print(rows.length ? rows.map(line).join('\n') : 'There are no tokens.');
}

const line = (t: ListedToken): string =>
  [
    t.id.padStart(3),
    t.name.padEnd(20),
    t.role.padEnd(13),
    (t.as ?? '–').padEnd(16),
    t.state.padEnd(7),
    `until ${t.expires}`,
    t.used === null ? 'never used' : `used ${t.used}`,
  ].join('  ');

export async function revokeToken(id: string, o: Options): Promise<void> {
  const token = await ask<ListedToken>(o, 'token-revoke', { id });
  if (o.json) printJson(token);
  else print(`Token ${token.id} (${token.name}) is revoked.`);
}

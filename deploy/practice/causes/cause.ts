/**
 * What a way of breaking the cluster is made of, and the few tools that several of them share: the fronts in DIR/bin,
 * the profile, tokens, and requests to the scheduler.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readClientConfig, writeClientConfig } from '../clw-home.ts';
import { type Answer, ask } from '../clw-request.ts';
import { type Layout, readPorts } from '../layout.ts';
import { type Account, groupsIn } from '../people.ts';
import { issue, TOKEN_SECONDS } from '../tokens.ts';

export interface Ground {
  at: Layout;
  /** Whom it is done to: the named user; for causes that hit everybody, nobody looks at it. */
  who: Account;
}

export interface Cause {
  hits: 'user' | 'all' | 'nobody';
  /** What was done, for the person who practises. */
  said: (user: string) => string;
  /** @param extra what stood after the user on the command line @returns what healing must know, or null */
  breakIt(g: Ground, extra?: string): Promise<string | null> | string | null;
  heal(g: Ground, before: string | null): Promise<void> | void;
  /** Whether it is still so; Readmit or a person may have mended it meanwhile. Left out: until it is healed. */
  holds?(g: Ground): boolean;
}

/** Runs one of the fronts. @throws with what it said when it fails */
export function front(at: Layout, name: string, ...args: string[]): string {
  const result = spawnSync(join(at.bin, name), args, { encoding: 'utf8', env: {} });
  if (result.status !== 0)
    throw new Error(
      `${name} ${args.join(' ')}: ${(result.stderr || result.stdout || String(result.error ?? '')).trim()}`,
    );
  return result.stdout;
}

export const isIn = (g: Ground, group: string): boolean => groupsIn(g.at.group, g.who).includes(group);

/** A line of ~/.profile that can be found again by its cause. */
export function addToProfile(g: Ground, cause: string, line: string): void {
  removeFromProfile(g, cause);
  const file = join(g.who.home, '.profile');
  writeFileSync(file, `${readFileSync(file, 'utf8')}${line} # practice: ${cause}\n`);
}

export function removeFromProfile(g: Ground, cause: string): void {
  const file = join(g.who.home, '.profile');
  const lines = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, lines.filter(line => !line.endsWith(`# practice: ${cause}`)).join('\n'));
}

/** A token as the scheduler would sign it. */
export function token(g: Ground, groups = groupsIn(g.at.group, g.who), seconds = TOKEN_SECONDS): string {
  const exp = Math.floor(Date.now() / 1000) + seconds;
  return issue({ user: g.who.name, groups, exp }, readFileSync(g.at.tokenKey, 'utf8').trim());
}

/** Puts a token where the client caches it, as if it had come from a login. */
export function cacheToken(g: Ground, text: string): void {
  const config = readClientConfig(g.who.home);
  writeClientConfig(g.who.home, {
    server: config.server ?? `http://claw-head-01:${readPorts(g.at).scheduler}`,
    username: g.who.name,
    token: text,
  });
}

/** A request to the scheduler as the client would send it, from a new login. */
export function request(
  at: Layout,
  user: string,
  bearer: string | null,
  method: 'GET' | 'POST',
  path: string,
  body = '',
): Promise<Answer> {
  const server = `http://127.0.0.1:${readPorts(at).scheduler}`;
  return ask({ root: at.root, server, user, token: bearer, env: {} }, method, path, body);
}

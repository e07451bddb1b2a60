/**
 * The real ground: files, commands, HTTP and the clock. Read-only by construction: files are opened for reading, HTTP
 * is GET without redirects and without the proxies of our own environment. Effects: files, network, commands.
 */
import { constants } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { commandRunner } from '../command.ts';
import type { Config } from '../config/config.ts';
import type { LdapConfig } from '../config/ldap.ts';
import { type ParseChunk, Refused } from '../incident.ts';
import { readCredential, withDirectory } from '../ldap.ts';
import { type Answer, type DirectoryAnswer, type Ground, NoAnswer, type WholeFile } from './ground.ts';
import { readHomeFile } from './home-file.ts';
import { loadSystem } from './system.ts';

/** A passwd file of a big site has some megabytes; what is larger is not one. */
const MAX_FILE = 16 * 1024 * 1024;
const MAX_BODY = 64 * 1024;
/** The open of a FIFO waits for a writer otherwise, in one of the four threads that every open of this process needs. */
const READ_NOW = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** Where a pack's rules lie: the ones that come with Readmit. */
export const builtInPack = (pack: string): string => fileURLToPath(new URL(`../../rules/${pack}`, import.meta.url));

/** The directories of a pack: ours, then the site's own. */
export const packDirs = (config: Pick<Config, 'pack' | 'rulesDir'>): string[] =>
  config.rulesDir ? [builtInPack(config.pack), join(config.rulesDir, config.pack)] : [builtInPack(config.pack)];

export interface GroundOptions {
  /** How the executor is asked; without it, its facts are unknown. */
  ask?: Ground['ask'];
  /** The pack's parser, for client logs. */
  parse?: ParseChunk | null;
  now?: () => number;
  /** The longest one command or request may take (ms). */
  limitMs?: number;
  /** The same for what goes over the network, where nobody should be kept waiting (ms). */
  requestMs?: number;
}

/** The ground of this host as the configuration describes it. @throws Usage when the pack has no system.yaml */
export function realGround(config: Config, options: GroundOptions = {}): Ground {
  const limitMs = options.limitMs ?? 2000;
  const requestMs = Math.min(limitMs, options.requestMs ?? 2000);
  const { ldap } = config.directory;
  return {
    config,
    system: loadSystem(builtInPack(config.pack)),
    run: commandRunner(config.paths.commands, { timeoutMs: limitMs, maxBytes: 1 << 20 }),
    read: readFileBounded,
    changed: async path => (await stat(path).catch(nullWhenMissing))?.mtimeMs ?? null,
    list: async path => await readdir(path).catch(nullWhenMissing),
    readHome: readHomeFile,
    http: (url, headers) => request(url, headers ?? {}, requestMs),
    now: options.now ?? Date.now,
    directory: ldap && (question => askDirectory(ldap, question, requestMs)),
    ask:
      options.ask ??
      (async () => {
        throw new Refused('no executor is asked');
      }),
    parse: options.parse ?? null,
  };
}

/** One conversation with the directory, with the reading account: this process has no other. */
async function askDirectory(
  ldap: LdapConfig,
  { user, groups }: { user: string | null; groups: string[] },
  limitMs: number,
): Promise<DirectoryAnswer> {
  const credential = ldap.readDn && ldap.readPasswordFile ? readCredential(ldap.readDn, ldap.readPasswordFile) : null;
  return await withDirectory(
    ldap,
    credential,
    async directory => {
      const named = await directory.groupsNamed(groups);
      if (user === null) return { groups: named, person: null };
      const entry = await directory.person(user);
      const value = ldap.memberAttribute === 'memberUid' ? user : entry?.dn;
      const memberOf = value === undefined ? [] : (await directory.groupsWith(value)).map(group => group.name);
      return { groups: named, person: { entry, memberOf } };
    },
    Math.min(limitMs, ldap.timeout * 1000),
  );
}

const nullWhenMissing = (error: NodeJS.ErrnoException): null => {
  if (error.code === 'ENOENT') return null;
  throw error;
};

/** A whole file that somebody named in the configuration: a regular one of at most 16 MiB. @returns null: no such file */
export async function readFileBounded(path: string): Promise<WholeFile | null> {
  const handle = await open(path, READ_NOW).catch(nullWhenMissing);
  if (!handle) return null;
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new Refused(`${path}: not a regular file`);
    if (stat.size > MAX_FILE) throw new Refused(`${path}: larger than ${MAX_FILE} bytes`);
    const bytes = await handle.readFile();
    return { text: bytes.toString('utf8'), bytes, mtime: stat.mtimeMs };
  } finally {
    await handle.close();
  }
}

const KINDS: Record<string, NoAnswer['kind']> = {
  ECONNREFUSED: 'refused',
  ETIMEDOUT: 'silent',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EADDRNOTAVAIL: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ECONNRESET: 'broken',
};

function request(url: string, headers: Record<string, string>, limitMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const get = url.startsWith('https:') ? getHttps : getHttp;
    const fail = (kind: NoAnswer['kind'], text: string): void => reject(new NoAnswer(kind, `GET ${url}: ${text}`));
    // Certificates are often the site's own (`curl -k` in every manual), and nothing secret is sent.
    const options = { headers, agent: false, signal: AbortSignal.timeout(limitMs), rejectUnauthorized: false };
    const outgoing = get(url, options, (response: IncomingMessage) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        if (size < MAX_BODY) chunks.push(chunk.subarray(0, MAX_BODY - size));
        size += chunk.length;
      });
      response.on('error', error => fail('broken', error.message));
      response.on('end', () => {
        const date = Date.parse(response.headers.date ?? '');
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(chunks).toString('utf8'),
          date: Number.isNaN(date) ? null : date,
        });
      });
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (error.name === 'AbortError' || error.name === 'TimeoutError')
        return fail('silent', `no answer within ${limitMs} ms`);
      const kind = error.code?.startsWith('HPE_') ? 'broken' : KINDS[error.code ?? ''];
      // A name that can't be resolved, or anything else of ours, says nothing about the scheduler.
      if (kind) fail(kind, error.code ?? error.message);
      else reject(new Error(`GET ${url}: ${error.code ?? error.message}`));
    });
  });
}

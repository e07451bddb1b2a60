/**
 * One conversation with the site's directory: connected once, never again behind our back, bound, asked by exact filters,
 * and changed by one value at a time. The agent reads with it, the executor's helper writes with it. Effects: network, files.
 */
import { readFileSync, statSync } from 'node:fs';
import { connect, isIP } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import type { Client, Entry, Filter } from 'ldapts';
import { groupBaseOf, type LdapConfig, userBaseOf } from './config/ldap.ts';
import { isBelow, sameDn } from './dn.ts';

/**
 * `away`: no connection, nothing was sent. `refused`: the server, or we ourselves, said no. `lost`: the connection broke
 * or was too slow after something had been sent, so what came of it has to be looked at.
 */
export class DirectoryFault extends Error {
  override name = 'DirectoryFault';
  readonly kind: 'away' | 'refused' | 'lost';
  /** The server's result code (RFC 4511), where it gave one. */
  readonly code: number | null;
  constructor(kind: DirectoryFault['kind'], message: string, code: number | null = null) {
    super(message);
    this.kind = kind;
    this.code = code;
  }
}

/** Result codes that say the value is there already, or is not there any more. */
export const VALUE_EXISTS = 20;
export const NO_SUCH_VALUE = 16;

/** Busy and unavailable: nothing was done, and a moment later it may be. */
const NOT_NOW = [51, 52];

export interface GroupEntry {
  name: string;
  dn: string;
  /** null where the class of the entry has none (groupOfNames). */
  gid: number | null;
}
export interface PersonEntry {
  dn: string;
  uid: number | null;
  /** As the directory writes it; it found the entry without looking at capitals. */
  names: string[];
}

/** Who one binds as; null: nobody (anonymous). */
export type Credential = { dn: string; password: string } | null;

/**
 * A name with the password in its file. An empty password is refused here: servers take a bind with one as anonymous
 * and call it a success (RFC 4513, 5.1.2).
 * @param whose `own`: refused where everybody can read it
 * @throws DirectoryFault
 */
export function readCredential(dn: string, file: string, whose: 'own' | 'any' = 'any'): Credential {
  let password: string;
  try {
    // What systemd hands to a unit shows a readable group, which is the unit's own user.
    if (whose === 'own' && statSync(file).mode & 0o027)
      throw new DirectoryFault(
        'refused',
        `${file} can be read by everybody, or written by its group: chmod 600 ${file}`,
      );
    password = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    if (error instanceof DirectoryFault) throw error;
    throw new DirectoryFault('refused', `${file}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`);
  }
  return nonEmpty({ dn, password }, file);
}

function nonEmpty(credential: { dn: string; password: string }, where: string): Credential {
  if (credential.password === '') throw new DirectoryFault('refused', `${where}: the password is empty`);
  if (credential.dn.trim() === '') throw new DirectoryFault('refused', `${where}: there is no name to bind as`);
  return credential;
}

/**
 * Opens a conversation, hands it to `work`, and ends it, all within the site's time limit.
 * @throws DirectoryFault
 */
export async function withDirectory<T>(
  ldap: LdapConfig,
  credential: Credential,
  work: (directory: Directory) => Promise<T>,
  limitMs: number = ldap.timeout * 1000,
): Promise<T> {
  if (credential) nonEmpty(credential, ldap.url);
  const line = await openLine(ldap, limitMs);
  try {
    if (credential) await line.bind(credential);
    return await work(new Directory(ldap, line));
  } finally {
    line.end();
  }
}

type Ldapts = typeof import('ldapts');

/** A connected client whose every failure is a DirectoryFault. */
interface Line {
  ldapts: Ldapts;
  bind(credential: NonNullable<Credential>): Promise<void>;
  send<T>(what: string, ask: (client: Client) => Promise<T>): Promise<T>;
  end(): void;
}

/** Connects, with TLS where the site asks for it. All that is said over the line must fit into the time limit. */
async function openLine(ldap: LdapConfig, limitMs: number): Promise<Line> {
  const ldapts = await import('ldapts');
  const host = new URL(ldap.url).hostname.replace(/^\[|\]$/g, '');
  const tls = { host, ...(isIP(host) ? {} : { servername: host }), ...trusted(ldap), rejectUnauthorized: true };
  const client = clientOf(ldapts, ldap, tls, limitMs);
  const inTime = untilDeadline(ldap, limitMs);
  const end = (): void => void client.unbind().catch(() => {});
  const codeOf = (error: unknown): number | null => (error instanceof ldapts.ResultCodeError ? error.code : null);
  try {
    await inTime(ldap.startTls ? client.startTLS(tls) : reach(client, ldapts));
  } catch (error) {
    end();
    const code = codeOf(error);
    throw new DirectoryFault(code === null ? 'away' : 'refused', `${ldap.url}: ${words(error)}`, code);
  }
  const send: Line['send'] = async (what, ask) => {
    try {
      if (!client.isConnected) throw lost(ldap);
      return await inTime(ask(client));
    } catch (error) {
      if (error instanceof DirectoryFault) throw error;
      const code = codeOf(error);
      const kind = code === null ? 'lost' : NOT_NOW.includes(code) ? 'away' : 'refused';
      throw new DirectoryFault(kind, `${what}: ${words(error)}`, code);
    }
  };
  const bind: Line['bind'] = ({ dn, password }) =>
    send(`${ldap.url} did not take the name and password of ${dn}`, c => c.bind(dn, password));
  return { ldapts, bind, send, end };
}

const lost = ({ url }: LdapConfig, why = 'the connection was lost'): DirectoryFault =>
  new DirectoryFault('lost', `${url}: ${why}`);

/**
 * The library opens a new connection by itself when one was lost, without the TLS that was agreed and without a name: so
 * the doors it could use are locked after the first.
 */
function clientOf(ldapts: Ldapts, ldap: LdapConfig, tls: ConnectionOptions, limitMs: number): Client {
  let opened = false;
  const once = <T>(open: () => T): T => {
    if (opened) throw lost(ldap);
    opened = true;
    return open();
  };
  return new ldapts.Client({
    url: ldap.url,
    timeout: limitMs,
    connectTimeout: limitMs,
    ...(ldap.url.startsWith('ldaps:') ? { tlsOptions: tls } : {}),
    createConnection: ((port: number, name: string) => once(() => connect(port, name))) as typeof connect,
    createSecureConnection: ((...args: Parameters<typeof connectTls>) =>
      // With startTLS the library hands over the socket that is open already.
      ldap.startTls ? connectTls(...args) : once(() => connectTls(...args))) as typeof connectTls,
  });
}

/** Makes the function that waits for something, but no longer than until this moment's deadline. */
function untilDeadline(ldap: LdapConfig, limitMs: number): <T>(work: Promise<T>) => Promise<T> {
  const deadline = AbortSignal.timeout(limitMs);
  return async work => {
    const late = Promise.withResolvers<never>();
    const tooLate = (): void => late.reject(lost(ldap, `no answer within ${limitMs} ms`));
    if (deadline.aborted) tooLate();
    deadline.addEventListener('abort', tooLate, { once: true });
    try {
      return await Promise.race([work, late.promise]);
    } finally {
      deadline.removeEventListener('abort', tooLate);
    }
  };
}

/** Connecting is part of every first request; whatever a server answers to a question about its root, it is there. */
async function reach(client: Client, { ResultCodeError }: Ldapts): Promise<void> {
  await client.search('', { scope: 'base', attributes: ['1.1'] }).catch(error => {
    if (!(error instanceof ResultCodeError)) throw error;
  });
}

function trusted({ caFile }: LdapConfig): { ca?: Buffer } {
  if (caFile === null) return {};
  try {
    return { ca: readFileSync(caFile) };
  } catch (error) {
    throw new DirectoryFault('refused', `${caFile}: ${(error as NodeJS.ErrnoException).code ?? 'unreadable'}`);
  }
}

/** What went wrong, in one line. A server that gives a code often gives no words with it; the code's own name has some. */
function words(error: unknown): string {
  const { message, constructor: kind } = error as Error;
  const [text = ''] = message.replace(/\s*Code: 0x[0-9a-f]+/i, '').split('\n');
  const named = kind.name
    .replace(/Error$/, '')
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase();
  return (text.trim() || named || 'no answer').slice(0, 300);
}

/** What can be asked of a directory, and the one thing that can be done to it. */
export class Directory {
  readonly #ldap: LdapConfig;
  readonly #line: Line;

  constructor(ldap: LdapConfig, line: Line) {
    this.#ldap = ldap;
    this.#line = line;
  }

  /** Every group of one of these names below the groups' base. A name may come twice: then nobody can say which is meant. */
  async groupsNamed(names: readonly string[]): Promise<GroupEntry[]> {
    if (names.length === 0) return [];
    const { OrFilter } = this.#line.ldapts;
    const wanted = new OrFilter({ filters: names.map(name => this.#equals('cn', name)) });
    const found = await this.#groups(wanted);
    return found.flatMap(({ names: own, ...group }) =>
      own.filter(name => names.includes(name)).map(name => ({ ...group, name })),
    );
  }

  /** The groups that have this value as a member. */
  async groupsWith(value: string): Promise<GroupEntry[]> {
    const found = await this.#groups(this.#equals(this.#ldap.memberAttribute, value));
    return found.flatMap(({ names, ...group }) => names.map(name => ({ ...group, name })));
  }

  async #groups(which: Filter): Promise<(Omit<GroupEntry, 'name'> & { names: string[] })[]> {
    const base = groupBaseOf(this.#ldap);
    const entries = await this.#search(base, this.#all(this.#ldap.groupFilter, which), ['cn', 'gidNumber']);
    return entries
      .filter(e => isBelow(e.dn, base))
      .map(e => ({ names: textsOf(e, 'cn'), dn: e.dn, gid: numberOf(e, 'gidNumber') }));
  }

  /**
   * The person's own entry; null: the directory has none.
   * @throws DirectoryFault when it has more than one
   */
  async person(user: string): Promise<PersonEntry | null> {
    const base = userBaseOf(this.#ldap);
    const which = this.#all(this.#ldap.userFilter, this.#equals(this.#ldap.userAttribute, user));
    const entries = (await this.#search(base, which, ['uidNumber', this.#ldap.userAttribute])).filter(e =>
      isBelow(e.dn, base),
    );
    if (entries.length > 1)
      throw new DirectoryFault(
        'refused',
        `${base} has ${entries.length} entries of ${user}: nobody can say which is meant`,
      );
    const [entry] = entries;
    if (!entry) return null;
    return { dn: entry.dn, uid: numberOf(entry, 'uidNumber'), names: textsOf(entry, this.#ldap.userAttribute) };
  }

  /** Does this group have this member? The server compares, so that a group of 100,000 is not fetched. */
  async holds(dn: string, value: string): Promise<boolean> {
    const found = await this.#search(dn, this.#equals(this.#ldap.memberAttribute, value), ['1.1'], 'base');
    return found.some(e => sameDn(e.dn, dn));
  }

  /** Adds or deletes exactly one value of the member attribute. @throws DirectoryFault with the server's code */
  async change(change: 'add' | 'delete', dn: string, value: string): Promise<void> {
    const { Change, Attribute } = this.#line.ldapts;
    const modification = new Attribute({ type: this.#ldap.memberAttribute, values: [value] });
    await this.#line.send(`modify ${dn}`, client => client.modify(dn, new Change({ operation: change, modification })));
  }

  #equals(attribute: string, value: string): Filter {
    return new this.#line.ldapts.EqualityFilter({ attribute, value });
  }

  #all(site: string, which: Filter): Filter {
    const { AndFilter, FilterParser } = this.#line.ldapts;
    return new AndFilter({ filters: [FilterParser.parseString(site), which] });
  }

  async #search(base: string, filter: Filter, attributes: string[], scope: 'base' | 'sub' = 'sub'): Promise<Entry[]> {
    const options = { scope, filter, attributes, timeLimit: Math.ceil(this.#ldap.timeout) };
    const { searchEntries } = await this.#line.send(`search below ${base}`, client => client.search(base, options));
    return searchEntries;
  }
}

/** The values of an attribute as text; servers may write an attribute's name in other capitals. */
function textsOf(entry: Entry, attribute: string): string[] {
  const key = Object.keys(entry).find(k => k.toLowerCase() === attribute.toLowerCase());
  return key === undefined ? [] : [entry[key]!].flat().map(value => value.toString());
}

function numberOf(entry: Entry, attribute: string): number | null {
  const [text] = textsOf(entry, attribute);
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : null;
}
